"""Prefill and decode steps through the model's own forward: any Hugging Face causal LM with a key/value cache."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from policies.sampling.decoders.slots import SlotDecoder
from policies.sampling.kv_cache import SlotCache


class GenericDecoder(SlotDecoder):
    """Runs the Hugging Face module on a `SlotCache`; see `Decoder` in policies/sampling/engine.py."""

    def __init__(self, model: Any, **limits: int) -> None:
        weight = next(model.parameters())
        super().__init__(model, device=weight.device, dtype=weight.dtype, **limits)

    def prefill(self, tokens: Tensor, attention: Tensor, positions: Tensor, cache: DynamicCache) -> Tensor:
        """Logits [n, V] after prompts padded on the left, by the module's own forward."""
        return self._forward(tokens, attention, positions, cache)

    def step(self, tokens: Tensor) -> Tensor:
        """Logits [live, V] after each row's newest token [live]."""
        cache = self.cache
        cache.make_room()
        begin = cache.begin
        starts = cache.starts[: cache.live, None]
        attention = torch.arange(begin, cache.end + 1, device=self.device) >= starts
        layers: list[Any] = [_SlotLayer(cache, index, begin) for index in range(len(cache.keys))]
        logits = self._forward(tokens[:, None], attention, cache.end - starts, Cache(layers=layers))
        cache.end += 1
        return logits

    def _forward(self, tokens: Tensor, attention: Tensor, positions: Tensor, cache: Cache) -> Tensor:
        output = self.model(
            input_ids=tokens,
            attention_mask=attention.long(),
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1]


class _SlotLayer(DynamicLayer):
    """One layer of a `SlotCache` seen as a transformers cache layer: columns `begin` to `end` of the live rows."""

    def __init__(self, cache: SlotCache, index: int, begin: int) -> None:
        super().__init__()
        self.slots, self.index, self.begin = cache, index, begin
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """The live rows' window with the new token's states written into it, each [live, heads, columns, head_dim]."""
        cache, window = self.slots, slice(self.begin, self.slots.end + 1)
        keys, values = cache.keys[self.index][: cache.live], cache.values[self.index][: cache.live]
        keys[:, :, cache.end] = key_states[:, :, 0]
        values[:, :, cache.end] = value_states[:, :, 0]
        return keys[:, :, window], values[:, :, window]

    def get_seq_length(self) -> int:
        """Columns that the live rows hold, the token being decoded not among them."""
        return self.slots.end - self.begin

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """(columns that the mask covers, its offset), as transformers asks for them."""
        return self.get_seq_length() + query_length, 0

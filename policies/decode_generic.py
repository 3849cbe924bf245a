"""Prefill and decode steps through the model's own forward: any Hugging Face causal LM with a key/value cache."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from policies.kv_cache import LayerStates, SlotCache


class GenericDecoder:
    """Runs the Hugging Face module on the engine's cache."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def prefill(self, tokens: Tensor, attention: Tensor) -> tuple[Tensor, list[LayerStates]]:
        """Logits [n, V] after each prompt and the layers' states, of prompts [n, L] padded on the left."""
        cache = DynamicCache()
        logits = self._forward(tokens, attention, (attention.cumsum(1) - 1).clamp_(min=0), cache)
        if any(type(layer) is not DynamicLayer for layer in cache.layers):
            raise ValueError(
                f"{type(self.model).__name__} keeps more than keys and values per layer; use backend='generate'"
            )
        return logits, [(layer.keys, layer.values) for layer in cache.layers]

    def decode(self, tokens: Tensor, cache: SlotCache) -> Tensor:
        """Logits [live, V] after writing `tokens` [live] to the cache's next column."""
        begin = cache.begin
        starts = cache.starts[: cache.live, None]
        attention = torch.arange(begin, cache.end + 1, device=tokens.device) >= starts
        positions = cache.end - starts
        layers = [_SlotLayer(cache, index, begin) for index in range(len(cache.keys))]
        logits = self._forward(tokens[:, None], attention, positions, Cache(layers=layers))
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
        cache, window = self.slots, slice(self.begin, self.slots.end + 1)
        keys, values = cache.keys[self.index][: cache.live], cache.values[self.index][: cache.live]
        keys[:, :, cache.end] = key_states[:, :, 0]
        values[:, :, cache.end] = value_states[:, :, 0]
        return keys[:, :, window], values[:, :, window]

    def get_seq_length(self) -> int:
        return self.slots.end - self.begin

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.get_seq_length() + query_length, 0

"""What decoders on a `SlotCache` share: how prompts join, how rows leave, how tokens are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from policies.sampling import draw as sampler
from policies.sampling.kv_cache import SlotCache, layer_states
from policies.sampling.randomness import uniforms
from policies.types import Sampling


class SlotDecoder:
    """Base of decoders whose keys and values are in a `SlotCache`; see `Decoder` in policies/sampling/engine.py.

    A subclass says how a batch of prompts is prefilled (`prefill`) and how all rows take a step (`step`).
    """

    def __init__(
        self,
        model: Any,
        *,
        device: torch.device,
        dtype: torch.dtype,
        rows: int,
        longest_prompt: int,
        max_new_tokens: int,
        pad_id: int,
    ) -> None:
        self.model, self.pad_id, self.device, self.dtype = model, pad_id, device, dtype
        self.cache = SlotCache(rows, longest_prompt, max_new_tokens, device, dtype)

    def prefill(self, tokens: Tensor, attention: Tensor, positions: Tensor, cache: DynamicCache) -> Tensor:
        """Logits [n, V] after prompts padded on the left, [n, L] each; their keys and values go to `cache`."""
        raise NotImplementedError(f"{type(self).__name__} defines no prefill")

    @property
    def live(self) -> int:
        """Rows in use."""
        return self.cache.live

    def admit(self, prompts: Sequence[Sequence[int]], sources: Sequence[int]) -> Tensor:
        """Prefill prompts and add one row per entry of `sources` (its prompt's index); logits [len(sources), V]."""
        width = max(len(p) for p in prompts)
        tokens = torch.tensor([[*[self.pad_id] * (width - len(p)), *p] for p in prompts], device=self.device)
        lengths = torch.tensor([len(p) for p in prompts], device=self.device)
        attention = torch.arange(width, device=self.device) >= width - lengths[:, None]
        cache = DynamicCache()
        logits = self.prefill(tokens, attention, (attention.cumsum(1) - 1).clamp_(min=0), cache)
        rows = torch.tensor(sources, device=self.device)
        self.cache.append(layer_states(cache), lengths, rows)
        return logits[rows]

    def keep(self, kept: Tensor) -> Tensor:
        """Drop all rows but `kept` (bool [live]); returns [new live] the old index of each row."""
        return self.cache.keep(kept)

    def draw(self, logits: Tensor, keys: Tensor, steps: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
        """See `sampler.draw`."""
        return sampler.draw(logits, uniforms(keys, steps), sampling)

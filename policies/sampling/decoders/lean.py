"""Decode steps of Llama-shaped models in plain torch, any device and dtype, without a module's per-layer overhead.

On CUDA the step is captured in graphs, one per bucket of rows and columns: attention then reads the first `columns`
columns of the cache under a mask, so that shapes are fixed and a replay costs one launch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers.cache_utils import DynamicCache

from policies.sampling.decoders.llama_weights import LlamaLayer, LlamaWeights, read_llama
from policies.sampling.decoders.slots import SlotDecoder

COLUMN_BUCKET = 128  # graphs are captured for multiples of this many columns


class LeanDecoder(SlotDecoder):
    """See `Decoder` in policies/sampling/engine.py.

    Args:
        bucketed: round rows and columns up to buckets, and on CUDA replay captured graphs; None: on CUDA only.
    """

    def __init__(self, model: Any, dtype: torch.dtype, bucketed: bool | None = None, **limits: int) -> None:
        super().__init__(model, device=model.model.embed_tokens.weight.device, dtype=dtype, **limits)
        self.positions = limits["longest_prompt"] + limits["max_new_tokens"]
        self.weights = read_llama(model, positions=self.positions, dtype=dtype)
        self.bucketed = self.device.type == "cuda" if bucketed is None else bucketed
        self.graphs: dict[tuple[int, int], _Graph] = {}

    def fits(
        self, model: Any, dtype: torch.dtype, *, rows: int, longest_prompt: int, max_new_tokens: int, pad_id: int
    ) -> bool:
        """True when this decoder, with its memory and captured graphs, can serve a call of these limits."""
        own = self.cache
        is_same = self.model is model and self.dtype == dtype and self.pad_id == pad_id
        has_prompts = own.rows >= rows and own.longest_prompt >= longest_prompt
        return is_same and has_prompts and own.max_new_tokens >= max_new_tokens

    def refresh(self) -> None:
        """Forget all rows and copy the model's present weights to where the captured graphs read them."""
        self.cache.clear()
        present = read_llama(self.model, positions=self.positions, dtype=self.dtype)
        for old, new in zip(_tensors(self.weights), _tensors(present), strict=True):
            old.copy_(new)

    def prefill(self, tokens: Tensor, attention: Tensor, positions: Tensor, cache: DynamicCache) -> Tensor:
        """Logits [n, V] after prompts padded on the left; the head is applied to their last positions only."""
        hidden = self.model.model(
            input_ids=tokens,
            attention_mask=attention.long(),
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
        logits: Tensor = self.model.lm_head(hidden[:, -1])
        return logits

    def step(self, tokens: Tensor) -> Tensor:
        """Logits [live, V] after each row's newest token [live]; valid until the next call."""
        cache = self.cache
        cache.make_room()
        if self.bucketed:
            rows = min(cache.rows, 1 << (cache.live - 1).bit_length())
            columns = min(cache.columns, -(-(cache.end + 1) // COLUMN_BUCKET) * COLUMN_BUCKET)
            logits = self._bucketed_step(tokens, rows, columns)[: cache.live]
        else:
            end = torch.tensor([cache.end], device=self.device)
            logits = self._forward(tokens, cache.starts[: cache.live], end, slice(cache.begin, cache.end + 1))
        cache.end += 1
        return logits

    def _bucketed_step(self, tokens: Tensor, rows: int, columns: int) -> Tensor:
        """Logits [rows, V] with shapes that depend on the bucket alone; rows beyond the live ones hold anything."""
        graph = self.graphs.get((rows, columns))
        if graph is None:
            graph = _Graph(rows, self.device)
        graph.tokens[: self.live] = tokens
        graph.starts[: self.live] = self.cache.starts[: self.live]
        graph.end.fill_(self.cache.end)
        if (rows, columns) not in self.graphs:
            graph.capture(lambda: self._forward(graph.tokens, graph.starts, graph.end, slice(0, columns)))
            self.graphs[rows, columns] = graph
        return graph.replay()

    def _forward(self, tokens: Tensor, starts: Tensor, end: Tensor, columns: slice) -> Tensor:
        """Logits [n, V]: writes the tokens' states to column `end`, attends to columns starts .. end in `columns`."""
        weights, rows = self.weights, tokens.shape[0]
        # dead rows of a bucket may have a start beyond the end: they see the newest column, never nothing
        positions = (end - starts).clamp(0, self.positions - 1)
        cosine, sine = (t[positions].to(self.dtype)[:, None] for t in (weights.cosine, weights.sine))  # [n, 1, dim/2]
        index = torch.arange(columns.start, columns.stop, device=self.device)
        mask = ((index >= torch.minimum(starts, end)[:, None]) & (index <= end))[:, None, None]  # [n, 1, 1, columns]
        x = weights.embedding[tokens]
        for layer, keys, values in zip(weights.layers, self.cache.keys, self.cache.values, strict=True):
            query, key, value = self._project(layer, x, cosine, sine)
            keys[:rows].index_copy_(2, end, key[:, :, None])
            values[:rows].index_copy_(2, end, value[:, :, None])
            attended = F.scaled_dot_product_attention(
                query[:, :, None],
                keys[:rows, :, columns],
                values[:rows, :, columns],
                attn_mask=mask,
                enable_gqa=weights.heads != weights.kv_heads,
            )
            x = x + attended.reshape(rows, -1) @ layer.output
            gate, up = (_rms_norm(x, layer.mlp_norm, weights.norm_eps) @ layer.gate_up).chunk(2, dim=-1)
            x = x + (F.silu(gate) * up) @ layer.down
        return _rms_norm(x, weights.norm, weights.norm_eps) @ weights.head

    def _project(self, layer: LlamaLayer, x: Tensor, cosine: Tensor, sine: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rotated queries [n, heads, dim], rotated keys and values [n, kv_heads, dim]."""
        weights = self.weights
        qkv = _rms_norm(x, layer.input_norm, weights.norm_eps) @ layer.qkv
        if layer.qkv_bias is not None:
            qkv = qkv + layer.qkv_bias
        heads = qkv.view(x.shape[0], -1, weights.head_dim)
        query, key, value = heads.split([weights.heads, weights.kv_heads, weights.kv_heads], dim=1)
        if layer.query_norm is not None and layer.key_norm is not None:
            query = _rms_norm(query, layer.query_norm, weights.norm_eps)
            key = _rms_norm(key, layer.key_norm, weights.norm_eps)
        return _rotate(query, cosine, sine), _rotate(key, cosine, sine), value


class _Graph:
    """A step of one bucket: static inputs, and on CUDA the captured kernels that read them."""

    def __init__(self, rows: int, device: torch.device) -> None:
        self.tokens = torch.zeros(rows, dtype=torch.int64, device=device)
        self.starts = torch.zeros(rows, dtype=torch.int64, device=device)
        self.end = torch.zeros(1, dtype=torch.int64, device=device)
        self.logits: Tensor | None = None

    def capture(self, step: Any) -> None:
        """Record `step`, a function of the static inputs. It is run first: lazy initialisation cannot be captured."""
        self.step, self.graph = step, None
        if self.tokens.device.type != "cuda":
            return
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            step()
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.logits = step()

    def replay(self) -> Tensor:
        """Logits of the static inputs' present contents."""
        if self.graph is None:
            return self.step()
        self.graph.replay()
        assert self.logits is not None
        return self.logits


def _rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """In float32, as the Hugging Face module computes it."""
    wide = x.float()
    return weight * (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)).to(x.dtype)


def _rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary embedding of [n, heads, dim] by angles [n, 1, dim / 2]: dimensions d and d + dim / 2 form a pair."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)


def _tensors(weights: LlamaWeights | LlamaLayer) -> Iterator[Tensor]:
    """All tensors of a weights object, in a fixed order."""
    for field in dataclasses.fields(weights):
        value = getattr(weights, field.name)
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple):
            for layer in value:
                yield from _tensors(layer)

"""Decode steps of Llama-shaped models on a CPU: torch's matrix products, compiled kernels for everything between.

Keys and values live in pages (see native/kernels.c). The rows of a group share the pages of their prompt, so a prompt
is stored once however many completions it has; a row that finishes returns its pages and nothing is moved.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from policies import sampler
from policies.llama_weights import LlamaLayer, LlamaWeights, read_llama, why_not_lean
from policies.native import PAGE, AttentionShape, load_kernels
from policies.randomness import uniforms
from policies.types import Sampling

MAX_PARAMETERS = 300_000_000  # the fused copies of the weights take as much memory as the model


def why_not_native(model: Any, dtype: torch.dtype) -> str | None:
    """Why `NativeDecoder` cannot serve a model in a dtype, or None when it can."""
    if reason := why_not_lean(model):
        return reason
    weight = model.model.embed_tokens.weight
    if weight.device.type != "cpu" or dtype != torch.float32:
        return "the kernels are for float32 on a CPU"
    if model.model.layers[0].self_attn.head_dim % 8 or model.config.intermediate_size % 8:
        return "head size and MLP width must be multiples of 8"
    if sum(p.numel() for p in model.parameters()) > MAX_PARAMETERS:
        return f"the model has more than {MAX_PARAMETERS:,} parameters"
    return None if load_kernels() else "no C compiler"


class NativeDecoder:
    """See `Decoder` in policies/engine.py."""

    def __init__(self, model: Any, *, rows: int, longest_prompt: int, max_new_tokens: int, pad_id: int) -> None:
        kernels = load_kernels()
        if kernels is None:
            raise RuntimeError("the native decoder needs a C compiler; use decoder='lean'")
        self.kernels, self.model, self.pad_id = kernels, model, pad_id
        self.weights = read_llama(model, positions=longest_prompt + max_new_tokens, dtype=torch.float32)
        self.pages = PageTables(rows, longest_prompt, max_new_tokens)
        weights = self.weights
        page_floats = weights.kv_heads * weights.head_dim * PAGE * 2
        # Untouched memory of this upper bound is never committed by the system.
        self.pools = [torch.empty(self.pages.count, page_floats) for _ in weights.layers]
        self.shapes = [_attention_shape(weights, layer, self.pages.width) for layer in weights.layers]
        self.scores = torch.empty(self.pages.width * PAGE)
        self.drawing = torch.empty(weights.head.shape[1] + 8)
        self.buffers: _Buffers | None = None

    @property
    def live(self) -> int:
        """Rows in use."""
        return self.pages.live

    def admit(self, prompts: Sequence[Sequence[int]], sources: Sequence[int]) -> Tensor:
        """Prefill prompts and add one row per entry of `sources` (its prompt's index); logits [len(sources), V]."""
        lengths = torch.tensor([len(p) for p in prompts])
        width = int(lengths.max())
        tokens = torch.tensor([[*p, *[self.pad_id] * (width - len(p))] for p in prompts])
        cache = DynamicCache()
        # Padding is on the right, out of sight of the causal mask.
        hidden = self.model.model(input_ids=tokens, past_key_values=cache, use_cache=True).last_hidden_state
        logits = self.model.lm_head(hidden[torch.arange(len(prompts)), lengths - 1])
        tables = self.pages.admit([len(p) for p in prompts], sources)
        for pool, layer in zip(self.pools, cache.layers, strict=True):
            keys, values = layer.keys.contiguous(), layer.values.contiguous()
            for index, (prompt, table) in enumerate(zip(prompts, tables, strict=True)):
                self._fill(pool, keys[index], values[index], len(prompt), table)
        return logits[torch.tensor(sources)]

    def _fill(self, pool: Tensor, keys: Tensor, values: Tensor, length: int, table: np.ndarray) -> None:
        kv_heads, width, dim = keys.shape
        self.kernels.fill_pages(
            keys.data_ptr(), values.data_ptr(), kv_heads, width, dim, length, pool.data_ptr(), table.ctypes.data
        )

    def step(self, tokens: Tensor) -> Tensor:
        """Logits [live, V] after each row's newest token [live]."""
        self.pages.extend()
        rows, weights, kernels = self.live, self.weights, self.kernels
        if self.buffers is None or self.buffers.rows != rows:
            self.buffers = _Buffers(rows, weights)
        b, pages = self.buffers, self.pages
        tables, prompts, owns = pages.tables.ctypes.data, pages.prompts.ctypes.data, pages.owns.ctypes.data
        hidden_size, mlp = weights.norm.shape[0], weights.layers[0].down.shape[0]
        x = torch.index_select(weights.embedding, 0, tokens, out=b.x)
        for layer, shape, pool in zip(weights.layers, self.shapes, self.pools, strict=True):
            kernels.rms_norm(b.x_at, layer.input_norm.data_ptr(), b.h_at, rows, hidden_size, weights.norm_eps)
            if layer.qkv_bias is None:
                torch.mm(b.h, layer.qkv, out=b.qkv)
            else:
                torch.addmm(layer.qkv_bias, b.h, layer.qkv, out=b.qkv)
            kernels.attend(
                shape, b.qkv_at, pool.data_ptr(), tables, prompts, owns, rows, self.scores.data_ptr(), b.attended_at
            )
            x.addmm_(b.attended, layer.output)
            kernels.rms_norm(b.x_at, layer.mlp_norm.data_ptr(), b.h_at, rows, hidden_size, weights.norm_eps)
            torch.mm(b.h, layer.gate_up, out=b.gate_up)
            kernels.silu_mul(b.gate_up_at, b.gated_at, rows, mlp)
            x.addmm_(b.gated, layer.down)
        kernels.rms_norm(b.x_at, weights.norm.data_ptr(), b.h_at, rows, hidden_size, weights.norm_eps)
        return torch.mm(b.h, weights.head, out=b.logits)

    def keep(self, kept: Tensor) -> Tensor:
        """Drop all rows but `kept` (bool [live]); returns [new live] the old index of each row."""
        return torch.from_numpy(self.pages.keep(kept.numpy()))

    def draw(self, logits: Tensor, keys: Tensor, steps: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
        """`sampler.draw`, in one pass over the logits when nothing is cut off."""
        if sampling.temperature > 0 and (sampling.top_k or sampling.top_p < 1):
            return sampler.draw(logits, uniforms(keys, steps), sampling)
        logits, keys, steps = logits.contiguous(), keys.contiguous(), steps.contiguous()
        tokens = torch.empty(logits.shape[0], dtype=torch.int64)
        logprobs = torch.empty(logits.shape[0])
        self.kernels.draw_tokens(
            logits.data_ptr(), *logits.shape, 1 / (sampling.temperature or 1.0), sampling.temperature == 0,
            keys.data_ptr(), steps.data_ptr(), self.drawing.data_ptr(), tokens.data_ptr(), logprobs.data_ptr(),
        )  # fmt: skip
        return tokens, logprobs


class PageTables:
    """Which pages hold which row's context. The same page numbers serve every layer's pool.

    Attributes:
        tables: [rows, width] int32 page numbers, prompt pages first, then the row's own.
        prompts, owns: [rows] int64 tokens in prompt pages and in own pages; only the first `live` entries count.
    """

    def __init__(self, rows: int, longest_prompt: int, max_new_tokens: int) -> None:
        self.width = _pages(longest_prompt) + _pages(max_new_tokens)
        self.count = rows * self.width
        self.live = 0
        self.tables = np.zeros((rows, self.width), dtype=np.int32)
        self.prompts = np.zeros(rows, dtype=np.int64)
        self.owns = np.zeros(rows, dtype=np.int64)
        self._owner = np.zeros(rows, dtype=np.int64)  # which prompt a row belongs to
        self._free = list(range(self.count - 1, -1, -1))  # last freed, first used: stays in the processor's cache
        self._shared: dict[int, tuple[np.ndarray, int]] = {}  # prompt -> its pages, rows that still use them
        self._next_prompt = 0

    def admit(self, lengths: Sequence[int], sources: Sequence[int]) -> list[np.ndarray]:
        """Page numbers for each prompt, and a row per entry of `sources` on the pages of that prompt."""
        tables = [np.array([self._free.pop() for _ in range(_pages(n))], dtype=np.int32) for n in lengths]
        users = np.bincount(np.asarray(sources), minlength=len(lengths))
        for index, table in enumerate(tables):
            self._shared[self._next_prompt + index] = (table, int(users[index]))
        for row, source in enumerate(sources, start=self.live):
            self.tables[row, : len(tables[source])] = tables[source]
            self.prompts[row], self.owns[row] = lengths[source], 0
            self._owner[row] = self._next_prompt + source
        self.live += len(sources)
        self._next_prompt += len(lengths)
        return tables

    def extend(self) -> None:
        """Count one more own token per row, with a fresh page where the last one is full."""
        owns, prompts = self.owns[: self.live], self.prompts[: self.live]
        for row in np.flatnonzero(owns % PAGE == 0):
            self.tables[row, _pages(int(prompts[row])) + int(owns[row]) // PAGE] = self._free.pop()
        owns += 1

    def keep(self, kept: np.ndarray) -> np.ndarray:
        """Drop all rows but `kept`, return their pages; the order of rows stays, so groups stay together."""
        for row in np.flatnonzero(~kept):
            first = _pages(int(self.prompts[row]))
            self._free.extend(self.tables[row, first : first + _pages(int(self.owns[row]))].tolist())
            prompt = int(self._owner[row])
            pages, users = self._shared.pop(prompt)
            if users > 1:
                self._shared[prompt] = (pages, users - 1)
            else:
                self._free.extend(pages.tolist())
        order = np.flatnonzero(kept)
        for array in (self.tables, self.prompts, self.owns, self._owner):
            array[: len(order)] = array[order]
        self.live = len(order)
        return order


class _Buffers:
    """Activations of one decode step and their addresses, made once per number of rows."""

    def __init__(self, rows: int, weights: LlamaWeights) -> None:
        layer = weights.layers[0]
        self.rows = rows
        self.x = torch.empty(rows, weights.norm.shape[0])
        self.h = torch.empty_like(self.x)
        self.qkv = torch.empty(rows, layer.qkv.shape[1])
        self.attended = torch.empty(rows, layer.output.shape[0])
        self.gate_up = torch.empty(rows, layer.gate_up.shape[1])
        self.gated = torch.empty(rows, layer.down.shape[0])
        self.logits = torch.empty(rows, weights.head.shape[1])
        self.x_at, self.h_at, self.qkv_at = self.x.data_ptr(), self.h.data_ptr(), self.qkv.data_ptr()
        self.attended_at, self.gate_up_at = self.attended.data_ptr(), self.gate_up.data_ptr()
        self.gated_at = self.gated.data_ptr()


def _attention_shape(weights: LlamaWeights, layer: LlamaLayer, table_width: int) -> Any:
    """A pointer to the kernel's description of a layer; the tensors it points to live as long as `weights`."""
    shape = AttentionShape(
        heads=weights.heads,
        kv_heads=weights.kv_heads,
        dim=weights.head_dim,
        table_width=table_width,
        cosine=weights.cosine.data_ptr(),
        sine=weights.sine.data_ptr(),
        query_norm=None if layer.query_norm is None else layer.query_norm.data_ptr(),
        key_norm=None if layer.key_norm is None else layer.key_norm.data_ptr(),
        norm_eps=weights.norm_eps,
        scale=weights.head_dim**-0.5,
    )
    return ctypes.pointer(shape)


def _pages(tokens: int) -> int:
    """Pages that hold so many tokens."""
    return -(-tokens // PAGE)

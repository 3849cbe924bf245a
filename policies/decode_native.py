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
        del pad_id  # nothing is padded
        kernels = load_kernels()
        if kernels is None:
            raise RuntimeError("the native decoder needs a C compiler; use decoder='lean'")
        self.kernels = kernels
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
        """Prefill prompts and add one row per entry of `sources` (its prompt's index); logits [len(sources), V].

        Prompt tokens are rows of the same kernels, packed without padding: each writes its key and value before it
        attends, and rows are taken in order, so a token sees exactly those before it.
        """
        lengths = [len(p) for p in prompts]
        tables = self.pages.admit(lengths, sources)
        tokens = torch.tensor([token for prompt in prompts for token in prompt])
        row_tables = np.repeat(tables, lengths, axis=0)
        seen = np.concatenate([np.arange(1, n + 1) for n in lengths])
        hidden = self._forward(tokens, row_tables, np.zeros_like(seen), seen, _Buffers(len(seen), self.weights))
        last = torch.from_numpy(np.cumsum(lengths) - 1)
        return (hidden[last] @ self.weights.head)[torch.tensor(sources)]

    def step(self, tokens: Tensor) -> Tensor:
        """Logits [live, V] after each row's newest token [live]."""
        self.pages.extend()
        if self.buffers is None or self.buffers.rows != self.live:
            self.buffers = _Buffers(self.live, self.weights)
        pages = self.pages
        hidden = self._forward(tokens, pages.tables, pages.prompts, pages.owns, self.buffers)
        return torch.mm(hidden, self.weights.head, out=self.buffers.logits)

    def _forward(
        self, tokens: Tensor, row_tables: np.ndarray, prompts: np.ndarray, owns: np.ndarray, b: _Buffers
    ) -> Tensor:
        """Normalised hidden states [n, H] of one new token per row, its key and value written to its newest page."""
        weights, kernels, rows = self.weights, self.kernels, tokens.shape[0]
        tables_at, prompts_at, owns_at = row_tables.ctypes.data, prompts.ctypes.data, owns.ctypes.data
        width, mlp, eps, scores_at = b.x.shape[1], b.gated.shape[1], weights.norm_eps, self.scores.data_ptr()
        x = torch.index_select(weights.embedding, 0, tokens, out=b.x)
        for layer, shape, pool in zip(weights.layers, self.shapes, self.pools, strict=True):
            kernels.rms_norm(b.x_at, layer.input_norm.data_ptr(), b.h_at, rows, width, eps)
            if layer.qkv_bias is None:
                torch.mm(b.h, layer.qkv, out=b.qkv)
            else:
                torch.addmm(layer.qkv_bias, b.h, layer.qkv, out=b.qkv)
            kernels.attend(
                shape, b.qkv_at, pool.data_ptr(), tables_at, prompts_at, owns_at, rows, scores_at, b.attended_at
            )
            x.addmm_(b.attended, layer.output)
            kernels.rms_norm(b.x_at, layer.mlp_norm.data_ptr(), b.h_at, rows, width, eps)
            torch.mm(b.h, layer.gate_up, out=b.gate_up)
            kernels.silu_mul(b.gate_up_at, b.gated_at, rows, mlp)
            x.addmm_(b.gated, layer.down)
        kernels.rms_norm(b.x_at, weights.norm.data_ptr(), b.h_at, rows, width, eps)
        return b.h

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

    def admit(self, lengths: Sequence[int], sources: Sequence[int]) -> np.ndarray:
        """Tables [len(lengths), width] of new prompts, and a row per entry of `sources` on the pages of that prompt."""
        tables = np.zeros((len(lengths), self.width), dtype=np.int32)
        users = np.bincount(np.asarray(sources), minlength=len(lengths))
        for index, length in enumerate(lengths):
            tables[index, : _pages(length)] = [self._free.pop() for _ in range(_pages(length))]
            self._shared[self._next_prompt + index] = (tables[index, : _pages(length)], int(users[index]))
        rows = slice(self.live, self.live + len(sources))
        self.tables[rows] = tables[sources]
        self.prompts[rows], self.owns[rows] = np.asarray(lengths)[sources], 0
        self._owner[rows] = self._next_prompt + np.asarray(sources)
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

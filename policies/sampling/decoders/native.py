"""Decode steps of Llama-shaped models on a CPU in compiled code: one call per step, products included.

The numbers of a row do not depend on the rows beside it (see kernels/product.h), so a rollout's tokens are the same in
whatever batch, shard or order it is sampled. With several torch threads, rows are split among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from policies.kernels import PAGE, load_kernels
from policies.kernels.threads import parts_of, run_all
from policies.sampling import draw as sampler
from policies.sampling.decoders.llama_weights import why_not_lean
from policies.sampling.decoders.native_model import NativeModel
from policies.sampling.decoders.page_tables import PageTables
from policies.sampling.randomness import uniforms
from policies.types import Sampling

MAX_PARAMETERS = 300_000_000  # the packed copies of the weights take as much memory as the model
CHUNK_ROWS = 256  # rows of one call: their activations stay near the processor
MIN_ROWS_PER_THREAD = 16


def why_not_native(model: Any, dtype: torch.dtype) -> str | None:
    """Why `NativeDecoder` cannot serve a model in a dtype, or None when it can."""
    if reason := why_not_lean(model):
        return reason
    if model.model.embed_tokens.weight.device.type != "cpu" or dtype not in (torch.float32, torch.bfloat16):
        return "the kernels are for float32 and bfloat16 on a CPU"
    if model.model.layers[0].self_attn.head_dim % 8 or model.config.intermediate_size % 8:
        return "head size and MLP width must be multiples of 8"
    if sum(p.numel() for p in model.parameters()) > MAX_PARAMETERS:
        return f"the model has more than {MAX_PARAMETERS:,} parameters"
    kernels = load_kernels()
    if kernels is None:
        return "no C compiler"
    if dtype == torch.bfloat16 and not kernels.has_half_products():
        return "the processor has no bfloat16 products (AVX512_BF16)"
    return None


class NativeDecoder:
    """See `Decoder` in policies/sampling/engine.py."""

    def __init__(
        self,
        model: Any,
        dtype: torch.dtype,
        *,
        rows: int,
        longest_prompt: int,
        max_new_tokens: int,
        pad_id: int,
    ) -> None:
        del pad_id  # nothing is padded
        kernels = load_kernels()
        if kernels is None:
            raise RuntimeError("the native decoder needs a C compiler; use decoder='lean'")
        self.kernels = kernels
        self.pages = PageTables(rows, longest_prompt, max_new_tokens)
        self.model = NativeModel(
            kernels,
            model,
            positions=longest_prompt + max_new_tokens,
            table_width=self.pages.width,
            num_pages=self.pages.count,
            is_half=dtype == torch.bfloat16,
        )
        self.logits = torch.empty(rows, self.model.vocabulary)
        self.every = np.arange(CHUNK_ROWS)  # the rows of a chunk whose logits are wanted in a decode step: all
        self.drawing = torch.empty(self.model.vocabulary + 8)

    @property
    def live(self) -> int:
        """Rows in use."""
        return self.pages.live

    def admit(self, prompts: Sequence[Sequence[int]], sources: Sequence[int]) -> Tensor:
        """Prefill prompts and add one row per entry of `sources` (its prompt's index); logits [len(sources), V].

        Prompt tokens are rows of the same kernels, packed without padding: each writes its key and value before it
        attends, and rows are taken in order, so a token sees exactly those before it. What all prompts begin with runs
        once, in whole pages.
        """
        common = common_beginning(prompts)
        tables = self.pages.admit([len(p) for p in prompts], sources, common=common)
        if common:
            self._prefill([prompts[0][:common]], tables[:1], self.logits[:0], 0)
        logits = torch.empty(len(prompts), self.model.vocabulary)
        parts = parts_of(len(prompts), torch.get_num_threads())
        run_all([(self._prefill, prompts[part], tables[part], logits[part], common) for part in parts])
        return logits[torch.tensor(sources)]

    def _prefill(self, prompts: Sequence[Sequence[int]], tables: np.ndarray, logits: Tensor, done: int) -> None:
        """Writes the pages of some prompts from token `done` on, and the logits after each where there is room."""
        lengths = [len(p) - done for p in prompts]
        tokens = np.array([token for prompt in prompts for token in prompt[done:]], dtype=np.int64)
        owners = np.repeat(np.arange(len(prompts)), lengths)
        seen = np.concatenate([np.arange(done + 1, len(p) + 1) for p in prompts])
        ends = np.cumsum(lengths) - 1
        written = 0
        for first in range(0, len(tokens), CHUNK_ROWS):
            rows = slice(first, min(first + CHUNK_ROWS, len(tokens)))
            wanted = ends[(ends >= rows.start) & (ends < rows.stop)] - first
            wanted = wanted[: len(logits) - written]
            none = np.zeros(rows.stop - rows.start, dtype=np.int64)
            out = logits[written : written + len(wanted)]
            self._step(tokens[rows], tables[owners[rows]], none, seen[rows], wanted, out)
            written += len(wanted)

    def step(self, tokens: Tensor) -> Tensor:
        """Logits [live, V] after each row's newest token [live]; valid until the next call."""
        self.pages.extend()
        pages, numbers, logits = self.pages, tokens.numpy(), self.logits[: self.live]
        threads = min(torch.get_num_threads(), -(-self.live // MIN_ROWS_PER_THREAD))
        chunks = max(threads, -(-self.live // CHUNK_ROWS))
        run_all(
            [
                (
                    self._step,
                    numbers[part],
                    pages.tables[part],
                    pages.prompts[part],
                    pages.owns[part],
                    self.every[: part.stop - part.start],
                    logits[part],
                )
                for part in parts_of(self.live, chunks)
            ]
        )
        return logits

    def _step(
        self,
        tokens: np.ndarray,
        tables: np.ndarray,
        prompts: np.ndarray,
        owns: np.ndarray,
        wanted: np.ndarray,
        logits: Tensor,
    ) -> None:
        """One call of the kernel on contiguous rows."""
        model, rows = self.model, len(tokens)
        scratch = torch.empty(self.kernels.scratch_floats(model.address, rows))
        self.kernels.step(
            model.address, tokens.ctypes.data, tables.ctypes.data, prompts.ctypes.data, owns.ctypes.data, rows,
            wanted.ctypes.data, len(wanted), scratch.data_ptr(), logits.data_ptr(),
        )  # fmt: skip

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


def common_beginning(prompts: Sequence[Sequence[int]]) -> int:
    """Tokens with which all of several prompts begin, in whole pages that leave each a token of its own."""
    if len(prompts) < 2:
        return 0
    ordered = sorted(map(tuple, prompts))
    first, last = ordered[0], ordered[-1]  # all in between begin with what these two have in common
    most = min(map(len, prompts)) - 1
    same = next((i for i, (a, b) in enumerate(zip(first, last)) if a != b), most)
    return min(same, most) // PAGE * PAGE

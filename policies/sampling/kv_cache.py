"""The key/value cache of the sampling engine: preallocated, rows packed at the front, columns shared by all rows.

Rows are aligned on the right: the newest token of every live row sits in the same column, and row i holds its tokens in
columns starts[i] .. end-1. So a decode step writes one column, attention reads one slice, and distances between columns
are distances between positions, which sliding-window masks rely on. A row that joins late is written to end at the
shared column.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicLayer

SLACK_COLUMNS = 128  # columns beyond the longest row, so that rows move left only once in so many steps

LayerStates = tuple[Tensor, Tensor]  # keys, values: each [n, heads, T, head_dim]


def layer_states(cache: Any) -> list[LayerStates]:
    """Keys and values of every layer of a transformers cache after a prefill.

    Raises:
        ValueError: a layer keeps something else, such as a recurrent state.
    """
    if any(type(layer) is not DynamicLayer for layer in cache.layers):
        kinds = sorted({type(layer).__name__ for layer in cache.layers})
        raise ValueError(f"the model's cache has layers of kind {kinds}, expected DynamicLayer; use backend='generate'")
    return [(layer.keys, layer.values) for layer in cache.layers]


class SlotCache:
    """Keys and values of up to `rows` rows in `columns` columns per layer.

    Attributes:
        keys, values: one [rows, heads, columns, head_dim] tensor per layer.
        starts: [rows] int64 first column of each row; meaningless beyond the live rows.
        live: number of rows in use, always the first ones.
        end: the column that the next token of every live row is written to.
    """

    def __init__(
        self, rows: int, longest_prompt: int, max_new_tokens: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.rows, self.longest_prompt, self.max_new_tokens = rows, longest_prompt, max_new_tokens
        self.dtype = dtype
        self.columns = longest_prompt + max_new_tokens + SLACK_COLUMNS
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []
        self.starts = torch.zeros(rows, dtype=torch.int64, device=device)
        self.live = 0
        self.end = longest_prompt  # so that any prompt can join and end here

    @property
    def begin(self) -> int:
        """First column that a live row uses."""
        return int(self.starts[: self.live].min()) if self.live else self.end

    def append(self, states: Sequence[LayerStates], lengths: Tensor, sources: Tensor) -> None:
        """Add rows behind the live ones, each a copy of a prefilled prompt.

        Args:
            states: per layer, keys and values [n, heads, L, head_dim] of prompts padded on the left.
            lengths: [n] int64 real tokens of each prompt.
            sources: [m] int64 prompt of each new row, so that a group's completions share one prefill.
        """
        first, last, width = self.live, self.live + sources.numel(), states[0][0].shape[2]
        if not self.keys:
            self._allocate(states)
        for layer, (keys, values) in enumerate(states):
            self.keys[layer][first:last, :, self.end - width : self.end] = keys[sources].to(self.dtype)
            self.values[layer][first:last, :, self.end - width : self.end] = values[sources].to(self.dtype)
        self.starts[first:last] = self.end - lengths[sources]
        self.live = last

    def keep(self, kept: Tensor) -> Tensor:
        """Drop all rows but `kept` (bool [live]); returns [new live] the old index of each row.

        Holes at the front are filled by rows from the back, so that only as many rows move as finished.
        """
        count = int(kept.sum())
        order = torch.arange(count, device=kept.device)
        holes = (~kept[:count]).nonzero().squeeze(1)
        movers = kept[count:].nonzero().squeeze(1) + count
        if holes.numel():
            order[holes] = movers
            columns = slice(self.begin, self.end)
            for tensor in (*self.keys, *self.values):
                tensor[holes, :, columns] = tensor[movers, :, columns]
            self.starts[holes] = self.starts[movers]
        self.live = count
        return order

    def make_room(self) -> None:
        """Move all rows to the left if the next column does not exist; room for the longest prompt stays before it."""
        if self.end < self.columns:
            return
        begin = self.begin
        shift = min(begin, self.end - self.longest_prompt)
        if shift < 1:
            raise RuntimeError(f"a row of the key/value cache outgrew its {self.columns} columns")
        for tensor in (*self.keys, *self.values):
            tensor[: self.live, :, begin - shift : self.end - shift] = tensor[: self.live, :, begin : self.end].clone()
        self.starts[: self.live] -= shift
        self.end -= shift

    def clear(self) -> None:
        """Forget all rows; the memory stays."""
        self.live, self.end = 0, self.longest_prompt

    def _allocate(self, states: Sequence[LayerStates]) -> None:
        def empty(like: Tensor) -> Tensor:
            """Room for the keys or values of one layer: [rows, heads, columns, head_dim]."""
            # zeros: a masked column has weight 0, and 0 x NaN from uninitialised memory would be NaN
            return like.new_zeros(self.rows, like.shape[1], self.columns, like.shape[3], dtype=self.dtype)

        self.keys = [empty(keys) for keys, _ in states]
        self.values = [empty(values) for _, values in states]

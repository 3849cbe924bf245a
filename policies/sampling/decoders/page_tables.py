"""Which pages of the paged key/value pools hold which row's context.

The rows of a group share the pages of their prompt, so a prompt is stored once however many completions it has; prompts
that come together share the whole pages of what they all begin with, such as a system prompt or worked examples. A row
that finishes returns its pages and nothing is moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from policies.kernels import PAGE


@dataclass
class _Shared:
    """Pages that several hold: those of a prompt its rows, those of a common beginning its prompts."""

    pages: list[int]
    users: int
    beginning: _Shared | None = None


class PageTables:
    """Which pages hold which row's context. The same page numbers serve every layer's pool.

    Attributes:
        tables: [rows, width] int32 page numbers, prompt pages first, then the row's own.
        prompts, owns: [rows] int64 tokens in prompt pages and in own pages; only the first `live` entries count.
    """

    def __init__(self, rows: int, longest_prompt: int, max_new_tokens: int) -> None:
        self.width = pages_of(longest_prompt) + pages_of(max_new_tokens)
        self.count = rows * self.width
        self.live = 0
        self.tables = np.zeros((rows, self.width), dtype=np.int32)
        self.prompts = np.zeros(rows, dtype=np.int64)
        self.owns = np.zeros(rows, dtype=np.int64)
        self._owner = np.zeros(rows, dtype=np.int64)  # which prompt a row belongs to
        self._free = list(range(self.count - 1, -1, -1))  # last freed, first used: stays in the processor's cache
        self._shared: dict[int, _Shared] = {}  # by prompt
        self._next_prompt = 0

    def admit(self, lengths: Sequence[int], sources: Sequence[int], *, common: int = 0) -> np.ndarray:
        """Tables [len(lengths), width] of new prompts, and a row per entry of `sources` on the pages of that prompt.

        Args:
            common: tokens with which all of these prompts begin, a multiple of PAGE: they get the same pages.
        """
        tables = np.zeros((len(lengths), self.width), dtype=np.int32)
        users = np.bincount(np.asarray(sources), minlength=len(lengths))
        beginning = _Shared(self._take(common), len(lengths))
        tables[:, : len(beginning.pages)] = beginning.pages
        for index, length in enumerate(lengths):
            rest = _Shared(self._take(length - common), int(users[index]), beginning)
            tables[index, len(beginning.pages) : pages_of(length)] = rest.pages
            self._shared[self._next_prompt + index] = rest
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
            self.tables[row, pages_of(int(prompts[row])) + int(owns[row]) // PAGE] = self._free.pop()
        owns += 1

    def keep(self, kept: np.ndarray) -> np.ndarray:
        """Drop all rows but `kept`, return their pages; the order of rows stays, so groups stay together."""
        for row in np.flatnonzero(~kept):
            first = pages_of(int(self.prompts[row]))
            self._free.extend(self.tables[row, first : first + pages_of(int(self.owns[row]))].tolist())
            prompt = int(self._owner[row])
            if self._release(self._shared[prompt]):
                del self._shared[prompt]
        order = np.flatnonzero(kept)
        for array in (self.tables, self.prompts, self.owns, self._owner):
            array[: len(order)] = array[order]
        self.live = len(order)
        return order

    def _take(self, tokens: int) -> list[int]:
        """Fresh pages for so many tokens."""
        return [self._free.pop() for _ in range(pages_of(tokens))]

    def _release(self, shared: _Shared) -> bool:
        """One user less; True when that was the last, and the pages are free."""
        shared.users -= 1
        if shared.users:
            return False
        self._free.extend(shared.pages)
        if shared.beginning is not None:
            self._release(shared.beginning)
        return True


def pages_of(tokens: int) -> int:
    """Pages that hold so many tokens."""
    return -(-tokens // PAGE)

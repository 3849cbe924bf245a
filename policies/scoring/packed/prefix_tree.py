"""Rows of tokens as a tree of prefixes: every distinct prefix is one node.

A causal model's state at a token depends on the tokens up to it and on nothing else. The completions of one problem
share their prompt, and whatever else they have in common, so a batch has fewer nodes than tokens, and no padding.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

# What a band costs beside its cells (kernel launches), counted in cells: decides when another band saves more padding.
BAND_OVERHEAD_CELLS = {"cpu": 64, "cuda": 4096}


@dataclass(frozen=True)
class PrefixTree:
    """The tree of right-padded rows.

    Attributes:
        tokens, positions: [N] int64 token and position of every node.
        nodes: [B, T] int64 node of every real token; any on padding.
        paths: [R, T] int64 the same of the rows that have tokens, in prefix order.
        lengths, shared: [R] int64 tokens of each of those, and how many of them the row before has too.
    """

    tokens: Tensor
    positions: Tensor
    nodes: Tensor
    paths: np.ndarray
    lengths: np.ndarray
    shared: np.ndarray

    def filled(self, multiple: int) -> PrefixTree:
        """The tree with nodes added that no row reads, each a path of its own, up to a multiple of their number."""
        count = len(self.tokens)
        more = -count % multiple
        paths = np.zeros((more, self.paths.shape[1]), dtype=self.paths.dtype)
        paths[:, 0] = np.arange(count, count + more)
        return PrefixTree(
            tokens=torch.cat([self.tokens, self.tokens[:1].expand(more)]),
            positions=torch.cat([self.positions, self.positions.new_zeros(more)]),
            nodes=self.nodes,
            paths=np.concatenate([self.paths, paths]),
            lengths=np.concatenate([self.lengths, np.ones(more, dtype=self.lengths.dtype)]),
            shared=np.concatenate([self.shared, np.zeros(more, dtype=self.shared.dtype)]),
        )

    @functools.cached_property
    def bands(self) -> Bands:
        """The rows cut into bands of similar length."""
        return make_bands(self)


@dataclass(frozen=True)
class Bands:
    """How attention over whole rows computes every node once.

    Attributes:
        shapes: (rows, width) of each band.
        cells: [sum of rows x width] int64 node of every cell of the bands; any node on padding.
        answers: [N] int64 the cell that computes a node's attention.
    """

    shapes: tuple[tuple[int, int], ...]
    cells: Tensor
    answers: Tensor


def prefix_order(tokens: Tensor, attention: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Rows in lexicographic order, and which of their tokens end a prefix that no earlier row has.

    Args:
        tokens: [B, T] int64, padded on the right, at least one column.
        attention: [B, T] bool, True on real tokens.
    Returns:
        order [B] int64: row indices, rows with a common prefix beside each other.
        fresh [B, T] bool: in that order; row by row, True from the first token that differs from the row before.
    """
    ids, real = tokens.cpu().numpy(), attention.cpu().numpy()
    # big-endian words compare like the numbers they spell; padding sorts first
    words = np.ascontiguousarray(np.where(real, ids + 1, 0).astype(">u4"))
    order = np.argsort(words.view(f"V{words.shape[1] * 4}").ravel(), kind="stable")
    ids, real = ids[order], real[order]
    same = (ids[1:] == ids[:-1]) & real[1:] & real[:-1]
    common = np.concatenate([[0], np.cumprod(same, axis=1).sum(1)])
    fresh = real & (np.arange(ids.shape[1])[None] >= common[:, None])
    return order, fresh


def build_tree(tokens: Tensor, attention: Tensor) -> PrefixTree:
    """The prefix tree of right-padded rows; tensors on their device.

    Args:
        tokens: [B, T] int64.
        attention: [B, T] bool, True on real tokens; at least one is.
    """
    order, fresh = prefix_order(tokens, attention)
    real = attention.cpu().numpy()[order]
    numbered = np.cumsum(fresh).reshape(fresh.shape) - 1
    # node numbers grow with the rows, so the newest number above a shared cell is its node
    paths = np.where(real, np.maximum.accumulate(np.where(fresh, numbered, -1), axis=0), 0)
    in_row_order = np.empty_like(paths)
    in_row_order[order] = paths
    lengths = real.sum(1)
    used = lengths > 0
    return PrefixTree(
        tokens=_tensor(tokens.cpu().numpy()[order][fresh], tokens.device),
        positions=_tensor(np.nonzero(fresh)[1], tokens.device),
        nodes=_tensor(in_row_order, tokens.device),
        paths=np.ascontiguousarray(paths[used]),
        lengths=lengths[used],
        shared=(lengths - fresh.sum(1))[used],
    )


def make_bands(tree: PrefixTree) -> Bands:
    """See `Bands`; tensors on the tree's device."""
    device = tree.tokens.device
    overhead = BAND_OVERHEAD_CELLS.get(device.type, BAND_OVERHEAD_CELLS["cuda"])
    shapes, cells, owners, places, begin = [], [], [], [], 0
    for rows in length_bands(tree.lengths, overhead=overhead):
        width = int(tree.lengths[rows].max())
        column = np.arange(width)[None]
        is_fresh = (column >= tree.shared[rows][:, None]) & (column < tree.lengths[rows][:, None])
        band = tree.paths[rows, :width]
        shapes.append((len(rows), width))
        cells.append(band.ravel())
        owners.append(band[is_fresh])
        places.append(begin + np.flatnonzero(is_fresh))
        begin += band.size
    answers = np.empty(len(tree.tokens), dtype=np.int64)
    answers[np.concatenate(owners)] = np.concatenate(places)
    return Bands(tuple(shapes), _tensor(np.concatenate(cells), device), _tensor(answers, device))


def _tensor(array: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64)).to(device)


def length_bands(lengths: np.ndarray, *, overhead: int, max_cells: int | None = None) -> list[np.ndarray]:
    """Row indices of each band: sorted by length, longest first, cut where padding plus overhead is least.

    Minimises sum over bands of (rows x longest row + overhead) subject to rows x longest <= max_cells, by dynamic
    programming over the distinct lengths. A row longer than `max_cells` gets a band of its own.

    Args:
        lengths: [B] tokens of each row.
    """
    order = np.argsort(-lengths, kind="stable")
    limit = np.inf if max_cells is None else max_cells
    pieces = _pieces(lengths[order].tolist(), limit)
    starts = np.array([start for start, _ in pieces] + [len(order)])
    longest = np.array([length for _, length in pieces])
    best = np.zeros(len(pieces) + 1)  # best[i]: least cost of the rows before piece i
    cut = np.zeros(len(pieces) + 1, dtype=np.int64)
    for end in range(1, len(pieces) + 1):
        cost = (starts[end] - starts[:end]) * longest[:end]
        single = np.arange(end) == end - 1  # one piece alone is always allowed
        total = np.where((cost <= limit) | single, best[:end] + cost + overhead, np.inf)
        cut[end] = int(np.argmin(total))
        best[end] = total[cut[end]]
    found = []
    end = len(pieces)
    while end > 0:
        found.append(order[starts[cut[end]] : starts[end]])
        end = int(cut[end])
    return found[::-1]


def _pieces(lengths: list[int], max_cells: float) -> list[tuple[int, int]]:
    """(first row, length) of runs of rows of one length, none of more than `max_cells` cells."""
    pieces: list[tuple[int, int]] = []
    for row, length in enumerate(lengths):
        start, current = pieces[-1] if pieces else (0, -1)
        if length != current or (row - start + 1) * length > max_cells:
            pieces.append((row, length))
    return pieces

"""Groups of trajectories to tensors, and a batch to micro-batches.

Rows keep the order of the groups; only micro-batches are sorted, by prefix where the model runs packed and by length
where it runs padded, so nothing that the algorithm computes over the batch depends on how it is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from policies.scoring.packed.prefix_tree import length_bands, prefix_order
from rl.types import Batch, Example, Group, TokenPair, Trajectory

# Work that a micro-batch costs beside its tokens (Python, kernel launches), counted in tokens: it decides when a
# further cut saves more padding than it costs.
MICRO_BATCH_OVERHEAD_TOKENS = 160


def collate(groups: Sequence[Group], *, pad_id: int, learner_version: int) -> Batch:
    """The batch of all trajectories, right-padded, in the order of the groups.

    Args:
        groups: rewarded groups; `Batch.groups` numbers them by position, whatever their problems' ids.
        pad_id: token id written on padding; never attended to, never trained on.
        learner_version: the policy version that will be updated; a row's staleness is counted back from it.
    Raises:
        ValueError: no trajectory, or a trajectory whose log-probabilities or action mask do not fit its tokens.
    """
    rows = [trajectory for group in groups for trajectory in group.trajectories]
    if not rows:
        raise ValueError("collate got no trajectories: a batch needs at least one")
    for row in rows:
        _check(row)
    prompts = [len(row.prompt_tokens) for row in rows]
    completions = [len(row.completion.tokens) for row in rows]
    layout = _Layout(prompts, completions)
    tokens = layout.fill((row.prompt_tokens + row.completion.tokens for row in rows), pad_id, np.int64)
    mask = layout.completions(
        (row.action_mask if row.action_mask is not None else (1,) * n for row, n in zip(rows, completions)), np.float32
    )
    logprobs = layout.completions((row.completion.logprobs for row in rows), np.float32)
    dense = None
    if any(row.token_rewards is not None for row in rows):
        dense = layout.completions((row.token_rewards or (0.0,) * n for row, n in zip(rows, completions)), np.float32)
    return Batch(
        tokens=tokens,
        attention=torch.from_numpy(layout.attention),
        mask=mask,
        sampler_logprobs=logprobs * mask,  # tool output carries no decision of the sampler
        rewards=torch.tensor([row.reward for row in rows], dtype=torch.float32),
        groups=torch.tensor([p for p, group in enumerate(groups) for _ in group.trajectories]),
        truncated=torch.tensor([row.is_truncated for row in rows]),
        token_rewards=dense,
        staleness=torch.tensor([learner_version - row.completion.version for row in rows]),
    )


def collate_examples(examples: Sequence[Example | TokenPair], pad_id: int) -> Batch:
    """The batch of written completions for supervised training; the mask is on what their writer wrote.

    Rewards and behaviour log-probabilities are 0 and every example is a group of its own.
    """
    if not examples:
        raise ValueError("collate_examples got none: a batch needs at least one")
    rows = [Example(*example) for example in examples]
    layout = _Layout([len(row.prompt) for row in rows], [len(row.completion) for row in rows])
    tokens = layout.fill((row.prompt + row.completion for row in rows), pad_id, np.int64)
    mask = layout.completions((row.mask or (1,) * len(row.completion) for row in rows), np.float32)
    size = len(rows)
    return Batch(
        tokens=tokens,
        attention=torch.from_numpy(layout.attention),
        mask=mask,
        sampler_logprobs=torch.zeros(tokens.shape),
        rewards=torch.zeros(size),
        groups=torch.arange(size),
        truncated=torch.zeros(size, dtype=torch.bool),
    )


def minibatches(batch: Batch, count: int, key: int) -> list[Batch]:
    """The parts of a batch that an epoch's optimizer steps are taken on.

    Args:
        count: number of parts; 1: the batch as it is.
        key: seeds the shuffle.
    Raises:
        ValueError: fewer rows than parts.
    """
    if count == 1:
        return [batch]
    if batch.num_rows < count:
        raise ValueError(f"a batch of {batch.num_rows} rows cannot be cut into {count} minibatches")
    order = torch.randperm(batch.num_rows, generator=torch.Generator().manual_seed(key % 2**63))
    return [batch.rows(rows) for rows in order.tensor_split(count)]


class MicroBatch(NamedTuple):
    """Rows that pass through the model together.

    Attributes:
        rows: [N] int64 row indices.
        num_positions: positions that the pass computes: rows x longest row if padded, distinct prefixes if packed.
    """

    rows: Tensor
    num_positions: int


def padded_batches(
    lengths: Tensor, max_tokens: int, *, overhead: int = MICRO_BATCH_OVERHEAD_TOKENS
) -> list[MicroBatch]:
    """Micro-batches of a padded pass: sorted by length, cut where padding plus overhead is least.

    Minimises sum over micro-batches of (rows x longest row + overhead) subject to rows x longest <= max_tokens, by
    dynamic programming over the distinct lengths. A row longer than `max_tokens` gets a micro-batch of its own.
    Longest rows come first, so that a batch that does not fit in memory fails at once.

    Args:
        lengths: [B] int64, real tokens of each row.
    """
    bands = length_bands(lengths.cpu().numpy(), overhead=overhead, max_cells=max_tokens)
    return [MicroBatch(torch.from_numpy(rows), len(rows) * int(lengths[rows[0]])) for rows in bands]


def packed_batches(tokens: Tensor, attention: Tensor, max_tokens: int) -> list[MicroBatch]:
    """Micro-batches of a packed pass: rows that share a prefix together, bounded in distinct prefixes.

    Args:
        tokens: [B, T] int64, padded on the right.
        attention: [B, T] bool, True on real tokens.
        max_tokens: most distinct prefixes (nodes of the prefix tree) in a micro-batch; a row with more is alone.
    """
    order, fresh = prefix_order(tokens, attention)
    lengths = attention.sum(1).tolist()
    cuts: list[list[int]] = []
    sizes: list[int] = []
    for row, added in zip(order.tolist(), fresh.sum(1).tolist()):
        if not cuts or sizes[-1] + added > max_tokens:
            cuts.append([])
            sizes.append(0)
            added = lengths[row]  # the first row shares with nobody
        cuts[-1].append(row)
        sizes[-1] += added
    return [MicroBatch(torch.tensor(cut), size) for cut, size in zip(cuts, sizes)]


class _Layout:
    """Where the real tokens of ragged rows go in a right-padded array."""

    def __init__(self, prompts: Sequence[int], completions: Sequence[int]) -> None:
        prompt = np.asarray(prompts)[:, None]
        length = prompt + np.asarray(completions)[:, None]
        columns = np.arange(max(int(length.max()), 1))[None, :]
        self.attention = columns < length  # [B, T]
        self.is_completion = self.attention & (columns >= prompt)  # [B, T]

    def fill(self, rows: Iterable[Sequence[float]], pad: float, dtype: type) -> Tensor:
        """[B, T] of the rows' values on real tokens, `pad` elsewhere."""
        return self._scatter(self.attention, rows, pad, dtype)

    def completions(self, rows: Iterable[Sequence[float]], dtype: type) -> Tensor:
        """[B, T] of the rows' values on completion tokens, 0 elsewhere."""
        return self._scatter(self.is_completion, rows, 0, dtype)

    @staticmethod
    def _scatter(where: np.ndarray, rows: Iterable[Sequence[float]], pad: float, dtype: type) -> Tensor:
        values: np.ndarray = np.full(where.shape, pad, dtype=dtype)
        # boolean indexing walks row by row: the order in which the rows are written one after another
        values[where] = np.fromiter((value for row in rows for value in row), dtype=dtype)
        return torch.from_numpy(values)


def _check(row: Trajectory) -> None:
    size = len(row.completion.tokens)
    for name, values in (
        ("logprobs", row.completion.logprobs),
        ("action_mask", row.action_mask),
        ("token_rewards", row.token_rewards),
    ):
        if values is not None and len(values) != size:
            raise ValueError(
                f"trajectory {row.uid} has {size} completion tokens but {len(values)} {name}: expected one per token"
            )

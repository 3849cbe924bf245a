"""How far a policy has moved: KL to another one, measured on the policy's own completions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from policies.causal import CausalPolicy
from policies.scoring.logprobs import score_tokens
from rl.learning.collate import collate, padded_batches
from rl.types import Batch, Group

MICRO_TOKENS = 16_384  # padded tokens in one forward pass


@torch.no_grad()
def kl_from(reference: CausalPolicy, groups: Sequence[Group], *, temperature: float = 1.0) -> float:
    """KL(policy that sampled || reference), nats per completion: the mean of sum_t log pi(a_t) - log ref(a_t).

    The k1 estimate, unbiased. Greedy completions (temperature 0) have no such distribution: their distance is taken at
    temperature 1.

    Args:
        groups: sampled by the policy, with its log-probabilities.
        temperature: at which they were sampled; the reference is scored at it too.
    Raises:
        ValueError: no completions.
    """
    total = 0.0
    for _, part, logprobs in _scored(reference, groups, temperature):
        difference = (part.sampler_logprobs - logprobs).masked_fill(part.mask == 0, 0.0)
        total += float(difference.double().sum())
    return total / sum(len(group.trajectories) for group in groups)


@torch.no_grad()
def completion_logprobs(policy: CausalPolicy, groups: Sequence[Group], *, temperature: float = 1.0) -> list[float]:
    """log p of each completion under a policy, nats: the sum over its sampled tokens, the end token among them.

    In the order of the groups' trajectories.

    Args:
        temperature: at which the policy would sample.
    Raises:
        ValueError: no completions.
    """
    found = [0.0] * sum(len(group.trajectories) for group in groups)
    for rows, part, logprobs in _scored(policy, groups, temperature):
        totals = logprobs.masked_fill(part.mask == 0, 0.0).double().sum(1).tolist()
        for row, total in zip(rows.tolist(), totals, strict=True):
            found[row] = total
    return found


def _scored(
    policy: CausalPolicy, groups: Sequence[Group], temperature: float
) -> Iterator[tuple[Tensor, Batch, Tensor]]:
    """Micro-batches of the trajectories: which rows, their batch, [B, T] log-probabilities of the tokens."""
    batch = collate(groups, pad_id=policy.pad_id, learner_version=0)
    for cut in padded_batches(batch.attention.sum(1), MICRO_TOKENS):
        part = batch.rows(cut.rows).to(policy.device)
        scores = score_tokens(
            policy.model, part.tokens, part.attention, temperature=temperature or 1.0, where=part.mask > 0
        )
        yield cut.rows, part, scores.logprobs

"""How far a policy has moved: KL to another one, measured on the policy's own completions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from rl.learning.collate import collate, padded_batches
from rl.types import Group

if TYPE_CHECKING:
    from policies.causal import CausalPolicy

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
    from policies.scoring.logprobs import score_tokens

    batch = collate(groups, pad_id=reference.pad_id, learner_version=0)
    total = 0.0
    for cut in padded_batches(batch.attention.sum(1), MICRO_TOKENS):
        part = batch.rows(cut.rows).to(reference.device)
        scores = score_tokens(
            reference.model, part.tokens, part.attention, temperature=temperature or 1.0, where=part.mask > 0
        )
        difference = (part.sampler_logprobs - scores.logprobs).masked_fill(part.mask == 0, 0.0)
        total += float(difference.double().sum())
    return total / batch.num_rows

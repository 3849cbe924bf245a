"""From a loss per token to one number, by divisors that belong to the whole optimizer step.

Because the divisor is known before the first micro-batch, a micro-batch contributes its partial sum over it, and the
sum of the contributions does not depend on how the step was split.
"""

from __future__ import annotations

from enum import StrEnum

from torch import Tensor

from rl.functional.masked import clean
from rl.types import Totals


class Aggregation(StrEnum):
    """How token losses become the loss."""

    TOKEN_MEAN = "token_mean"  # every token weighs the same (DAPO)
    SEQUENCE_MEAN = "sequence_mean"  # mean over each completion's tokens, then over completions (GRPO's paper)
    SEQUENCE_SUM = "sequence_sum"  # sum over each completion's tokens, then mean over completions (REINFORCE)
    CONSTANT = "constant"  # as sequence_sum, divided by the length limit (Dr. GRPO)


def aggregate(values: Tensor, mask: Tensor, totals: Totals, how: Aggregation) -> Tensor:
    """The micro-batch's share of the step's loss.

    token_mean      sum_it l_it / N                N sampled tokens in the step
    sequence_mean   sum_i (sum_t l_it / n_i) / B'   B' completions with n_i > 0 sampled tokens
    sequence_sum    sum_it l_it / B'
    constant        sum_it l_it / (B' T_max)

    Args:
        values, mask: [B, T]; what stands at mask 0 is not read.
        totals: counts over the whole optimizer step.
    Returns:
        Scalar; 0 when the step has no sampled token.
    """
    kept = clean(values, mask)
    if how is Aggregation.TOKEN_MEAN:
        return kept.sum() / max(totals.num_tokens, 1.0)
    sequences = max(totals.num_sequences, 1.0)
    if how is Aggregation.SEQUENCE_MEAN:
        return (kept.sum(1) / mask.sum(1).clamp(min=1)).sum() / sequences
    if how is Aggregation.SEQUENCE_SUM:
        return kept.sum() / sequences
    if totals.max_tokens < 1:
        raise ValueError(f"the constant aggregation divides by max_tokens, which is {totals.max_tokens}, expected >= 1")
    return kept.sum() / (sequences * totals.max_tokens)

"""Policy objectives: a loss per token (minimised) from log-probabilities and advantages.

All take and return [B, T]; `old` and `advantages` are constants. ratio = exp(logprobs - old). Each returns, beside
the loss, what was clipped: a fraction of clipped tokens is the first thing to look at when an update misbehaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rl.functional.masked import clean


@dataclass(frozen=True)
class Objective:
    """A loss per token and where its gradient was cut.

    Attributes:
        loss: [B, T].
        ratio: [B, T], with gradient.
        clipped_low, clipped_high: [B, T] bool, True where the lower or upper clip removed the gradient.
        clipped_dual: [B, T] bool, True where dual clip did; None where there is none.
    """

    loss: Tensor
    ratio: Tensor
    clipped_low: Tensor
    clipped_high: Tensor
    clipped_dual: Tensor | None = None


def token_ratio(logprobs: Tensor, old: Tensor, mask: Tensor) -> Tensor:
    """exp(logprobs - old) per token; 1 where mask is 0."""
    return clean(logprobs - old, mask).exp()


def geometric_ratio(logprobs: Tensor, old: Tensor, mask: Tensor) -> Tensor:
    """s_i = exp(mean_t (logprobs - old)), the length-normalised sequence ratio of GSPO, spread over the row: [B, T]."""
    log_ratio = clean(logprobs - old, mask).sum(1) / mask.sum(1).clamp(min=1)
    return log_ratio.exp().unsqueeze(1).expand(mask.shape)


def sequence_ratio(logprobs: Tensor, old: Tensor, mask: Tensor) -> Tensor:
    """exp(sum_t (logprobs - old)), the probability ratio of the whole completion, spread over the row: [B, T]."""
    return clean(logprobs - old, mask).sum(1).exp().unsqueeze(1).expand(mask.shape)


def reinforce(logprobs: Tensor, old: Tensor, advantages: Tensor, mask: Tensor) -> Objective:
    """-A log pi: the score-function estimator (Williams 1992). `old` only serves to report the ratio."""
    ratio = token_ratio(logprobs.detach(), old, mask)
    never = torch.zeros_like(mask, dtype=torch.bool)
    return Objective(-clean(advantages, mask) * clean(logprobs, mask), ratio, never, never)


def clipped(ratio: Tensor, advantages: Tensor, *, low: float, high: float, dual: float | None = None) -> Objective:
    """PPO's clipped surrogate on any ratio (per token, geometric or whole sequence).

    -min(ratio A, clip(ratio, 1 - low, 1 + high) A)                            (arXiv:1707.06347 eq. 7)

    high > low is "clip higher" (DAPO, arXiv:2503.14476). With `dual` = c > 1, tokens of negative advantage lose at
    most c |A|: -max(min(...), c A) (arXiv:1912.09729 eq. 5).
    """
    surrogate = ratio * advantages
    held = ratio.clamp(1.0 - low, 1.0 + high) * advantages
    best = torch.minimum(surrogate, held)
    over = (ratio > 1.0 + high) & (advantages > 0)
    under = (ratio < 1.0 - low) & (advantages < 0)
    if dual is None:
        return Objective(-best, ratio, under, over)
    floored = torch.where(advantages < 0, torch.maximum(best, dual * advantages), best)
    return Objective(-floored, ratio, under, over, (advantages < 0) & (ratio > dual))


def cispo(logprobs: Tensor, ratio: Tensor, advantages: Tensor, *, cap: float, floor: float = 0.0) -> Objective:
    """-sg(clip(ratio, floor, cap)) A log pi: the *weight* is clipped, no token loses its gradient.

    (MiniMax-M1, arXiv:2506.13585 eq. 4.) `cap` is the absolute bound of the weight: below 1 it would scale down even
    on-policy gradients, so it is refused.

    Raises:
        ValueError: cap < 1.
    """
    if cap < 1.0:
        raise ValueError(f"cispo cap is {cap}: it is the absolute bound of the ratio, expected at least 1 (e.g. 5)")
    weight = ratio.detach().clamp(floor, cap)
    return Objective(-weight * advantages * logprobs, ratio, ratio < floor, ratio > cap)


def soft_gate(ratio: Tensor, advantages: Tensor, *, positive: float, negative: float) -> Objective:
    """-A (4 / tau) sigmoid(tau (ratio - 1)), tau by the sign of A: a smooth trust region.   (SAPO, arXiv:2511.20347)

    Its slope in the ratio is A at ratio 1 and fades on both sides. Nothing is clipped, so no fraction is reported.
    """
    tau = torch.where(advantages > 0, ratio.new_tensor(positive), ratio.new_tensor(negative))
    gate = (tau * (ratio - 1)).sigmoid() * 4 / tau
    never = torch.zeros_like(ratio, dtype=torch.bool)
    return Objective(-gate * advantages, ratio, never, never)

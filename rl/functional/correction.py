"""Importance weights for tokens that another policy sampled: stale weights, or a sampler that computes differently.

w = pi_proximal / pi_behaviour of the sampled tokens, as a constant: the gradient must not flow through it. Truncation
bounds the weight (biased, low variance); masking drops what lies outside the bounds.
"""

from __future__ import annotations

from enum import StrEnum

import torch
from torch import Tensor

from rl.functional.masked import clean


class Level(StrEnum):
    """What one weight speaks about."""

    TOKEN = "token"  # exp of the log-ratio at the token
    SEQUENCE = "sequence"  # exp of its sum over the completion: unbiased, and grows with length
    GEOMETRIC = "geometric"  # exp of its mean over the completion: a filter, not a weight


class Bound(StrEnum):
    """What happens outside [floor, cap]."""

    TRUNCATE = "truncate"  # above the cap, the cap
    MASK = "mask"  # outside [floor, cap], 0


def importance_weights(
    proximal: Tensor, behaviour: Tensor, mask: Tensor, *, level: Level, bound: Bound, cap: float, floor: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Weights and the raw ratios they were made from.

    token      w_t = exp(d_t)           sequence  w_t = exp(sum_u d_u)          d = log proximal - log behaviour
    geometric  w_t = 1 if floor <= exp(mean_u d_u) <= cap, else 0

    Truncation is min(w, cap) (TIS); masking is w 1[floor <= w <= cap] (IcePop, MIS). A geometric mean is no importance
    weight, so that level only filters.

    Args:
        proximal, behaviour, mask: [B, T].
    Returns:
        Weights [B, T], detached, 0 where mask is 0; raw ratios [B, T] before any bound.
    """
    log_ratio = clean(proximal.detach() - behaviour, mask)
    if level is Level.SEQUENCE:
        log_ratio = log_ratio.sum(1, keepdim=True).expand(mask.shape)
    elif level is Level.GEOMETRIC:
        log_ratio = (log_ratio.sum(1) / mask.sum(1).clamp(min=1)).unsqueeze(1).expand(mask.shape)
    ratio = log_ratio.exp()
    inside = (ratio >= floor) & (ratio <= cap)
    if level is Level.GEOMETRIC:
        weights = inside.to(ratio.dtype)
    elif bound is Bound.TRUNCATE:
        weights = ratio.clamp(max=cap)
    else:
        weights = torch.where(inside, ratio, torch.zeros_like(ratio))
    return clean(weights, mask), ratio

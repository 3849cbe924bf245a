"""Entropy of next-token distributions, and the coefficient that holds it up."""

from __future__ import annotations

import torch
from torch import Tensor


def entropy(logits: Tensor) -> Tensor:
    """H = log Z - sum_v p_v z_v of softmax(logits), nats: [..., V] -> [...].

    Give it the temperature-scaled logits that the tokens were sampled from. A token masked with -inf adds 0.
    """
    log_normaliser = logits.logsumexp(-1, keepdim=True)
    logprobs = logits - log_normaliser
    terms = torch.where(logprobs > -torch.inf, logprobs.exp() * logprobs, torch.zeros_like(logprobs))
    return -terms.sum(-1)


def adapt_entropy_coefficient(
    coefficient: float, entropy: float, *, target: float, step: float, largest: float
) -> float:
    """The next coefficient of the entropy bonus: up by `step` at or below the target, down above it.

    Within [0, largest] (Skywork-OR1, arXiv:2505.22312 section 4; the rule that TRL has).

    Raises:
        ValueError: entropy is NaN.
    """
    if entropy != entropy:
        raise ValueError("measured entropy is NaN: the adaptive coefficient cannot follow it")
    moved = coefficient + step if entropy <= target else coefficient - step
    return min(max(moved, 0.0), largest)

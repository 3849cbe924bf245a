"""Estimators of KL(pi || reference) from sampled tokens, and what their gradients are worth.

With d = log pi(a) - log ref(a) at a token sampled from pi:

    k1 = d              unbiased; signed
    k2 = d^2 / 2        biased, low variance
    k3 = exp(-d) - 1 + d   unbiased, never negative                       (Schulman 2020, joschu.net/blog/kl-approx)

A good *value* is no good *gradient*. By exact enumeration, against the gradient of KL(pi || reference) of the whole
sequence: k1 subtracted from the reward with return-to-go is exact where token losses are summed (a mean over each
completion's tokens, or whitening, bends it: cosine .95); k2 and ratio*k3 as a loss give the gradient of the
per-token KL and ignore what a token does to later states; k1 as a loss has expected gradient 0; k3 as a loss has the
gradient of the *forward* KL; k3 in the reward points the wrong way.
"""

from __future__ import annotations

from enum import StrEnum

from torch import Tensor


class KlEstimator(StrEnum):
    """Where each may stand is checked by `rl.algorithms.settings.Kl`."""

    K1 = "k1"  # in the reward
    K2 = "k2"  # in the loss
    K3_RATIO = "k3_ratio"  # in the loss: k3 times the importance ratio
    K3_LEGACY = "grpo_k3_legacy"  # in the loss: plain k3, as the GRPO paper has it


def kl_k1(logprobs: Tensor, reference: Tensor) -> Tensor:
    """d = log pi - log ref, per token. Expected value: the KL. Any equal shapes."""
    return logprobs - reference


def kl_k2(logprobs: Tensor, reference: Tensor) -> Tensor:
    """d^2 / 2, per token. Its gradient, in expectation over tokens of pi, is that of the per-token KL."""
    return (logprobs - reference).square() / 2


def kl_k3(logprobs: Tensor, reference: Tensor) -> Tensor:
    """exp(-d) - 1 + d, per token: unbiased and never negative. Computed with expm1: no cancellation near d = 0."""
    log_ratio = reference - logprobs
    return log_ratio.expm1() - log_ratio


def kl_loss(logprobs: Tensor, reference: Tensor, ratio: Tensor, estimator: KlEstimator) -> Tensor:
    """Per-token KL term of a loss.

    Args:
        logprobs: [B, T] of the current policy, with gradient.
        reference: [B, T] of the reference policy.
        ratio: [B, T] pi / pi_old of the sampled token, with gradient; used by k3_ratio.
    Raises:
        ValueError: k1, whose expected gradient as a loss is 0.
    """
    if estimator is KlEstimator.K2:
        return kl_k2(logprobs, reference)
    if estimator is KlEstimator.K3_RATIO:
        return ratio * kl_k3(logprobs, reference)
    if estimator is KlEstimator.K3_LEGACY:
        return kl_k3(logprobs, reference)
    raise ValueError("k1 as a loss has expected gradient 0: use k2 or k3_ratio, or place k1 in the reward")


def adapt_beta(beta: float, kl: float, *, target: float, horizon: float, num_samples: float) -> float:
    """The next KL coefficient of the adaptive controller.

    e = clip(kl / target - 1, -0.2, 0.2);   beta <- beta (1 + e n / horizon)            (arXiv:1909.08593, section 2.2)

    Args:
        kl: measured KL of the update, nats per token or per sequence as `target` is.
        num_samples: completions seen in the update; `horizon` is in the same unit.
    Raises:
        ValueError: kl is NaN or infinite: beta would be lost for good.
    """
    if kl != kl or kl in (float("inf"), float("-inf")):
        raise ValueError(f"measured KL is {kl}: the adaptive coefficient would become {kl} too")
    error = min(max(kl / target - 1.0, -0.2), 0.2)
    return beta * (1.0 + error * num_samples / horizon)

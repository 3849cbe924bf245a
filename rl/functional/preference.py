"""Losses from preferences: reward models (Bradley-Terry) and direct alignment (DPO, IPO, KTO).

`chosen` and `rejected` are log pi of whole completions, summed over sampled tokens; `reference_*` the same under the
frozen reference policy. All are [N], and so is every loss: the caller averages over the whole optimizer step.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import logsigmoid


def bradley_terry_loss(
    chosen: Tensor, rejected: Tensor, *, margin: Tensor | float = 0.0, centering: float = 0.0
) -> Tensor:
    """-log sigmoid(s_c - s_r - margin) + centering (s_c + s_r)^2, per comparison.

    The first part fixes scores up to a constant; `centering` pulls that constant to 0 (arXiv:2312.09244).

    Args:
        chosen, rejected: [N] scores of the reward model.
        margin: how much better the chosen one must be (arXiv:2307.09288 eq. 2).
    """
    loss = -logsigmoid(chosen - rejected - margin)
    return loss + centering * (chosen + rejected).square() if centering else loss


def dpo_loss(
    chosen: Tensor,
    rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log sigmoid(beta h), h = log-ratio of the chosen minus that of the rejected.    (arXiv:2305.18290 eq. 7)

    With label_smoothing = e the labels are wrong with probability e (conservative DPO):
    -(1 - e) log sigmoid(beta h) - e log sigmoid(-beta h).
    """
    h = beta * ((chosen - reference_chosen) - (rejected - reference_rejected))
    if not label_smoothing:
        return -logsigmoid(h)
    return -(1 - label_smoothing) * logsigmoid(h) - label_smoothing * logsigmoid(-h)


def ipo_loss(
    chosen: Tensor,
    rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    tau: float = 0.1,
    chosen_lengths: Tensor | None = None,
    rejected_lengths: Tensor | None = None,
) -> Tensor:
    """(h - 1 / (2 tau))^2: a finite preference gap instead of DPO's unbounded one.       (arXiv:2310.12036 eq. 17)

    With lengths [N] each log-ratio is divided by its completion's length first, as TRL does with the authors' assent;
    without, h is a sum over tokens, as the paper writes it.

    Raises:
        ValueError: one of the two lengths without the other.
    """
    if (chosen_lengths is None) != (rejected_lengths is None):
        raise ValueError("ipo_loss needs the lengths of both completions, or of neither")
    won, lost = chosen - reference_chosen, rejected - reference_rejected
    if chosen_lengths is not None and rejected_lengths is not None:
        won, lost = won / chosen_lengths.clamp(min=1), lost / rejected_lengths.clamp(min=1)
    return (won - lost - 1 / (2 * tau)).square()


def kto_loss(
    logprobs: Tensor,
    reference: Tensor,
    desirable: Tensor,
    mismatched: Tensor,
    mismatched_reference: Tensor,
    *,
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> Tensor:
    """Kahneman-Tversky loss from single completions labelled good or bad.           (arXiv:2402.01306 eq. 8)

    lambda_D (1 - sigmoid(beta (h - z))) for a desirable completion, lambda_U (1 - sigmoid(beta (z - h))) for an
    undesirable one; h the log-ratio, z = max(0, mean log-ratio of *mismatched* prompt-completion pairs), an estimate
    of KL(pi || reference) through which no gradient flows.

    Args:
        logprobs, reference: [N]. desirable: [N] bool.
        mismatched, mismatched_reference: [M] of completions paired with another problem's prompt.
    """
    zero_point = (mismatched.detach() - mismatched_reference).mean().clamp(min=0)
    gap = beta * (logprobs - reference - zero_point)
    good = desirable_weight * (1 - gap.sigmoid())
    bad = undesirable_weight * (1 - (-gap).sigmoid())
    return good.where(desirable.bool(), bad)

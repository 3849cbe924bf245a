"""Distances between a student's and a teacher's next-token distributions.

`divergence` needs the teacher's whole distribution; `sampled_reverse_kl` only its log-probability of the tokens that
the student sampled, and serves as an advantage.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sampled_reverse_kl(logprobs: Tensor, teacher: Tensor) -> Tensor:
    """log teacher - log student of sampled tokens, as a constant [B, T].

    Used as a per-token advantage, its policy gradient in expectation over the student's tokens is minus the gradient
    of the per-token KL(student || teacher).
    """
    return (teacher - logprobs).detach()


def divergence(student_logits: Tensor, teacher_logits: Tensor, *, beta: float = 1.0) -> Tensor:
    """Generalised Jensen-Shannon divergence of two next-token distributions.     (GKD, arXiv:2306.13649 eq. 1)

    m = beta teacher + (1 - beta) student;   D = beta KL(teacher || m) + (1 - beta) KL(student || m)

    Args:
        student_logits, teacher_logits: [..., V].
        beta: 0 gives forward KL(teacher || student), 1 reverse KL(student || teacher) (the limits divided by beta and
            1 - beta, as in the paper), between them a bounded mixture.
    Returns:
        [...], in nats, with gradient to the student alone.
    Raises:
        ValueError: beta outside [0, 1].
    """
    if not 0 <= beta <= 1:
        raise ValueError(f"distillation beta is {beta}, expected within [0, 1] (0 forward KL, 1 reverse KL)")
    student = student_logits.log_softmax(-1)
    teacher = teacher_logits.detach().log_softmax(-1)
    if beta == 0:
        return _kl(teacher, student)
    if beta == 1:
        return _kl(student, teacher)
    mixture = torch.logaddexp(teacher + math.log(beta), student + math.log1p(-beta))
    return beta * _kl(teacher, mixture) + (1 - beta) * _kl(student, mixture)


def _kl(p: Tensor, q: Tensor) -> Tensor:
    """KL(p || q) from log-probabilities [..., V]; a token of probability 0 under p adds 0."""
    return torch.where(p > -torch.inf, p.exp() * (p - q), torch.zeros_like(p)).sum(-1)

"""From logits and one uniform number per row to one token per row, by inverting the cumulative distribution."""

from __future__ import annotations

import torch
from torch import Tensor

from policies.types import Sampling

MAX_SCRATCH = 1 << 24  # elements of the float64 cumulative sum held at once (128 MB)


def draw(logits: Tensor, uniform: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """One token per row and its log-probability.

    The log-probability is that of softmax(logits / temperature) over the full vocabulary, before top-k and top-p: what
    a learner recomputes with `score_tokens(temperature=...)`. Greedy decoding (temperature 0) reports it at
    temperature 1.

    Args:
        logits: [N, V]; computed in float32.
        uniform: [N] float64 in [0, 1); unused by greedy decoding.
    Returns:
        ([N] int64, [N] float32)
    """
    rows = max(1, MAX_SCRATCH // logits.shape[1])
    if logits.shape[0] > rows:
        parts = [draw(part, u, sampling) for part, u in zip(logits.split(rows), uniform.split(rows), strict=True)]
        return torch.cat([tokens for tokens, _ in parts]), torch.cat([logprobs for _, logprobs in parts])
    scaled = logits.float()
    if sampling.temperature not in (0.0, 1.0):
        scaled = scaled / sampling.temperature
    logprobs = torch.log_softmax(scaled, dim=-1)
    if sampling.temperature == 0:
        tokens = logits.argmax(-1)
    else:
        tokens = _invert(restrict(logprobs, sampling).exp(), uniform)
    return tokens, logprobs.gather(1, tokens[:, None]).squeeze(1)


def restrict(logprobs: Tensor, sampling: Sampling) -> Tensor:
    """[N, V] log-probabilities with -inf outside the top k, then outside the nucleus of mass p (Holtzman et al. 2019).

    The nucleus is measured on the distribution that top-k left, and always holds the likeliest token. Ties at the k-th
    place are all kept.
    """
    vocabulary = logprobs.shape[1]
    if 0 < sampling.top_k < vocabulary:
        least = logprobs.topk(sampling.top_k, dim=-1).values[:, -1:]
        logprobs = logprobs.masked_fill(logprobs < least, -torch.inf)
    if sampling.top_p < 1:
        ordered, order = logprobs.sort(dim=-1, descending=True)
        mass = ordered.softmax(-1).cumsum(-1)
        outside = (mass - ordered.softmax(-1)) >= sampling.top_p
        outside[:, 0] = False
        logprobs = logprobs.masked_fill(outside.scatter(1, order, outside), -torch.inf)
    return logprobs


def _invert(weights: Tensor, uniform: Tensor) -> Tensor:
    """[N] index of the first cumulative weight above uniform x total; a weight of zero is never chosen."""
    cumulative = weights.cumsum(-1, dtype=torch.float64)
    target = (uniform * cumulative[:, -1])[:, None]
    return torch.searchsorted(cumulative, target, right=True).squeeze(1).clamp_(max=weights.shape[1] - 1)

"""Supervised fine-tuning: imitate demonstrations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from rl.algorithms.base import Algorithm, LossParts, Scores
from rl.functional.aggregation import Aggregation, aggregate
from rl.functional.masked import clean
from rl.types import Batch, Totals


@dataclass(frozen=True)
class Sft(Algorithm):
    """Negative log-likelihood of the demonstrated tokens, end token included.

    loss = -sum_it log pi(a_it) / N, N the demonstrated tokens of the whole optimizer step: a mean over micro-batch
    means would weigh tokens of short examples more.
    """

    name: ClassVar[str] = "sft"

    def compute_advantages(self, batch: Batch) -> Batch:
        """The batch as it is: nothing is rewarded."""
        return batch

    def loss(self, batch: Batch, scores: Scores, totals: Totals) -> LossParts:
        """The negative log-likelihood, nats per demonstrated token of the optimizer step."""
        nll: Tensor = -clean(scores.logprobs, batch.mask)
        loss = aggregate(nll, batch.mask, totals, Aggregation.TOKEN_MEAN)
        count = batch.mask.sum()
        sums: dict[str, tuple[Tensor | float, Tensor | float]] = {"imitation/loss": (nll.detach().sum(), count)}
        if scores.entropy is not None:
            sums["policy/entropy"] = (clean(scores.entropy.detach(), batch.mask).sum(), count)
        return LossParts(loss, sums)

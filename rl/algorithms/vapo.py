"""VAPO: PPO made to work for long chains of thought, by what the value model is trained on and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from rl.algorithms.base import LossParts, Scores
from rl.algorithms.ppo import Ppo
from rl.functional.advantages import gae, length_adaptive_lambda
from rl.functional.aggregation import Aggregation, aggregate
from rl.functional.masked import clean
from rl.types import Batch, Totals


@dataclass(frozen=True)
class Vapo(Ppo):
    """VAPO (arXiv:2504.05118), with VC-PPO's value pre-training and decoupled lambdas (arXiv:2503.01491).

    Value targets with lambda 1 (the sampled return); policy advantages with lambda_i = 1 - 1 / (alpha n_i), n_i the
    completion's length; clip-higher; token-level loss; plus mu times the negative log-likelihood of correct
    completions. The learner's `value_pretraining` (50 updates in the paper) lets the value model learn alone first.
    Biased even with exact values, since lambda_i depends on the length that was sampled (docs/algorithms/vapo.md).
    Differs from the paper: lambda_i is kept within [0, 1] (short completions would make it negative), and the
    likelihood term is divided by all sampled tokens of the step, so that it weighs with the share of correct ones.

    Attributes:
        length_alpha: alpha above.
        imitation_coefficient: mu above; 0: off.
        correct_above: a completion whose reward exceeds this counts as correct.
    """

    name: ClassVar[str] = "vapo"

    lam: float = 1.0  # of the value targets
    clip_high: float = 0.28
    length_alpha: float = 0.05
    imitation_coefficient: float = 0.1
    correct_above: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.length_alpha <= 0:
            raise ValueError(f"vapo: length_alpha is {self.length_alpha}, expected > 0")
        if self.imitation_coefficient < 0:
            raise ValueError(f"vapo: imitation_coefficient is {self.imitation_coefficient}, expected 0 (off) or more")

    def token_advantages(self, rewards: Tensor, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """[B, T] advantages with each completion's own lambda, and value targets with `lam`."""
        lam = length_adaptive_lambda(mask.sum(1), self.length_alpha)
        returns = gae(rewards, values, mask, gamma=self.gamma, lam=self.lam) + values
        return gae(rewards, values, mask, gamma=self.gamma, lam=lam), returns

    def loss(self, batch: Batch, scores: Scores, totals: Totals) -> LossParts:
        """PPO's, plus mu times the negative log-likelihood of the correct completions."""
        parts = super().loss(batch, scores, totals)
        if self.imitation_coefficient == 0:
            return parts
        correct = batch.mask * (batch.rewards > self.correct_above).unsqueeze(1)
        nll = -clean(scores.logprobs, correct)
        loss = parts.loss + self.imitation_coefficient * aggregate(nll, correct, totals, Aggregation.TOKEN_MEAN)
        sums: Mapping[str, tuple[Tensor | float, Tensor | float]] = {
            **parts.sums,
            "policy/imitation_loss": (nll.detach().sum(), correct.sum()),
        }
        return LossParts(loss, sums, parts.maxima)

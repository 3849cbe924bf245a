"""MaxRL: climb the log-likelihood of success rather than its probability; hard problems weigh more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from rl.algorithms.grpo import check_clip
from rl.algorithms.policy_gradient import PolicyGradient
from rl.functional.advantages import mean_normalised
from rl.functional.aggregation import Aggregation
from rl.functional.objectives import Objective, clipped, token_ratio
from rl.types import Batch


@dataclass(frozen=True)
class MaxRl(PolicyGradient):
    """Maximum-likelihood RL (arXiv:2602.02710).

    A_i = (r_i - mean_g) / mean_g, 0 where the mean is 0. For rewards in {0, 1} and groups of G its expected gradient
    is that of sum_{k=1}^{G-1} -(1 - p)^k / k, the expansion of log p that G samples can see. Differs from the paper:
    PPO's clipped surrogate, whose gradient at ratio 1 is the same. Assumes rewards >= 0.

    Attributes:
        clip_low, clip_high: the ratio is kept in [1 - clip_low, 1 + clip_high].
    """

    name: ClassVar[str] = "max_rl"

    aggregation: Aggregation = Aggregation.SEQUENCE_SUM
    clip_low: float = 0.2
    clip_high: float = 0.28

    def __post_init__(self) -> None:
        super().__post_init__()
        check_clip(self.name, self.clip_low, self.clip_high)

    def row_advantages(self, rewards: Tensor, batch: Batch) -> Tensor:
        """[B] (r - mean_g) / mean_g; 0 in a group whose mean is 0."""
        return mean_normalised(rewards, batch.groups)

    def objective(self, logprobs: Tensor, old: Tensor, advantages: Tensor, mask: Tensor) -> Objective:
        """The clipped surrogate on the token's ratio."""
        return clipped(token_ratio(logprobs, old, mask), advantages, low=self.clip_low, high=self.clip_high)

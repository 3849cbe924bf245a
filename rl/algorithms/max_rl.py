"""MaxRL: climb the log-likelihood of success rather than its probability; hard problems weigh more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from rl.algorithms.clipped import Clipped
from rl.algorithms.policy_gradient import refuse_single_completions
from rl.functional.advantages import mean_normalised
from rl.functional.aggregation import Aggregation
from rl.types import Batch


@dataclass(frozen=True)
class MaxRl(Clipped):
    """Maximum-likelihood RL (arXiv:2602.02710).

    A_i = (r_i - mean_g) / mean_g, 0 where the mean is 0. For rewards in {0, 1} and groups of G its expected gradient
    is that of sum_{k=1}^{G-1} -(1 - p)^k / k, the expansion of log p that G samples can see. Differs from the paper:
    PPO's clipped surrogate, whose gradient at ratio 1 is the same. Assumes rewards >= 0.

    Attributes:
        clip_low, clip_high: the ratio is kept in [1 - clip_low, 1 + clip_high].
    """

    name: ClassVar[str] = "max_rl"

    aggregation: Aggregation = Aggregation.SEQUENCE_SUM
    clip_high: float = 0.28

    def row_advantages(self, rewards: Tensor, batch: Batch) -> Tensor:
        """[B] (r - mean_g) / mean_g; 0 in a group whose mean is 0."""
        refuse_single_completions(rewards, batch)
        return mean_normalised(rewards, batch.groups)

"""Group relative policy optimisation: siblings of the same problem are the baseline, no value model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from rl.algorithms.clipped import DualClipped
from rl.algorithms.policy_gradient import scaled_group_advantages
from rl.algorithms.settings import Scale
from rl.functional.aggregation import Aggregation
from rl.types import Batch


@dataclass(frozen=True)
class Grpo(DualClipped):
    """GRPO (DeepSeekMath, arXiv:2402.03300).

    A_i = (r_i - mean_g) / (std_g + 1e-4);  loss = mean over completions of the mean over tokens of the clipped
    surrogate. Differs from the paper: no KL by default (the paper's k3 in the loss is offered as grpo_k3_legacy), and
    `scale` may divide by the batch's deviation or by nothing, because dividing by the group's re-weighs problems by
    difficulty. Assumes rewards comparable within a problem.

    Attributes:
        scale: what centred rewards are divided by.
        clip_low, clip_high: the ratio is kept in [1 - clip_low, 1 + clip_high].
        dual_clip: bound c > 1 on ratio for negative advantages; None: off.
    """

    name: ClassVar[str] = "grpo"

    aggregation: Aggregation = Aggregation.SEQUENCE_MEAN
    scale: Scale = Scale.GROUP_STD

    def row_advantages(self, rewards: Tensor, batch: Batch) -> Tensor:
        """[B] rewards over their group's mean, divided by what `scale` names."""
        return scaled_group_advantages(rewards, batch, self.scale)

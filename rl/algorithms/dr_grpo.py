"""GRPO done right: no division by the group's deviation, no division by the completion's own length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from rl.algorithms.clipped import Clipped
from rl.algorithms.policy_gradient import scaled_group_advantages
from rl.algorithms.settings import Scale
from rl.functional.aggregation import Aggregation
from rl.types import Batch


@dataclass(frozen=True)
class DrGrpo(Clipped):
    """Dr. GRPO (arXiv:2503.20783).

    A_i = r_i - mean_g;  loss = sum of the clipped surrogate over tokens / (completions x length limit). Its expected
    gradient is (G-1)/G of the true one, divided by the length limit: the learning rate absorbs both.

    Attributes:
        clip_low, clip_high: the ratio is kept in [1 - clip_low, 1 + clip_high].
    """

    name: ClassVar[str] = "dr_grpo"

    aggregation: Aggregation = Aggregation.CONSTANT

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.aggregation not in (Aggregation.CONSTANT, Aggregation.SEQUENCE_SUM):
            raise ValueError(
                f"dr_grpo: aggregation {self.aggregation} divides by lengths that the policy chooses, which is the "
                "bias Dr. GRPO removes: use constant or sequence_sum, or the algorithm grpo"
            )

    def row_advantages(self, rewards: Tensor, batch: Batch) -> Tensor:
        """[B] rewards over their group's mean, divided by nothing."""
        return scaled_group_advantages(rewards, batch, Scale.NONE)

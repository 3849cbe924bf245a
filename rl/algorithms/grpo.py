"""Group relative policy optimisation: siblings of the same problem are the baseline, no value model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from rl.algorithms.policy_gradient import PolicyGradient, scaled_group_advantages
from rl.algorithms.settings import Scale
from rl.functional.aggregation import Aggregation
from rl.functional.objectives import Objective, clipped, token_ratio
from rl.types import Batch


@dataclass(frozen=True)
class Grpo(PolicyGradient):
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
    clip_low: float = 0.2
    clip_high: float = 0.2
    dual_clip: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_clip(self.name, self.clip_low, self.clip_high, self.dual_clip)

    def row_advantages(self, rewards: Tensor, batch: Batch) -> Tensor:
        """[B] rewards over their group's mean, divided by what `scale` names."""
        return scaled_group_advantages(rewards, batch, self.scale)

    def objective(self, logprobs: Tensor, old: Tensor, advantages: Tensor, mask: Tensor) -> Objective:
        """The clipped surrogate on the token's ratio, held by dual clip where that is set."""
        ratio = token_ratio(logprobs, old, mask)
        return clipped(ratio, advantages, low=self.clip_low, high=self.clip_high, dual=self.dual_clip)


def check_clip(name: str, low: float, high: float, dual: float | None = None) -> None:
    """Refuses clip bounds that no ratio could satisfy, or that would touch on-policy tokens.

    Raises:
        ValueError: with the bound and its valid range.
    """
    if not 0 < low <= 1:
        raise ValueError(f"{name}: clip_low is {low}: the ratio is kept above 1 - clip_low, expected within (0, 1]")
    if high <= 0:
        raise ValueError(f"{name}: clip_high is {high}: the ratio is kept below 1 + clip_high, expected > 0")
    if dual is not None and dual <= 1 + high:
        raise ValueError(f"{name}: dual_clip is {dual}, expected more than 1 + clip_high = {1 + high} (3 is common)")

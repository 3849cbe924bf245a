"""CISPO: clip the importance weight, not the update, so that no token loses its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from rl.algorithms.policy_gradient import PolicyGradient, scaled_group_advantages
from rl.algorithms.settings import Scale
from rl.functional.aggregation import Aggregation
from rl.functional.objectives import Objective, cispo, token_ratio
from rl.types import Batch


@dataclass(frozen=True)
class Cispo(PolicyGradient):
    """CISPO (MiniMax-M1, arXiv:2506.13585; as scaled up in ScaleRL, arXiv:2510.13786).

    loss = -sum_it sg(min(ratio_it, cap)) A_i log pi(a_it) / N. Differs from the paper: no lower bound, and `cap` is
    the absolute bound of the ratio (5, ScaleRL's), never 1 + something.

    Attributes:
        scale: what centred rewards are divided by.
        cap: largest weight of a token, >= 1.
    """

    name: ClassVar[str] = "cispo"

    aggregation: Aggregation = Aggregation.TOKEN_MEAN
    scale: Scale = Scale.GROUP_STD
    cap: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cap < 1:
            raise ValueError(f"cispo: cap is {self.cap}: below 1 it scales down on-policy gradients, expected >= 1")

    def row_advantages(self, rewards: Tensor, batch: Batch) -> Tensor:
        """[B] rewards over their group's mean, divided by what `scale` names."""
        return scaled_group_advantages(rewards, batch, self.scale)

    def objective(self, logprobs: Tensor, old: Tensor, advantages: Tensor, mask: Tensor) -> Objective:
        """-A log pi times the token's ratio, capped and without a gradient of its own."""
        return cispo(logprobs, token_ratio(logprobs, old, mask), advantages, cap=self.cap)

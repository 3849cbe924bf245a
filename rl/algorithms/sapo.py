"""SAPO: a soft gate on the ratio instead of a hard clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from rl.algorithms.policy_gradient import PolicyGradient, scaled_group_advantages
from rl.algorithms.settings import Scale
from rl.functional.aggregation import Aggregation
from rl.functional.objectives import Objective, soft_gate, token_ratio
from rl.types import Batch


@dataclass(frozen=True)
class Sapo(PolicyGradient):
    """SAPO (arXiv:2511.20347).

    loss = -A (4 / tau) sigmoid(tau (ratio - 1)), tau one number for positive and one for negative advantages: at
    ratio 1 the gradient is the policy gradient's, and it fades smoothly away from it.

    Attributes:
        scale: what centred rewards are divided by.
        temperature_positive, temperature_negative: tau above, > 0; larger is a narrower gate.
    """

    name: ClassVar[str] = "sapo"

    aggregation: Aggregation = Aggregation.SEQUENCE_MEAN
    scale: Scale = Scale.GROUP_STD
    temperature_positive: float = 1.0
    temperature_negative: float = 1.05

    def __post_init__(self) -> None:
        super().__post_init__()
        for setting in ("temperature_positive", "temperature_negative"):
            if getattr(self, setting) <= 0:
                raise ValueError(f"sapo: {setting} is {getattr(self, setting)}, expected > 0")

    def row_advantages(self, rewards: Tensor, batch: Batch) -> Tensor:
        """[B] rewards over their group's mean, divided by what `scale` names."""
        return scaled_group_advantages(rewards, batch, self.scale)

    def objective(self, logprobs: Tensor, old: Tensor, advantages: Tensor, mask: Tensor) -> Objective:
        """The advantage through a soft gate on the token's ratio; nothing is clipped."""
        ratio = token_ratio(logprobs, old, mask)
        return soft_gate(ratio, advantages, positive=self.temperature_positive, negative=self.temperature_negative)

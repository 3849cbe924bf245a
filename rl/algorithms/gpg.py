"""GPG: the policy gradient with a group baseline, rescaled for the groups that carry no signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from rl.algorithms.policy_gradient import PolicyGradient, scaled_group_advantages
from rl.algorithms.settings import Scale
from rl.functional.advantages import signal_scale
from rl.functional.aggregation import Aggregation
from rl.functional.objectives import Objective, reinforce
from rl.types import Batch


@dataclass(frozen=True)
class Gpg(PolicyGradient):
    """GPG (arXiv:2504.02546).

    A_i = alpha (r_i - mean_g) / F,  alpha = B / (B - M), M the completions in groups of equal rewards (all right or
    all wrong);  loss = -A log pi, no ratio and no clip. F is 1 or, with `scale`, a deviation.

    Attributes:
        scale: F above.
    """

    name: ClassVar[str] = "gpg"
    has_ratio: ClassVar[bool] = False

    aggregation: Aggregation = Aggregation.TOKEN_MEAN
    scale: Scale = Scale.NONE

    def row_advantages(self, rewards: Tensor, batch: Batch) -> Tensor:
        """[B] alpha (r - mean_g) / F, alpha from the groups of this batch."""
        return signal_scale(rewards, batch.groups) * scaled_group_advantages(rewards, batch, self.scale)

    def objective(self, logprobs: Tensor, old: Tensor, advantages: Tensor, mask: Tensor) -> Objective:
        """-A log pi; the ratio to `old` is reported and weighs nothing."""
        return reinforce(logprobs, old, advantages, mask)

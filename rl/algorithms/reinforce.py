"""REINFORCE: the plain policy gradient, from which everything else is a departure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

import torch
from torch import Tensor

from rl.algorithms.policy_gradient import PolicyGradient
from rl.functional.advantages import leave_one_out
from rl.functional.aggregation import Aggregation
from rl.functional.masked import clean
from rl.functional.objectives import Objective, reinforce
from rl.types import Batch


class Baseline(StrEnum):
    """What REINFORCE subtracts from a reward."""

    NONE = "none"
    BATCH = "batch"  # mean reward of the other completions of the batch: unbiased


@dataclass(frozen=True)
class Reinforce(PolicyGradient):
    """REINFORCE (Williams 1992).

    loss = -mean over completions of A_i sum_t log pi(a_t);  A_i = r_i - mean reward of the other completions of the
    batch. Exact on policy. With `correction`, tokens of another policy are weighted by min(pi / pi_behaviour, cap).

    Attributes:
        baseline: what is subtracted from the reward.
    """

    name: ClassVar[str] = "reinforce"
    has_ratio: ClassVar[bool] = False

    aggregation: Aggregation = Aggregation.SEQUENCE_SUM
    baseline: Baseline = Baseline.BATCH

    def row_advantages(self, rewards: Tensor, batch: Batch) -> Tensor:
        """[B] rewards, less the mean of the batch's others where that is the baseline."""
        if self.baseline is Baseline.NONE:
            return clean(rewards, ~rewards.isnan())
        return leave_one_out(rewards, torch.zeros_like(batch.groups))

    def objective(self, logprobs: Tensor, old: Tensor, advantages: Tensor, mask: Tensor) -> Objective:
        """-A log pi; the ratio to `old` is reported and weighs nothing."""
        return reinforce(logprobs, old, advantages, mask)

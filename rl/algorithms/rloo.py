"""REINFORCE leave-one-out: a completion is one action, its siblings are the baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from rl.algorithms.grpo import check_clip
from rl.algorithms.policy_gradient import PolicyGradient
from rl.functional.advantages import leave_one_out
from rl.functional.aggregation import Aggregation
from rl.functional.objectives import Objective, clipped, sequence_ratio
from rl.types import Batch


@dataclass(frozen=True)
class Rloo(PolicyGradient):
    """RLOO (arXiv:2402.14740).

    A_i = r_i - mean of the siblings' rewards;  loss = mean over completions of the clipped surrogate on the
    probability ratio of the whole completion. At ratio 1 its gradient is REINFORCE's, unbiased. Differs from the
    paper: the ratio and its clip (as TRL has them) allow several minibatches. A KL penalty enters the
    reward as a sum over the completion.

    Attributes:
        clip_low, clip_high: the completion's ratio is kept in [1 - clip_low, 1 + clip_high].
    """

    name: ClassVar[str] = "rloo"
    sequence_level: ClassVar[bool] = True

    aggregation: Aggregation = Aggregation.SEQUENCE_MEAN
    clip_low: float = 0.2
    clip_high: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_clip(self.name, self.clip_low, self.clip_high)
        check_sequence_aggregation(self.name, self.aggregation)

    def row_advantages(self, rewards: Tensor, batch: Batch) -> Tensor:
        """[B] rewards over the mean of their siblings'; the rows of a group sum to 0."""
        return leave_one_out(rewards, batch.groups)

    def objective(self, logprobs: Tensor, old: Tensor, advantages: Tensor, mask: Tensor) -> Objective:
        """The clipped surrogate on the whole completion's ratio, the same for all its tokens."""
        return clipped(sequence_ratio(logprobs, old, mask), advantages, low=self.clip_low, high=self.clip_high)


def check_sequence_aggregation(name: str, aggregation: Aggregation) -> None:
    """Refuses to weigh a loss that is one number per completion by the completion's length.

    Raises:
        ValueError: anything but sequence_mean.
    """
    if aggregation is not Aggregation.SEQUENCE_MEAN:
        raise ValueError(
            f"{name}: the loss is one number per completion, and aggregation {aggregation} would count it once per "
            "token: use sequence_mean"
        )

"""REINFORCE leave-one-out: a completion is one action, its siblings are the baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from rl.algorithms.clipped import Clipped
from rl.functional.advantages import leave_one_out
from rl.functional.aggregation import Aggregation
from rl.functional.objectives import sequence_ratio
from rl.types import Batch


@dataclass(frozen=True)
class Rloo(Clipped):
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

    def row_advantages(self, rewards: Tensor, batch: Batch) -> Tensor:
        """[B] rewards over the mean of their siblings'; the rows of a group sum to 0."""
        return leave_one_out(rewards, batch.groups)

    def ratio(self, logprobs: Tensor, old: Tensor, mask: Tensor) -> Tensor:
        """[B, T] the whole completion's, the same for all its tokens."""
        return sequence_ratio(logprobs, old, mask)

"""GSPO: GRPO with the importance ratio of the whole completion, normalised by its length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from rl.algorithms.clipped import Clipped
from rl.algorithms.policy_gradient import scaled_group_advantages
from rl.algorithms.settings import Scale
from rl.functional.aggregation import Aggregation
from rl.functional.objectives import geometric_ratio
from rl.types import Batch


@dataclass(frozen=True)
class Gspo(Clipped):
    """GSPO (arXiv:2507.18071).

    s_i = exp(mean_t (log pi - log pi_old));  loss = -mean_i min(s_i A_i, clip(s_i, 1 - low, 1 + high) A_i). The mean
    log-ratio of a completion moves far less than a token's, hence clip bounds of a few 1e-4. A KL penalty enters the
    reward as a sum over the completion.

    Attributes:
        scale: what centred rewards are divided by.
        clip_low, clip_high: s_i is kept in [1 - clip_low, 1 + clip_high].
    """

    name: ClassVar[str] = "gspo"
    sequence_level: ClassVar[bool] = True

    aggregation: Aggregation = Aggregation.SEQUENCE_MEAN
    scale: Scale = Scale.GROUP_STD
    clip_low: float = 3e-4
    clip_high: float = 4e-4

    def row_advantages(self, rewards: Tensor, batch: Batch) -> Tensor:
        """[B] rewards over their group's mean, divided by what `scale` names."""
        return scaled_group_advantages(rewards, batch, self.scale)

    def ratio(self, logprobs: Tensor, old: Tensor, mask: Tensor) -> Tensor:
        """[B, T] s_i, the same for all tokens of a completion."""
        return geometric_ratio(logprobs, old, mask)

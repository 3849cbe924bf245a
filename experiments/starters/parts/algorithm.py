from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from rl.algorithms.clipped import Clipped
from rl.types import Batch


@dataclass(frozen=True)
class Mine(Clipped):
    """GRPO with the median of the group as the baseline, and the clipped surrogate."""

    name: ClassVar[str] = "mine"

    def row_advantages(self, rewards: Tensor, batch: Batch) -> Tensor:
        """[B] advantages of the completions of the groups `batch.groups` [B]."""
        advantages = torch.zeros_like(rewards)
        for group in batch.groups.unique():
            rows = batch.groups == group
            advantages[rows] = rewards[rows] - rewards[rows].quantile(0.5)
        return advantages

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rl.rewards.base import reward_each
from rl.types import Group


@dataclass(frozen=True)
class Mine:
    """1 for a right answer, less `price` for every token."""

    price: float = 0.001
    reads_gold: ClassVar[bool] = True  # its verdicts are charged to the arm that uses it

    def compute_rewards(self, groups: Sequence[Group]) -> list[Group]:
        """The same groups in order, with the named parts of every completion's reward; they are added up."""
        return reward_each(
            groups, lambda row: {"right": row.verdict.answer_share, "length": -self.price * row.num_sampled}
        )

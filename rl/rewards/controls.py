"""Rewards that teach nothing about the task, to compare with: chance, agreement, form and length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from envs.splits import keyed_rng
from rl.rewards.base import reward_each
from rl.rewards.numbers import check_finite
from rl.rewards.verifier import VerifierReward
from rl.types import Group


@dataclass(frozen=True)
class CoinFlipReward:
    """Control: 1 with probability `probability` whatever was written, keyed by (seed, uid)."""

    seed: int = 0
    probability: float = 0.5

    reads_gold: ClassVar[bool] = False

    def compute_rewards(self, groups: Sequence[Group]) -> list[Group]:
        """Groups with the part `coin`."""
        return reward_each(groups, lambda t: {"coin": float(self._is_heads(t.uid))})

    def _is_heads(self, uid: int) -> bool:
        return keyed_rng("coin", self.seed, uid).random() < self.probability


@dataclass(frozen=True)
class MajorityReward:
    """Control: 1 when the answer is the one most of the group gives (no reference is read; Zuo et al. 2504.16084).

    A tie between answers goes to the one that was given first; a completion without an answer gets 0.
    """

    reads_gold: ClassVar[bool] = False

    def compute_rewards(self, groups: Sequence[Group]) -> list[Group]:
        """Groups with the part `majority`."""
        return [rewarded for group in groups for rewarded in self._reward_group(group)]

    @staticmethod
    def _reward_group(group: Group) -> list[Group]:
        votes = Counter(t.verdict.answer for t in group.trajectories if t.verdict.answer is not None)
        winner = votes.most_common(1)[0][0] if votes else None
        return reward_each([group], lambda t: {"majority": float(winner is not None and t.verdict.answer == winner)})


def well_formed_reward() -> VerifierReward:
    """Control: 1 for a readable solution, right or wrong."""
    return VerifierReward({"format": 1.0})


def length_reward(weight: float = 0.01) -> VerifierReward:
    """Control: `weight` per token written; negative likes short completions."""
    check_finite("weight", weight, not_zero=True)
    return VerifierReward({"tokens": weight})

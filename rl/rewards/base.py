"""What a reward function is: graded groups in, the same groups with rewards out.

An RL run and an RLHF run differ in this one object. It leaves the gold verdict untouched, so gold is recorded beside
whatever is optimised. Parts are named, already weighted, and sum to the reward.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from rl.types import Group, TokenPair, Trajectory


class RewardFunction(Protocol):
    """Rewards graded groups; the RL loop calls it once per step with all groups of the step.

    It may say whether it reads ground truth, in an attribute `reads_gold`; of one that does not, every verdict that it
    looks at counts as read (rl/rewards/reads.py).

    It may have a method `token_shares(groups)`: uid -> what each completion token adds to the reward. Runs that keep
    values of tokens (`rl.log_token_values`) write it to the rollout log.
    """

    def compute_rewards(self, groups: Sequence[Group]) -> list[Group]:
        """The same groups, in order, with `reward` and `parts` (and `token_rewards`) of every trajectory filled."""
        ...


class Scorer(Protocol):
    """A learned judge of (prompt tokens, completion tokens), such as policies.scoring.reward_model.RewardModel."""

    def score(self, pairs: list[TokenPair]) -> list[float]:
        """One number per pair; higher is better."""
        ...

    def token_scores(self, pairs: list[TokenPair]) -> list[list[float]]:
        """The score after the prompt and after each token of the completion: one more than it has tokens."""
        ...


def reward_each(groups: Sequence[Group], parts: Callable[[Trajectory], Mapping[str, float]]) -> list[Group]:
    """The groups with these parts of every trajectory."""
    return [replace(g, trajectories=tuple(t.rewarded(parts(t)) for t in g.trajectories)) for g in groups]

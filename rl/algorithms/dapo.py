"""DAPO: GRPO with clip-higher, a token-level loss, dynamic sampling and a soft penalty for overlong completions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rl.algorithms.grpo import Grpo
from rl.functional.aggregation import Aggregation
from rl.types import Group, Trajectory

OVERLONG = "overlong"  # name of the penalty among a trajectory's reward parts


@dataclass(frozen=True)
class Dapo(Grpo):
    """DAPO (arXiv:2503.14476).

    GRPO's advantage; ratio clipped to [0.8, 1.28]; every token of the step weighs the same; a problem whose
    completions are all right or all wrong is replaced by another one, group by group; the last stretch before the
    length limit is penalised linearly down to -1. Differs from the paper: resampling is bounded by `max_resamples`, and
    the stretch is a share of the length limit.

    Attributes:
        max_resamples: rounds of new problems at most; what is missing then stays missing. 0: no dynamic sampling.
        overlong_share: share of the length limit over which the penalty grows, in (0, 1]; 0: no penalty.
        overlong_penalty: reward lost at the limit.
    """

    name: ClassVar[str] = "dapo"

    aggregation: Aggregation = Aggregation.TOKEN_MEAN
    clip_high: float = 0.28
    max_resamples: int = 3
    overlong_share: float = 0.2
    overlong_penalty: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_resamples < 0:
            raise ValueError(f"dapo: max_resamples is {self.max_resamples}, expected 0 or more rounds")
        if not 0 <= self.overlong_share <= 1:
            raise ValueError(f"dapo: overlong_share is {self.overlong_share}, expected a share of the length limit")
        if self.overlong_penalty < 0:
            raise ValueError(f"dapo: overlong_penalty is {self.overlong_penalty}: the amount lost, expected >= 0")
        if self.overlong_share == 0 and self.overlong_penalty != 1.0:
            raise ValueError("dapo: overlong_penalty only acts with overlong_share > 0")

    def filter_group(self, group: Group) -> bool:
        """False where the group's task rewards are all equal, so it has no advantage; with max_resamples 0 all stay."""
        known = {reward for reward in map(_task_reward, group.trajectories) if not math.isnan(reward)}
        return self.max_resamples == 0 or len(known) > 1

    def shape_rewards(self, groups: Sequence[Group], max_tokens: int) -> list[Group]:
        """The groups with a part `overlong` of their rewards: 0, falling to -overlong_penalty at `max_tokens`."""
        if self.overlong_share == 0:
            return list(groups)
        return [replace(g, trajectories=tuple(self._shaped(g, max_tokens))) for g in groups]

    def _shaped(self, group: Group, max_tokens: int) -> list[Trajectory]:
        buffer = max(1, round(self.overlong_share * max_tokens))
        shaped = []
        for trajectory in group.trajectories:
            length = len(trajectory.completion.tokens)
            penalty = self.overlong_penalty * soft_overlong_penalty(length, limit=max_tokens, buffer=buffer)
            shaped.append(trajectory.rewarded({**trajectory.parts, OVERLONG: penalty}))
        return shaped


def soft_overlong_penalty(length: int, *, limit: int, buffer: int) -> float:
    """0 up to limit - buffer tokens, then linearly down to -1 at the limit.       (DAPO, arXiv:2503.14476 eq. 13)

    Raises:
        ValueError: buffer outside 1..limit.
    """
    if not 1 <= buffer <= limit:
        raise ValueError(f"overlong buffer is {buffer} tokens with a limit of {limit}, expected within 1..{limit}")
    return -min(max((length - (limit - buffer)) / buffer, 0.0), 1.0)


def _task_reward(trajectory: Trajectory) -> float:
    """The reward without the penalty for length: a group that is all right carries no signal however long it is."""
    if OVERLONG not in trajectory.parts:
        return trajectory.reward
    return sum(value for name, value in trajectory.parts.items() if name != OVERLONG)

"""What a reward function gives back, looked at before it is trained on: a mistake names the reward and the row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from rl.types import Group, Trajectory, as_number

LARGEST = 1e6  # beyond it gradients and value targets are no float32 numbers to learn from

Compute = Callable[[Sequence[Group]], Sequence[Group]]


class RewardError(ValueError):
    """A reward function raised, or gave back something else than a number for every completion."""


def checked_rewards(name: str, compute: Compute, groups: Sequence[Group]) -> list[Group]:
    """The groups as `compute` rewards them, every number a Python float. NaN passes: nothing is known of that row.

    Args:
        name: of the reward, for messages.
    Raises:
        RewardError: `compute` raised, gave other groups or rows back, or a reward is no number, infinite or absurd.
    """
    try:
        rewarded = list(compute(groups))
    except Exception as error:  # whatever somebody's reward raises is told in the same way
        raise RewardError(f"reward {name}: {_told(error)}{_where(compute, groups)}") from error
    if odd := [group for group in rewarded if not isinstance(group, Group)]:
        raise RewardError(
            f"reward {name}: it gave back {odd[0]!r:.60} ({type(odd[0]).__name__}), expected the groups that it was "
            "given, with their completions rewarded"
        )
    if [_identity(group) for group in rewarded] != [_identity(group) for group in groups]:
        raise RewardError(
            f"reward {name}: it was given {len(groups)} groups and gave back {len(rewarded)} with other rows, expected "
            "the same completions in the same order"
        )
    return [replace(group, trajectories=tuple(_checked(name, t) for t in group.trajectories)) for group in rewarded]


def _identity(group: Group) -> tuple[int, ...]:
    return tuple(trajectory.uid for trajectory in group.trajectories)


def _checked(name: str, row: Trajectory) -> Trajectory:
    try:
        reward = as_number(row.reward, "it")
        parts = {part: as_number(value, f"part {part!r}") for part, value in row.parts.items()}
        dense = row.token_rewards
        if dense is not None:
            dense = tuple(as_number(value, f"token reward {index}") for index, value in enumerate(dense))
    except TypeError as error:
        raise RewardError(f"reward {name} of {row.named}: {error}") from error
    for value in (reward, *(dense or ())):
        if math.isinf(value) or abs(value) > LARGEST:
            raise RewardError(
                f"reward {name} of {row.named} is {value:g}, beyond {LARGEST:g} in size: it would drown every other "
                "completion; scale it or bound it (NaN means that nothing is known of a completion)"
            )
    return replace(row, reward=reward, parts=parts, token_rewards=dense)


def _told(error: Exception) -> str:
    """A mistake that names its row already, or the kind of error and what it says."""
    return str(error) if isinstance(error, RewardError | TypeError) else f"{type(error).__name__}: {error}"


def _where(compute: Compute, groups: Sequence[Group]) -> str:
    """Which row it raised on, found by asking for each group, then each row, alone; empty where all of them pass."""
    for group in groups:
        if _raises(compute, group):
            for row in group.trajectories:
                if _raises(compute, Group(group.problem, (row,))):
                    return f" (on {row.named})"
            return f" (on the group of {group.trajectories[0].named})"
    return ""


def _raises(compute: Compute, group: Group) -> bool:
    try:
        compute([group])
    except Exception:  # only where it raises is asked here; what it raises has been told
        return True
    return False

"""Who reads ground truth: the verdicts that a reward function or a curriculum looked at while it worked.

Every completion is graded, so that gold is recorded beside whatever is optimised; only what training *reads* is paid
for. Those of this project say whether they read it (`reads_gold`); anybody else's are watched: a verdict whose outcome,
score, parts or facts were looked at was read. The extracted answer and the time it took are no ground truth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from rl.rewards.base import RewardFunction
from rl.rewards.checked import checked_rewards
from rl.types import Group, Trajectory
from verifiers.types import Verdict

NO_GOLD = frozenset({"answer", "seconds"})  # what a verdict says without a reference
T = TypeVar("T")


class VerdictReads:
    """The completions of one step whose gold verdict was read, each counted once however often it was read."""

    def __init__(self) -> None:
        self._read: set[int] = set()

    def __len__(self) -> int:
        return len(self._read)

    def by(self, reader: object, groups: Sequence[Group], work: Callable[[Sequence[Group]], T]) -> T:
        """What `work` makes of the groups; notes which verdicts it read.

        Args:
            reader: whose work it is. Its attribute `reads_gold`, where it has one, says whether it reads all of them
                or none; without it, `work` is given verdicts that notice when they are read.
        """
        declared = getattr(reader, "reads_gold", None)
        if declared is None:
            return work([self._watched(group) for group in groups])
        if declared:
            self._read.update(t.uid for group in groups for t in group.trajectories)
        return work(groups)

    def compute_rewards(self, reward: RewardFunction, groups: Sequence[Group]) -> list[Group]:
        """The groups as the reward function rewards them, checked, with the verdicts they came with.

        Raises:
            RewardError: see `rl.rewards.checked`.
        """

        def rewarded(watched: Sequence[Group]) -> list[Group]:
            """The checked rewards of groups whose verdicts may be watched."""
            return checked_rewards(type(reward).__name__, reward.compute_rewards, watched)

        return [_unwatched(group) for group in self.by(reward, groups, rewarded)]

    def _watched(self, group: Group) -> Group:
        return replace(group, trajectories=tuple(self._watch(t) for t in group.trajectories))

    def _watch(self, trajectory: Trajectory) -> Trajectory:
        return replace(trajectory, verdict=watched(trajectory.verdict, lambda: self._read.add(trajectory.uid)))


class _WatchedVerdict(Verdict):
    """A verdict that tells when it is read; equal to the one it was made from."""

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name not in NO_GOLD:
            object.__getattribute__(self, "_on_read")()
        return object.__getattribute__(self, name)


def watched(verdict: Verdict, on_read: Callable[[], object]) -> Verdict:
    """The same verdict, which calls `on_read` when what it says about the answer is looked at."""
    made: Verdict = object.__new__(_WatchedVerdict)
    made.__dict__.update(vars(verdict), _on_read=on_read, _plain=verdict)
    return made


def _unwatched(group: Group) -> Group:
    """The group with the verdicts that were given to `watched`."""
    if not any(isinstance(t.verdict, _WatchedVerdict) for t in group.trajectories):
        return group
    rows = (replace(t, verdict=vars(t.verdict).get("_plain", t.verdict)) for t in group.trajectories)
    return replace(group, trajectories=tuple(rows))

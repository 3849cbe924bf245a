"""The weighted sum of several reward functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rl.rewards.base import RewardFunction
from rl.rewards.numbers import check_finite
from rl.types import Group, Trajectory


@dataclass(frozen=True)
class MixedReward:
    """The weighted sum of several sources, e.g. a checker and a little of a reward model.

    Attributes:
        sources: (source, weight) pairs; their parts keep their names, which must differ.
    """

    sources: Sequence[tuple[RewardFunction, float]]

    def __post_init__(self) -> None:
        if not self.sources:
            raise ValueError("sources is empty, expected at least one (reward function, weight)")
        for _, weight in self.sources:
            check_finite("the weight of a source", weight)

    @property
    def reads_gold(self) -> bool | None:
        """True when one of the sources reads it; None when none says so and one does not say."""
        said = [getattr(source, "reads_gold", None) for source, _ in self.sources]
        return True if True in said else None if None in said else False

    def compute_rewards(self, groups: Sequence[Group]) -> list[Group]:
        """Groups with the parts of every source, each times its weight."""
        rewarded = [(source.compute_rewards(groups), weight) for source, weight in self.sources]
        return [
            replace(
                group,
                trajectories=tuple(
                    self._mix([(rows[i].trajectories[j], weight) for rows, weight in rewarded])
                    for j in range(len(group.trajectories))
                ),
            )
            for i, group in enumerate(groups)
        ]

    def token_shares(self, groups: Sequence[Group]) -> dict[int, list[float]]:
        """uid -> what each completion token adds by those sources that say so, each times its weight."""
        total: dict[int, list[float]] = {}
        for source, weight in self.sources:
            shares = getattr(source, "token_shares", None)
            for uid, row in ({} if shares is None else shares(groups)).items():
                before = total.get(uid, [0.0] * len(row))
                total[uid] = [a + weight * b for a, b in zip(before, row)]
        return total

    @staticmethod
    def _mix(rows: Sequence[tuple[Trajectory, float]]) -> Trajectory:
        parts: dict[str, float] = {}
        dense: list[float] | None = None
        for trajectory, weight in rows:
            clash = parts.keys() & trajectory.parts.keys()
            if clash:
                raise ValueError(f"two mixed reward functions both have a part named {min(clash)!r}")
            parts.update({name: weight * value for name, value in trajectory.parts.items()})
            if trajectory.token_rewards is not None:
                dense = dense or [0.0] * len(trajectory.token_rewards)
                dense = [a + weight * b for a, b in zip(dense, trajectory.token_rewards)]
        return replace(rows[0][0].rewarded(parts), token_rewards=None if dense is None else tuple(dense))

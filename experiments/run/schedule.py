"""What a study has done, is doing and will do, and about how long the rest will take."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Schedule:
    """The stages of every seed, in order, and how long those took that are done.

    A stage to come is expected to take what it took for other seeds, else what others of its kind took on the average
    (a test, or anything else); where nothing of its kind is done, nobody knows.

    Attributes:
        stages: of each seed; further ones that turn up (tests of earlier policies) are counted when they begin.
        seeds: in the order in which they run.
    """

    stages: Sequence[str] = ()
    seeds: Sequence[int] = (0,)
    seed: int | None = None
    took: dict[tuple[int | None, str], float] = field(default_factory=dict)  # (seed, stage) -> seconds

    def to_come(self, running: str | None) -> list[tuple[int | None, str]]:
        """(seed, stage) of every planned stage that neither runs nor is done."""
        planned = [(seed, stage) for seed in self.seeds for stage in self.stages]
        return [each for each in planned if each not in self.took and each != (self.seed, running)]

    def count(self, running: str | None) -> tuple[int, int]:
        """(number of the running stage, number of all stages), over all seeds."""
        done = len(self.took)
        return done + (running is not None), done + (running is not None) + len(self.to_come(running))

    def seconds_left(self, running: str | None, its_own: float | None) -> tuple[float, int]:
        """Seconds until the end, and of how many stages they say nothing.

        Args:
            its_own: what the running stage will take yet; None: not known.
        """
        known = [self._expected(stage) for _, stage in self.to_come(running)]
        if running is not None:
            known.append(its_own)
        return sum(value for value in known if value is not None), sum(value is None for value in known)

    def _expected(self, stage: str) -> float | None:
        alike = [seconds for (_, name), seconds in self.took.items() if name == stage]
        kind = [seconds for (_, name), seconds in self.took.items() if _kind(name) == _kind(stage)]
        found = alike or kind
        return statistics.fmean(found) if found else None


def _kind(stage: str) -> str:
    return "test" if stage.startswith("test ") else "training"

"""Where the loop tells what happened. The experiments package writes files and the live display behind this seam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from rl.types import Group


class Recorder(Protocol):
    """Receives what a stage ("imitation", "rl", "rlhf", ...) reports; never changes what the stage computes."""

    @property
    def stop_requested(self) -> bool:
        """True after the first Ctrl-C: the stage checkpoints at the next step boundary and returns."""
        ...

    def rewind(self, stage: str, step: int, *, samples: int | None = None) -> None:
        """The stage goes on from `step`: what was recorded of later steps will be recorded again.

        Args:
            samples: the step whose samples were the last to be saved with a checkpoint, where it is not `step`.
        """
        ...

    def metrics(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """One row of numbers; names are those of rl/records/names.py."""
        ...

    def samples(self, stage: str, step: int, groups: Sequence[Group]) -> None:
        """A few full groups, for the rollout log and the screen."""
        ...

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        """How far the stage is."""
        ...

    def doing(self, stage: str, what: str) -> None:
        """What a step is at just now, e.g. `sampled 24 of 48 problems`: for a person who waits for a long one."""
        ...

    def warn(self, stage: str, message: str) -> None:
        """Something a person should see now and in the report.

        Of a step, it is told after the step's metrics: a resumed run, which does the step again, tells it again.
        """
        ...


class SilentRecorder:
    """Keeps metrics and warnings in memory and shows nothing: for tests and for callers that want no files."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, int, dict[str, float]]] = []
        self.warnings: list[tuple[str, str]] = []
        self.stop_requested = False

    def rewind(self, stage: str, step: int, *, samples: int | None = None) -> None:
        """Forgets the rows of later steps."""
        self.rows = [row for row in self.rows if row[0] != stage or row[1] <= step]

    def metrics(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Keeps the row."""
        self.rows.append((stage, step, dict(values)))

    def samples(self, stage: str, step: int, groups: Sequence[Group]) -> None:
        """Ignored."""

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Ignored."""

    def doing(self, stage: str, what: str) -> None:
        """Ignored."""

    def warn(self, stage: str, message: str) -> None:
        """Keeps the warning."""
        self.warnings.append((stage, message))

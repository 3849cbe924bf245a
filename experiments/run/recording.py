"""The Recorder of a real run: files in the run folder, and the display."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from experiments.run.display import Display
from experiments.run.folders import RunFolder, append_jsonl
from experiments.run.stop import Stop
from experiments.run.trackers import StageTrackers
from rl.types import Group, Trajectory

SAMPLED_GROUPS = 4  # groups of a step kept in samples.jsonl
SAMPLED_TRAJECTORIES = 2  # trajectories of each


class RunRecorder:
    """Writes metrics.jsonl, samples.jsonl and warnings.jsonl, and tells the display and the trackers.

    Args:
        trackers: told what metrics.jsonl is told.
        on_progress: told (done, total, note), for the status file.
        on_doing: told what a step is at, likewise.
    """

    def __init__(
        self,
        folder: RunFolder,
        display: Display,
        stop: Stop,
        *,
        on_progress: Callable[[int, int, str], None],
        on_doing: Callable[[str], None] = lambda what: None,
        trackers: StageTrackers | None = None,
    ) -> None:
        self.folder = folder
        self.display = display
        self.stop = stop
        self._on_progress, self._on_doing = on_progress, on_doing
        self._trackers = trackers
        self._step = 0  # of the last row of metrics

    @property
    def stop_requested(self) -> bool:
        """True after the first Ctrl-C."""
        return self.stop.requested

    def rewind(self, stage: str, step: int, *, samples: int | None = None) -> None:
        """What was recorded of later steps is removed from the files."""
        self.folder.rewind(stage, step, step if samples is None else samples)
        self._step = step

    def metrics(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """One row in metrics.jsonl."""
        self._step = step
        self.folder.metrics(stage, step, values)
        self.display.metrics(stage, values)
        if self._trackers is not None:
            self._trackers.log(values, step)

    def samples(self, stage: str, step: int, groups: Sequence[Group]) -> None:
        """A few trajectories of a step in samples.jsonl: always the first groups, never hand-picked."""
        rows = [
            {"stage": stage, "step": step, **sample_row(trajectory)}
            for group in groups[:SAMPLED_GROUPS]
            for trajectory in group.trajectories[:SAMPLED_TRAJECTORIES]
        ]
        append_jsonl(self.folder.path / "samples.jsonl", rows)
        if groups and groups[0].trajectories:
            self.display.sample(stage, step, groups[0].trajectories[0])

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        """How far the stage is, on screen and in status.json."""
        self.display.progress(stage, done, total, note)
        self._on_progress(done, total, note)

    def doing(self, stage: str, what: str) -> None:
        """What a step is at just now, on screen and in status.json."""
        self.display.doing(stage, what)
        self._on_doing(what)

    def warn(self, stage: str, message: str) -> None:
        """A line in warnings.jsonl and on screen."""
        self.display.warn(stage, message)
        append_jsonl(self.folder.path / "warnings.jsonl", [{"stage": stage, "step": self._step, "message": message}])

    def close(self) -> None:
        """Ends the trackers."""
        if self._trackers is not None:
            self._trackers.close()


def sample_row(trajectory: Trajectory) -> dict[str, Any]:
    """A trajectory as a row that people and the report read."""
    problem, completion = trajectory.problem, trajectory.completion
    return {
        "problem": problem.id,
        "level": problem.level,
        "prompt": problem.text,
        "answer": problem.answer,
        "completion": completion.text,
        "finish": completion.finish.value,
        **({"stop": trajectory.stop.value} if trajectory.stop is not None else {}),
        "num_tokens": len(completion.tokens),
        "version": completion.version,
        "reward": trajectory.reward,
        "parts": dict(trajectory.parts),
        "verdict": trajectory.verdict.to_json(),
    }

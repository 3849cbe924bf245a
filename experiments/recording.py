"""The Recorder of a real run: files in the run folder, and the display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.display import Display
from experiments.runs import RunFolder, append_jsonl
from experiments.stop import StopSwitch
from rl.types import Group, Trajectory

SAMPLED_GROUPS = 4  # groups of a step kept in samples.jsonl
SAMPLED_TRAJECTORIES = 2  # trajectories of each


class RunRecorder:
    """Writes metrics.jsonl, samples.jsonl, warnings.jsonl, status.json and, when asked, TensorBoard events."""

    def __init__(self, folder: RunFolder, display: Display, stop: StopSwitch, *, tensorboard: bool = False) -> None:
        self.folder = folder
        self.display = display
        self.stop = stop
        self._writer: Any = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(folder.path / "tensorboard")

    @property
    def stop_requested(self) -> bool:
        """True after the first Ctrl-C."""
        return self.stop.requested

    def metrics(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """One row in metrics.jsonl."""
        self.folder.metrics(stage, step, values)
        self.display.metrics(stage, values)
        if self._writer:
            for name, value in values.items():
                self._writer.add_scalar(f"{stage}/{name}", value, step)

    def samples(self, stage: str, step: int, groups: Sequence[Group]) -> None:
        """A few trajectories of a step in samples.jsonl: always the first groups, never hand-picked."""
        rows = [
            {"stage": stage, "step": step, **sample_row(trajectory)}
            for group in groups[:SAMPLED_GROUPS]
            for trajectory in group.trajectories[:SAMPLED_TRAJECTORIES]
        ]
        append_jsonl(self.folder.path / "samples.jsonl", rows)

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        """How far the stage is, on screen and in status.json."""
        self.display.progress(stage, done, total, note)
        self.folder.status("running", done=done, total=total, note=note, force=False)

    def warn(self, stage: str, message: str) -> None:
        """A line in warnings.jsonl and on screen."""
        self.display.warn(stage, message)
        append_jsonl(self.folder.path / "warnings.jsonl", [{"stage": stage, "message": message}])

    def close(self) -> None:
        """Flushes what is buffered."""
        if self._writer:
            self._writer.close()


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

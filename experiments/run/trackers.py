"""Trackers: who else is told a stage's metrics, beside metrics.jsonl. By name, or `file.py:attribute`.

A tracker is one object with `log(metrics, step)`, and `close()` if it has something to end. It is made when a stage's
first metrics come, one for each stage and seed; names are those of docs/metrics.md. What it does changes no number of
the run: the global generators are put back after it was made, and one that fails is told of once and left out.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from experiments.run.errors import UserError, did_you_mean
from rl.learning.random_state import load_random_state, random_state
from verifiers.parts import find_part, is_own


class Named(Protocol):
    """What a config says of a tracker: its name and settings."""

    @property
    def name(self) -> str:
        """Built in, an entry point, or `file.py:attribute`."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """Arguments of the tracker."""
        ...


class Tracker(Protocol):
    """Receives the metrics of one stage."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """The numbers of a step; steps rise, and a resumed stage may repeat some."""
        ...


@dataclass(frozen=True)
class TrackedStage:
    """What a tracker is made for.

    Attributes:
        study, seed, stage: which metrics these will be.
        folder: of the stage; a tracker that writes files puts them into a folder of its name there.
        config: the study's whole config, as plain values.
        first_step: of the metrics that come first; after a resume, not that of the run.
    """

    study: str
    seed: int
    stage: str
    folder: Path
    config: Mapping[str, Any]
    first_step: int = 0


class TensorBoard:
    """Event files in the stage's folder, named stage/metric: `tensorboard --logdir runs/demo`."""

    package = "tensorboard"

    def __init__(self, run: TrackedStage) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._stage = run.stage
        # events of later steps, of a run that was killed, are hidden
        self._writer = SummaryWriter(run.folder / "tensorboard", purge_step=run.first_step)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """A scalar for each number."""
        for name, value in metrics.items():
            self._writer.add_scalar(f"{self._stage}/{name}", value, step)

    def close(self) -> None:
        """Writes what is buffered."""
        self._writer.close()


class Trackio:
    """trackio, on this machine: `trackio show --project STUDY`; a run for each seed and stage.

    Args:
        settings: further arguments of `trackio.init`, such as `space_id`.
    """

    package = "trackio"

    def __init__(self, run: TrackedStage, **settings: Any) -> None:
        import trackio

        given: dict[str, Any] = {
            "project": run.study,
            "name": f"seed-{run.seed}/{run.stage}",
            "resume": "allow",
            "embed": False,
        }
        given |= {"auto_log_gpu": False, "auto_log_cpu": False, "config": dict(run.config), **settings}
        with contextlib.redirect_stdout(sys.stderr):  # the study's tables are what stdout is for
            self._run = trackio.init(**given)
        self._trackio = trackio

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """A row for the step."""
        self._run.log(dict(metrics), step=step)

    def close(self) -> None:
        """Ends the run."""
        with contextlib.redirect_stdout(sys.stderr):
            self._trackio.finish()  # the run's own would be called a second time when the process ends


class Wandb:
    """Weights & Biases, offline unless asked otherwise: files in the stage's folder, sent later by `wandb sync`.

    Args:
        mode: "offline", "online" or "disabled".
        settings: further arguments of `wandb.init`, such as `entity`.
    """

    package = "wandb"

    def __init__(self, run: TrackedStage, mode: str = "offline", **settings: Any) -> None:
        import wandb

        run.folder.mkdir(parents=True, exist_ok=True)
        given: dict[str, Any] = {
            "project": run.study,
            "group": run.study,
            "name": f"seed-{run.seed}/{run.stage}",
            "dir": str(run.folder),
        }
        given |= {"config": dict(run.config), "reinit": "create_new", **settings}
        self._run = wandb.init(mode=mode, settings=wandb.Settings(silent=True, console="off"), **given)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """A row for the step."""
        self._run.log(dict(metrics), step=step)

    def close(self) -> None:
        """Ends the run."""
        self._run.finish()


TRACKERS: Mapping[str, Callable[..., Tracker]] = {"tensorboard": TensorBoard, "trackio": Trackio, "wandb": Wandb}


def tracker_class(component: Named) -> Callable[..., Tracker]:
    """What makes the tracker that a config names: called with a TrackedStage and the component's settings.

    Raises:
        UserError: an unknown name, a package that is not installed, or a file that has no such attribute.
    """
    name = component.name
    if is_own("tracker", name, TRACKERS):
        try:
            made: Callable[..., Tracker] = find_part("tracker", name, {})
        except (ValueError, ImportError, OSError) as error:
            raise UserError(f"trackers: {error}") from error
        if not callable(made):
            raise UserError(f"trackers: {name} is no class or function: expected one that takes a TrackedStage")
        return made
    if name not in TRACKERS:
        raise UserError(
            f"trackers: {name!r} is none of {', '.join(TRACKERS)}, nor file.py:attribute{did_you_mean(name, TRACKERS)}"
        )
    if find_spec(name) is None:
        raise UserError(
            f"trackers: {name} is not installed: run pip install -e '.[{name}]' in this project's folder, or "
            f"pip install {name}"
        )
    return TRACKERS[name]


class StageTrackers:
    """The trackers of one stage, made when its first metrics come.

    Args:
        components: as the config names them.
        run: the stage; its first step is that of the first metrics.
        warn: told of a tracker that failed.
    """

    def __init__(
        self,
        components: tuple[Named, ...],
        run: Callable[[int], TrackedStage],
        warn: Callable[[str], None],
    ) -> None:
        self._components, self._run, self._warn = components, run, warn
        self._made: dict[str, Tracker] | None = None

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Tells each tracker that has not failed."""
        if self._made is None:
            self._made = self._make(self._run(step)) if self._components else {}
        for name, tracker in list(self._made.items()):
            try:
                tracker.log(metrics, step)
            except Exception as error:  # somebody else's service must not end a run
                del self._made[name]
                self._failed(name, error)

    def close(self) -> None:
        """Ends those that have something to end."""
        made, self._made = self._made or {}, {}
        for name, tracker in made.items():
            try:
                getattr(tracker, "close", lambda: None)()
            except Exception as error:  # as above
                self._failed(name, error)

    def _make(self, run: TrackedStage) -> dict[str, Tracker]:
        before = random_state()
        made: dict[str, Tracker] = {}
        for component in self._components:
            try:
                made[component.name] = tracker_class(component)(run, **component.settings)
            except Exception as error:  # as above
                self._failed(component.name, error)
        load_random_state(before)
        return made

    def _failed(self, name: str, error: Exception) -> None:
        reason = " ".join(str(error).split())[:300]
        self._warn(
            f"the tracker {name} failed and is told nothing more of this stage: {type(error).__name__}: {reason}"
        )

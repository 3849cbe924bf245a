"""Checkpoints of a fit by trl: written in trl's format, each sealed with checksums and an identity as ours are.

A checkpoint counts once it is sealed, which is after trl has written all of it; the one before is kept until then. What
trl leaves out is added: the values since its last log, of which the next one is the mean, so that a fit that goes on
logs what it would have logged in one go.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers

from rl.learning.checkpoint_manifest import (
    MANIFEST,
    check_identity,
    newest_whole,
    read_manifest,
    torn_where_unreadable,
    write_manifest,
)
from rl.records.recorder import Recorder

SINCE_LOG = "since_log.json"
KEPT = 2  # the newest may turn out torn
PREFIX = f"{transformers.trainer_utils.PREFIX_CHECKPOINT_DIR}-"


class FitCheckpoints:
    """The checkpoints of one fit.

    Args:
        folder: belongs to this fit alone, and is removed when it is done.
        identity: JSON values that say whose they are (seed, stage, ...); those of somebody else are refused.
    """

    def __init__(self, folder: str | Path, identity: Mapping[str, Any] | None = None) -> None:
        self.folder = Path(folder)
        self.identity = identity

    def go_on(self, recorder: Recorder, stage: str) -> Path | None:
        """The checkpoint to go on from, with the recorder put back to its step; None: the fit begins.

        Raises:
            CheckpointError: every checkpoint is torn, or one is of another fit.
        """
        for path in self._paths():
            if not (path / MANIFEST).exists():  # of a process that was killed while it wrote
                shutil.rmtree(path)
        found = newest_whole(self.folder, self._paths(), self._read, lambda message: recorder.warn(stage, message))
        recorder.rewind(stage, 0 if found is None else found[0])
        return None if found is None else found[1]

    def _read(self, path: Path) -> tuple[int, Path]:
        with torn_where_unreadable(path):
            manifest = read_manifest(path)
            check_identity(path, manifest.get("identity"), self.identity)
            return int(manifest["step"]), path

    def sealing(self, trainer: Any, begin_at: Path | None) -> Any:
        """A trainer callback that seals each checkpoint once it is written, and removes those that are too old.

        Args:
            trainer: trl's, which is given the callback.
            begin_at: the checkpoint that the trainer goes on from.
        """

        seal = self._seal

        class Sealing(transformers.TrainerCallback):
            def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                """Put back what trl has forgotten of the steps since the last log."""
                if begin_at is not None:
                    _put_back(trainer, begin_at / SINCE_LOG)

            def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                """Seal it."""
                seal(state.global_step, _since_log(trainer))

        return Sealing()

    def _seal(self, step: int, since_log: Mapping[str, Any]) -> None:
        path = self.folder / f"{PREFIX}{step}"
        (path / SINCE_LOG).write_text(json.dumps(since_log))
        names = sorted(file.name for file in path.iterdir() if file.is_file() and file.name != MANIFEST)
        write_manifest(path, step, names, self.identity)
        for old in self._paths()[KEPT:]:
            shutil.rmtree(old)

    def _paths(self) -> list[Path]:
        """Folders of the written checkpoints, newest first."""
        numbered = {path.name.removeprefix(PREFIX): path for path in self.folder.glob(f"{PREFIX}*")}
        steps = sorted((int(number) for number in numbered if number.isdecimal()), reverse=True)
        return [numbered[str(step)] for step in steps]

    def remove(self) -> None:
        """The fit is done."""
        shutil.rmtree(self.folder, ignore_errors=True)


def going_on(checkpoints: FitCheckpoints | None, recorder: Recorder, stage: str) -> Path | None:
    """Where a fit goes on, and the recorder put back to there; None: it begins."""
    if checkpoints is not None:
        return checkpoints.go_on(recorder, stage)
    recorder.rewind(stage, 0)
    return None


def _since_log(trainer: Any) -> dict[str, Any]:
    """What the next log of a trainer (DPO, KTO, reward model) will be made from, but for the steps to come."""
    return {
        "step": trainer._globalstep_last_logged,
        "loss": trainer._tr_loss.item(),  # summed over the steps since
        "metrics": dict(trainer._metrics["train"]),  # name -> a value for each of them
    }


def _put_back(trainer: Any, path: Path) -> None:
    """Gives a trainer what `_since_log` took; nothing where a checkpoint of an earlier version has none."""
    if not path.exists():
        return
    since = json.loads(path.read_text())
    trainer._globalstep_last_logged = since["step"]
    trainer._tr_loss += torch.tensor(since["loss"], dtype=trainer._tr_loss.dtype)
    for name, values in since["metrics"].items():
        trainer._metrics["train"][name] = list(values)

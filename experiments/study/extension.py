"""More steps for a study that ended: its RL arms go on from their last checkpoints, optimizer included.

Nothing else may differ from the config that the folder was written with. With a constant learning rate and without
staleness, the extended run is bit for bit the one that had the later number of steps from the beginning.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.config.arms.kinds import RlArm
from experiments.config.experiment import Experiment
from experiments.run.errors import UserError
from experiments.run.evaluations import BEST_BY_VERIFIER, KL_MATCHED
from experiments.run.folders import STATUS, RunFolder, filter_jsonl, read_object, write_json
from rl.files import write_whole


@dataclass(frozen=True)
class Extension:
    """What an extended study does again.

    Attributes:
        folder: of the study.
        steps: arm -> (steps that it was to take, steps that it is to take now).
    """

    folder: Path
    steps: dict[str, tuple[int, int]]

    @classmethod
    def between(cls, folder: Path, before: Experiment, now: Experiment) -> Extension | None:
        """The extension that leads from one config to another; None where they differ in something else.

        Raises:
            UserError: they differ in nothing but steps, and these cannot be extended; says why.
        """
        if _without_steps(before) != _without_steps(now):
            return None
        steps: dict[str, tuple[int, int]] = {}
        for name, arm in now.arms.items():
            old, new = before.arms[name].rl_over(before).steps, arm.rl_over(now).steps
            if old == new or "steps" not in arm.uses_rl:
                continue
            keep = f"arms.{name}.rl: {{steps: {old}}} leaves it as it is"
            if not isinstance(arm, RlArm):
                raise UserError(f"{name}: method {arm.method} cannot take more steps than it was begun with; {keep}")
            if new < old:
                raise UserError(f"{name}: rl.steps is {new}, and {folder} was run with {old}: steps are only added")
            steps[name] = (old, new)
        for name, arm in now.arms.items():
            if stale := sorted(set(arm.builds_on) & steps.keys()):
                raise UserError(f"{name} builds on {stale[0]}, whose steps grow: begin a new folder for both")
        return cls(folder, steps)

    def apply(self) -> None:
        """Opens the extended arms again, and keeps the config of before beside the one of now. May be repeated."""
        config = self.folder / "config.yaml"
        number = len(list(self.folder.glob("config.before-*.yaml"))) + 1
        write_whole(self.folder / f"config.before-{number}.yaml", config.read_bytes())
        for seed in sorted(self.folder.glob("seed-*")):
            for name in self.steps:
                if (seed / name / STATUS).exists():
                    _reopen(RunFolder(seed / name))

    def note(self) -> str:
        """A line for whoever watches."""
        told = ", ".join(f"{name} from {old} to {new} steps" for name, (old, new) in self.steps.items())
        return f"{self.folder} is extended: {told}"


def _reopen(folder: RunFolder) -> None:
    """A finished arm becomes an interrupted one; what was tested of it is tested again."""
    if not folder.is_done:
        return
    if not any((folder.path / "checkpoints").glob("step-*")):
        raise UserError(f"{folder.path} has no checkpoint to go on from (checkpoints/step-*): begin a new folder")
    shutil.rmtree(folder.path / KL_MATCHED, ignore_errors=True)  # the KL to match may be another one now
    for part in (folder.path, folder.path / BEST_BY_VERIFIER):
        shutil.rmtree(part / "test", ignore_errors=True)
        if part.exists():
            filter_jsonl(part / "evals.jsonl", lambda row: row["step"] is not None)
    write_json(folder.path / STATUS, {**read_object(folder.path / STATUS, "state"), "state": "interrupted"})


def _without_steps(experiment: Experiment) -> dict[str, Any]:
    tree = experiment.model_dump(mode="json")
    tree["rl"].pop("steps")
    for arm in tree["arms"].values():
        arm["rl"].pop("steps", None)
    return tree

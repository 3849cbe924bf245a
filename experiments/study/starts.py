"""Starts taken over from a study that has them: the dearest part of a small study, and often the same.

A start that was trained and tested alike is copied as it is. One that was trained alike, for a study that tests on
other problems or with other samples, gives its weights alone: demonstrator and start are then tested anew.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from experiments.config.arms.base import START
from experiments.config.experiment import Experiment
from experiments.config.loading import load_resolved
from experiments.run.errors import UserError
from experiments.run.folders import STATUS, read_json, read_object, write_json
from experiments.run.manifest import MANIFEST, artefact_digest, read_manifest, verify_files
from experiments.stages.seed_folders import GIVEN
from experiments.study.identity import stage_identity, start_settings

TESTED = ("evaluation", "workers")  # sections that decide how a start is tested, and not what it is


def weight_settings(experiment: Experiment) -> dict[str, Any]:
    """The settings that decide the weights of the start."""
    return {name: value for name, value in start_settings(experiment).items() if name not in TESTED}


def has_starts(experiment: Experiment, source: Path) -> bool:
    """True when another study's starts are, or would have been, those of this one, for every seed."""
    return why_not(experiment, source) is None


def why_not(experiment: Experiment, source: Path) -> str | None:
    """What keeps the starts of a study from being those of this one; None where nothing does.

    Raises:
        UserError: the source is no study.
    """
    theirs, ours = weight_settings(load_resolved(source / "config.yaml")), weight_settings(experiment)
    if other := [name for name in ours if ours[name] != theirs[name]]:
        return f"they were made with other settings of {', '.join(other)}"
    lacking = [seed for seed in experiment.seeds if not is_start_done(source, seed)]
    return f"seed {lacking[0]} has none that is finished" if lacking else None


def is_start_done(study: Path, seed: int) -> bool:
    """True where a study has the finished start of a seed; makes no folder, unlike a look through `RunFolder`."""
    status = study / f"seed-{seed}" / START / STATUS
    return status.exists() and read_object(status, "state")["state"] == "done"


def take_starts(experiment: Experiment, source: Path, target: Path) -> None:
    """Copies the starts of `source` into the folder of this study, where they are not yet.

    Raises:
        UserError: they are those of another study, or unfinished.
        DamagedArtefactError: one was changed since it was made.
    """
    if (reason := why_not(experiment, source)) is not None:
        raise UserError(f"the starts of {source} cannot be taken over: {reason}")
    is_tested_alike = start_settings(load_resolved(source / "config.yaml")) == start_settings(experiment)
    for seed in experiment.seeds:
        theirs, whole = (root / f"seed-{seed}" / START for root in (source, target))
        part = whole.with_name(f"{START}.part")
        if whole.exists():
            continue
        shutil.rmtree(part, ignore_errors=True)
        if is_tested_alike:
            shutil.copytree(theirs, part)
        else:
            _take_weights(theirs, part)
        part.rename(whole)


def take_arms(experiment: Experiment, source: Path, target: Path) -> list[str]:
    """Copies arms that the source has with the same settings, from the same start, with their tests; says which.

    Only such as read no labels and build on no other arm. An arm is taken for all seeds or for none.

    Raises:
        DamagedArtefactError: the manifest of one is damaged; its files are compared when the study comes to it.
    """
    other = load_resolved(source / "config.yaml")
    if start_settings(other) != start_settings(experiment):
        return []  # another test, or a start of another making
    taken = []
    for name, arm in experiment.arms.items():
        if name not in other.arms or arm.reads_preference or arm.builds_on:
            continue
        steps = [each.arms[name].rl_over(each).steps for each in (other, experiment)]  # no part of the identity
        if steps[0] != steps[1] or not _is_the_same(experiment, name, source, target):
            continue
        taken.append(name)
        for seed in experiment.seeds:
            whole, part = (target / f"seed-{seed}" / folder for folder in (name, f"{name}.part"))
            if not whole.exists():
                shutil.rmtree(part, ignore_errors=True)
                shutil.copytree(source / f"seed-{seed}" / name, part)
                part.rename(whole)
    return taken


def _is_the_same(experiment: Experiment, arm: str, source: Path, target: Path) -> bool:
    """Whether the finished, tested arm of another study is the one that this study would make, for every seed."""
    for seed in experiment.seeds:
        folder = source / f"seed-{seed}" / arm
        if not ((folder / MANIFEST).exists() and (folder / "test" / STATUS).exists()):
            return False
        manifest = read_manifest(folder)
        starts = [artefact_digest(root / f"seed-{seed}" / START) for root in (source, target)]
        if manifest["identity"] != stage_identity(experiment, seed, arm) or manifest["parents"] != {START: starts[0]}:
            return False
        if starts[0] != starts[1]:
            return False
    return True


def _take_weights(source: Path, part: Path) -> None:
    files = read_manifest(source)["files"]
    verify_files(source, {name: entry for name, entry in files.items() if name.startswith("policy/")})
    shutil.copytree(source / "policy", part / GIVEN)
    card = source / "imitation.json"
    if card.exists():
        write_json(part / "imitation.json", {**read_json(card), "taken_over": True})

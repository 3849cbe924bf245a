"""What is wrong with the files of a study, in sentences: a page shows what is left of it, and says what is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from envs.types import Problem
from experiments.config.loading import load_resolved
from experiments.run.errors import UserError
from experiments.run.folders import STATUS, damage_told, read_jsonl, read_object
from experiments.run.manifest import (
    LISTED,
    LOGS,
    MANIFEST,
    check_study_settings,
    figures_of,
    read_manifest,
    verify_files,
    verify_listed,
)
from experiments.run.sealed import read_sealed
from rl.records.evaluate import problem_set_hash


def damage_of(study: Path) -> list[str]:
    """A sentence for every file that a reader of this study would refuse; each file is looked at by itself."""
    found: list[str] = []

    def look(check: Callable[..., Any], *given: Any) -> Any:
        """What a check returns; None where it refuses, which is noted."""
        try:
            with damage_told(study):
                return check(*given)
        except UserError as error:
            found.append(str(error))
        except OSError as error:
            found.append(f"{error.filename or study}: {error.strerror or error}")
        return None

    state: Any = {}
    if (study / "study.json").exists():
        state = look(read_sealed, study / "study.json")
    elif any(study.glob(f"seed-*/*/{MANIFEST}")):
        found.append(f"{study / 'study.json'} is missing, though stages are done: resuming the study writes it again")
    look(load_resolved, study / "config.yaml")
    if state:
        look(check_study_settings, study, state)
        for name, expected in dict(state.get("problems") or {}).items():
            look(_check_problems, study / "problems" / f"{name}.jsonl", expected)
    if (study / "provenance.json").exists():
        look(read_sealed, study / "provenance.json")
    stages = {study / row["folder"] for row in (state or {}).get("stages", ()) if _is_of_a_stage(row)}
    for folder in sorted(
        {*stages, *(path.parent for path in study.rglob(MANIFEST) if not _is_checkpoint(study, path))}
    ):
        manifest = look(read_manifest, folder)
        files = manifest["files"] if manifest else {}
        words = {name: entry for name, entry in files.items() if Path(name).name == "tokenizer.json"}
        for name, entry in {**figures_of(files), **words}.items():
            look(verify_files, folder, {name: entry})
        if manifest and manifest.get(LISTED):
            look(verify_listed, folder, manifest[LISTED])
    for log in sorted(path for path in study.rglob("*.jsonl") if path.name in LOGS):
        look(lambda path: [None for _ in read_jsonl(path)], log)  # what was appended since it was sealed, too
    told = {study / row["folder"] / STATUS for row in (state or {}).get("stages", ()) if row.get("folder")}
    for path in sorted({*told, *study.rglob(STATUS)}):
        look(read_object, path, "state")
    return list(dict.fromkeys(found))


def _is_of_a_stage(row: Any) -> bool:
    """Whether a row of study.json is of a stage with a folder of its own."""
    return bool(row.get("folder")) and not str(row.get("stage", "")).startswith("test ")


def _is_checkpoint(study: Path, path: Path) -> bool:
    """Whether a file is of a checkpoint, which has a manifest of another kind: `checkpoints`, `checkpoints_0` ..."""
    return any(part.startswith("checkpoints") for part in path.relative_to(study).parts)


def _check_problems(path: Path, expected: str) -> None:
    problems = [Problem.from_json(row) for row in read_jsonl(path)]
    if problem_set_hash(problems) != expected:
        raise UserError(f"{path} is damaged: it does not hold the problems that the study was tested on")

"""Checksums and identity of what a stage wrote: whoever reads it later finds what was written, of this stage and run.

manifest.json of a stage's folder lists every file with size and SHA-256, who wrote it (seed, stage, digest of the
settings) and from what (the digests of the stages whose artefacts it read). Logs that later stages append to are held
to their beginning. Checkpoints and rollouts have checksums of their own.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from experiments.run.errors import UserError
from experiments.run.folders import DamagedFileError
from experiments.run.sealed import CHECKSUM, digest_of, digest_of_file, read_sealed, write_sealed

MANIFEST = "manifest.json"
LISTED = "rollouts"
LOGS = frozenset({"metrics.jsonl", "evals.jsonl", "samples.jsonl", "warnings.jsonl"})  # later stages append to them
APART = frozenset(
    {"test", "rollouts", "tensorboard", "wandb"}
)  # folders with checksums of their own, or of nothing that is read
NOT_READ = frozenset({MANIFEST, "status.json", "stacks.txt"})  # files that no later stage reads

Identity = Mapping[str, Any]


class DamagedArtefactError(UserError):
    """A file of a finished stage is missing, was changed, or is another stage's or run's."""


def seal(folder: Path, identity: Identity, parents: Mapping[str, str] | None = None) -> None:
    """Writes manifest.json: what is in the folder now, by whom and from what.

    Sealed again, files that were listed keep their checksum (they are not looked at, and so not taken for right), new
    ones are added, and logs are listed at their new length.

    Args:
        parents: None: those of the manifest that is there.
    """
    before = read_manifest(folder) if (folder / MANIFEST).exists() else {"files": {}, "identity": identity}
    known = {name: entry for name, entry in before["files"].items() if Path(name).name not in LOGS}
    files = {name: known.get(name) or _entry(folder / name) for name in _names(folder)}
    row = {
        "identity": dict(before["identity"]),
        "parents": dict(before.get("parents", {}) if parents is None else parents),
        "files": {**known, **files},
        LISTED: {**before.get(LISTED, {}), **_rollouts(folder)},
    }
    write_sealed(folder / MANIFEST, row)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a stage's folder.

    Raises:
        DamagedArtefactError: it is missing or damaged.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise _refused(path, "is missing, though the stage was done")
    return read_sealed(path, "identity", "parents", "files", CHECKSUM)


def verify(folder: Path, identity: Identity, parents: Mapping[str, str]) -> None:
    """Compares everything that a finished stage wrote with its manifest.

    Raises:
        DamagedArtefactError: a file is missing or was changed, the stage is of another seed, stage or config, or it was
            made from other artefacts than those that are there.
    """
    manifest = read_manifest(folder)
    _verify_code(folder, manifest["identity"].get("code", {}), identity.get("code", {}))
    for key, value in identity.items():
        if manifest["identity"].get(key) != value:
            found = manifest["identity"].get(key)
            raise _refused(folder, f"is of another {key} ({_short(found)}, expected {_short(value)})")
    for name, digest in parents.items():
        if manifest["parents"].get(name) != digest:
            raise _refused(folder, f"was made from another {name} than the one that is there now")
    verify_files(folder, manifest["files"])


def changed_files(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Names of the files that are not what they were, in order."""
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))


def _verify_code(folder: Path, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    if changed := changed_files(before, now):
        raise DamagedArtefactError(
            f"{folder} was made with another version of {', '.join(changed)}, and later stages would be made with this "
            f"one: put the old version back, remove {folder} (and what was made from it) to do it again, or begin a "
            "new folder"
        )


def verify_figures(folder: Path) -> None:
    """Compares the logs and cards of a stage with its manifest: what a table or report is made from.

    Raises:
        DamagedArtefactError: one is missing, was cut short or changed.
    """
    verify_files(folder, figures_of(read_manifest(folder)["files"]))


def verify_model(model: Path) -> None:
    """Compares the files of a model that a stage wrote with the stage's manifest; of others nothing is known.

    Raises:
        DamagedArtefactError: one is missing, was cut short or changed.
    """
    stage = next((above for above in model.parents if (above / MANIFEST).is_file()), None)
    if stage is not None:
        files, place = read_manifest(stage)["files"], model.relative_to(stage)
        verify_files(stage, {name: entry for name, entry in files.items() if Path(name).parent == place})


def figures_of(files: Mapping[str, Any]) -> dict[str, Any]:
    """The files of a manifest that tables, reports and pages read: all but those of models."""
    models = {Path(name).parent for name in files if name.endswith(".safetensors")}
    return {name: entry for name, entry in files.items() if Path(name).parent not in models}


def check_study_files(folder: Path, study: Mapping[str, Any]) -> None:
    """Compares what tables and reports are made from with its checksums, so that no arm or figure vanishes.

    Raises:
        DamagedFileError, DamagedArtefactError: a file is missing, was cut short or changed.
    """
    check_study_settings(folder, study)
    tested = {Path(row["folder"]).parent for row in study["stages"] if row["stage"].startswith("test ")}
    others = {Path(row["folder"]) for row in study["stages"] if not row["stage"].startswith("test ")}
    for place in sorted(tested | {other for other in others if (folder / other / MANIFEST).exists()} - {Path()}):
        verify_figures(folder / place)


def check_study_settings(folder: Path, study: Mapping[str, Any]) -> None:
    """Compares config.yaml and provenance.json with the checksums that study.json has of them; studies before had none.

    Raises:
        DamagedFileError: one was changed.
    """
    for key, name in (("config", "config.yaml"), ("provenance", "provenance.json")):
        path = folder / name
        if key in study and path.is_file() and digest_of_file(path) != study[key]:
            raise DamagedFileError(
                f"{path} is damaged: it is not the one that the study ran with, as study.json has it. Restore it, or "
                "go on with --resume and the config that the study ran with, which writes it anew"
            )


def verify_listed(folder: Path, sizes: Mapping[str, int]) -> None:
    """Looks whether the rollouts that a stage wrote are there; what they hold, their own checksums say.

    Raises:
        DamagedArtefactError: one is missing or has another size.
    """
    for name, size in sizes.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size:
            raise _refused(path, "is missing" if not path.is_file() else f"has {path.stat().st_size} bytes, not {size}")


def verify_files(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Compares files with their entries in a manifest.

    Raises:
        DamagedArtefactError: one is missing, was cut short or changed.
    """
    for name, entry in files.items():
        path = Path(os.path.normpath(folder / name))
        if not path.is_file():
            raise _refused(path, "is missing")
        size, is_log = path.stat().st_size, path.name in LOGS
        if size < entry["bytes"]:
            raise _refused(path, f"was cut short: it has {size} bytes of {entry['bytes']}")
        if (size > entry["bytes"] and not is_log) or _sha256(path, entry["bytes"]) != entry["sha256"]:
            raise _refused(path, "was changed: it does not match its checksum")


def artefact_digest(folder: Path) -> str:
    """Digest of what later stages learn from: the weights and labels that a stage wrote, by its manifest."""
    files = read_manifest(folder)["files"]
    learned = {n: e["sha256"] for n, e in files.items() if n.endswith((".safetensors", "comparisons.jsonl"))}
    return digest_of(learned)


def _names(folder: Path) -> Iterable[str]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        is_apart = any(part in APART or part.startswith((".", "checkpoints")) for part in parts)
        if path.is_file() and not is_apart and path.name not in NOT_READ and not _is_of_another(path, folder):
            yield "/".join(parts)


def _rollouts(folder: Path) -> dict[str, int]:
    """Sizes of the stored rollouts: they may be gigabytes, and carry their checksums in themselves."""
    found = (path for path in sorted(folder.rglob("step-*.jsonl.gz")) if not _is_of_another(path, folder))
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in found}


def _is_of_another(path: Path, folder: Path) -> bool:
    """Whether a file belongs to a stage within this one's folder (preferences/reward_model), which seals its own."""
    between = path.parent
    while between != folder:
        if (between / "status.json").exists():
            return True
        between = between.parent
    return False


def _entry(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    return {"bytes": size, "sha256": _sha256(path, size)}


def _sha256(path: Path, size: int) -> str:
    """Of the first `size` bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while size > 0 and (block := file.read(min(size, 1 << 20))):
            digest.update(block)
            size -= len(block)
    return digest.hexdigest()


def _short(value: Any) -> str:
    return f"{value[:8]}..." if isinstance(value, str) and len(value) == 64 else repr(value)


def _refused(path: Path, what: str) -> DamagedArtefactError:
    return DamagedArtefactError(
        f"{path} {what}: it is damaged. Restore it from a copy, or remove the folder of its stage (and of those that "
        "were made from it) and run it again with --resume"
    )

"""What makes a checkpoint whole and somebody's: manifest.json with the size and SHA-256 of every file, and an identity.

Used for the checkpoints of our own loops (checkpoint.py) and for those that trl writes
(rl/preference/fit_checkpoints.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError

from rl.files import flush

FORMAT = 2
MANIFEST = "manifest.json"


class CheckpointError(RuntimeError):
    """A checkpoint could not be written or read; the message says what to do."""


class TornCheckpointError(CheckpointError):
    """A checkpoint does not match its manifest: it was cut short or changed after it was written."""


def write_manifest(folder: Path, step: int, names: Iterable[str], identity: Mapping[str, Any] | None) -> None:
    """Lists the files of a checkpoint, and waits until they and the list are on the disk."""
    files = {name: _digest(folder / name) for name in names}
    manifest: dict[str, Any] = {"format": FORMAT, "step": step, "files": files}
    if identity is not None:
        manifest["identity"] = dict(identity)
    (folder / MANIFEST).write_text(json.dumps({**manifest, "sha256": _digest_of(manifest)}))
    for name in (*files, MANIFEST):
        flush(folder / name)
    flush(folder)


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of the checkpoint in `path`, after the checksums of its files were compared.

    Raises:
        TornCheckpointError: a file is missing, cut short or changed.
        CheckpointError: it is of another format.
    """
    manifest = json.loads((path / MANIFEST).read_text())
    digest = manifest.pop("sha256", None)
    is_intact = digest == _digest_of(manifest)
    if (is_intact or digest is None) and manifest["format"] != FORMAT:  # format 1 had no checksum of its own
        raise CheckpointError(
            f"checkpoint {path} has format {manifest['format']}, this version reads {FORMAT}: "
            "resume with the version that wrote it"
        )
    if not is_intact:
        raise TornCheckpointError(f"checkpoint {path.name} is torn: {MANIFEST} does not match its checksum")
    for name, expected in manifest["files"].items():
        if "/" in name:
            raise TornCheckpointError(f"checkpoint {path.name} lists a file elsewhere, {name!r}")
        if _digest(path / name) != expected:
            raise TornCheckpointError(f"checkpoint {path.name} is torn: {name} does not match its checksum")
    return dict(manifest)


@contextmanager
def torn_where_unreadable(path: Path) -> Iterator[None]:
    """Turns what reading damaged files raises into an error that says which checkpoint it is.

    Raises:
        TornCheckpointError: a file is missing, or holds something else than was written.
        CheckpointError: it may not be read.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise TornCheckpointError(f"checkpoint {path.name} is torn: {Path(error.filename).name} is missing") from error
    except OSError as error:
        raise CheckpointError(f"cannot read checkpoint {path}: {error.strerror or error}") from error
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise TornCheckpointError(f"checkpoint {path.name} is torn: {type(error).__name__}: {error}") from error


Found = TypeVar("Found")


def newest_whole(
    folder: Path, paths: Sequence[Path], read: Callable[[Path], Found], warn: Callable[[str], None]
) -> Found | None:
    """What `read` makes of the newest checkpoint that is whole; None when there is none at all.

    Args:
        paths: of checkpoints in `folder`, newest first.
        warn: told the name and the fault of each torn checkpoint that is passed over.
    Raises:
        CheckpointError: every one of them is torn, or `read` refused one.
    """
    for path in paths:
        try:
            return read(path)
        except TornCheckpointError as error:
            warn(f"{error}; using the checkpoint before it")
    if paths:
        raise CheckpointError(
            f"every checkpoint in {folder} is torn ({', '.join(path.name for path in paths)}): "
            "remove the folder to start this stage anew"
        )
    return None


def check_identity(path: Path, found: Mapping[str, Any] | None, expected: Mapping[str, Any] | None) -> None:
    """Refuses a checkpoint of another stage or run; what one does not say of itself is not compared.

    Raises:
        CheckpointError: it is another's.
    """
    for key, value in (expected or {}).items():
        if found is None or key not in found or found[key] == value:
            continue
        before = found[key]
        if isinstance(value, Mapping) and isinstance(before, Mapping):  # name -> checksum of what it is made from
            names = sorted(name for name in {*before, *value} if before.get(name) != value.get(name))
            raise CheckpointError(
                f"checkpoint {path} was made with another version of {', '.join(names)}: put it back, or "
                "remove the folder to start this stage anew"
            )
        raise CheckpointError(
            f"checkpoint {path} is of {key} {before!r}, expected {value!r}: it was copied from another stage "
            "or run; remove the folder to start this stage anew"
        )


def _digest_of(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return {"bytes": path.stat().st_size, "sha256": digest.hexdigest()}

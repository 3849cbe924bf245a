"""Checkpoints that survive being killed at any moment.

A checkpoint is a folder: tensors.safetensors, state.json, and manifest.json with the size and SHA-256 of both. It is
written under a name that no reader looks at, flushed to disk, and renamed: it is there whole or not at all. The one
before is kept; one that does not match its manifest, or a manifest that does not match its own checksum, is named, and
the one before it is used. Nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from rl.learning.files import ADVICE, disk_advice, flush

FORMAT = 2
TENSORS, STATE, MANIFEST = "tensors.safetensors", "state.json", "manifest.json"
PREFIX, WRITING = "step-", ".writing-"


class CheckpointError(RuntimeError):
    """A checkpoint could not be written or read; the message says what to do."""


class TornCheckpointError(CheckpointError):
    """A checkpoint does not match its manifest: it was cut short or changed after it was written."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read and found whole.

    Attributes:
        step: steps done when it was written.
        state: the tree that was saved.
        identity: whose it is; None: it was not said.
    """

    step: int
    state: dict[str, Any]
    path: Path
    identity: Mapping[str, Any] | None = None


class Checkpoints:
    """The checkpoints of one stage, newest first in `latest`.

    Args:
        folder: made when the first checkpoint is written; belongs to this stage alone.
        keep: whole checkpoints to keep, at least 2: the newest may turn out torn.
        identity: JSON values that say whose they are (seed, stage, ...); those of somebody else are refused.
    """

    def __init__(self, folder: str | Path, *, keep: int = 2, identity: Mapping[str, Any] | None = None) -> None:
        if keep < 2:
            raise ValueError(f"keep is {keep}, expected at least 2: a torn checkpoint needs one before it")
        self.folder = Path(folder)
        self.keep = keep
        self.identity = identity

    def save(self, step: int, state: Mapping[str, Any]) -> Path:
        """Writes the checkpoint of `step`: a tree of mappings whose leaves are tensors and JSON values.

        Raises:
            CheckpointError: no space, no permission or another error of the disk. Earlier checkpoints are intact.
        """
        target = self.folder / f"{PREFIX}{step:08d}"
        writing = self.folder / f"{WRITING}{step:08d}-{os.getpid()}"
        with _explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            try:
                _write(writing, step, state, self.identity)
                if target.exists():
                    shutil.rmtree(target)
                os.replace(writing, target)
                flush(self.folder)
            finally:
                shutil.rmtree(writing, ignore_errors=True)  # gone already when all went well
            for old in self.paths()[self.keep :]:
                shutil.rmtree(old)
        return target

    def latest(self, warn: Callable[[str], None]) -> Checkpoint | None:
        """The newest whole checkpoint; None when there is none at all.

        Args:
            warn: told the name and the fault of each torn checkpoint that is passed over.
        Raises:
            CheckpointError: there are checkpoints and every one of them is torn, or one is of another run.
        """
        paths = self.paths()
        for path in paths:
            try:
                return self._own(read_checkpoint(path))
            except TornCheckpointError as error:
                warn(f"{error}; using the checkpoint before it")
        if paths:
            raise CheckpointError(
                f"every checkpoint in {self.folder} is torn ({', '.join(path.name for path in paths)}): "
                "remove the folder to start this stage anew"
            )
        return None

    def _own(self, found: Checkpoint) -> Checkpoint:
        """The checkpoint, if it is of this stage and run; those without an identity are anybody's.

        Raises:
            CheckpointError: it is another's.
        """
        for key, value in (self.identity or {}).items():
            if found.identity is None or found.identity.get(key) == value:
                continue
            before = found.identity.get(key)
            if isinstance(value, Mapping) and isinstance(before, Mapping):  # name -> checksum of a file of one's own
                names = sorted(name for name in {*before, *value} if before.get(name) != value.get(name))
                raise CheckpointError(
                    f"checkpoint {found.path} was made with another version of {', '.join(names)}: put it back, or "
                    "remove the folder to start this stage anew"
                )
            raise CheckpointError(
                f"checkpoint {found.path} is of {key} {before!r}, expected {value!r}: it was copied from another stage "
                "or run; remove the folder to start this stage anew"
            )
        return found

    def paths(self) -> list[Path]:
        """Folders of the written checkpoints, newest first."""
        if not self.folder.is_dir():
            return []
        return sorted((path for path in self.folder.iterdir() if path.name.startswith(PREFIX)), reverse=True)

    def _sweep(self) -> None:
        """Removes what a killed process left half-written."""
        for path in self.folder.glob(f"{WRITING}*"):
            shutil.rmtree(path)


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint in `path`, after its checksums were compared.

    Raises:
        TornCheckpointError: a file is missing, cut short or changed.
        CheckpointError: it is of another format, or may not be read.
    """
    try:
        manifest = _read_manifest(path)
        for name, expected in manifest["files"].items():
            if name not in (TENSORS, STATE):
                raise TornCheckpointError(f"checkpoint {path.name} lists an unknown file {name!r}")
            found = _digest(path / name)
            if found != expected:
                raise TornCheckpointError(f"checkpoint {path.name} is torn: {name} does not match its checksum")
        state = _join(json.loads((path / STATE).read_text()), load_file(path / TENSORS))
        return Checkpoint(int(manifest["step"]), state, path, manifest.get("identity"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise TornCheckpointError(f"checkpoint {path.name} is torn: {Path(error.filename).name} is missing") from error
    except OSError as error:
        raise CheckpointError(f"cannot read checkpoint {path}: {error.strerror or error}") from error
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise TornCheckpointError(f"checkpoint {path.name} is torn: {type(error).__name__}: {error}") from error


def _read_manifest(path: Path) -> dict[str, Any]:
    manifest = json.loads((path / MANIFEST).read_text())
    digest = manifest.pop("sha256", None)
    if digest is None or digest == _digest_of(manifest):  # format 1 had none
        if manifest["format"] != FORMAT:
            raise CheckpointError(
                f"checkpoint {path} has format {manifest['format']}, this version reads {FORMAT}: "
                "resume with the version that wrote it"
            )
        if digest is not None:
            return dict(manifest)
    raise TornCheckpointError(f"checkpoint {path.name} is torn: {MANIFEST} does not match its checksum")


def _digest_of(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _write(folder: Path, step: int, state: Mapping[str, Any], identity: Mapping[str, Any] | None = None) -> None:
    folder.mkdir()
    tensors: dict[str, Tensor] = {}
    plain = _split(state, "", tensors)
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, folder / TENSORS)
    (folder / STATE).write_text(json.dumps(plain))
    files = {name: _digest(folder / name) for name in (TENSORS, STATE)}
    manifest: dict[str, Any] = {"format": FORMAT, "step": step, "files": files}
    if identity is not None:
        manifest["identity"] = dict(identity)
    (folder / MANIFEST).write_text(json.dumps({**manifest, "sha256": _digest_of(manifest)}))
    for name in (TENSORS, STATE, MANIFEST):
        flush(folder / name)
    flush(folder)


def _split(tree: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """The tree with each tensor moved to `tensors` under its path, and its path left in its place."""
    if isinstance(tree, Tensor):
        tensors[path] = tree
        return {"$tensor": path}
    if isinstance(tree, Mapping):
        return {str(key): _split(value, f"{path}/{key}", tensors) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_split(value, f"{path}/{index}", tensors) for index, value in enumerate(tree)]
    return tree


def _join(tree: Any, tensors: Mapping[str, Tensor]) -> Any:
    """What `_split` took apart."""
    if isinstance(tree, dict):
        if tree.keys() == {"$tensor"}:
            return tensors[tree["$tensor"]]
        return {key: _join(value, tensors) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_join(value, tensors) for value in tree]
    return tree


def _digest(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return {"bytes": path.stat().st_size, "sha256": digest.hexdigest()}


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turns an error of the disk into a message that says what to do."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        if isinstance(error, OSError):
            what = disk_advice(error)
        else:  # written in Rust, whose errors carry the number in their text
            what = next((text for number, text in ADVICE.items() if f"os error {number})" in str(error)), str(error))
        raise CheckpointError(
            f"cannot write a checkpoint to {folder}: {what}; the last good checkpoint is intact"
        ) from error

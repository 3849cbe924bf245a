"""Checkpoints that survive being killed at any moment.

A checkpoint is a folder: tensors.safetensors, state.json, and manifest.json with the size and SHA-256 of both. It is
written under a name that no reader looks at, flushed to disk, and renamed: it is there whole or not at all. The one
before is kept; one that does not match its manifest, or a manifest that does not match its own checksum, is named, and
the one before it is used. Nothing is unpickled.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from rl.files import ADVICE, disk_advice, flush
from rl.learning.checkpoint_manifest import (
    CheckpointError,
    TornCheckpointError,
    check_identity,
    newest_whole,
    read_manifest,
    torn_where_unreadable,
    write_manifest,
)

TENSORS, STATE = "tensors.safetensors", "state.json"
PREFIX, WRITING = "step-", ".writing-"
BESIDE = "$beside"  # in state.json: what lay beside the checkpoint


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


class Beside(Protocol):
    """What a stage keeps beside its checkpoints, and must find again: logs, for one."""

    def seal(self) -> dict[str, Any]:
        """JSON values that describe it as it is now."""
        ...

    def check(self, sealed: Mapping[str, Any]) -> None:
        """Compares it with what `seal` returned, to which `step` was added.

        Raises:
            CheckpointError: it is not what it was.
        """
        ...


class Checkpoints:
    """The checkpoints of one stage, newest first in `latest`.

    Args:
        folder: made when the first checkpoint is written; belongs to this stage alone.
        keep: whole checkpoints to keep, at least 2: the newest may turn out torn.
        identity: JSON values that say whose they are (seed, stage, ...); those of somebody else are refused.
        beside: described in each checkpoint, and checked when one is read; None: nothing is.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        keep: int = 2,
        identity: Mapping[str, Any] | None = None,
        beside: Beside | None = None,
    ) -> None:
        if keep < 2:
            raise ValueError(f"keep is {keep}, expected at least 2: a torn checkpoint needs one before it")
        self.folder = Path(folder)
        self.keep = keep
        self.identity = identity
        self.beside = beside

    def save(self, step: int, state: Mapping[str, Any]) -> Path:
        """Writes the checkpoint of `step`: a tree of mappings whose leaves are tensors and JSON values.

        Raises:
            CheckpointError: no space, no permission or another error of the disk. Earlier checkpoints are intact.
        """
        target = self.folder / f"{PREFIX}{step:08d}"
        writing = self.folder / f"{WRITING}{step:08d}-{os.getpid()}"
        with _explained(self.folder):
            if self.beside is not None:
                state = {**state, BESIDE: self.beside.seal()}
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
        return newest_whole(self.folder, self.paths(), self._read, warn)

    def _read(self, path: Path) -> Checkpoint:
        found = read_checkpoint(path)
        check_identity(path, found.identity, self.identity)
        sealed = found.state.pop(BESIDE, None)
        if self.beside is not None and sealed is not None:  # a checkpoint of before has none
            self.beside.check({**sealed, "step": found.step})
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
    with torn_where_unreadable(path):
        manifest = read_manifest(path)
        if unknown := manifest["files"].keys() - {TENSORS, STATE}:
            raise TornCheckpointError(f"checkpoint {path.name} lists an unknown file {sorted(unknown)[0]!r}")
        state = _join(json.loads((path / STATE).read_text()), load_file(path / TENSORS))
        return Checkpoint(int(manifest["step"]), state, path, manifest.get("identity"))


def _write(folder: Path, step: int, state: Mapping[str, Any], identity: Mapping[str, Any] | None = None) -> None:
    folder.mkdir()
    tensors: dict[str, Tensor] = {}
    plain = _split(state, "", tensors)
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, folder / TENSORS)
    (folder / STATE).write_text(json.dumps(plain))
    write_manifest(folder, step, (TENSORS, STATE), identity)


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

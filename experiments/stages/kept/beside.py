"""What a stage in progress keeps beside its checkpoints: its logs, and the policies that it set aside.

A checkpoint says what they were when it was written. A stage that goes on from it refuses others: rows that are gone,
or another policy, would change what the study comes to without a word.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.run.evaluations import KL_MATCHED
from experiments.run.manifest import LOGS
from experiments.run.sealed import digest_of_file, read_sealed, write_sealed
from policies.causal import CausalPolicy
from rl.learning.checkpoint import CheckpointError

CARD = "snapshot.json"


class KeptBeside:
    """What lies in a stage's folder beside its checkpoints. Implements `rl.learning.checkpoint.Beside`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def seal(self) -> dict[str, Any]:
        """JSON values that `check` is given back: how long each log is, with its checksum, and that of each card."""
        logs = {name: (self.folder / name).read_bytes() for name in sorted(LOGS) if (self.folder / name).is_file()}
        cards = sorted(self.folder.glob(f"*/{CARD}"))  # an extension of the study removes the one that KL chose
        return {
            "logs": {name: {"bytes": len(rows), "sha256": _digest(rows)} for name, rows in logs.items()},
            "cards": {card.parent.name: digest_of_file(card) for card in cards if card.parent.name != KL_MATCHED},
        }

    def check(self, sealed: Mapping[str, Any]) -> None:
        """Compares what is there with what there was; logs may have grown, and a later policy been set aside.

        Raises:
            CheckpointError: something is missing or changed.
        """
        for name, expected in sealed["logs"].items():
            path = self.folder / name
            rows = path.read_bytes()[: expected["bytes"]] if path.is_file() else b""
            if _digest(rows) != expected["sha256"]:
                raise CheckpointError(f"{path} was cut short or changed since it was written: {self._remedy()}")
        for name, digest in sealed["cards"].items():
            card = self.folder / name / CARD
            if not card.is_file():
                raise CheckpointError(f"{card} is missing: {self._remedy()}")
            if digest_of_file(card) != digest and read_sealed(card, "step")["step"] <= sealed["step"]:
                raise CheckpointError(f"{card} is another than was written: {self._remedy()}")

    def _remedy(self) -> str:
        return f"restore it from a copy, or remove {self.folder} to train this stage anew with --resume"


def set_aside(policy: CausalPolicy, folder: Path, card: Mapping[str, Any]) -> None:
    """Writes a policy and its card in the place of those that are in `folder`: the whole of them or nothing."""
    writing, former = _beside(folder)
    policy.save(writing / "policy")
    files = {path.name: digest_of_file(path) for path in sorted((writing / "policy").iterdir()) if path.is_file()}
    write_sealed(writing / CARD, {**card, "files": files})
    if folder.exists():
        os.replace(folder, former)
    os.replace(writing, folder)
    shutil.rmtree(former, ignore_errors=True)


def check_set_aside(folder: Path) -> None:
    """Puts back what a killed writer was about to exchange, and compares the policy in `folder` with its card.

    Raises:
        CheckpointError: a file of it is missing or changed.
        UserError: so is its card.
    """
    writing, former = _beside(folder)
    if former.exists() and not folder.exists():
        os.replace(former, folder)
    for left in (writing, former):
        shutil.rmtree(left, ignore_errors=True)
    if not os.path.lexists(folder / CARD):
        return
    for name, digest in read_sealed(folder / CARD, "step", "merit").get("files", {}).items():
        path = folder / "policy" / name
        if not path.is_file() or digest_of_file(path) != digest:
            raise CheckpointError(
                f"{path} is missing, was cut short or changed since it was written: restore it from a copy, or remove "
                f"{folder.parent} to train this stage anew with --resume"
            )


def _beside(folder: Path) -> tuple[Path, Path]:
    return folder.with_name(f".{folder.name}.writing"), folder.with_name(f".{folder.name}.former")


def _digest(rows: bytes) -> str:
    return hashlib.sha256(rows).hexdigest()

"""JSON objects that carry a checksum of themselves: study.json, provenance.json and the manifests of stages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.run.folders import DamagedFileError, read_object, write_json

CHECKSUM = "sha256"


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def digest_of_text(text: str) -> str:
    """SHA-256 of a text as UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_file(path: Path) -> str:
    """SHA-256 of what a small file holds."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_sealed(path: Path, row: Mapping[str, Any]) -> None:
    """Writes an object with the checksum of its other values."""
    plain = json.loads(json.dumps({key: value for key, value in row.items() if key != CHECKSUM}))
    write_json(path, {**plain, CHECKSUM: digest_of(plain)})


def read_sealed(path: Path, *keys: str) -> dict[str, Any]:
    """The object in a file, with these keys and without its checksum; one that was written without is taken as it is.

    Raises:
        UserError: it is missing, damaged, or was changed after it was written.
    """
    row = read_object(path, *keys)
    checksum = row.pop(CHECKSUM, None)
    if checksum is not None and checksum != digest_of(row):
        raise DamagedFileError(f"{path} is damaged: it does not match its own checksum")
    return row

"""Nine ways in which a file is damaged."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

Fault = Callable[[Path, Path | None], None]  # (the file, the same file of another study)


def _truncated(path: Path, _: Path | None) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _empty(path: Path, _: Path | None) -> None:
    path.write_bytes(b"")


def _deleted(path: Path, _: Path | None) -> None:
    path.unlink()


def _flipped(path: Path, _: Path | None) -> None:
    """One bit, in the first digit after the middle, where the file would stay what it is but for a value."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    digits = [i for i in range(middle, len(content)) if chr(content[i]).isdigit() and content[i] < 128]
    if content:
        content[digits[0] if digits else middle] ^= 1
    path.write_bytes(content)


def _appended(path: Path, _: Path | None) -> None:
    with path.open("ab") as file:
        file.write(b"\xff\x00 garbage\n")


def _exchanged(path: Path, other: Path | None) -> None:
    """The other's where there is one: what it holds is sound, and of another study."""
    if other is None or not other.is_file():
        path.write_bytes(b"{}\n")
    else:
        shutil.copyfile(other, path)


def _retyped(path: Path, _: Path | None) -> None:
    path.write_bytes(b"[1]\n")


def _binary(path: Path, _: Path | None) -> None:
    path.write_bytes(random.Random(7).randbytes(2000))


def _folder(path: Path, _: Path | None) -> None:
    path.unlink()
    path.mkdir()


FAULTS: dict[str, Fault] = {
    "truncated": _truncated,
    "empty": _empty,
    "deleted": _deleted,
    "flipped": _flipped,
    "appended": _appended,
    "exchanged": _exchanged,
    "retyped": _retyped,
    "binary": _binary,
    "folder": _folder,
}

"""The files of one's own that a config names, and their checksums: what a stage was made with.

Followed are `file.py:attribute`, `package.module:attribute`, entry points of plug-ins, and what these files import from
beside them. Libraries and this project are told by their versions (provenance.json) and are not listed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from verifiers.neighbours import imported_names
from verifiers.parts import KINDS, entry_point
from verifiers.plugins import OURS

_FILE = re.compile(
    r"([^\s:?&=,]+\.py):[A-Za-z_][\w.]*"
)  # also inside a reference, such as jsonl:rows?verify=own.py:Own
_MODULE = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*):[A-Za-z_][\w.]*")
_LIBRARIES = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib"))


def own_code(settings: Any) -> dict[str, str]:
    """Name -> SHA-256 of every file; of files with one name the later ones are called `name (2)`.

    Args:
        settings: of a config, plain values.
    """
    found: dict[Path, None] = {}
    for text in _texts(settings):
        for file in _named(text):
            _follow(file, found)
    rows: dict[str, str] = {}
    for file in found:
        name, number = file.name, 2
        while name in rows:
            name, number = f"{file.name} ({number})", number + 1
        rows[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return rows


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _named(text: str) -> Iterator[Path]:
    for match in _FILE.finditer(text):
        yield Path(match[1]).expanduser()
    if module := _MODULE.fullmatch(text.partition("?")[0]):
        yield from _files_of(module[1].partition(".")[0])
    for kind in KINDS:
        point = entry_point(kind, text) if text.isidentifier() or "-" in text else None
        if point is not None:
            yield from _files_of(point.value.partition(":")[0].partition(".")[0])


def _files_of(top: str) -> Iterator[Path]:
    """The files of a top-level module or package; none of the standard library and of this project."""
    try:
        spec = None if top in OURS else importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return
    if spec is None or not spec.has_location or spec.origin is None:
        return
    origin = Path(spec.origin).resolve()
    if any(origin.is_relative_to(folder) for folder in _LIBRARIES) and "site-packages" not in origin.parts:
        return
    yield from sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]


def _follow(file: Path, found: dict[Path, None]) -> None:
    """Adds a file, and those beside it that it imports."""
    file = file.resolve()
    if file in found or not file.is_file() or file.suffix != ".py":
        return
    found[file] = None
    for name in imported_names(file.read_bytes()):
        beside = file.parent / name.partition(".")[0]
        for near in (beside.with_suffix(".py"), *(sorted(beside.rglob("*.py")) if beside.is_dir() else ())):
            _follow(near, found)

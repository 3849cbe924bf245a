"""The one reader of JSON lines: objects with their line numbers; what is unusable is told with file and line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

MAX_NESTING = 100  # of lists and objects within each other
STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)  # the last may lack its end
SQUARE = bytes.maketrans(b"{}", b"[]")
OTHERS = bytes(set(range(256)) - set(b"[]{}"))


class JsonLineError(ValueError):
    """A line is no object in JSON.

    Attributes:
        line: its number, from 1.
        reason: in words.
    """

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}")
        self.line = line
        self.reason = reason


def read_json_lines(
    path: Path, *, may_be_torn: bool = False, spelling: Callable[[str], str] = str, once: bool = False
) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of every line that is not blank. A byte order mark at the beginning is passed over.

    Args:
        may_be_torn: a last line without its end is that of a writer who was killed, and is left out.
        spelling: changes the text of a line before it is read.
        once: an object may name a field only once.
    Raises:
        OSError: the file cannot be read.
        JsonLineError: a line is not UTF-8, not JSON, nested too deeply, or no object.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if may_be_torn and not line.endswith(b"\n"):
                return
            if not line.strip():
                continue
            try:
                row = parse_json(spelling(line.decode("utf-8-sig" if number == 1 else "utf-8")), once=once)
            except ValueError as error:
                raise JsonLineError(path, number, json_fault(error)) from error
            if not isinstance(row, dict):
                kind = "null" if row is None else f"a {type(row).__name__}"
                raise JsonLineError(path, number, f"it holds {kind}, expected an object")
            yield number, row


def parse_json(text: str, *, once: bool = False) -> Any:
    """The value of a JSON text.

    Args:
        once: an object may name a field only once; Python takes the last of several without a word.
    Raises:
        ValueError: it is none, or nested more deeply than MAX_NESTING.
    """
    if _nesting(text) > MAX_NESTING:
        raise ValueError("nested too deeply")
    return json.loads(text, object_pairs_hook=_named_once if once else None)


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the field {twice!r} more than once")
    return found


def json_fault(error: ValueError) -> str:
    """Why a text is no JSON, in words."""
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 text (byte {error.start})"
    return str(error)


def _nesting(text: str) -> int:
    """How deep lists and objects lie within each other; 0 where there are too few brackets to go too deep."""
    if text.count("[") + text.count("{") <= MAX_NESTING:
        return 0
    outside = STRING.sub("", text) if "\\" in text else "".join(text.split('"')[::2])
    brackets = outside.encode("ascii", "ignore").translate(SQUARE, OTHERS)
    depth = 0
    while depth <= MAX_NESTING and (without := brackets.replace(b"[]", b"")) != brackets:  # the innermost ones
        brackets, depth = without, depth + 1
    return depth + max(accumulate(1 if sign == ord("[") else -1 for sign in brackets), default=0)  # what has no partner

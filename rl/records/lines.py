"""One JSON object a line: demonstrations, comparisons and thumbs, as we write them or as they come from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Record(Protocol):
    """What a line holds."""

    def to_json(self) -> Mapping[str, Any]:
        """A mapping of plain JSON values."""
        ...


def save_records(records: Iterable[Record], path: Path | str) -> None:
    """Writes one JSON object per line."""
    with Path(path).open("w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(record.to_json(), ensure_ascii=False) + "\n")


def load_records(path: Path | str, from_json: Callable[[Mapping[str, Any]], T], kind: str, fields: str) -> list[T]:
    """The records of a file, in its order; blank lines are passed over.

    Args:
        from_json: row -> record; it raises KeyError, TypeError or ValueError where the row is none.
        kind, fields: what a line is and must hold, for the message.
    Raises:
        OSError: the file cannot be read.
        ValueError: a line is no such record; says which, and what was expected.
    """
    records = []
    with Path(path).open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                if not isinstance(row, Mapping):
                    raise TypeError(f"{type(row).__name__} {line.strip()[:40]}")
                records.append(from_json(row))
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{path}:{number}: no {kind} ({error!r}); expected an object with {fields}") from error
    return records

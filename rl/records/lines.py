"""One JSON object a line: demonstrations, comparisons and thumbs, as we write them or as they come from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from envs.data.json_lines import JsonLineError, read_json_lines

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
    expected = f"expected an object with {fields}"
    try:
        for number, row in read_json_lines(Path(path)):
            try:
                records.append(from_json(row))
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{path}:{number}: no {kind} ({error!r}); {expected}") from error
    except JsonLineError as error:
        raise ValueError(f"{path}:{error.line}: no {kind} ({error.reason}); {expected}") from error
    return records

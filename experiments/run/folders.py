"""Folders of runs and studies: what is written where, and never twice. The formats are in docs/run-folder.md.

A folder is never shared: using one that exists is refused unless resuming. Small files are written beside and renamed,
so a reader never sees half of one; logs are appended line by line.
"""

from __future__ import annotations

import json
import math
import os
import re
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from envs.data.json_lines import JsonLineError, json_fault, parse_json, read_json_lines
from experiments.run.errors import UserError
from experiments.run.lock import LOCK
from rl.files import write_whole

STATUS = "status.json"
FORMER_KEYS = (  # (a word that the text then has, the key, what it is called today)
    ("verified", re.compile(r'"([^"\\ ]*)verified": '), r'"\1solution": '),
    ("leaps", re.compile(r'"leaps": (?=\{"\d|\{\})'), '"step_sizes": '),
    ("larger_leap", re.compile(r'(?<!\\)"larger_leap'), '"larger_step'),
)


def write_json(path: Path, value: Any, *, durable: bool = True) -> None:
    """Writes JSON beside `path` and renames it there."""
    write_whole(path, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode(), durable=durable)


class DamagedFileError(UserError):
    """A file of a run cannot be read: it was cut short or changed after it was written."""


def read_json(path: Path) -> Any:
    """The JSON value in a file; a UserError names a missing or broken one."""
    try:
        return parse_json(_in_names_of_today(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{path} does not exist: is {path.parent} the folder of a run or study?") from error
    except ValueError as error:
        raise DamagedFileError(f"{path} is damaged: {json_fault(error)}") from error


def read_object(path: Path, *keys: str) -> dict[str, Any]:
    """The JSON object in a file that must have these keys.

    Raises:
        UserError: it is missing or damaged.
    """
    found = read_json(path)
    if not isinstance(found, dict):
        raise DamagedFileError(f"{path} is damaged: it holds {_kind(found)}, expected an object")
    missing = [key for key in keys if key not in found]
    if missing:
        raise DamagedFileError(f"{path} is damaged: it has no {missing[0]!r}")
    return found


def _kind(value: Any) -> str:
    return "null" if value is None else f"a {type(value).__name__}"


def append_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Appends one line per row. A torn last line, of a writer that was killed, is cut off first."""
    text = "".join(json.dumps(finite(row)) + "\n" for row in rows)
    with path.open("ab+") as file:
        _cut_torn_line(file)
        file.write(text.encode())


def _cut_torn_line(file: BinaryIO) -> None:
    end = place = file.seek(0, os.SEEK_END)
    while place:
        start = max(0, place - (1 << 16))
        file.seek(start)
        newline = file.read(place - start).rfind(b"\n")
        if newline >= 0:
            place = start + newline + 1
            break
        place = start
    if place < end:
        file.truncate(place)


def filter_jsonl(path: Path, keep: Callable[[dict[str, Any]], bool]) -> None:
    """Removes the rows of which `keep` is not true; the file is replaced as a whole, or left as it is."""
    rows = list(read_jsonl(path))
    kept = [row for row in rows if keep(row)]
    if len(kept) < len(rows):
        write_whole(path, "".join(json.dumps(row) + "\n" for row in kept).encode())


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSONL file; nothing when it does not exist. A torn last line (a killed writer) is left out.

    Raises:
        DamagedFileError: another line is no JSON object.
    """
    if not path.exists():
        return
    try:
        yield from (row for _, row in read_json_lines(path, may_be_torn=True, spelling=_in_names_of_today))
    except JsonLineError as error:
        raise DamagedFileError(f"{path} is damaged: line {error.line}: {error.reason}") from error


def _in_names_of_today(text: str) -> str:
    """JSON with the keys of runs before renamed: what was `verified` is `solution`, `leaps` are `step_sizes`.

    Inside a JSON string a quote has a backslash before it, so that no text can be taken for a key.
    """
    for word, pattern, key in FORMER_KEYS:
        text = pattern.sub(key, text) if word in text else text
    return text


@contextmanager
def damage_told(folder: Path) -> Iterator[None]:
    """Reads a study inside: a file that can be read and holds something else than it should is told as damage.

    Raises:
        DamagedFileError: with the folder, and where in the code something was missing.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__}: {error} in {Path(place.filename).name}:{place.lineno}"
        raise DamagedFileError(
            f"{folder} holds a file that is not what a study writes ({where}): restore it from a copy, or remove the "
            "folder of its stage and go on with --resume"
        ) from error


def finite(value: Any) -> Any:
    """`value` with every non-finite number as null: JSON has no NaN."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    return value


class RunFolder:
    """One stage of one seed of a study: its logs, status and artefacts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._began = time.time()
        self.num_non_finite = 0

    @property
    def policy(self) -> Path:
        """The trained policy, a Hugging Face folder."""
        return self.path / "policy"

    @property
    def is_done(self) -> bool:
        """True once the stage ran to its end."""
        return self.state == "done"

    @property
    def state(self) -> str:
        """new, running, interrupted, failed or done."""
        file = self.path / STATUS
        if not file.exists():
            return "new"
        try:
            return str(read_object(file, "state")["state"])
        except DamagedFileError as error:
            raise DamagedFileError(f"{error}: remove it to run the stage again from its last checkpoint") from error

    def metrics(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Appends a row to metrics.jsonl."""
        self.num_non_finite += sum(isinstance(v, float) and not math.isfinite(v) for v in values.values())
        row = {"stage": stage, "step": step, "wall_seconds": time.time() - self._began, **values}
        append_jsonl(self.path / "metrics.jsonl", [row])

    def rewind(self, stage: str, step: int, samples: int) -> None:
        """Removes what was recorded of a stage's steps after `step`: a resumed run records them again.

        Args:
            samples: the last step whose samples are kept.
        """
        for name, last in (("metrics", step), ("samples", samples), ("warnings", step)):
            of_others_or_before = partial(_is_kept, stage=stage, last=last)
            filter_jsonl(self.path / f"{name}.jsonl", of_others_or_before)
        filter_jsonl(self.path / "evals.jsonl", lambda row: row["policy"] != stage or (row["step"] or 0) <= step)

    def read_metrics(self) -> list[dict[str, Any]]:
        """One row per step: all that was recorded for it; what a resumed run wrote again counts."""
        rows: dict[tuple[str, int], dict[str, Any]] = {}
        for row in read_jsonl(self.path / "metrics.jsonl"):
            rows.setdefault((row["stage"], row["step"]), {}).update(row)
        return list(rows.values())


def _is_kept(row: Mapping[str, Any], *, stage: str, last: int) -> bool:
    """True for rows of other stages, and of steps that are not run again."""
    return row.get("stage") != stage or (row.get("step") or 0) <= last


def check_folder(path: Path, *, resume: bool) -> None:
    """Refuses a folder that is in use, unless resuming; makes nothing.

    Raises:
        UserError: the folder is in use and `resume` is False, is missing and `resume` is True, or is a file.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass  # to be made
    except (OSError, ValueError) as error:  # a name too long, or one with a NUL
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot use the folder {str(path)[:80]}...: {reason}: give another --output") from error
    if path.exists() and not path.is_dir():
        raise UserError(f"{path} is a file, expected a folder to write: give another --output")
    used = is_used(path)
    if used and not resume:
        raise UserError(f"{path} exists already: add --resume to go on with it, or --output another folder")
    if resume and not used:
        raise UserError(f"nothing to resume: {path} does not exist or is empty")


def is_used(path: Path) -> bool:
    """True when a folder holds more than a lock."""
    return path.is_dir() and any(found.name != LOCK for found in path.iterdir())


def make_folder(path: Path) -> None:
    """Makes a folder where there is none.

    Raises:
        UserError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {path}: {error.strerror}") from error


def output_file(path: Path | None) -> None:
    """Makes the folder of a file that the command will write.

    Raises:
        UserError: the path is a folder, or its folder cannot be made.
    """
    if path is None:
        return
    if path.is_dir():
        raise UserError(f"{path} is a folder, expected the path of a file to write, e.g. {path / 'out.jsonl'}")
    output_folder(path.parent)


def output_folder(path: Path) -> None:
    """Makes a folder that the command will write into.

    Raises:
        UserError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "there is a file of that name" if isinstance(error, FileExistsError) else error.strerror or error
        raise UserError(f"cannot make the folder {path}: {reason}") from error

"""One process a folder: a lock that says who holds it.

The lock is the operating system's (flock), so it is gone with its process however that ends, and a file that a killed
process left behind locks nothing. What the file says is for people.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from experiments.run.errors import UserError

LOCK = ".lock"
PATIENCE_SECONDS = 1.0  # another process may look whether the lock is held, for a moment


class FolderLock:
    """A context in which no other process runs in the folder.

    Raises:
        UserError: on entering, when another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: TextIO | None = None

    def __enter__(self) -> FolderLock:
        file = (self.folder / LOCK).open("a+")
        until = time.monotonic() + PATIENCE_SECONDS
        while not _take(file):
            if time.monotonic() > until:
                file.close()
                raise _in_use(self.folder)
            time.sleep(0.05)
        file.truncate(0)
        json.dump(
            {
                "pid": os.getpid(),
                "host": platform.node(),
                "began": datetime.now(UTC).isoformat(timespec="seconds"),
                "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
            },
            file,
        )
        file.flush()
        self._file = file
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        assert self._file is not None
        with contextlib.suppress(OSError):  # a disk that is full or read-only by now
            self._file.truncate(0)
        self._file.close()  # the file stays: one that is removed may be locked by somebody who opened it before


def check_unlocked(folder: Path) -> None:
    """Refuses a folder that another process runs in.

    Raises:
        UserError: it does; the message says who it is.
    """
    if is_locked(folder):
        raise _in_use(folder)


def is_locked(folder: Path) -> bool:
    """True while a process runs in the folder."""
    try:
        with (folder / LOCK).open() as file:
            return not _take(file, shared=True)
    except OSError:
        return False  # no lock file: nobody is there


def holder_of(folder: Path) -> str:
    """Who says to hold the lock: `process 4711 (beyond study demo) since 2025-01-31T12:00:00+00:00`."""
    try:
        row: dict[str, Any] = json.loads((folder / LOCK).read_text())
        elsewhere = "" if row["host"] == platform.node() else f" on {row['host']}"
        return f"process {row['pid']}{elsewhere} ({' '.join(row['command'])}) since {row['began']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"  # that is just writing who it is


def _in_use(folder: Path) -> UserError:
    return UserError(
        f"{folder} is in use by {holder_of(folder)}: wait until it ends, or stop it (Ctrl-C, or kill -INT), then go on "
        "with --resume"
    )


def _take(file: TextIO, *, shared: bool = False) -> bool:
    """Whether the lock was free; it is held from then on, until the file is closed."""
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""Where a Ray that this process started keeps its sockets and logs: a folder that goes when that Ray does.

Ray's own choice is /tmp/ray, where every session stays for ever. A folder of a process that was killed is removed by
the next that makes one: its lock, which is the operating system's, is free then.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TextIO

PREFIX = "beyond-ray-"
LOCK = ".lock"
LONGEST = 40  # characters of the folder's path: below it, paths of sockets have up to 64 more, and 103 are allowed
OLD_SECONDS = 600.0  # until a folder without a lock is nobody's
PATIENCE_SECONDS = 5.0  # for Ray's processes to end, which write there until then


class SessionFolder:
    """A new folder, in the first temporary directory that is short enough; without one, Ray's own choice stands.

    Attributes:
        path: None: Ray's own choice.
    """

    def __init__(self) -> None:
        self.path: Path | None = None
        self._lock: TextIO | None = None
        places = [Path(name) for name in (os.environ.get("RAY_TMPDIR"), tempfile.gettempdir(), "/tmp") if name]
        place = next((p for p in places if p.is_dir() and len(str(p)) + len(PREFIX) + 9 <= LONGEST), None)
        if place is None:
            return
        _sweep(place)
        while self._lock is None:  # a sweep may come between
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
            self._lock = _locked(self.path)

    def processes(self) -> list[int]:
        """Processes of that Ray: those that were given the folder's path, or have a file in it open."""
        if self.path is None:
            return []
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
                is_told = str(self.path).encode() in (process / "cmdline").read_bytes()
                if is_told or any(os.readlink(handle).startswith(f"{self.path}/") for handle in process.glob("fd/*")):
                    found.append(int(process.name))
        return [pid for pid in found if pid != os.getpid()]

    def remove(self) -> None:
        """Removes it, after Ray has ended."""
        if self.path is None:
            return
        until = time.monotonic() + PATIENCE_SECONDS
        while self.path.exists() and time.monotonic() < until:
            shutil.rmtree(self.path, ignore_errors=True)  # a process that is ending may write meanwhile
            time.sleep(0.01)
        if self._lock is not None:
            self._lock.close()


def _sweep(place: Path) -> None:
    """Removes folders whose process is gone.

    One without a lock was removed already, and a daemon that was ending wrote there once more.
    """
    for folder in place.glob(f"{PREFIX}*"):
        if not (folder / LOCK).exists() and not _is_old(folder):
            continue  # it may be another process's, which is about to lock it
        if (lock := _locked(folder)) is not None:
            shutil.rmtree(folder, ignore_errors=True)  # of another user: theirs to remove
            lock.close()


def _is_old(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > OLD_SECONDS
    except OSError:  # gone
        return False


def _locked(folder: Path) -> TextIO | None:
    """The folder's lock, held until it is closed or this process ends; None where another has it."""
    try:
        file = (folder / LOCK).open("a")
    except OSError:  # another user's, or gone
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file

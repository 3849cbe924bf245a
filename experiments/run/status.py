"""status.json of a stage: how far it is, how long it will take, and whether its process lives.

A thread rewrites it every few seconds, so an old heartbeat means that the process is gone or stopped, and an old
`progressed` that it lives and gets nowhere. The thread is the watchdog too: where nothing has moved for minutes it says
so, and writes down what every thread and worker is doing.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from experiments.run.folders import STATUS, write_json

BEAT_SECONDS = 5.0
QUIET_SECONDS = 300.0  # without progress, until a person is told
WRITE_SECONDS = 1.0  # least time between two writes for progress
STACKS = "stacks.txt"


class StageStatus:
    """The status of a stage while it runs. A context manager: inside, the heartbeat beats.

    Args:
        folder: of the stage.
        on_quiet: told when nothing has moved for `QUIET_SECONDS`, once per pause.
        stacks: what every thread and worker is doing.
    """

    def __init__(self, folder: Path, *, on_quiet: Callable[[str], None], stacks: Callable[[], str]) -> None:
        self.folder = folder
        self._on_quiet, self._stacks = on_quiet, stacks
        self._lock = threading.Lock()
        self._row: dict[str, Any] = {"state": "running", "done": 0, "total": 0, "note": "", "pid": os.getpid()}
        self._began = self._progressed = time.time()
        self._first: tuple[int, float] | None = None  # how far it was when it (or a resumed run) began, and when
        self._written = 0.0
        self._is_quiet = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> StageStatus:
        self._write()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def progress(self, done: int, total: int, note: str = "") -> None:
        """How far the stage is."""
        now = time.time()
        with self._lock:
            self._row |= {"done": done, "total": total, "note": note}
            self._first = self._first or (done, now)
            self._progressed, self._is_quiet = now, False
        if now - self._written >= WRITE_SECONDS:
            self._write()

    def doing(self, what: str) -> None:
        """What a step is at just now: it moves, though no step ends."""
        with self._lock:
            self._row["note"] = what
            self._progressed, self._is_quiet = time.time(), False

    def end(self, state: str) -> None:
        """The stage is done, interrupted or failed."""
        self._over.set()
        self._thread.join()
        with self._lock:
            self._row["state"] = state
        # a failure has its own error to tell, which one of the disk must not hide
        with contextlib.suppress(OSError) if state == "failed" else contextlib.nullcontext():
            self._write(durable=True)

    def _write(self, *, durable: bool = False) -> None:
        now = time.time()
        with self._lock:
            self._written = now
            times = {"seconds": now - self._began, "seconds_left": self._seconds_left(now)}
            row = {**self._row, **times, "heartbeat": now, "progressed": self._progressed}
            write_json(self.folder / STATUS, row, durable=durable)

    def _seconds_left(self, now: float) -> float | None:
        """By the pace since the stage began, or since it was resumed; None: not known yet."""
        done, total = self._row["done"], self._row["total"]
        if self._first is None or done <= self._first[0]:
            return None
        return float((now - self._first[1]) / (done - self._first[0]) * max(0, total - done))

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            with contextlib.suppress(OSError):  # a full disk stops the run where it writes what matters
                self._write()
                self._watch(time.time())

    def _watch(self, now: float) -> None:
        quiet = now - self._progressed
        if quiet < QUIET_SECONDS or self._is_quiet:
            return
        self._is_quiet = True
        path = self.folder / STACKS
        try:
            text = self._stacks()
        except Exception as error:  # workers that cannot be asked are part of what is to be told
            text = f"the stacks could not be had: {error!r}"
        path.write_text(f"{time.ctime(now)}: no progress for {quiet:.0f} s\n{text}\n")
        where = f"{self._row['done']} of {self._row['total']}" if self._row["total"] else "its beginning"
        self._on_quiet(f"no progress for {quiet / 60:.0f} min, at {where}; what every thread is doing is in {path}")

"""Ctrl-C once: finish the step, checkpoint, stop. Twice: stop at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Protocol

EXIT_INTERRUPTED = 130


class Stop(Protocol):
    """Whether a stop was requested."""

    requested: bool


class StopSwitch:
    """A context in which the first SIGINT or SIGTERM only sets `requested`; the second ends the process."""

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopSwitch:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            os._exit(EXIT_INTERRUPTED)
        self.requested = True
        print("\nstopping after this step, with a checkpoint (Ctrl-C again: stop at once)", file=sys.stderr, flush=True)


@contextmanager
def ends_at_once() -> Iterator[None]:
    """Within it Ctrl-C ends the process there and then: for work of which nothing half done is kept.

    An import of a large library may swallow KeyboardInterrupt, or tell it as something else.
    """
    if threading.current_thread() is not threading.main_thread():  # only that one may say what a signal does
        yield
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: os._exit(EXIT_INTERRUPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

"""Graders for the pool's tests, in a module that grading processes can import."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from typing import Any

from verifiers.pool import worker as pool_worker
from verifiers.types import Outcome, Verdict


def obey(item: Any) -> Verdict:
    """Do what the item says: ("sleep", s), ("loop",), ("grow",), ("exit",), ("raise",), ("stop",), ... else echo it."""
    command, *arguments = item if isinstance(item, tuple) else ("echo", item)
    if command == "sleep":
        time.sleep(arguments[0])
    elif command == "loop":
        while True:
            pass
    elif command == "grow":
        kept = []
        while True:
            kept.append(bytearray(1 << 24))
    elif command == "exit":
        os._exit(7)
    elif command == "sys.exit":
        sys.exit(3)
    elif command == "segfault":
        ctypes.string_at(0)
    elif command == "raise":
        raise LookupError("no such rule")
    elif command == "recurse":
        return obey(("recurse",))
    elif command == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif command == "kill itself":
        os.kill(os.getpid(), signal.SIGKILL)
    elif command == "pid":
        return Verdict(Outcome.CORRECT, 1.0, info={"pid": os.getpid(), "modules": sorted(sys.modules)})
    elif command == "not a verdict":
        return None  # type: ignore[return-value]
    elif command == "unpicklable":
        return Verdict(Outcome.CORRECT, 1.0, info={"function": lambda: None})
    elif command == "print":
        print("a grader that prints")
    elif command == "allocate":
        return Verdict(Outcome.CORRECT, 1.0, answer=str(len(bytearray(arguments[0]))))
    return Verdict(Outcome.CORRECT, 1.0, answer=str(arguments[0]) if arguments else None)


class SlowToStart:
    """Takes a second to get ready, and then no time at all."""

    def __init__(self) -> None:
        self.is_ready = False

    def warm_up(self) -> None:
        """What imports would do."""
        time.sleep(1.0)
        self.is_ready = True

    def __call__(self, item: Any) -> Verdict:
        """Whether it was warmed up first."""
        return Verdict(Outcome.CORRECT if self.is_ready else Outcome.WRONG, float(self.is_ready))


class DiesEarly:
    """Its process ends whenever a batch arrives, before it begins an item."""

    def warm_up(self) -> None:
        """Replace the grading loop by an exit."""
        pool_worker._Worker.grade_batch = lambda worker, items: os._exit(1)  # type: ignore[method-assign]

    def __call__(self, item: Any) -> Verdict:
        """Never reached."""
        return Verdict(Outcome.CORRECT, 1.0)

"""A time budget for code that we do not control (sympy), enforced from inside the thread that runs it.

A profile hook sees every Python call of this thread and raises once the budget is spent. It needs no signal, so it
works in any thread, asyncio task or actor. The exception is no `Exception`: sympy catches those broadly.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class BudgetSpentError(BaseException):
    """The code ran longer than its budget."""


@contextmanager
def budget(seconds: float) -> Iterator[None]:
    """Run the body for at most `seconds` of this thread's CPU time.

    Raises:
        BudgetSpentError: out of the body, once the time is spent; catch it around the `with`.
    """
    ends = time.thread_time() + seconds
    calls = 0

    def check(frame: FrameType, event: str, arg: Any) -> None:
        """The profile hook: looks at the clock at every 64th event, to stay cheap, and raises when time is up."""
        nonlocal calls
        calls += 1
        if calls & 63 == 0 and time.thread_time() > ends:
            sys.setprofile(None)
            raise BudgetSpentError(f"more than {seconds:g} s of CPU time")

    previous = sys.getprofile()
    sys.setprofile(check)
    try:
        yield
    finally:
        sys.setprofile(previous)

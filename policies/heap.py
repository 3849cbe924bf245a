"""The C library's heap: memory that was freed goes back to the system."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any


def trim_heap() -> None:
    """Gives freed memory back to the system, where glibc keeps it; a tenth of a second for gigabytes.

    glibc keeps blocks of a few megabytes for the next of their size. Those of a pass over a batch have the size of its
    tokens, which is another with every batch: kept ones fit badly, and the process grows from step to step.
    """
    _trim()(0)


@functools.cache
def _trim() -> Callable[[int], Any]:
    """glibc's `malloc_trim`; on macOS and musl, which have none, nothing."""
    return getattr(ctypes.CDLL(None), "malloc_trim", lambda pad: 0)

"""The C library's heap: what was freed is kept for the next of its kind, and given back from time to time.

Gigabytes that go back to the system after every pass come back as pages that it has to clear: a twelfth of a step of
135 million weights. Kept for ever they are of no use: glibc keeps blocks for the next of their size, those of a pass
over a batch have the size of its tokens, which is another with every batch, and the process grows from step to step.
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

HEAVY = 1 << 24  # weights from which on the activations of a pass are a matter of gigabytes
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
NEVER = -1  # the largest of sizes, as the C library reads it
SLACK = 3 << 29  # bytes that may gather before they are given back
STATM = Path("/proc/self/statm")


class HeldHeap:
    """The heap of a process that keeps what it frees, and gives it back once too much has gathered.

    Args:
        slack: bytes that the process may hold beyond what it held after it last gave memory back.
    """

    def __init__(self, slack: int = SLACK) -> None:
        self.slack = slack
        keep_heap()
        self._floor = resident_bytes()

    def settle(self) -> bool:
        """To be called where little is in use, such as after a step; True when memory was given back."""
        if resident_bytes() <= self._floor + self.slack:
            return False
        trim_heap()
        self._floor = resident_bytes()
        return True


def resident_bytes() -> int:
    """Memory of this process that is in use or kept; 0 on systems without /proc."""
    if not STATM.exists():
        return 0
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def keep_heap() -> None:
    """From now on this process keeps what it frees, until `trim_heap`, where the C library is glibc."""
    for option in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
        _function("mallopt")(option, NEVER)


def trim_heap() -> None:
    """Gives freed memory back to the system, where glibc keeps it; a tenth of a second for gigabytes."""
    _function("malloc_trim")(0)


@functools.cache
def _function(name: str) -> Callable[..., Any]:
    """A function of glibc's allocator; on macOS and musl, which have no such, one that does nothing."""
    library = ctypes.CDLL(None)
    return getattr(library, name) if hasattr(library, "malloc_trim") else lambda *arguments: 0

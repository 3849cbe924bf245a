"""The C library's heap: what was freed is kept for the next of its kind, and given back from time to time.

Gigabytes that go back to the system after every pass come back as pages that it has to clear: a tenth of a step of 135
million weights. Kept for ever they are of no use: glibc keeps blocks for the next of their size, those of a pass over a
batch have the size of its tokens, which is another with every batch, and the process grows from step to step.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

HEAVY = 1 << 24  # weights from which on the activations of a pass are a matter of gigabytes
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
NEVER = -1  # the largest of sizes, as the C library reads it


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

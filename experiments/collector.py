"""Python's cyclic garbage collector, out of the way where nothing becomes garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """No collection inside, for work that makes many objects and keeps them: imports, reading a study.

    The collector would walk all of them again and again and free none: a quarter of the time of a report.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()

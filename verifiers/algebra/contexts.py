"""mpmath contexts: one for each thread and precision, made before they are needed."""

from __future__ import annotations

import threading
from typing import Any

_LOCAL = threading.local()
DIGITS = 40  # the usual and least working precision, in decimal digits
_USUAL_DIGITS = (DIGITS, 4 * DIGITS)  # of a first look at two values, and of the look at their distant digits


def context(digits: int) -> Any:
    """This thread's mpmath context of at least that precision (mpmath's global one is shared by all threads).

    One takes a millisecond to make, so there are few: of 40, 80, 160 ... digits.
    """
    import mpmath  # loads only when a number is irrational

    found = getattr(_LOCAL, "contexts", None)
    if found is None:
        found = _LOCAL.contexts = {}
    level = max(0, (digits - 1) // DIGITS).bit_length()
    if level not in found:
        found[level] = mpmath.mp.clone()
        found[level].dps = DIGITS << level
    return found[level]


def warm_up() -> None:
    """Make the contexts that most comparisons need, before a deadline runs."""
    for digits in _USUAL_DIGITS:
        context(digits)

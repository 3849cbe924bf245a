"""Settings of rewards that must be numbers: a config may say anything."""

from __future__ import annotations

import math


def check_finite(what: str, value: object, *, least: float | None = None, not_zero: bool = False) -> None:
    """Refuses what is no finite number.

    Args:
        what: its name in the message.
        least: the smallest that will do; None: any.
        not_zero: 0 is refused as well.
    Raises:
        ValueError: it is none, or too small.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or (not_zero and value == 0):
        raise ValueError(f"{what} is {value!r}, expected a finite number" + " other than 0" * not_zero)
    if least is not None and value < least:  # type: ignore[operator]  # a number, see above
        raise ValueError(f"{what} is {value}, expected {least:g} or more")

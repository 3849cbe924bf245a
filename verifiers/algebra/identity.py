"""Do two expressions agree everywhere? Exact where they are rational, at random points to 60 digits where not.

A mismatch is final. Agreement at random points of a field with 2^61 - 1 elements is certain but for 1 in 10^17; at
random reals it is as certain as 60 digits can be, so answers padded with decimals that long are refused by callers.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from verifiers.algebra.evaluate import PRIME, InexactError, UndefinedError, exact, modular, numeric
from verifiers.parse.tree import Expr, Num, free_symbols, walk

DIGITS = 60
TOLERANCE_EXPONENT = 45  # agreement within 10^-45, relative
MAX_DECIMALS = 30  # a longer decimal could pass for an irrational at this tolerance
FIELD_POINTS = 3
RANGES = ((0, 1), (1, 4), (-4, -1), (-1, 0), (4, 40), (-40, -4))
POINTS_PER_RANGE = 4
MIN_POINTS = 4
STEPS = 10**9  # grid of the random rationals


def agree(left: Expr, right: Expr) -> bool:
    """True when left = right for all values of their symbols at which both are real.

    Raises:
        UndefinedError: no common point was found, or one of them, without symbols, has no value.
        InexactError: a part has no value that can be worked out.
        OverBudgetError: a number beyond the limits.
    """
    symbols = sorted(free_symbols(left) | free_symbols(right))
    rng = random.Random(len(symbols))
    try:
        if not symbols:
            return exact(left) == exact(right)
        return _agree_in_field(left, right, symbols, rng)
    except InexactError:
        return _agree_in_reals(left, right, symbols, rng)


def has_long_decimals(expr: Expr) -> bool:
    """True when a number is written with so many decimals that it could pass for an irrational."""
    return any(isinstance(node, Num) and (node.places or 0) > MAX_DECIMALS for node in walk(expr))


def _agree_in_field(left: Expr, right: Expr, symbols: list[str], rng: random.Random) -> bool:
    found = 0
    for _ in range(4 * FIELD_POINTS):
        values = {name: rng.randrange(2, PRIME) for name in symbols}
        try:
            if modular(left, values) != modular(right, values):
                return False
        except UndefinedError:
            continue
        found += 1
        if found == FIELD_POINTS:
            return True
    raise UndefinedError("it divides by zero everywhere")


def _agree_in_reals(left: Expr, right: Expr, symbols: list[str], rng: random.Random) -> bool:
    if not symbols:
        return _are_close(numeric(left, {}, DIGITS), numeric(right, {}, DIGITS))
    found = missing = 0
    for low, high in RANGES:
        for _ in range(POINTS_PER_RANGE):
            # positive values for the other symbols: they stand for lengths and parameters more often than not
            values: dict[str, Any] = {name: _draw(rng, 0, 4) for name in symbols}
            values[symbols[-1]] = _draw(rng, low, high)
            a, b = _real(left, values), _real(right, values)
            if a is None or b is None:
                missing += (a is None) != (b is None)
                continue
            if not _are_close(a, b):
                return False
            found += 1
    if found < MIN_POINTS or missing > found:
        raise UndefinedError(f"only {found} points were found at which both are real")
    return True


def _draw(rng: random.Random, low: int, high: int) -> Any:
    """A real of DIGITS digits in (low, high)."""
    from verifiers.algebra.high_precision import context  # mpmath loads only when a number is irrational

    return low + (high - low) * context(DIGITS).mpf(rng.randrange(1, STEPS)) / STEPS


def _real(expr: Expr, values: Mapping[str, Any]) -> Any:
    """The value as an mpmath real; None where it has none or is complex."""
    try:
        value = numeric(expr, values, DIGITS)
    except UndefinedError:
        return None
    if abs(value.imag) > 10**-TOLERANCE_EXPONENT * max(1, abs(value.real)):
        return None
    return value.real


def _are_close(a: Any, b: Any) -> bool:
    return bool(abs(a - b) * 10**TOLERANCE_EXPONENT <= max(1, abs(a), abs(b)))

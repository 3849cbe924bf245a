"""Points at which two expressions are compared, and when two values count as one.

The points hang on both expressions and on a salt: an answer that is changed to vanish at them moves them, and the salt
of a run, which its grading processes take from the seed, is nothing that an answer could know.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

from verifiers.algebra.contexts import DIGITS
from verifiers.parse.tree import Expr

Point = dict[str, Fraction]

_GRID = 10**9  # points are multiples of its inverse; the scales below are in such units
_MIDDLE, _SMALL, _LARGE = (10**8, 4 * 10**9), (10**5, 10**8), (4 * 10**9, 2 * 10**12)
_MORE = ((1, 10**9), (10**9, 4 * 10**9), (5 * 10**7, 5 * 10**8), (2 * 10**9, 9 * 10**9), (2 * 10**8, 16 * 10**8))
_MAX_ORTHANTS = 3  # symbols up to which every orthant is visited; beyond it, some of them
Scale = tuple[int, int]
POINTS = 4  # at which two expressions must agree
SPARE_DIGITS = 10  # of the working precision, in which two equal values may differ
_salt = ""  # of this process: a grading process judges for one run


def salt_points(salt: str) -> None:
    """From now on this process draws its points with `salt`: a repeated run of that seed judges alike."""
    global _salt
    _salt = salt


def seeded(left: Expr, right: Expr) -> random.Random:
    """Randomness that is the same for the same pair and salt, and that no answer can foresee of itself."""
    return random.Random(f"{_salt}\n{left!r}\n{right!r}")


def real_points(names: Sequence[str], rng: random.Random) -> Iterator[Point]:
    """Points in every orthant and at small, middling and large scales, the plainest first."""
    orthants = _orthants(len(names), rng)
    for signs in orthants:
        yield _point(names, signs, [_MIDDLE] * len(names), rng)
    if len(names) == 1:
        for sign, scale in ((1, _SMALL), (-1, _LARGE), (-1, _SMALL), (1, _LARGE)):
            yield _point(names, (sign,), [scale], rng)
        return
    for signs in orthants if len(names) == 2 else orthants[::2]:
        yield _point(names, signs, rng.choices((_SMALL, _MIDDLE, _LARGE), k=len(names)), rng)


def more_points(names: Sequence[str], rng: random.Random, count: int) -> Iterator[Point]:
    """Further points of moderate size, for expressions that are defined on a small part of the plane."""
    for index in range(count):
        signs = [rng.choice((1, 1, -1))] * len(names) if index % 2 else [rng.choice((1, -1)) for _ in names]
        yield _point(names, signs, [_MORE[index % len(_MORE)]] * len(names), rng)


def integer_points(names: Sequence[str], rng: random.Random, *, largest: int) -> Iterator[Point]:
    """Integers from 1 up: for one name the first ones in order, then ones of every size up to `largest`."""
    for size in range(1, 16):
        yield {name: Fraction(size if len(names) == 1 else rng.randrange(1, 12)) for name in names}
    digits = len(str(largest)) - 1
    for power in range(1, digits + 1):
        for _ in range(2 if power < 10 else 1):
            yield {name: Fraction(rng.randrange(10**power, 10 ** (power + 1))) for name in names}


def _orthants(count: int, rng: random.Random) -> list[tuple[int, ...]]:
    if count <= _MAX_ORTHANTS:
        return list(product((1, -1), repeat=count))
    some = [tuple(rng.choice((1, -1)) for _ in range(count)) for _ in range(6)]
    return [(1,) * count, (-1,) * count, *some]


def _point(names: Sequence[str], signs: Sequence[int], scales: Sequence[Scale], rng: random.Random) -> Point:
    return {name: Fraction(sign * rng.randrange(*scale), _GRID) for name, sign, scale in zip(names, signs, scales)}


def close(left: Any, right: Any, digits: int = DIGITS) -> bool:
    """Whether two values worked out to `digits` digits agree in all but the last ten."""
    size = max(abs(left), abs(right))
    gap = abs(left - right)
    shift = 10 ** (digits - SPARE_DIGITS)  # an integer: 10 to a large negative power would be a float and 0.0
    return bool(gap * shift <= size) or bool(100 * size * shift < 1 and 100 * gap * shift < 1)


def is_real(value: Any) -> bool:
    """Whether the imaginary part is within rounding of zero."""
    imaginary = getattr(value, "imag", 0)
    return abs(imaginary) <= abs(value) * 1e-25

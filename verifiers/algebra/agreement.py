"""What an agreement of two expressions is, and its cheap arguments: a finite field, and more digits."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from verifiers.algebra.exact import PRIME, InexactError, UndefinedError, modular
from verifiers.algebra.high_precision import numeric
from verifiers.algebra.sampling import Point, close
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.tree import Expr

_PRIMES = (PRIME, (1 << 89) - 1, (1 << 107) - 1, (1 << 127) - 1)
_MAX_DIGITS = 3_000  # of a comparison of constants


@dataclass(frozen=True)
class Sampling:
    """How two expressions are compared at points.

    Attributes:
        digits: working precision in decimal digits; values must agree in all but the last ten.
        points: real points at which both must be defined.
    """

    digits: int = 40
    points: int = 4


@dataclass(frozen=True)
class Agreement:
    """Whether two expressions agree, why, and by which argument: exact, modular, cases, numeric."""

    equal: bool
    detail: str
    method: str

    def __bool__(self) -> bool:
        return self.equal


def agree_in_field(
    left: Expr, right: Expr, names: Sequence[str], rng: random.Random, sampling: Sampling
) -> Agreement | None:
    """Agreement of rational functions at random points of a finite field; None: they are none.

    Raises:
        UndefinedError: a denominator vanishes everywhere.
    """
    points = sampling.points if names else 2
    agreed = 0
    for attempt in range(1, points + 4):
        values = {name: rng.randrange(2, PRIME) for name in names}
        prime = PRIME if names else _PRIMES[attempt % len(_PRIMES)]
        try:
            if modular(left, values, prime) != modular(right, values, prime):
                return Agreement(False, "different values at a random point of a finite field", "modular")
        except UndefinedError:
            continue
        except (InexactError, OverBudgetError):
            return None
        agreed += 1
        if agreed == points:
            break
    if not agreed:
        raise UndefinedError("a denominator vanishes everywhere")
    detail = f"the same rational function (equal at {agreed} random points of a finite field)"
    return Agreement(True, detail, "modular")


def close_with_more_digits(
    left: Expr, right: Expr, values: Point | None, part: int, digits: int, *, hidden: bool
) -> bool | None:
    """Whether both agree when they are worked out to as many digits as their largest and smallest parts call for.

    Args:
        part: decimal digits of the largest or smallest part.
        hidden: all digits must agree, those of the smallest part too (tanh(200) is not 1); else so many as `digits`,
            because the others may have been lost to cancellation (1 - cos(x)^2 near zero).
    Returns:
        None when more digits would be needed than are worked out, or one has no value.
    """
    high = part + 3 * digits
    if high > _MAX_DIGITS:
        return None
    try:
        return close(numeric(left, values, high), numeric(right, values, high), high if hidden else digits)
    except (UndefinedError, OverBudgetError, InexactError):
        return None

"""What an agreement of two expressions is, and its cheap arguments: a finite field, and more digits."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from verifiers.algebra.contexts import DIGITS
from verifiers.algebra.exact import NO_VALUE, PRIME, Evaluator, InexactError, UndefinedError, residues
from verifiers.algebra.high_precision import numeric
from verifiers.algebra.sampling import POINTS, Point, close
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.tree import Expr, free_symbols

_MAX_DIGITS = 3_000  # of a comparison of constants


@dataclass(frozen=True)
class Agreement:
    """Whether two expressions agree, why, and by which argument: exact, modular, cases, numeric."""

    equal: bool
    detail: str
    method: str

    def __bool__(self) -> bool:
        return self.equal


def agree_in_field(
    left: Expr, right: Expr, rng: random.Random, field: Callable[[Mapping[str, int]], Evaluator[Any]] = residues
) -> Agreement | None:
    """Agreement of rational functions at random points of a finite field; None: they are none.

    Args:
        field: with what is adjoined to it, that a part may be.
    Raises:
        UndefinedError: a denominator vanishes everywhere.
    """
    names = sorted(free_symbols(left) | free_symbols(right))
    agreed = 0
    for _ in range(POINTS + 3):
        at_point = field({name: rng.randrange(2, PRIME) for name in names})
        try:
            if at_point.value(left) != at_point.value(right):
                return Agreement(False, "different values at a random point of a finite field", "modular")
        except UndefinedError:
            continue
        except (InexactError, OverBudgetError):
            return None
        agreed += 1
        if agreed == POINTS:
            break
    if not agreed:
        raise UndefinedError("a denominator vanishes everywhere")
    detail = f"the same rational function (equal at {agreed} random points of a finite field)"
    return Agreement(True, detail, "modular")


def close_with_more_digits(left: Expr, right: Expr, values: Point | None, part: int, *, hidden: bool) -> bool | None:
    """Whether both agree when they are worked out to as many digits as their largest and smallest parts call for.

    Args:
        part: decimal digits of the largest or smallest part.
        hidden: all digits must agree, those of the smallest part too (tanh(200) is not 1); else the usual number,
            because the others may have been lost to cancellation (1 - cos(x)^2 near zero).
    Returns:
        None when more digits would be needed than are worked out, or one has no value.
    """
    high = part + 3 * DIGITS
    if high > _MAX_DIGITS:
        return None
    try:
        return close(numeric(left, values, high), numeric(right, values, high), high if hidden else DIGITS)
    except NO_VALUE:
        return None

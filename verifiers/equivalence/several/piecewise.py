"""Piecewise values: cases in any order or partition, beside maxima and absolute values.

Both sides are evaluated at the points where a condition changes and at points between and beyond them. Equal pieces
agree there; a wrong bracket differs at its end, a wrong piece inside.
"""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

from verifiers.algebra.evaluate import InexactError, UndefinedError, numeric
from verifiers.equivalence.types import Judgement, Settings, no, yes
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.tree import Cases, Expr, Rel, Text, free_symbols, marks, walk

_DIGITS = 40
_BETWEEN = 3  # points in every interval between ends that both sides state
_INTEGERS = 25  # the integers below are the points where conditions are `n even` and `n odd`
_DENSE = 40  # where one side hides its ends in a maximum or an absolute value
_MAX_ENDS = 40
_ORDERS = {
    "<": lambda a, b: a < b, ">": lambda a, b: a > b, "<=": lambda a, b: a <= b, ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b, "!=": lambda a, b: a != b,
}  # fmt: skip
_OTHERWISE = frozenset(("otherwise", "else", "elsewhere", "all other x", "other"))


def compare_piecewise(answer: Expr, reference: Expr, settings: Settings) -> Judgement | None:
    """Whether two values of one variable are equal, at least one of them in cases; None if this does not apply."""
    if not (isinstance(answer, Cases) or isinstance(reference, Cases)):
        return None
    name = _variable(answer) or _variable(reference)
    if name is None:
        return None
    try:
        if _is_by_parity(answer) or _is_by_parity(reference):
            return _compare_at([*range(1, _INTEGERS)], answer, reference, name)
        ends = sorted({end for side in (answer, reference) for end in _ends(side, name)})
        if len(ends) > _MAX_ENDS:
            return None
        # no more points in all, however many ends there are
        dense = not (isinstance(answer, Cases) and isinstance(reference, Cases))
        return _compare_at(
            _points(ends, max(_BETWEEN, _DENSE * 3 // (len(ends) + 2)) if dense else _BETWEEN), answer, reference, name
        )
    except (_NotPiecewiseError, InexactError, OverBudgetError):
        return None


class _NotPiecewiseError(ValueError):
    """A condition that is no order relation of the variable with numbers."""


def _variable(expr: Expr) -> str | None:
    """The one variable of the conditions."""
    if not isinstance(expr, Cases):
        return None
    names = {name for _, condition in expr.branches if isinstance(condition, Rel) for name in free_symbols(condition)}
    names |= {_words(condition)[0] for _, condition in expr.branches if _remainder(condition) is not None}
    return names.pop() if len(names) == 1 else None


def _remainder(condition: Expr | None) -> int | None:
    """The remainder on division by 2 that `n even` and `n odd` ask for; None for other conditions."""
    words = _words(condition)
    return {"even": 0, "odd": 1}.get(words[1]) if len(words) == 2 else None


def _words(condition: Expr | None) -> list[str]:
    return condition.words.split() if isinstance(condition, Text) else []


def _is_by_parity(expr: Expr) -> bool:
    return isinstance(expr, Cases) and any(_remainder(condition) is not None for _, condition in expr.branches)


def _ends(expr: Expr, name: str) -> list[Any]:
    """The numbers that the conditions compare the variable with."""
    if not isinstance(expr, Cases):
        return []
    found = []
    for _, condition in expr.branches:
        if condition is None or (isinstance(condition, Text) and condition.words in _OTHERWISE):
            continue
        if not isinstance(condition, Rel) or not _ORDERS.keys() >= set(condition.ops):
            raise _NotPiecewiseError
        for side in condition.sides:
            if name not in free_symbols(side):
                found.append(numeric(side, None, _DIGITS).real)
    return found


def _points(ends: list[Any], count: int) -> list[Any]:
    from verifiers.algebra.high_precision import context

    ctx, rng = context(_DIGITS), random.Random(17_011)
    points = list(ends)
    walls = [(ends[0] if ends else ctx.mpf(0)) - 7, *ends, (ends[-1] if ends else ctx.mpf(0)) + 7]
    for low, high in pairwise(walls):
        points += [low + (high - low) * ctx.mpf(rng.randrange(1, 10**9)) / 10**9 for _ in range(count)]
    return points


def _compare_at(points: list[Any], answer: Expr, reference: Expr, name: str) -> Judgement | None:
    rng = random.Random(19_013)
    others = sorted((_names(answer) | _names(reference)) - {name})
    agreed = 0
    for point in points:
        values = {name: point, **{other: 1 + rng.random() for other in others}}
        mine, theirs = _value(answer, values, name), _value(reference, values, name)
        if mine is None and theirs is None:
            continue
        if mine is None or theirs is None:
            return no(f"only one of the two is defined at {name} = {float(point):.6g}", method="numeric")
        if abs(mine - theirs) > 10 ** (12 - _DIGITS) * (1 + abs(mine) + abs(theirs)):
            return no(f"different values at {name} = {float(point):.6g}", method="numeric")
        agreed += 1
    if agreed < 2:
        return None
    return yes(f"equal at {agreed} points, the ends of the pieces among them", "numeric")


def _names(expr: Expr) -> frozenset[str]:
    return free_symbols(expr) if "Sym" in marks(expr) else frozenset()


def _value(expr: Expr, values: dict[str, Any], name: str) -> Any:
    """The value at a point; None where it has none."""
    if not isinstance(expr, Cases):
        return _numeric(expr, values)
    for value, condition in expr.branches:
        rest = _remainder(condition)
        if rest is not None:
            holds = values[name] % 2 == rest
        else:
            holds = condition is None or isinstance(condition, Text) or _holds(condition, values)
        if holds:
            return _numeric(value, values)
    return None


def _numeric(expr: Expr, values: dict[str, Any]) -> Any:
    if any(isinstance(node, Cases | Text) for node in walk(expr)):
        raise _NotPiecewiseError
    try:
        return numeric(expr, values, _DIGITS)
    except UndefinedError:
        return None


def _holds(condition: Expr, values: dict[str, Any]) -> bool:
    if not isinstance(condition, Rel):
        raise _NotPiecewiseError
    sides = [_numeric(side, values) for side in condition.sides]
    if any(side is None for side in sides):
        return False
    return all(_ORDERS[op](left.real, right.real) for op, left, right in zip(condition.ops, sides, sides[1:]))

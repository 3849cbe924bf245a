"""Values that repeat: x = pi/4 + k pi for integers k, n = 1 (mod 3). Equal when they are the same set.

A set of this kind is a union of arithmetic progressions over all integers. Two unions are laid out over a common
period and compared there, so that it does not matter where a progression starts or into how many it is split.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import lcm
from typing import Any

from verifiers.algebra.exact import InexactError, UndefinedError
from verifiers.algebra.high_precision import numeric
from verifiers.equivalence.conventions import PERIOD_PARAMETERS, PERIODIC_UNKNOWNS
from verifiers.equivalence.several.expanding import expand_signs, has_signs
from verifiers.equivalence.types import Equivalence, no, yes
from verifiers.equivalence.words.labels import is_label
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.tree import Builder, Expr, Family, Group, Op, Rel, Sym, free_symbols, marks, num

_DIGITS = 40
_CLOSE = 10.0**-25
_MAX_MEMBERS = 2_000  # of one common period
_MAX_RATIO = 10_000
_INTEGERS = re.compile(r"\bZ\b|integer")
_BOUNDED = re.compile(r"\d|[<>]|N\b|natural|positive|negative|even|odd|prime|!=")
_NAMING = (("=",), ("equiv",), ("in",))
Progression = tuple[Any, Any]  # a member and the positive step


def compare_progressions(answer: Expr, reference: Expr) -> Equivalence | None:
    """Whether two periodic sets are the same; None if one of them is no such set, or is not declared as one."""
    if not (
        _is_declared(answer) or _is_declared(reference) or (_looks_periodic(answer) and _looks_periodic(reference))
    ):
        return None
    try:
        mine, theirs = list(_progressions(answer)), list(_progressions(reference))
    except (_NotPeriodicError, InexactError, UndefinedError, OverBudgetError):
        return None
    if not mine or not theirs:
        return None
    same = _same(mine, theirs)
    if same is None:
        return None
    return yes("the same periodic set", "numeric") if same else no("another periodic set", method="numeric")


class _NotPeriodicError(ValueError):
    """The expression is no union of progressions over all integers."""


def _is_declared(expr: Expr) -> bool:
    """Whether a parameter is said to run over the integers, or a congruence is stated."""
    if isinstance(expr, Family):
        return bool(_INTEGERS.search(expr.condition)) and not _BOUNDED.search(_INTEGERS.sub("", expr.condition))
    if isinstance(expr, Rel):
        return expr.ops == ("equiv",)
    if isinstance(expr, Builder):
        return _is_declared(expr.condition) or _is_declared(Family(expr.head, (), _domain(expr.condition)))
    return isinstance(expr, Group) and any(_is_declared(item) for item in expr.items)


def _domain(condition: Expr) -> str:
    if isinstance(condition, Rel) and condition.ops == ("in",):
        return getattr(condition.sides[1], "name", "")
    return ""


def _looks_periodic(expr: Expr) -> bool:
    """x = pi/3 + 2 k pi, where nobody says what k is."""
    items = expr.items if isinstance(expr, Group) else (expr,)
    first = items[0] if items else expr
    return (
        isinstance(first, Rel)
        and isinstance(first.sides[0], Sym)
        and first.sides[0].name.split("_")[0] in PERIODIC_UNKNOWNS
        and all("Const:pi" in marks(item) or "Op:degree" in marks(item) for item in items)
    )


def _progressions(expr: Expr, names: Sequence[str] | None = None) -> Iterator[Progression]:
    """The progressions of a set; the parameter may be named by the caller."""
    if isinstance(expr, Family):
        if expr.condition and (not _is_declared(expr) and expr.parameters):
            raise _NotPeriodicError
        yield from _progressions(expr.body, expr.parameters or names)
    elif isinstance(expr, Builder):
        if isinstance(expr.condition, Rel) and expr.condition.ops == ("in",) and _domain(expr.condition) == "Z":
            yield from _progressions(expr.head, names)
        else:
            yield from _progressions(expr.condition, names)
    elif isinstance(expr, Group) and expr.kind in ("list", "or", "and", "set"):
        for item in _with_moduli(expr.items):
            yield from _progressions(item, names)
    elif (
        isinstance(expr, Rel) and len(expr.ops) == 1 and expr.ops[0] in ("=", "equiv", "in") and is_label(expr.sides[0])
    ):
        yield from _progressions(expr.sides[1], names)
    elif has_signs(expr):
        for reading in expand_signs(expr, independent=False):
            yield from _progressions(_without_zero(reading), names)
    elif isinstance(expr, Op) and expr.op == "mod":
        member, step = (numeric(arg, None, _DIGITS) for arg in expr.args)
        yield member, abs(step)
    else:
        yield from _one(expr, names)


def _without_zero(expr: Expr) -> Expr:
    """0 - (1 mod 5), as a sign before a residue is read, is -1 mod 5."""
    if isinstance(expr, Op) and expr.op == "add" and len(expr.args) == 2 and expr.args[0] == num(0):
        expr = expr.args[1]
    if isinstance(expr, Op) and expr.op == "neg" and isinstance(expr.args[0], Op) and expr.args[0].op == "mod":
        member, modulus = expr.args[0].args
        return Op("mod", (Op("neg", (member,)), modulus))
    return expr


def _with_moduli(items: Sequence[Expr]) -> list[Expr]:
    """In `n = 1, 2 (mod 4)` the modulus stands once, at the end."""
    modulus: Expr | None = None
    found: list[Expr] = []
    for item in reversed(items):
        value = item.sides[-1] if isinstance(item, Rel) and item.ops == ("equiv",) else item
        if isinstance(value, Op) and value.op == "mod":
            modulus = value.args[1]
        elif modulus is not None and not free_symbols(value):
            value = Op("mod", (value, modulus))
        elif isinstance(item, Rel) and item.ops == ("equiv",):
            raise _NotPeriodicError
        else:
            value = item
        found.append(value)
    return found[::-1]


def _one(expr: Expr, names: Sequence[str] | None) -> Iterator[Progression]:
    """A value that is linear in its parameter, perhaps with a sign that alternates: (-1)^k pi/6 + k pi."""
    symbols = free_symbols(expr)
    if len(symbols) != 1 or not (symbols <= set(names) if names else symbols <= PERIOD_PARAMETERS):
        raise _NotPeriodicError
    (name,) = symbols
    values = [numeric(expr, {name: index}, _DIGITS) for index in range(-2, 5)]
    if any(getattr(value, "imag", 0) for value in values):
        raise _NotPeriodicError
    for period in (1, 2):
        steps = [later - value for value, later in zip(values, values[period:])]
        if all(abs(step - steps[0]) < _CLOSE * (1 + abs(steps[0])) for step in steps):
            if abs(steps[0]) < _CLOSE:
                raise _NotPeriodicError
            for start in values[:period]:
                yield start, abs(steps[0])
            return
    raise _NotPeriodicError


def _same(mine: Sequence[Progression], theirs: Sequence[Progression]) -> bool | None:
    unit = mine[0][1]
    ratios = []
    for _, step in (*mine, *theirs):
        ratio = Fraction(str(step / unit)).limit_denominator(_MAX_RATIO)
        if abs(ratio.numerator * unit / ratio.denominator - step) > _CLOSE * (1 + abs(step)):
            return False  # steps without a common multiple
        ratios.append(ratio)
    bottom = lcm(*(r.denominator for r in ratios))
    common = Fraction(lcm(*(int(r * bottom) for r in ratios)), bottom)
    if sum(common / ratio for ratio in ratios) > _MAX_MEMBERS:
        return None
    period = unit * common.numerator / common.denominator
    first, second = (_members(side, period) for side in (mine, theirs))
    return len(first) == len(second) and all(
        min(abs(a - b), period - abs(a - b)) < _CLOSE * (1 + period) for a, b in zip(first, second)
    )


def _members(side: Sequence[Progression], period: Any) -> list[Any]:
    """The distinct members in one period, in order; a member next to its end counts as the beginning."""
    found, near = [], _CLOSE * (1 + period)
    for start, step in side:
        for index in range(round(float(period / step))):
            rest = start + index * step
            rest = rest - period * int(rest / period)
            rest = rest + period if rest < -near else rest
            found.append(0 * rest if abs(rest - period) < near or abs(rest) < near else rest)
    found.sort()
    distinct: list[Any] = []
    for member in found:
        if not distinct or member - distinct[-1] > near:
            distinct.append(member)
    return distinct

"""What repeats: x = pi/4 + k pi for integers k, n = 1 (mod 3), [k pi, k pi + 1]. Equal when they are the same set.

A set of values is a union of arithmetic progressions over all integers. Two unions are laid out over a common
period and compared there, so that it does not matter where a progression starts or into how many it is split.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from math import lcm
from typing import Any

from verifiers.algebra.exact import NO_VALUE
from verifiers.algebra.high_precision import numeric
from verifiers.equivalence.conventions import PERIOD_PARAMETERS, PERIODIC_UNKNOWNS
from verifiers.equivalence.several.expanding import expand_signs, has_signs
from verifiers.equivalence.types import Equivalence, no, yes
from verifiers.equivalence.words.labels import is_label
from verifiers.parse import Expr, free_symbols, marks
from verifiers.parse.tree import Builder, Const, Family, Group, Interval, Op, Rel, SetOp, Sym, is_op, num

_CLOSE = 10.0**-25
_MAX_MEMBERS = 2_000  # of one common period
_MAX_RATIO = 10_000
_INTEGERS = re.compile(r"\bZ\b|integer")
_BOUNDED = re.compile(r"\d|[<>]|N\b|natural|positive|negative|even|odd|prime|!=")
Progression = tuple[Any, Any]  # a member and the positive step
Repeated = tuple[Any, Any, Any, bool, bool]  # start within a period, length, period, whether the ends belong to it


class _NotPeriodicError(ValueError):
    """The expression is no union of what moves with one whole number."""


def compare_progressions(answer: Expr, reference: Expr) -> Equivalence | None:
    """Whether two periodic sets are the same; None if one of them is no such set, or is not declared as one."""
    sides = (answer, reference)
    if not (any(map(_is_declared, sides)) or all(map(_looks_periodic, sides))):
        return None
    try:
        mine, theirs = list(_progressions(answer)), list(_progressions(reference))
    except (_NotPeriodicError, *NO_VALUE):
        return None
    same = _same(mine, theirs) if mine and theirs else None
    if same is None:
        return None
    return yes("the same periodic set", "numeric") if same else no("another periodic set", method="numeric")


def _is_declared(expr: Expr) -> bool:
    """Whether a parameter is said to run over the integers, or a congruence is stated."""
    match expr:
        case Family(_, _, condition):
            return _names_integers(condition)
        case Builder(_, condition):
            return _is_declared(condition) or _names_integers(_domain(condition))
        case Group(_, items):
            return any(map(_is_declared, items))
    return isinstance(expr, Rel) and expr.ops == ("equiv",)


def _names_integers(condition: str) -> bool:
    return bool(_INTEGERS.search(condition)) and not _BOUNDED.search(_INTEGERS.sub("", condition))


def _domain(condition: Expr) -> str:
    match condition:
        case Rel(("in",), (_, Const(name) | Sym(name))):
            return name
    return ""


def _looks_periodic(expr: Expr) -> bool:
    """x = pi/3 + 2 k pi, where nobody says what k is."""
    items = expr.items if isinstance(expr, Group) else (expr,)
    match items:
        case (Rel(_, (Sym(name), *_)), *_):
            is_angle = all(not marks(item).isdisjoint(("Const:pi", "Op:degree")) for item in items)
            return is_angle and name.split("_")[0] in PERIODIC_UNKNOWNS
    return False


def _progressions(expr: Expr, names: Sequence[str] = ()) -> Iterator[Progression]:
    """The progressions of a set; the parameter may be named by the caller."""
    match expr:
        case Family(body, parameters, condition):
            if condition and parameters and not _is_declared(expr):
                raise _NotPeriodicError
            yield from _progressions(body, parameters or names)
        case Builder(head, condition):
            yield from _progressions(head if _domain(condition) == "Z" else condition, names)
        case Group("list" | "or" | "and" | "set", items):
            for item in _with_moduli(items):
                yield from _progressions(item, names)
        case Rel(("=" | "equiv" | "in",), (label, value)) if is_label(label):
            yield from _progressions(value, names)
        case _ if has_signs(expr):
            for reading in expand_signs(expr, independent=False):
                yield from _progressions(_without_zero(reading), names)
        case Op("mod", args):
            member, step = (numeric(arg) for arg in args)
            yield member, abs(step)
        case _:
            yield from _one(expr, names)


def _without_zero(expr: Expr) -> Expr:
    """0 - (1 mod 5), as a sign before a residue is read, is -1 mod 5."""
    match expr:
        case Op("add", (zero, rest)) if zero == num(0):
            return _without_zero(rest)
        case Op("neg", (Op("mod", (member, modulus)),)):
            return Op("mod", (-member, modulus))
    return expr


def _with_moduli(items: Sequence[Expr]) -> list[Expr]:
    """In `n = 1, 2 (mod 4)` the modulus stands once, at the end."""
    modulus: Expr | None = None
    found: list[Expr] = []
    for item in reversed(items):
        congruence = item if isinstance(item, Rel) and item.ops == ("equiv",) else None
        value = congruence.sides[-1] if congruence else item
        if is_op(value, "mod"):
            modulus = value.args[1]
        elif modulus is not None and not free_symbols(value):
            value = Op("mod", (value, modulus))
        elif congruence:
            raise _NotPeriodicError
        found.append(value)
    return found[::-1]


def _samples(expr: Expr, names: Sequence[str]) -> list[Any]:
    """Values at the integers -2 to 4 of the one parameter, of those names or, where none is said, of the usual ones.

    Raises:
        _NotPeriodicError: it has no such parameter, or a value is not real.
    """
    symbols = free_symbols(expr)
    if len(symbols) != 1 or not symbols <= (set(names) or PERIOD_PARAMETERS):
        raise _NotPeriodicError
    values = [numeric(expr, dict.fromkeys(symbols, index)) for index in range(-2, 5)]
    if any(getattr(value, "imag", 0) for value in values):
        raise _NotPeriodicError
    return values


def _near(first: Any, second: Any) -> bool:
    """Whether two numbers are equal to 25 digits."""
    return bool(abs(first - second) < _CLOSE * (1 + abs(second)))


def _reduced(value: Any, period: Any) -> Any:
    """The value within one period from 0; one next to its end counts as its beginning."""
    rest = value - period * int(value / period)
    rest = rest + period if rest < 0 and not _near(rest, 0 * period) else rest
    return 0 * rest if _near(rest, 0 * period) or _near(rest, period) else rest


def _one(expr: Expr, names: Sequence[str]) -> Iterator[Progression]:
    """A value that is linear in its parameter, perhaps with a sign that alternates: (-1)^k pi/6 + k pi."""
    values = _samples(expr, names)
    for period in (1, 2):
        steps = [later - value for value, later in zip(values, values[period:])]
        if all(_near(step, steps[0]) for step in steps) and abs(steps[0]) >= _CLOSE:
            for start in values[:period]:
                yield start, abs(steps[0])
            return
    raise _NotPeriodicError


def _same(mine: Sequence[Progression], theirs: Sequence[Progression]) -> bool | None:
    unit = mine[0][1]
    ratios = []
    for _, step in (*mine, *theirs):
        ratio = Fraction(str(step / unit)).limit_denominator(_MAX_RATIO)
        if not _near(ratio.numerator * unit / ratio.denominator, step):
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
    """The distinct members in one period, in order."""
    found = sorted(
        _reduced(start + index * step, period) for start, step in side for index in range(round(float(period / step)))
    )
    return [member for index, member in enumerate(found) if not index or not _near(member, found[index - 1])]


def compare_periodic(answer: Expr, reference: Expr) -> Equivalence | None:
    """Whether two unions of repeated intervals are the same; None where one is no such union, or it cannot be told."""
    if not (isinstance(answer, Family) and isinstance(reference, Family)):
        return None
    try:
        mine, theirs = (sorted(_intervals(side.body, side.parameters)) for side in (answer, reference))
    except (_NotPeriodicError, TypeError, *NO_VALUE):
        return None
    if not mine or not theirs or not all(_near(piece[2], mine[0][2]) for piece in (*mine, *theirs)):
        return None
    if len(mine) == len(theirs) and all(map(_same_interval, mine, theirs)):
        return yes("the same intervals, repeated", "numeric")
    return no("other intervals, repeated", method="numeric") if len(mine) == len(theirs) == 1 else None


def _intervals(expr: Expr, names: tuple[str, ...]) -> Iterator[Repeated]:
    match expr:
        case SetOp("union", parts) | Group("list" | "or" | "and", parts):
            for part in parts:
                yield from _intervals(part, names)
        case Interval(low, high, closed_low, closed_high):
            yield _interval(low, high, closed_low, closed_high, names)
        case Rel(("in",), (Sym(), members)):
            yield from _intervals(members, names)
        case Rel(("<" | "<=" as first, "<" | "<=" as second), (low, Sym(), high)):
            yield _interval(low, high, first == "<=", second == "<=", names)
        case _:
            raise _NotPeriodicError


def _interval(low: Expr, high: Expr, closed_low: bool, closed_high: bool, names: tuple[str, ...]) -> Repeated:
    if free_symbols(low) != free_symbols(high):
        raise _NotPeriodicError
    lows, highs = _samples(low, names), _samples(high, names)
    period = lows[1] - lows[0]
    if not all(_near(later - value, period) for ends in (lows, highs) for value, later in pairwise(ends)):
        raise _NotPeriodicError
    length, period = highs[0] - lows[0], abs(period)
    if not _CLOSE < length < period - _CLOSE:  # empty, or without a gap
        raise _NotPeriodicError
    return _reduced(lows[0], period), length, period, closed_low, closed_high


def _same_interval(first: Repeated, second: Repeated) -> bool:
    return first[3:] == second[3:] and _near(first[0], second[0]) and _near(first[1], second[1])

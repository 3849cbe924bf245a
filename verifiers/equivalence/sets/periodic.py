"""Intervals that repeat: [k pi - pi/4, k pi + pi/4] for integers k. Equal when they are the same set of reals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from verifiers.algebra.exact import InexactError, UndefinedError
from verifiers.algebra.high_precision import numeric
from verifiers.equivalence.conventions import PERIOD_PARAMETERS
from verifiers.equivalence.types import Equivalence, no, yes
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.tree import Expr, Family, Group, Interval, Rel, SetOp, Sym, free_symbols

_DIGITS = 40
_CLOSE = 10.0**-25
Piece = tuple[Any, Any, Any, bool, bool]  # start within a period, length, period, whether the ends belong to it


def compare_periodic(answer: Expr, reference: Expr) -> Equivalence | None:
    """Whether two unions of repeated intervals are the same; None where one is no such union, or it cannot be told."""
    if not (isinstance(answer, Family) and isinstance(reference, Family)):
        return None
    try:
        mine, theirs = (sorted(_pieces(side.body, side.parameters)) for side in (answer, reference))
    except (_NotPeriodicError, InexactError, UndefinedError, OverBudgetError, TypeError):
        return None
    if not mine or not theirs or any(not _near(piece[2], mine[0][2]) for piece in (*mine, *theirs)):
        return None
    if len(mine) == len(theirs) and all(_same(first, second) for first, second in zip(mine, theirs)):
        return yes("the same intervals, repeated", "numeric")
    return no("other intervals, repeated", method="numeric") if len(mine) == len(theirs) == 1 else None


class _NotPeriodicError(ValueError):
    """The expression is no union of intervals that move with one whole number."""


def _pieces(expr: Expr, names: tuple[str, ...]) -> Iterator[Piece]:
    if isinstance(expr, SetOp) and expr.op == "union":
        for arg in expr.args:
            yield from _pieces(arg, names)
    elif isinstance(expr, Group) and expr.kind in ("list", "or", "and"):
        for item in expr.items:
            yield from _pieces(item, names)
    elif isinstance(expr, Interval):
        yield _piece(expr.low, expr.high, expr.closed_low, expr.closed_high, names)
    elif isinstance(expr, Rel) and expr.ops == ("in",) and isinstance(expr.sides[0], Sym):
        yield from _pieces(expr.sides[1], names)
    elif (
        isinstance(expr, Rel) and len(expr.ops) == 2 and isinstance(expr.sides[1], Sym) and set(expr.ops) <= {"<", "<="}
    ):
        yield _piece(expr.sides[0], expr.sides[2], expr.ops[0] == "<=", expr.ops[1] == "<=", names)
    else:
        raise _NotPeriodicError


def _piece(low: Expr, high: Expr, closed_low: bool, closed_high: bool, names: tuple[str, ...]) -> Piece:
    symbols = free_symbols(low) | free_symbols(high)
    if len(symbols) != 1 or not (symbols <= set(names) if names else symbols <= PERIOD_PARAMETERS):
        raise _NotPeriodicError
    (name,) = symbols
    lows, highs = ([numeric(end, {name: index}, _DIGITS) for index in range(3)] for end in (low, high))
    period = lows[1] - lows[0]
    steps = (lows[2] - lows[1], highs[1] - highs[0], highs[2] - highs[1])
    if any(getattr(value, "imag", 0) for value in (*lows, *highs)) or not all(_near(step, period) for step in steps):
        raise _NotPeriodicError
    length, period = highs[0] - lows[0], abs(period)
    if not _CLOSE < length < period - _CLOSE:  # empty, or without a gap
        raise _NotPeriodicError
    start = lows[0] - period * int(lows[0] / period)
    start = start + period if start < -_CLOSE else start
    return (0 * start if _near(start, period) else start), length, period, closed_low, closed_high


def _same(first: Piece, second: Piece) -> bool:
    return first[3:] == second[3:] and all(_near(a, b) for a, b in zip(first[:2], second[:2]))


def _near(first: Any, second: Any) -> bool:
    return bool(abs(first - second) < _CLOSE * (1 + abs(second)))

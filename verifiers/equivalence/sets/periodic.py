"""Intervals that repeat: [k pi - pi/4, k pi + pi/4] for integers k. Equal when they are the same set of reals."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from verifiers.algebra.exact import NO_VALUE
from verifiers.equivalence.sets.progressions import CLOSE, NotPeriodicError, near, reduced, samples
from verifiers.equivalence.types import Equivalence, no, yes
from verifiers.parse import Expr, free_symbols
from verifiers.parse.tree import Family, Group, Interval, Rel, SetOp, Sym

Piece = tuple[Any, Any, Any, bool, bool]  # start within a period, length, period, whether the ends belong to it


def compare_periodic(answer: Expr, reference: Expr) -> Equivalence | None:
    """Whether two unions of repeated intervals are the same; None where one is no such union, or it cannot be told."""
    if not (isinstance(answer, Family) and isinstance(reference, Family)):
        return None
    try:
        mine, theirs = (sorted(_pieces(side.body, side.parameters)) for side in (answer, reference))
    except (NotPeriodicError, TypeError, *NO_VALUE):
        return None
    if not mine or not theirs or not all(near(piece[2], mine[0][2]) for piece in (*mine, *theirs)):
        return None
    if len(mine) == len(theirs) and all(map(_same, mine, theirs)):
        return yes("the same intervals, repeated", "numeric")
    return no("other intervals, repeated", method="numeric") if len(mine) == len(theirs) == 1 else None


def _pieces(expr: Expr, names: tuple[str, ...]) -> Iterator[Piece]:
    match expr:
        case SetOp("union", parts) | Group("list" | "or" | "and", parts):
            for part in parts:
                yield from _pieces(part, names)
        case Interval(low, high, closed_low, closed_high):
            yield _piece(low, high, closed_low, closed_high, names)
        case Rel(("in",), (Sym(), members)):
            yield from _pieces(members, names)
        case Rel(("<" | "<=" as first, "<" | "<=" as second), (low, Sym(), high)):
            yield _piece(low, high, first == "<=", second == "<=", names)
        case _:
            raise NotPeriodicError


def _piece(low: Expr, high: Expr, closed_low: bool, closed_high: bool, names: tuple[str, ...]) -> Piece:
    if free_symbols(low) != free_symbols(high):
        raise NotPeriodicError
    lows, highs = samples(low, names), samples(high, names)
    period = lows[1] - lows[0]
    if not all(near(later - value, period) for ends in (lows, highs) for value, later in pairwise(ends)):
        raise NotPeriodicError
    length, period = highs[0] - lows[0], abs(period)
    if not CLOSE < length < period - CLOSE:  # empty, or without a gap
        raise NotPeriodicError
    return reduced(lows[0], period), length, period, closed_low, closed_high


def _same(first: Piece, second: Piece) -> bool:
    return first[3:] == second[3:] and near(first[0], second[0]) and near(first[1], second[1])

"""Unions of real intervals in one normal form, whatever their ends are written as."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from verifiers.algebra.exact import InexactError, UndefinedError, exact
from verifiers.algebra.high_precision import numeric
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.tree import Const, Expr, Op

INFINITY = Const("inf")
MINUS_INFINITY = Op("neg", (INFINITY,))
_MAX_PIECES = 10_000


@dataclass(frozen=True, slots=True)
class Piece:
    """One interval; a point has equal closed ends."""

    low: Expr
    high: Expr
    closed_low: bool
    closed_high: bool


@dataclass(frozen=True, slots=True)
class RealSet:
    """A union of pieces, and the variable it is about (None when written without one)."""

    pieces: tuple[Piece, ...]
    variable: str | None = None


class NotARealSetError(ValueError):
    """The expression is no set of reals that we can write as intervals."""


def infinite(expr: Expr) -> int:
    """1 for infinity, -1 for minus infinity, 0 for anything else."""
    if isinstance(expr, Const):
        return 1 if expr.name == "inf" else 0
    if isinstance(expr, Op) and expr.op == "neg":
        return -infinite(expr.args[0])
    return 0


def number(expr: Expr) -> Any:
    """A float-like value to order ends by; None when the end has symbols."""
    sign = infinite(expr)
    if sign:
        return Fraction(sign * 10**40)
    try:
        return exact(expr)
    except UndefinedError as error:
        raise NotARealSetError("an end without value") from error
    except (InexactError, OverBudgetError):
        pass
    try:
        value = numeric(expr, None, 30)
    except (InexactError, UndefinedError, OverBudgetError):
        return None
    return Fraction(str(value.real))


def normal(pieces: tuple[Piece, ...]) -> list[Piece]:
    """Sorted, overlapping and touching pieces merged, empty ones dropped; as written when ends are symbols."""
    numbered = [(number(piece.low), number(piece.high), piece) for piece in pieces]
    if any(low is None or high is None for low, high, _ in numbered):
        return list(pieces)
    kept = [
        row for row in numbered if row[0] < row[1] or (row[0] == row[1] and row[2].closed_low and row[2].closed_high)
    ]
    kept.sort(key=lambda row: (row[0], not row[2].closed_low))
    merged: list[tuple[Any, Any, Piece]] = []
    for low, high, piece in kept:
        if merged:
            last_low, last_high, last = merged[-1]
            touching = low < last_high or (low == last_high and (last.closed_high or piece.closed_low))
            if touching:
                if high > last_high or (high == last_high and piece.closed_high):
                    last = Piece(last.low, piece.high, last.closed_low, piece.closed_high)
                    last_high = high
                merged[-1] = (last_low, last_high, last)
                continue
        merged.append((low, high, piece))
    return [piece for _, _, piece in merged]


def complement(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """The reals that are in none of the pieces."""
    gaps: list[Piece] = []
    low, closed = MINUS_INFINITY, False
    for piece in normal(pieces):
        if infinite(piece.low) != -1:
            gaps.append(Piece(low, piece.low, closed, not piece.closed_low))
        low, closed = piece.high, not piece.closed_high  # type: ignore[assignment]
    if not pieces or infinite(low) != 1:
        gaps.append(Piece(low, INFINITY, closed, False))
    return tuple(gaps)


def intersection(parts: list[RealSet]) -> tuple[Piece, ...]:
    """The reals that are in all of the sets."""
    current = list(parts[0].pieces)
    for part in parts[1:]:
        if len(current) * len(part.pieces) > _MAX_PIECES:
            raise NotARealSetError("too many pieces")
        current = [meet for first in current for second in part.pieces if (meet := _meet(first, second)) is not None]
    return tuple(current)


def _meet(first: Piece, second: Piece) -> Piece | None:
    values = [number(end) for end in (first.low, second.low, first.high, second.high)]
    if any(value is None for value in values):
        raise NotARealSetError("ends that cannot be ordered")
    if values[0] == values[1]:
        low, closed_low, low_value = first.low, first.closed_low and second.closed_low, values[0]
    else:
        low, closed_low, low_value = (
            max((values[0], 0), (values[1], 1)) == (values[0], 0) and (first.low, first.closed_low, values[0])
        ) or (second.low, second.closed_low, values[1])
    if values[2] == values[3]:
        high, closed_high, high_value = first.high, first.closed_high and second.closed_high, values[2]
    elif values[2] < values[3]:
        high, closed_high, high_value = first.high, first.closed_high, values[2]
    else:
        high, closed_high, high_value = second.high, second.closed_high, values[3]
    if low_value > high_value or (low_value == high_value and not (closed_low and closed_high)):
        return None
    return Piece(low, high, closed_low, closed_high)


def disjoint(parts: list[RealSet]) -> bool:
    """Whether conditions joined by a comma can only be meant as alternatives: their intersection is empty."""
    try:
        return not intersection(parts)
    except NotARealSetError:
        return True

"""Unions of real intervals in one normal form, whatever their ends are written as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from verifiers.algebra.exact import InexactError, UndefinedError, exact
from verifiers.algebra.high_precision import numeric_or_none
from verifiers.parse import Expr, OverBudgetError
from verifiers.parse.tree import Const, is_op

INFINITY = Const("inf")
_MAX_PIECES = 10_000
_END_DIGITS = 30  # by which ends are ordered


class NotARealSetError(ValueError):
    """The expression is no set of reals that we can write as intervals."""


@dataclass(frozen=True)
class Cut:
    """A cut through the line just before a number, or just behind it."""

    at: Expr
    behind: bool

    @cached_property
    def place(self) -> tuple[Fraction, bool] | None:
        """What cuts are ordered by; None when the number has symbols."""
        value = number(self.at)
        return None if value is None else (value, self.behind)

    def __lt__(self, other: Cut) -> bool:
        if self.place is None or other.place is None:
            raise NotARealSetError("ends that cannot be ordered")
        return self.place < other.place


class Piece(NamedTuple):
    """The numbers between two cuts: [1, 2) lies between those before 1 and before 2."""

    low: Cut
    high: Cut

    @property
    def is_ordered(self) -> bool:
        """Whether both ends can be ordered."""
        return self.low.place is not None and self.high.place is not None


START, END = Cut(-INFINITY, True), Cut(INFINITY, False)


@dataclass(frozen=True, slots=True)
class RealSet:
    """A union of pieces, and the variable it is about (None when written without one)."""

    pieces: tuple[Piece, ...]
    variable: str | None = None


def interval(low: Expr, high: Expr, *, closed_low: bool = False, closed_high: bool = False) -> Piece:
    """The numbers between two, open at both ends unless said otherwise."""
    return Piece(Cut(low, not closed_low), Cut(high, closed_high))


def half_line(op: str, end: Expr) -> tuple[Piece, ...]:
    """The numbers that stand in one of the relations < <= > >= = != to an end."""
    before, behind = Cut(end, False), Cut(end, True)
    return {
        "<": (Piece(START, before),), "<=": (Piece(START, behind),), ">": (Piece(behind, END),),
        ">=": (Piece(before, END),), "=": (Piece(before, behind),), "!=": (Piece(START, before), Piece(behind, END)),
    }[op]  # fmt: skip


def between(first: Piece, second: Piece) -> Piece:
    """One end from each of two half-lines, also where the ends are symbols that cannot be ordered."""
    return Piece(first.low, second.high) if first.high == END else Piece(second.low, first.high)


def laid_out(ends: Sequence[Expr], held: Sequence[bool]) -> tuple[Piece, ...]:
    """What is held of the gaps and the ends between them in order: gap, end, gap, ..., gap."""
    cuts = [START, *(Cut(end, behind) for end in ends for behind in (False, True)), END]
    return tuple(Piece(*pair) for pair, is_held in zip(pairwise(cuts), held) if is_held)


def infinite(expr: Expr) -> int:
    """1 for infinity, -1 for minus infinity, 0 for anything else."""
    return -infinite(expr.args[0]) if is_op(expr, "neg") else int(expr == INFINITY)


def number(expr: Expr) -> Fraction | None:
    """A value to order ends by; None when the end has symbols."""
    if sign := infinite(expr):
        return Fraction(sign * 10**40)
    try:
        return exact(expr)
    except UndefinedError as error:
        raise NotARealSetError("an end without value") from error
    except (InexactError, OverBudgetError):
        pass
    found = numeric_or_none(expr, None, _END_DIGITS)
    return None if found is None else Fraction(str(found.real))


def normal(pieces: Sequence[Piece]) -> list[Piece]:
    """Sorted, overlapping and touching pieces merged, empty ones dropped; as written when ends are symbols."""
    if not all(piece.is_ordered for piece in pieces):
        return list(pieces)
    merged: list[Piece] = []
    for piece in sorted((piece for piece in pieces if piece.low < piece.high), key=lambda piece: piece.low):
        if merged and not merged[-1].high < piece.low:
            merged[-1] = Piece(merged[-1].low, max(merged[-1].high, piece.high))
        else:
            merged.append(piece)
    return merged


def complement(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """The reals that are in none of the pieces."""
    cuts = [START, *(cut for piece in normal(pieces) for cut in piece), END]
    return tuple(Piece(low, high) for low, high in [*pairwise(cuts)][::2] if low != high)


def intersection(parts: Sequence[RealSet]) -> tuple[Piece, ...]:
    """The reals that are in all of the sets."""
    current = parts[0].pieces
    for part in parts[1:]:
        if len(current) * len(part.pieces) > _MAX_PIECES:
            raise NotARealSetError("too many pieces")
        meets = (
            Piece(max(first.low, second.low), min(first.high, second.high))
            for first in current
            for second in part.pieces
        )
        current = tuple(piece for piece in meets if piece.low < piece.high)
    return current


def disjoint(parts: Sequence[RealSet]) -> bool:
    """Whether conditions joined by a comma can only be meant as alternatives: their intersection is empty."""
    try:
        return not intersection(parts)
    except NotARealSetError:
        return True

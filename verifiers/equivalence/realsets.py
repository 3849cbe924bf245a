"""Sets of real numbers: intervals, unions, inequalities in one variable and set builders, in one normal form."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from verifiers.equivalence.scalars import compare_values
from verifiers.equivalence.types import Judgement, Settings, no, yes
from verifiers.evaluate import InexactError, UndefinedError, exact, numeric
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.tree import (
    Builder,
    Call,
    Const,
    Expr,
    Family,
    Group,
    Interval,
    Num,
    Op,
    Rel,
    SetOp,
    Sym,
    free_symbols,
)

INFINITY = Const("inf")
MINUS_INFINITY = Op("neg", (INFINITY,))
_FLIP = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "!=": "!=", "=": "="}


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


def is_setlike(expr: Expr) -> bool:
    """Whether an expression can only be read as a set of reals (an interval, an inequality, a union)."""
    if isinstance(expr, Interval | SetOp | Builder):
        return True
    if isinstance(expr, Const):
        return expr.name in ("R", "empty")
    if isinstance(expr, Family):
        return is_setlike(expr.body)
    if isinstance(expr, Rel):
        if expr.ops == ("in",):
            return is_setlike(expr.sides[1])
        return any(op in ("<", ">", "<=", ">=", "!=") for op in expr.ops)
    if isinstance(expr, Group) and expr.kind in ("or", "and", "list"):
        return any(is_setlike(item) for item in expr.items) and all(_piecewise(item) for item in expr.items)
    return isinstance(expr, Op) and expr.op == "complement"


def _piecewise(expr: Expr) -> bool:
    return is_setlike(expr) or isinstance(expr, Rel)


def real_set(expr: Expr) -> RealSet:
    """The set of reals that an expression denotes.

    Raises:
        NotARealSetError: it is none.
    """
    if isinstance(expr, Interval):
        if (expr.closed_low and _infinite(expr.low)) or (expr.closed_high and _infinite(expr.high)):
            raise NotARealSetError("infinity is no member of an interval")
        return RealSet((Piece(expr.low, expr.high, expr.closed_low, expr.closed_high),))
    if isinstance(expr, Group) and expr.kind == "tuple" and len(expr.items) == 2:
        return RealSet((Piece(expr.items[0], expr.items[1], False, False),))
    if isinstance(expr, Group) and expr.kind == "set":
        return RealSet(tuple(Piece(item, item, True, True) for item in expr.items))
    if isinstance(expr, Const) and expr.name == "R":
        return RealSet((Piece(MINUS_INFINITY, INFINITY, False, False),))
    if isinstance(expr, Const) and expr.name == "empty":
        return RealSet(())
    if isinstance(expr, SetOp):
        return _set_operation(expr)
    if isinstance(expr, Builder):
        return _builder(expr)
    if isinstance(expr, Rel):
        return _relation(expr)
    if isinstance(expr, Group) and expr.kind in ("or", "and", "list"):
        parts = [real_set(item) for item in expr.items]
        names = {part.variable for part in parts if part.variable}
        if len(names) > 1:
            raise NotARealSetError("several variables")
        name = names.pop() if names else None
        if expr.kind == "or" or (expr.kind in ("list", "and") and _disjoint(parts)):
            return RealSet(tuple(piece for part in parts for piece in part.pieces), name)
        return RealSet(_intersection(parts), name)
    raise NotARealSetError(type(expr).__name__)


def _builder(expr: Builder) -> RealSet:
    condition = expr.condition
    head = expr.head
    if isinstance(head, Rel) and head.ops == ("in",):  # {x in R | x > 1}
        if head.sides[1] != Const("R"):
            raise NotARealSetError("a set of non-reals")
        head = head.sides[0]
    if not isinstance(head, Sym):
        raise NotARealSetError("the head of the set is no variable")
    found = real_set(condition)
    if found.variable not in (None, head.name):
        raise NotARealSetError("the condition is about another variable")
    return RealSet(found.pieces)


def _set_operation(expr: SetOp) -> RealSet:
    parts = [real_set(arg) for arg in expr.args]
    if expr.op == "union":
        return RealSet(tuple(piece for part in parts for piece in part.pieces))
    if expr.op == "intersection":
        return RealSet(_intersection(parts))
    if expr.op == "minus":
        return RealSet(_intersection([parts[0], *(RealSet(_complement(part.pieces)) for part in parts[1:])]))
    raise NotARealSetError(expr.op)


def _relation(expr: Rel) -> RealSet:
    if expr.ops == ("in",) and isinstance(expr.sides[0], Sym):
        inner = real_set(expr.sides[1])
        return RealSet(inner.pieces, expr.sides[0].name)
    if expr.ops == ("notin",) and isinstance(expr.sides[0], Sym):
        return RealSet(_complement(real_set(expr.sides[1]).pieces), expr.sides[0].name)
    if any(op not in _FLIP for op in expr.ops):
        raise NotARealSetError("not an inequality")
    pieces: list[RealSet] = []
    for op, left, right in zip(expr.ops, expr.sides, expr.sides[1:]):
        pieces.append(_inequality(left, op, right))
    names = {part.variable for part in pieces}
    if len(names) > 1:
        raise NotARealSetError("several variables")
    if len(pieces) == 1:
        return pieces[0]
    if len(pieces) == 2 and expr.ops[0][0] == expr.ops[1][0] and expr.ops[0][0] in "<>":
        return RealSet((_between(pieces),), pieces[0].variable)
    return RealSet(_intersection(pieces), pieces[0].variable)


def _between(parts: list[RealSet]) -> Piece:
    """a < x <= b: one end from each half, also where the ends are symbols that cannot be ordered."""
    first, second = parts[0].pieces[0], parts[1].pieces[0]
    if _infinite(first.high):
        return Piece(first.low, second.high, first.closed_low, second.closed_high)
    return Piece(second.low, first.high, second.closed_low, first.closed_high)


def _inequality(left: Expr, op: str, right: Expr) -> RealSet:
    if isinstance(left, Sym) and left.name not in free_symbols(right):
        return _half_line(left.name, op, right)
    if isinstance(right, Sym) and right.name not in free_symbols(left):
        return _half_line(right.name, _FLIP[op], left)
    if isinstance(left, Call) and left.name == "abs" and op in ("<", "<=", ">", ">="):
        return _absolute(left.args[0], op, right)
    names = free_symbols(left) | free_symbols(right)
    if len(names) != 1:
        raise NotARealSetError("not an inequality in one variable")
    name = next(iter(names))
    slope, start = _linear(Op("add", (left, Op("neg", (right,)))), name)
    point = Num(-start / slope)
    return _half_line(name, op if slope > 0 else _FLIP[op], point)


def _absolute(inner: Expr, op: str, bound: Expr) -> RealSet:
    negative = Op("neg", (bound,))
    below, above = _inequality(inner, op, bound), _inequality(negative, op, inner)
    if op in ("<", "<="):
        return RealSet(_intersection([below, above]), below.variable)
    outside = _inequality(inner, _FLIP[op], negative)
    return RealSet((*outside.pieces, *below.pieces), below.variable)


def _linear(expr: Expr, name: str) -> tuple[Fraction, Fraction]:
    try:
        values = [exact(expr, {name: Fraction(point)}) for point in (0, 1, 2, 5)]
    except (InexactError, UndefinedError, OverBudgetError) as error:
        raise NotARealSetError("not linear") from error
    slope = values[1] - values[0]
    if not slope or values[2] - values[1] != slope or values[3] - values[0] != 5 * slope:
        raise NotARealSetError("not linear")
    return slope, values[0]


def _half_line(name: str, op: str, end: Expr) -> RealSet:
    if op == "=":
        return RealSet((Piece(end, end, True, True),), name)
    if op == "!=":
        return RealSet((Piece(MINUS_INFINITY, end, False, False), Piece(end, INFINITY, False, False)), name)
    if op in ("<", "<="):
        return RealSet((Piece(MINUS_INFINITY, end, False, op == "<="),), name)
    return RealSet((Piece(end, INFINITY, op == ">=", False),), name)


def compare_sets(answer: Expr, reference: Expr, settings: Settings) -> Judgement:
    """Whether two expressions denote the same set of reals.

    Raises:
        NotARealSetError: one of them is no such set.
    """
    left, right = real_set(answer), real_set(reference)
    if left.variable and right.variable and left.variable != right.variable:
        return no(f"about {left.variable}, expected {right.variable}")
    first, second = _normal(left.pieces), _normal(right.pieces)
    if len(first) != len(second):
        return no(f"{len(first)} pieces, expected {len(second)}")
    if len(first) > 200:
        raise NotARealSetError("too many pieces")
    for mine, theirs in zip(first, second):
        if (mine.closed_low, mine.closed_high) != (theirs.closed_low, theirs.closed_high):
            return no("an end is open in one and closed in the other")
        for end, other in ((mine.low, theirs.low), (mine.high, theirs.high)):
            if not _same_end(end, other, settings):
                return no("the ends differ")
    return yes("the same intervals", "exact")


def _same_end(end: Expr, other: Expr, settings: Settings) -> bool:
    if _infinite(end) or _infinite(other):
        return _infinite(end) == _infinite(other) and _infinite(end) != 0
    return bool(compare_values(end, other, settings))


def _infinite(expr: Expr) -> int:
    """1 for infinity, -1 for minus infinity, 0 for anything else."""
    if isinstance(expr, Const):
        return 1 if expr.name == "inf" else 0
    if isinstance(expr, Op) and expr.op == "neg":
        return -_infinite(expr.args[0])
    return 0


def _number(expr: Expr) -> Any:
    """A float-like value to order ends by; None when the end has symbols."""
    sign = _infinite(expr)
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


def _normal(pieces: tuple[Piece, ...]) -> list[Piece]:
    """Sorted, overlapping and touching pieces merged, empty ones dropped; as written when ends are symbols."""
    numbered = [(_number(piece.low), _number(piece.high), piece) for piece in pieces]
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


def _complement(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    gaps: list[Piece] = []
    low, closed = MINUS_INFINITY, False
    for piece in _normal(pieces):
        if _infinite(piece.low) != -1:
            gaps.append(Piece(low, piece.low, closed, not piece.closed_low))
        low, closed = piece.high, not piece.closed_high  # type: ignore[assignment]
    if not pieces or _infinite(low) != 1:
        gaps.append(Piece(low, INFINITY, closed, False))
    return tuple(gaps)


def _intersection(parts: list[RealSet]) -> tuple[Piece, ...]:
    current = list(parts[0].pieces)
    for part in parts[1:]:
        if len(current) * len(part.pieces) > 10_000:
            raise NotARealSetError("too many pieces")
        current = [meet for first in current for second in part.pieces if (meet := _meet(first, second)) is not None]
    return tuple(current)


def _meet(first: Piece, second: Piece) -> Piece | None:
    values = [_number(end) for end in (first.low, second.low, first.high, second.high)]
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


def _disjoint(parts: list[RealSet]) -> bool:
    """Whether conditions joined by a comma can only be meant as alternatives: their intersection is empty."""
    try:
        return not _intersection(parts)
    except NotARealSetError:
        return True

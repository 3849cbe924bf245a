"""Sets of real numbers: intervals, unions, inequalities in one variable and set builders, in one normal form."""

from __future__ import annotations

from fractions import Fraction

from verifiers.equivalence.sets.inequalities import is_unsolved, solve
from verifiers.equivalence.sets.pieces import (
    INFINITY,
    MINUS_INFINITY,
    NotARealSetError,
    Piece,
    RealSet,
    complement,
    disjoint,
    infinite,
    intersection,
    normal,
    number,
)
from verifiers.equivalence.several.expanding import expand_signs, has_signs
from verifiers.equivalence.types import Equivalence, Settings, no, yes
from verifiers.equivalence.values.scalars import compare_values
from verifiers.parse.tree import Builder, Const, Expr, Family, Group, Interval, Num, Op, Rel, SetOp, Sym, walk
from verifiers.types import Reason

_ZERO = Num(Fraction(0))
_NAMED: dict[str, tuple[Piece, ...]] = {
    "R": (Piece(MINUS_INFINITY, INFINITY, False, False),),
    "empty": (),
    **dict.fromkeys(("R^+", "R^>0", "R_>0"), (Piece(_ZERO, INFINITY, False, False),)),
    **dict.fromkeys(("R^-", "R^<0", "R_<0"), (Piece(MINUS_INFINITY, _ZERO, False, False),)),
    **dict.fromkeys(("R^>=0", "R_>=0", "R_0^+", "R^+_0"), (Piece(_ZERO, INFINITY, True, False),)),
    **dict.fromkeys(("R^<=0", "R_<=0", "R_0^-", "R^-_0"), (Piece(MINUS_INFINITY, _ZERO, False, True),)),
    **dict.fromkeys(
        ("R^*", "R_!=0"), (Piece(MINUS_INFINITY, _ZERO, False, False), Piece(_ZERO, INFINITY, False, False))
    ),
}  # `R_+` is left out: half of the books count zero in
_ORDERS = frozenset(("<", ">", "<=", ">=", "!="))


def is_setlike(expr: Expr) -> bool:
    """Whether an expression can only be read as a set of reals (an interval, an inequality, a union)."""
    if isinstance(expr, Interval | SetOp | Builder):
        return True
    if isinstance(expr, Const):
        return expr.name in _NAMED
    if isinstance(expr, Family):
        return is_setlike(expr.body)
    if isinstance(expr, Rel):
        if expr.ops == ("in",):
            return is_setlike(expr.sides[1])
        return not _ORDERS.isdisjoint(expr.ops)
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
        if (expr.closed_low and infinite(expr.low)) or (expr.closed_high and infinite(expr.high)):
            raise NotARealSetError("infinity is no member of an interval")
        return RealSet((_in_order(Piece(expr.low, expr.high, expr.closed_low, expr.closed_high)),))
    if isinstance(expr, Group) and expr.kind == "tuple" and len(expr.items) == 2:
        return RealSet((_in_order(Piece(expr.items[0], expr.items[1], False, False)),))
    if isinstance(expr, Group) and expr.kind == "set":
        return RealSet(tuple(Piece(item, item, True, True) for item in expr.items))
    if isinstance(expr, Const) and expr.name in _NAMED:
        return RealSet(_NAMED[expr.name])
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
        if expr.kind == "or" or (expr.kind in ("list", "and") and disjoint(parts)):
            return RealSet(tuple(piece for part in parts for piece in part.pieces), name)
        return RealSet(intersection(parts), name)
    raise NotARealSetError(type(expr).__name__)


def _in_order(piece: Piece) -> Piece:
    """The piece of an interval as written; (3, -2) and (2, 2) are points of the plane, not two empty sets.

    Raises:
        NotARealSetError: no number lies between its ends.
    """
    low, high = number(piece.low), number(piece.high)
    if low is None or high is None or low < high or (low == high and piece.closed_low and piece.closed_high):
        return piece
    raise NotARealSetError("the ends are out of order")


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
        return RealSet(intersection(parts))
    if expr.op == "minus":
        return RealSet(intersection([parts[0], *(RealSet(complement(part.pieces)) for part in parts[1:])]))
    raise NotARealSetError(expr.op)


def _relation(expr: Rel) -> RealSet:
    if expr.ops == ("in",) and isinstance(expr.sides[0], Sym):
        inner = real_set(expr.sides[1])
        return RealSet(inner.pieces, expr.sides[0].name)
    if expr.ops == ("notin",) and isinstance(expr.sides[0], Sym):
        return RealSet(complement(real_set(expr.sides[1]).pieces), expr.sides[0].name)
    if expr.ops == ("!=",) and has_signs(expr):  # x != \pm 1 excludes both
        both = [solve(reading) for reading in expand_signs(expr, independent=False) if isinstance(reading, Rel)]
        return RealSet(intersection(both), both[0].variable)
    return solve(expr)


def compare_sets(answer: Expr, reference: Expr, settings: Settings) -> Equivalence:
    """Whether two expressions denote the same set of reals.

    Raises:
        NotARealSetError: one of them is no such set.
    """
    if _excludes_itself(answer) and not _excludes_itself(reference):
        return no("conditions that exclude each other, joined by `and`", Reason.CONTRADICTION)
    left, right = real_set(answer), real_set(reference)
    if left.variable != right.variable and not {left.variable, right.variable} & {None, "_"}:  # `\ge 5` has no name
        return no(f"about {left.variable}, expected {right.variable}")
    first, second = normal(left.pieces), normal(right.pieces)
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
    if not settings.allow_unevaluated and _has_unsolved(answer) and not _has_unsolved(reference):
        return no("an inequality is left to solve", Reason.UNEVALUATED)
    return yes("the same intervals", "exact")


def _excludes_itself(expr: Expr) -> bool:
    """Whether inequalities that no number satisfies together are joined by `and`, as if it meant `or`."""
    return any(
        isinstance(node, Group)
        and node.kind == "and"
        and all(isinstance(item, Rel) and not _ORDERS.isdisjoint(item.ops) for item in node.items)
        and disjoint([real_set(item) for item in node.items])
        for node in walk(expr)
    )


def _has_unsolved(expr: Expr) -> bool:
    return any(isinstance(node, Rel) and not _ORDERS.isdisjoint(node.ops) and is_unsolved(node) for node in walk(expr))


def _same_end(end: Expr, other: Expr, settings: Settings) -> bool:
    if infinite(end) or infinite(other):
        return infinite(end) == infinite(other) and infinite(end) != 0
    return bool(compare_values(end, other, settings))

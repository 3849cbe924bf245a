"""Sets of real numbers: intervals, unions, inequalities in one variable and set builders, in one normal form."""

from __future__ import annotations

from collections.abc import Iterable

from verifiers.equivalence.sets.inequalities import is_unsolved, solve
from verifiers.equivalence.sets.pieces import (
    END,
    START,
    NotARealSetError,
    Piece,
    RealSet,
    complement,
    disjoint,
    half_line,
    infinite,
    intersection,
    interval,
    normal,
)
from verifiers.equivalence.several.expanding import expand_signs, has_signs
from verifiers.equivalence.types import Equivalence, Settings, no, yes
from verifiers.equivalence.values.scalars import compare_values
from verifiers.parse import Expr, walk
from verifiers.parse.tree import Builder, Const, Family, Group, Interval, Rel, SetOp, Sym, is_group, is_op, num
from verifiers.types import Reason

_NAMED: dict[str, tuple[Piece, ...]] = {
    "R": (Piece(START, END),),
    "empty": (),
    **dict.fromkeys(("R^+", "R^>0", "R_>0"), half_line(">", num(0))),
    **dict.fromkeys(("R^-", "R^<0", "R_<0"), half_line("<", num(0))),
    **dict.fromkeys(("R^>=0", "R_>=0", "R_0^+", "R^+_0"), half_line(">=", num(0))),
    **dict.fromkeys(("R^<=0", "R_<=0", "R_0^-", "R^-_0"), half_line("<=", num(0))),
    **dict.fromkeys(("R^*", "R_!=0"), half_line("!=", num(0))),
}  # `R_+` is left out: half of the books count zero in
_ORDERS = frozenset(("<", ">", "<=", ">=", "!="))
_MAX_COMPARED = 200  # pieces


def is_setlike(expr: Expr) -> bool:
    """Whether an expression can only be read as a set of reals (an interval, an inequality, a union)."""
    match expr:
        case Interval() | SetOp() | Builder():
            return True
        case Const(name):
            return name in _NAMED
        case Family(body) | Rel(("in",), (_, body)):
            return is_setlike(body)
        case Rel(ops):
            return not _ORDERS.isdisjoint(ops)
        case Group("or" | "and" | "list", items):
            sets = [is_setlike(item) for item in items]
            return any(sets) and all(is_set or isinstance(item, Rel) for is_set, item in zip(sets, items))
    return is_op(expr, "complement")


def real_set(expr: Expr) -> RealSet:
    """The set of reals that an expression denotes.

    Raises:
        NotARealSetError: it is none.
    """
    match expr:
        case Interval(low, high, closed_low, closed_high):
            if (closed_low and infinite(low)) or (closed_high and infinite(high)):
                raise NotARealSetError("infinity is no member of an interval")
            return RealSet((_in_order(interval(low, high, closed_low=closed_low, closed_high=closed_high)),))
        case Group("tuple", (low, high)):
            return RealSet((_in_order(interval(low, high)),))
        case Group("set", items):
            return RealSet(tuple(piece for item in items for piece in half_line("=", item)))
        case Const(name) if name in _NAMED:
            return RealSet(_NAMED[name])
        case SetOp("union", args):
            return RealSet(_union(map(real_set, args)))
        case SetOp("intersection", args):
            return RealSet(intersection([*map(real_set, args)]))
        case SetOp("minus", (first, *others)):
            rest = [RealSet(complement(real_set(other).pieces)) for other in others]
            return RealSet(intersection([real_set(first), *rest]))
        case Builder(head, condition):
            return _builder(head, condition)
        case Rel(("in" | "notin" as op,), (Sym(name), members)):
            pieces = real_set(members).pieces
            return RealSet(pieces if op == "in" else complement(pieces), name)
        case Rel(("!=",)) if has_signs(expr):  # x != \pm 1 excludes both
            both = [real_set(reading) for reading in expand_signs(expr, independent=False)]
            return RealSet(intersection(both), both[0].variable)
        case Rel():
            return solve(expr)
        case Group("or" | "and" | "list", items):
            parts = [real_set(item) for item in items]
            names = {part.variable for part in parts if part.variable}
            if len(names) > 1:
                raise NotARealSetError("several variables")
            is_union = expr.kind == "or" or disjoint(parts)
            return RealSet(_union(parts) if is_union else intersection(parts), names.pop() if names else None)
    raise NotARealSetError(type(expr).__name__)


def _in_order(piece: Piece) -> Piece:
    """The piece of an interval as written; (3, -2) and (2, 2) are points of the plane, not two empty sets.

    Raises:
        NotARealSetError: no number lies between its ends.
    """
    if piece.is_ordered and not piece.low < piece.high:
        raise NotARealSetError("the ends are out of order")
    return piece


def _union(parts: Iterable[RealSet]) -> tuple[Piece, ...]:
    return tuple(piece for part in parts for piece in part.pieces)


def _builder(head: Expr, condition: Expr) -> RealSet:
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
    if len(first) > _MAX_COMPARED:
        raise NotARealSetError("too many pieces")
    for mine, theirs in zip(first, second):
        if [cut.behind for cut in mine] != [cut.behind for cut in theirs]:
            return no("an end is open in one and closed in the other")
        if not all(_same_end(cut.at, other.at, settings) for cut, other in zip(mine, theirs)):
            return no("the ends differ")
    if not settings.allow_unevaluated and _has_unsolved(answer) and not _has_unsolved(reference):
        return no("an inequality is left to solve", Reason.UNEVALUATED)
    return yes("the same intervals", "exact")


def _is_inequality(expr: Expr) -> bool:
    return isinstance(expr, Rel) and not _ORDERS.isdisjoint(expr.ops)


def _excludes_itself(expr: Expr) -> bool:
    """Whether inequalities that no number satisfies together are joined by `and`, as if it meant `or`."""
    return any(
        is_group(node, "and") and all(map(_is_inequality, node.items)) and disjoint([*map(real_set, node.items)])
        for node in walk(expr)
    )


def _has_unsolved(expr: Expr) -> bool:
    return any(isinstance(node, Rel) and _is_inequality(node) and is_unsolved(node) for node in walk(expr))


def _same_end(end: Expr, other: Expr, settings: Settings) -> bool:
    if infinite(end) or infinite(other):
        return infinite(end) == infinite(other)
    return bool(compare_values(end, other, settings))

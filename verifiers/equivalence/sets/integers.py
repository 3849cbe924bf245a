"""Sets of integers stated by a condition: {x in Z : |x| <= 2}, integers n >= 3. Compared as runs of integers.

The run 3, 4, 5 is held as the half-open interval [3, 6), so that it touches the next one.
"""

from __future__ import annotations

from math import ceil, floor

from verifiers.algebra.exact import exact_or_none
from verifiers.equivalence.sets.pieces import (
    END,
    START,
    Cut,
    NotARealSetError,
    Piece,
    RealSet,
    half_line,
    infinite,
    intersection,
    interval,
    normal,
)
from verifiers.equivalence.sets.realsets import is_setlike, real_set
from verifiers.equivalence.several.collections import collection
from verifiers.equivalence.types import Equivalence, no, yes
from verifiers.parse import Expr
from verifiers.parse.tree import Builder, Const, Family, Rel, Sym, is_group, num

Runs = list[Piece]
_MAX_MEMBERS = 400
_FROM_ZERO, _FROM_ONE = (RealSet(half_line(">=", num(least))) for least in (0, 1))
_NAMED: dict[str, tuple[RealSet, ...]] = {
    "Z": (RealSet((Piece(START, END),)),),
    "N": (_FROM_ONE, _FROM_ZERO),  # as the book has it
    **dict.fromkeys(("Z^+", "Z_>0", "Z_+", "N^+", "N^*", "N_+", "N_>=1"), (_FROM_ONE,)),
    **dict.fromkeys(("N_0", "Z_>=0", "Z^>=0"), (_FROM_ZERO,)),
}


def compare_integers(answer: Expr, reference: Expr) -> Equivalence | None:
    """Whether two sets are the same integers, one of them stated by a condition; None where neither is."""
    mine, theirs = _integers(answer), _integers(reference)
    if mine is None and theirs is None:
        return None
    mine, theirs = mine or _listed(answer), theirs or _listed(reference)
    if mine is None or theirs is None:
        return None
    if any(first in theirs for first in mine):
        return yes("the same integers", "exact")
    return no("other integers", method="exact")


def _integers(expr: Expr) -> list[Runs] | None:
    """The runs of a set of integers, for each meaning of N; None for anything else."""
    if isinstance(expr, Rel) and expr.ops == ("in",) and isinstance(expr.sides[0], Sym):
        return _integers(expr.sides[1])
    found = _stated(expr)
    if found is None:
        return None
    name, domain, conditions = found
    try:
        parts = [real_set(condition) for condition in conditions]
        if any(part.variable not in (None, name) for part in parts):
            return None
        inside = [RealSet(tuple(Piece(*map(_at_integer, piece)) for piece in normal(part.pieces))) for part in parts]
        return [normal(intersection([members, *inside])) for members in _NAMED[domain]]
    except NotARealSetError:
        return None


def _at_integer(cut: Cut) -> Cut:
    """The cut just before the next integer."""
    if infinite(cut.at):
        return cut
    if cut.place is None:
        raise NotARealSetError("an end with symbols")
    value, behind = cut.place
    return Cut(num(floor(value) + 1 if behind else ceil(value)), False)


def _stated(expr: Expr) -> tuple[str, str, list[Expr]] | None:
    """The variable, the named set that it runs over, and the conditions on it."""
    match expr:
        case Const(name):
            return ("", name, []) if name in _NAMED else None
        case Family(body, (name,), condition) if condition in _NAMED and is_setlike(body):
            return name, condition, _parts(body)
        case Builder(Sym(name), condition):
            conditions = _parts(condition)
            declared = [part for part in conditions if _domain(part, name)]
            if len(declared) != 1 or len(conditions) < 2:
                return None
            conditions.remove(declared[0])
            return name, _domain(declared[0], name), conditions
        case Builder(Rel(_, (Sym(name), *_)) as head, condition) if domain := _domain(head, name):
            return name, domain, _parts(condition)
    return None


def _parts(condition: Expr) -> list[Expr]:
    if is_group(condition, "and", "list"):
        return list(condition.items)
    match condition:
        case Family(body, (name,), domain) if domain in _NAMED:
            return [*_parts(body), Rel(("in",), (Sym(name), Const(domain)))]
    return [condition]


def _domain(expr: Expr, name: str) -> str:
    """The named set that `name` is said to be in; "" if none is."""
    match expr:
        case Rel(("in",), (Sym(variable), Const(domain) | Sym(domain))) if variable == name and domain in _NAMED:
            return domain
    return ""


def _listed(expr: Expr) -> list[Runs] | None:
    """Integers listed one by one; None if one of them is none."""
    if expr == Const("empty"):
        return [[]]
    items = collection(expr)
    if items is None or items.ordered or len(items.items) > _MAX_MEMBERS:
        return None
    values = [value for entry in items.items if (value := exact_or_none(entry.value)) is not None]
    if len(values) < len(items.items) or any(value.denominator != 1 for value in values):
        return None
    return [normal([interval(num(value), num(value + 1), closed_low=True) for value in values])]

"""Sets of integers stated by a condition: {x in Z : |x| <= 2}, integers n >= 3. Compared as runs of integers."""

from __future__ import annotations

from math import ceil, floor

from verifiers.algebra.exact import exact_or_none
from verifiers.equivalence.sets.pieces import NotARealSetError, RealSet, infinite, normal, number
from verifiers.equivalence.sets.realsets import is_setlike, real_set
from verifiers.equivalence.several.collections import collection
from verifiers.equivalence.types import Equivalence, no, yes
from verifiers.parse.tree import Builder, Const, Expr, Family, Group, Rel, Sym

Run = tuple[int | None, int | None]  # first and last integer; None: without end
_MAX_MEMBERS = 400
# the least member of each named set; of N it depends on the book
_NAMED: dict[str, tuple[int | None, ...]] = {
    "Z": (None,), "N": (1, 0), "Z^+": (1,), "Z_>0": (1,), "Z_+": (1,), "N^+": (1,), "N^*": (1,), "N_+": (1,),
    "N_0": (0,), "Z_>=0": (0,), "Z^>=0": (0,), "N_>=1": (1,),
}  # fmt: skip


def compare_integers(answer: Expr, reference: Expr) -> Equivalence | None:
    """Whether two sets are the same integers, one of them stated by a condition; None where neither is."""
    mine, theirs = _integers(answer), _integers(reference)
    if mine is None and theirs is None:
        return None
    if mine is None:
        mine = _listed(answer)
    if theirs is None:
        theirs = _listed(reference)
    if mine is None or theirs is None:
        return None
    if any(first == second for first in mine for second in theirs):
        return yes("the same integers", "exact")
    return no("other integers", method="exact")


def _integers(expr: Expr) -> list[list[Run]] | None:
    """The runs of a set of integers, for each meaning of N; None for anything else."""
    if isinstance(expr, Const):
        return [[(least, None)] for least in _NAMED[expr.name]] if expr.name in _NAMED else None
    if isinstance(expr, Rel) and expr.ops == ("in",) and isinstance(expr.sides[0], Sym):
        return _integers(expr.sides[1])
    found = _stated(expr)
    if found is None:
        return None
    name, domain, conditions = found
    try:
        parts = [real_set(condition) for condition in conditions]
    except NotARealSetError:
        return None
    if any(part.variable not in (None, name) for part in parts):
        return None
    readings = []
    for least in _NAMED[domain]:
        runs: list[Run] | None = [(least, None)]
        for part in parts:
            inside = _inside(part)
            runs = _common(runs, inside) if runs is not None and inside is not None else None
        if runs is None:
            return None
        readings.append(_joined(runs))
    return readings


def _stated(expr: Expr) -> tuple[str, str, list[Expr]] | None:
    """The variable, the named set that it runs over, and the conditions on it."""
    if isinstance(expr, Family) and len(expr.parameters) == 1 and expr.condition in _NAMED and is_setlike(expr.body):
        return expr.parameters[0], expr.condition, _parts(expr.body)
    if not isinstance(expr, Builder):
        return None
    conditions = _parts(expr.condition)
    head = expr.head
    if isinstance(head, Sym):
        declared = [part for part in conditions if _domain(part, head.name)]
        if len(declared) != 1:
            return None
        conditions.remove(declared[0])
        return (head.name, _domain(declared[0], head.name), conditions) if conditions else None
    if isinstance(head, Rel) and isinstance(head.sides[0], Sym) and _domain(head, head.sides[0].name):
        return head.sides[0].name, _domain(head, head.sides[0].name), conditions
    return None


def _parts(condition: Expr) -> list[Expr]:
    if isinstance(condition, Group) and condition.kind in ("and", "list"):
        return list(condition.items)
    if isinstance(condition, Family) and len(condition.parameters) == 1 and condition.condition in _NAMED:
        declared = Rel(("in",), (Sym(condition.parameters[0]), Const(condition.condition)))
        return [*_parts(condition.body), declared]
    return [condition]


def _domain(expr: Expr, name: str) -> str:
    """The named set that `name` is said to be in; "" if none is."""
    if isinstance(expr, Rel) and expr.ops == ("in",) and expr.sides[0] == Sym(name):
        domain = expr.sides[1]
        if isinstance(domain, Const | Sym) and domain.name in _NAMED:
            return domain.name
    return ""


def _inside(part: RealSet) -> list[Run] | None:
    """The integers of a set of reals; None where an end cannot be placed."""
    runs: list[Run] = []
    try:
        pieces = normal(part.pieces)
    except NotARealSetError:
        return None
    for piece in pieces:
        low, high = number(piece.low), number(piece.high)
        if low is None or high is None:
            return None
        first = ceil(low) if piece.closed_low or low != floor(low) else floor(low) + 1
        last = floor(high) if piece.closed_high or high != ceil(high) else ceil(high) - 1
        first, last = (None if infinite(piece.low) else first), (None if infinite(piece.high) else last)
        if first is None or last is None or first <= last:
            runs.append((first, last))
    return runs


def _common(first: list[Run], second: list[Run]) -> list[Run]:
    found: list[Run] = []
    for low, high in first:
        for least, greatest in second:
            start = low if least is None else least if low is None else max(low, least)
            end = high if greatest is None else greatest if high is None else min(high, greatest)
            if start is None or end is None or start <= end:
                found.append((start, end))
    return found


def _joined(runs: list[Run]) -> list[Run]:
    """Sorted, and neighbours such as 1..2 and 3..5 as one run."""
    runs = sorted(runs, key=lambda run: (run[0] is not None, run[0] or 0))
    joined: list[Run] = []
    for first, last in runs:
        before = joined[-1][1] if joined else None
        if joined and (before is None or (first is not None and first <= before + 1)):
            end = None if before is None or last is None else max(before, last)
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((first, last))
    return joined


def _listed(expr: Expr) -> list[list[Run]] | None:
    """Integers listed one by one; None if one of them is none."""
    if isinstance(expr, Const) and expr.name == "empty":
        return [[]]
    items = collection(expr)
    if items is None or items.ordered or len(items.items) > _MAX_MEMBERS:
        return None
    runs: list[Run] = []
    for entry in items.items:
        value = exact_or_none(entry.value)
        if value is None or value.denominator != 1:
            return None
        runs.append((int(value), int(value)))
    return [_joined(runs)]

"""Systems of linear equations: the same solutions exactly when the reduced row echelon forms are equal.

`x + y = 3, x - y = 1` is `x = 2, y = 1`; the symmetric equations of a line may use any of its direction vectors. A
comma joins alternatives as often as conditions (`y = x, y = -x` are two lines), so a bare list counts as a system
only where it names every unknown once.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

from verifiers.algebra.exact import NO_VALUE, exact
from verifiers.equivalence.types import Equivalence, no, yes
from verifiers.parse import Expr, free_symbols
from verifiers.parse.tree import Cases, Group, Rel, Sym, is_group

_MAX_UNKNOWNS = 8
Row = tuple[Fraction, ...]


def compare_systems(answer: Expr, reference: Expr) -> Equivalence | None:
    """Whether two linear systems have the same solutions; None if one of them is no such system."""
    mine, theirs = _equations(answer), _equations(reference)
    if mine is None or theirs is None or len(mine) + len(theirs) < 3:
        return None
    names = sorted(frozenset().union(*map(free_symbols, (*mine, *theirs))))
    if not (_is_system(answer) or _is_system(reference)) or not 2 <= len(names) <= _MAX_UNKNOWNS:
        return None
    first, second = _reduced(mine, names), _reduced(theirs, names)
    if first is None or second is None:
        return None
    if first == second:
        return yes("linear systems with the same solutions", "exact")
    return no("linear systems with other solutions", method="exact")


def _equations(expr: Expr) -> list[Expr] | None:
    """left - right of every equation; None if the expression is not only equations."""
    if isinstance(expr, Rel) and set(expr.ops) == {"="}:
        return [left - right for left, right in pairwise(expr.sides)]
    if isinstance(expr, Cases) and all(condition is None for _, condition in expr.branches):
        items = expr.children
    elif is_group(expr, "list", "and"):
        items = expr.items
        labels = [item.sides[0] for item in items if isinstance(item, Rel) and isinstance(item.sides[0], Sym)]
        if len(set(labels)) != len(labels):
            return None  # alternatives, or several values of one unknown
    else:
        return None
    found = [equations for item in items if isinstance(item, Rel) and (equations := _equations(item))]
    return [equation for equations in found for equation in equations] if len(found) == len(items) else None


def _is_system(expr: Expr) -> bool:
    """Whether the equations can only be meant together."""
    if isinstance(expr, Rel):
        return len(expr.ops) > 1
    if is_group(expr, "list"):
        named = (
            isinstance(item, Rel) and isinstance(item.sides[0], Sym) and len(item.sides) == 2 for item in expr.items
        )
        return len(expr.items) > 1 and all(named)
    return isinstance(expr, Cases | Group)


def _reduced(equations: Sequence[Expr], names: Sequence[str]) -> tuple[Row, ...] | None:
    """The reduced row echelon form, constants last; None of what is not linear with rational coefficients, or false."""
    rows = [row for equation in equations if (row := coefficients(equation, names)) is not None]
    reduced = echelon(rows) if len(rows) == len(equations) else None
    is_false = reduced is not None and any(constant and not any(row) for *row, constant in reduced)
    return None if is_false else reduced


def echelon(rows: Sequence[Sequence[Any]], *, tolerance: Any = 0) -> tuple[tuple[Any, ...], ...]:
    """The rows without redundancy: reduced row echelon form; entries are 0 within a tolerance, relative."""
    table = [[*row] for row in rows]
    least = tolerance * max((abs(entry) for row in table for entry in row), default=0)
    pivot = 0
    for column in range(len(table[0]) if table else 0):
        chosen = max(range(pivot, len(table)), key=lambda index: abs(table[index][column]), default=None)
        if chosen is None or abs(table[chosen][column]) <= least:
            continue
        table[pivot], table[chosen] = table[chosen], table[pivot]
        table[pivot] = [entry / table[pivot][column] for entry in table[pivot]]
        for index, row in enumerate(table):
            if index != pivot and row[column]:
                table[index] = [entry - row[column] * lead for entry, lead in zip(row, table[pivot])]
        pivot += 1
    return tuple(map(tuple, table[:pivot]))


def coefficients(equation: Expr, names: Sequence[str]) -> list[Fraction] | None:
    """The coefficients of a linear form, its constant last, found by evaluating it and checked at a random point."""
    rng = random.Random(5_003)
    origin = dict.fromkeys(names, Fraction(0))
    try:
        constant = exact(equation, origin)
        row = [exact(equation, {**origin, name: Fraction(1)}) - constant for name in names]
        for _ in range(3):
            point = {name: Fraction(rng.randrange(-(10**6), 10**6), rng.randrange(1, 1000)) for name in names}
            if exact(equation, point) != constant + sum(c * point[name] for c, name in zip(row, names)):
                return None
    except NO_VALUE:
        return None
    return [*row, constant]

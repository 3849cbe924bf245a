"""Equations, inequalities and systems: equal up to a constant factor, order and sides."""

from __future__ import annotations

import operator
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from verifiers.algebra.exact import PRIME, InexactError, UndefinedError, modular
from verifiers.algebra.high_precision import numeric
from verifiers.algebra.identity import agree
from verifiers.algebra.sampling import Point, more_points, real_points, seeded
from verifiers.equivalence.types import Equivalence, Settings, no, yes
from verifiers.equivalence.values.scalars import compare_values
from verifiers.parse import Expr, OverBudgetError, free_symbols, marks
from verifiers.parse.rewrite import opaque, substitute
from verifiers.parse.tree import Num, Rel, Sym

HOLDS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge, "=": operator.eq, "!=": operator.ne,
}  # fmt: skip
# what a relation is called from the other side, of those that have a name there
FLIP = {"<": ">", ">": "<", "<=": ">=", ">=": "<="} | {
    op: op for op in ("=", "!=", "parallel", "perp", "sim", "cong", "equiv", "approx")
}


def compare_relations(answer: Rel, reference: Rel, settings: Settings) -> Equivalence:
    """Whether two relations say the same."""
    if answer == reference:
        return yes("the same relation", "structure")
    sides = [answer]
    if FLIP.keys() >= set(answer.ops):
        sides.append(Rel(tuple(FLIP[op] for op in answer.ops[::-1]), answer.sides[::-1]))
    alike = [side for side in sides if side.ops == reference.ops]
    if len(answer.ops) == 1 and len(reference.ops) == 1:
        (op,), kind = reference.ops, "relation"
        if not alike:
            return no(f"relation {answer.ops[0]}, expected {op}")
        if op in HOLDS:
            judged = _proportional(_difference(alike[0]), _difference(reference), signed=op not in ("=", "!="))
            return judged or (_solved_for(alike[0], reference) if op == "=" else None) or judged
    else:
        kind = "chain of relations"
    for side in alike:
        if all(compare_values(mine, theirs, settings) for mine, theirs in zip(side.sides, reference.sides)):
            return yes(f"the same {kind}", "structure")
    return no("the sides differ" if kind == "relation" else "different chains of relations")


def _difference(relation: Rel) -> Expr:
    left, right = relation.sides
    return opaque(left - right)


def _solved_for(first: Rel, second: Rel) -> Equivalence | None:
    """y = 1/x beside x y = 1: the solved form satisfies the other, which is linear in y. None: does not apply."""
    for solved, other in ((first, second), (second, first)):
        name, value = solved.sides
        if not isinstance(name, Sym) or name.name in free_symbols(value) or name.name not in free_symbols(other):
            continue
        names = sorted(free_symbols(value) | free_symbols(other) - {name.name})
        equation = _difference(other)
        # 1/R = 1/S + 1/T is linear once the unknown is multiplied out
        if any(_linear_and_satisfied(form, name.name, value, names) for form in (equation, equation * name)):
            return yes("the same equation, solved for one unknown", "modular")
    return None


def _linear_and_satisfied(equation: Expr, unknown: str, value: Expr, names: list[str]) -> bool:
    rng = seeded(equation, value)
    agreed = 0
    for _ in range(6):
        point = {name: rng.randrange(2, PRIME) for name in names}
        try:
            solution = modular(value, point)
            if modular(equation, {**point, unknown: solution}):
                return False
            at = [modular(equation, {**point, unknown: place}) for place in (2, 3, 4)]
        except UndefinedError:
            continue
        except (InexactError, OverBudgetError):
            return False
        first, second = ((later - value) % PRIME for value, later in pairwise(at))
        if first != second or not first:
            return False
        agreed += 1
    return agreed >= 3


def _proportional(first: Expr, second: Expr, *, signed: bool) -> Equivalence:
    """first = c * second with a constant c (positive if `signed`): first(x) second(p) = second(x) first(p) at a p."""
    names = sorted(free_symbols(first) | free_symbols(second))
    if not names or free_symbols(first) != free_symbols(second):
        return no("about other unknowns")
    found = _anchor(first, second, names)
    if found is None:
        return no("not defined together, or one holds everywhere")
    point, ratio = found
    if signed and (ratio.imag or not ratio.real > 0):
        return no("the inequality is turned round")
    at_point = {name: Num(value) for name, value in point.items()}
    try:
        agreement = agree(first * substitute(second, at_point), second * substitute(first, at_point))
    except (UndefinedError, OverBudgetError) as error:
        return no(f"not defined at enough points: {error}")
    except InexactError as error:
        return no(f"cannot evaluate {error}")
    if not agreement:
        return no("not the same relation", method=agreement.method)
    return yes("the same relation up to a constant factor", agreement.method)


def _anchor(first: Expr, second: Expr, names: list[str]) -> tuple[Point, Any] | None:
    """A point at which neither vanishes, and their ratio there; None if none is found."""
    rng = seeded(first, second)
    is_real = "Const:i" not in marks(first) | marks(second)
    for point in (*real_points(names, rng), *more_points(names, rng, 16)):
        try:
            mine, theirs = (numeric(side, point, real=is_real) for side in (first, second))
        except (UndefinedError, OverBudgetError):
            continue
        except InexactError:
            return None
        if abs(mine) > 1e-20 and abs(theirs) > 1e-20:
            return point, mine / theirs
    return None

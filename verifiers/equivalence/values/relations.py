"""Equations, inequalities and systems: equal up to a constant factor, order and sides."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from verifiers.algebra.exact import PRIME, InexactError, UndefinedError, exact, modular
from verifiers.algebra.high_precision import numeric
from verifiers.algebra.identity import agree
from verifiers.algebra.sampling import Point, more_points, real_points, seeded
from verifiers.equivalence.types import Equivalence, Settings, no, yes
from verifiers.equivalence.values.scalars import compare_values
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.rewrite import opaque, substitute
from verifiers.parse.tree import Expr, Num, Op, Rel, Sym, free_symbols, marks

_SYMMETRIC = frozenset(("parallel", "perp", "sim", "cong", "equiv", "approx"))
HOLDS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge, "=": operator.eq, "!=": operator.ne,
}  # fmt: skip
FLIP = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def compare_relations(answer: Rel, reference: Rel, settings: Settings) -> Equivalence:
    """Whether two relations say the same."""
    if answer == reference:
        return yes("the same relation", "structure")
    if len(answer.ops) != 1 or len(reference.ops) != 1:
        return _compare_chains(answer, reference, settings)
    left_op, right_op = _oriented(answer), _oriented(reference)
    if left_op.ops[0] != right_op.ops[0]:
        return no(f"relation {answer.ops[0]}, expected {reference.ops[0]}")
    op = left_op.ops[0]
    if op == "=":
        judged = _proportional(_difference(left_op), _difference(right_op), signed=False)
        return judged if judged else _solved_for(left_op, right_op) or judged
    if op in ("!=", "<", "<="):
        return _proportional(_difference(left_op), _difference(right_op), signed=op in ("<", "<="))
    orders = [left_op.sides, left_op.sides[::-1]] if op in _SYMMETRIC else [left_op.sides]
    same = any(all(compare_values(*pair, settings) for pair in zip(sides, right_op.sides)) for sides in orders)
    return yes("the same relation", "structure") if same else no("the sides differ")


def _compare_chains(answer: Rel, reference: Rel, settings: Settings) -> Equivalence:
    for candidate in (answer, _reversed(answer)):
        if candidate.ops == reference.ops and all(
            compare_values(mine, theirs, settings) for mine, theirs in zip(candidate.sides, reference.sides)
        ):
            return yes("the same chain of relations", "structure")
    return no("different chains of relations")


def _reversed(relation: Rel) -> Rel:
    ops = tuple(FLIP.get(op, op) for op in reversed(relation.ops))
    return Rel(ops, tuple(reversed(relation.sides)))


def _oriented(relation: Rel) -> Rel:
    """> and >= turned into < and <=."""
    op = relation.ops[0]
    if op in (">", ">="):
        return Rel((FLIP[op],), (relation.sides[1], relation.sides[0]))
    return relation


def _difference(relation: Rel) -> Expr:
    return opaque(Op("add", (relation.sides[0], Op("neg", (relation.sides[1],)))))


def _solved_for(first: Rel, second: Rel) -> Equivalence | None:
    """y = 1/x beside x y = 1: the solved form satisfies the other, which is linear in y. None: does not apply."""
    for solved, other in ((first, second), (second, first)):
        name, value = solved.sides
        if not isinstance(name, Sym) or name.name in free_symbols(value) or name.name not in free_symbols(other):
            continue
        names = sorted(free_symbols(value) | free_symbols(other) - {name.name})
        equation = _difference(other)
        cleared = Op("mul", (equation, name))  # 1/R = 1/S + 1/T is linear once the unknown is multiplied out
        if any(_linear_and_satisfied(form, name.name, value, names) for form in (equation, cleared)):
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
        if (at[0] - 2 * at[1] + at[2]) % PRIME or (at[1] - at[0]) % PRIME == 0:
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
        agreement = agree(
            Op("mul", (first, substitute(second, at_point))),
            Op("mul", (second, substitute(first, at_point))),
        )
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
            try:
                mine, theirs = exact(first, point), exact(second, point)
            except InexactError:
                mine, theirs = (numeric(side, point, real=is_real) for side in (first, second))
        except (UndefinedError, OverBudgetError):
            continue
        except InexactError:
            return None
        if abs(mine) > 1e-20 and abs(theirs) > 1e-20:
            return point, mine / theirs
    return None

"""Equations, inequalities and systems: equal up to a constant factor, order and sides."""

from __future__ import annotations

import random

from verifiers.algebra.evaluate import PRIME, InexactError, UndefinedError, modular, numeric
from verifiers.equivalence.types import Judgement, Settings, no, yes
from verifiers.equivalence.values.points import free_names, opaque
from verifiers.equivalence.values.scalars import compare_values
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.tree import Expr, Op, Rel, Sym

_SYMMETRIC = frozenset(("parallel", "perp", "sim", "cong", "equiv", "approx"))
_FLIP = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def compare_relations(answer: Rel, reference: Rel, settings: Settings) -> Judgement:
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
        judged = _proportional(_difference(left_op), _difference(right_op), settings, signed=False)
        return judged if judged else _solved_for(left_op, right_op, settings) or judged
    if op in ("!=", "<", "<="):
        return _proportional(_difference(left_op), _difference(right_op), settings, signed=op in ("<", "<="))
    orders = [left_op.sides, left_op.sides[::-1]] if op in _SYMMETRIC else [left_op.sides]
    same = any(all(compare_values(*pair, settings) for pair in zip(sides, right_op.sides)) for sides in orders)
    return yes("the same relation", "structure") if same else no("the sides differ")


def _compare_chains(answer: Rel, reference: Rel, settings: Settings) -> Judgement:
    for candidate in (answer, _reversed(answer)):
        if candidate.ops == reference.ops and all(
            compare_values(mine, theirs, settings) for mine, theirs in zip(candidate.sides, reference.sides)
        ):
            return yes("the same chain of relations", "structure")
    return no("different chains of relations")


def _reversed(relation: Rel) -> Rel:
    ops = tuple(_FLIP.get(op, op) for op in reversed(relation.ops))
    return Rel(ops, tuple(reversed(relation.sides)))


def _oriented(relation: Rel) -> Rel:
    """> and >= turned into < and <=."""
    op = relation.ops[0]
    if op in (">", ">="):
        return Rel((_FLIP[op],), (relation.sides[1], relation.sides[0]))
    return relation


def _difference(relation: Rel) -> Expr:
    return opaque(Op("add", (relation.sides[0], Op("neg", (relation.sides[1],)))))


def _solved_for(first: Rel, second: Rel, settings: Settings) -> Judgement | None:
    """y = 1/x beside x y = 1: the solved form satisfies the other, which is linear in y. None: does not apply."""
    for solved, other in ((first, second), (second, first)):
        name, value = solved.sides
        if not isinstance(name, Sym) or name.name in free_names(value) or name.name not in free_names(other):
            continue
        names = sorted(free_names(value) | free_names(other) - {name.name})
        equation = _difference(other)
        cleared = Op("mul", (equation, name))  # 1/R = 1/S + 1/T is linear once the unknown is multiplied out
        if any(_linear_and_satisfied(form, name.name, value, names) for form in (equation, cleared)):
            return yes("the same equation, solved for one unknown", "modular")
    return None


def _linear_and_satisfied(equation: Expr, unknown: str, value: Expr, names: list[str]) -> bool:
    rng = random.Random(91_009)
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


def _proportional(first: Expr, second: Expr, settings: Settings, *, signed: bool) -> Judgement:
    """first = c * second with a constant c (positive if `signed`), decided at random points."""
    names = sorted(free_names(first) | free_names(second))
    if not names or free_names(first) != free_names(second):
        return no("about other unknowns")
    rng = random.Random(41_017)
    if not signed:
        judged = _modular_ratio(first, second, names, rng)
        if judged is not None:
            return judged
    return _numeric_ratio(first, second, names, rng, settings, signed=signed)


def _modular_ratio(first: Expr, second: Expr, names: list[str], rng: random.Random) -> Judgement | None:
    pairs = []
    for _ in range(8):
        values = {name: rng.randrange(2, PRIME) for name in names}
        try:
            pairs.append((modular(first, values), modular(second, values)))
        except UndefinedError:
            continue
        except (InexactError, OverBudgetError):
            return None
        if len(pairs) == 4:
            break
    if len(pairs) < 2:
        return no("not defined at enough points")
    base_first, base_second = pairs[0]
    if not base_first or not base_second:
        return no("one equation holds everywhere")
    if any((mine * base_second - theirs * base_first) % PRIME for mine, theirs in pairs[1:]):
        return no("not the same equation", method="modular")
    return yes("the same equation up to a constant factor", "modular")


def _numeric_ratio(
    first: Expr, second: Expr, names: list[str], rng: random.Random, settings: Settings, *, signed: bool
) -> Judgement:
    from verifiers.algebra.high_precision import context

    ctx = context(settings.digits)
    ratio = None
    agreed = 0
    for _ in range(24):
        values = {name: ctx.mpf(0.2 + 2.5 * rng.random()) * rng.choice((1, 1, -1)) for name in names}
        try:
            mine, theirs = numeric(first, values, settings.digits), numeric(second, values, settings.digits)
        except (UndefinedError, OverBudgetError):
            continue
        except InexactError as error:
            return no(f"cannot evaluate {error}")
        if abs(theirs) < 1e-20 or abs(mine) < 1e-20:
            if (abs(theirs) < 1e-20) != (abs(mine) < 1e-20):
                return no("not the same relation", method="numeric")
            continue
        current = mine / theirs
        if ratio is None:
            ratio = current
        elif abs(current - ratio) > abs(ratio) * ctx.mpf(10) ** (12 - settings.digits):
            return no("not the same relation", method="numeric")
        agreed += 1
        if agreed >= settings.points:
            break
    if ratio is None or agreed < 2:
        return no("not defined at enough points")
    if signed and not (getattr(ratio, "imag", 0) == 0 and ratio > 0):
        return no("the inequality is turned round")
    return yes("the same relation up to a constant factor", "numeric")

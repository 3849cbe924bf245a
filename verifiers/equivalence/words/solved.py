"""Equations that are left to solve, as they would restate the question, and equations that end in a value."""

from __future__ import annotations

from collections.abc import Sequence

from verifiers.equivalence.types import Compare, Equivalence
from verifiers.equivalence.values.scalars import compare_values
from verifiers.equivalence.words.labels import is_label
from verifiers.parse import Expr, free_symbols, marks
from verifiers.parse.rewrite import substitute
from verifiers.parse.tree import Cases, Group, Num, Rel, Sym, is_equation, is_group, is_op, num

_MAX_STEPS = 12


def leaves_equations(answer: Expr, reference: Expr) -> bool:
    """Whether the reference gives its unknowns their values, and the answer has an equation that does not.

    `3x = x + 6` where `x = 3` is asked for.
    """
    if "Rel" not in marks(answer) or "Rel" not in marks(reference):
        return False
    wanted = _equations(reference)
    return bool(wanted) and all(map(_is_value, wanted)) and any(map(_is_unsolved, _equations(answer)))


def _equations(expr: Expr) -> Sequence[Rel]:
    """The equations that an expression consists of; none where it holds anything else."""
    items: Sequence[Expr] = (expr,)
    if isinstance(expr, Cases):
        items = [value for value, condition in expr.branches if condition is None]
    elif isinstance(expr, Group):
        items = expr.items
    found = [item for item in items if isinstance(item, Rel) and set(item.ops) == {"="}]
    return found if len(found) == len(items) else ()


def _is_value(equation: Rel) -> bool:
    """x = 3, whatever the sides."""
    match equation.sides:
        case (Sym(), value) if not free_symbols(value):
            return True
        case (value, Sym()):
            return not free_symbols(value)
    return False


def _is_unsolved(equation: Rel) -> bool:
    """Whether no side names the unknown alone; the standard form x - 3 = 0 (of a line) counts as solved."""
    if not free_symbols(equation):
        return False
    for side in equation.sides:
        rest = [other for other in equation.sides if other is not side]
        if is_label(side) and all(is_label(other) or not free_symbols(other) for other in rest):
            return False
    left, right = equation.sides[0], equation.sides[-1]
    if right != num(0) or not is_op(left, "add") or len(left.args) != 2:
        return True
    terms = [term.args[0] if is_op(term, "neg") else term for term in left.args]
    return sorted(isinstance(term, Sym) for term in terms) != [False, True] or all(map(free_symbols, terms))


def compare_last(answer: Expr, reference: Expr, compare: Compare) -> Equivalence | None:
    """The judgement on the value in which equations for one unknown end, each true of it; None for a system."""
    if (
        not is_group(answer, "list")
        or not 1 < len(answer.items) <= _MAX_STEPS
        or not all(map(is_equation, answer.items))
    ):
        return None
    *steps, (name, value) = (item.children for item in answer.items)
    if not isinstance(name, Sym) or free_symbols(value):
        return None
    for left, right in steps:
        if free_symbols(left) | free_symbols(right) != {name.name}:
            return None
        left, right = (substitute(side, {name.name: value}) for side in (left, right))
        is_last_again = left == right and isinstance(left, Num)
        if not is_last_again and not compare_values(left, right, compare.settings):
            return None
    return compare(value, reference)

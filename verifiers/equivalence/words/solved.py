"""Equations that are left to solve: `3x = x + 6` where `x = 3` is asked for, as it would restate the question."""

from __future__ import annotations

from collections.abc import Sequence

from verifiers.equivalence.words.labels import is_label
from verifiers.parse.tree import Cases, Expr, Group, Num, Op, Rel, Sym, free_symbols, marks


def leaves_equations(answer: Expr, reference: Expr) -> bool:
    """Whether the reference gives its unknowns their values, and the answer has an equation that does not."""
    if "Rel" not in marks(answer) or "Rel" not in marks(reference):
        return False
    wanted = _equations(reference)
    return bool(wanted) and all(_is_value(item) for item in wanted) and any(map(_is_unsolved, _equations(answer)))


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
    if len(equation.sides) != 2:
        return False
    left, right = equation.sides
    return (isinstance(left, Sym) and not free_symbols(right)) or (isinstance(right, Sym) and not free_symbols(left))


def _is_unsolved(equation: Rel) -> bool:
    """Whether no side names the unknown alone; the standard form x - 3 = 0 (of a line) counts as solved."""
    names = free_symbols(equation)
    if not names:
        return False
    for side in equation.sides:
        rest = [other for other in equation.sides if other is not side]
        if is_label(side) and all(is_label(other) or not free_symbols(other) for other in rest):
            return False
    left, right = equation.sides[0], equation.sides[-1]
    return not (isinstance(right, Num) and right.value == 0 and _is_difference(left))


def _is_difference(expr: Expr) -> bool:
    """x - 3 or 3 - x."""
    if not (isinstance(expr, Op) and expr.op == "add" and len(expr.args) == 2):
        return False
    bare = [arg.args[0] if isinstance(arg, Op) and arg.op == "neg" else arg for arg in expr.args]
    return sum(isinstance(arg, Sym) for arg in bare) == 1 and sum(not free_symbols(arg) for arg in bare) == 1

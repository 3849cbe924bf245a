"""Equations that are left to solve, so that they restate the question; that end in a value; that name a number."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod

from verifiers.algebra.exact import NO_VALUE, exact
from verifiers.equivalence.types import Compare, Equivalence
from verifiers.equivalence.values.scalars import compare_values
from verifiers.equivalence.words.labels import is_label
from verifiers.parse import Expr, free_symbols, marks
from verifiers.parse.rewrite import substitute
from verifiers.parse.tree import Cases, Group, Num, Op, Rel, Sym, is_equation, is_group, is_op, num

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


def states_number(equation: Rel) -> bool:
    """Whether an equation names a number that is asked for, such as m + n = 5 (but not a + 3z = 0)."""
    left, value = equation.sides[0], equation.sides[1]
    terms = left.args if is_op(left, "add") else (left,)
    if len(free_symbols(left)) < 2 or any(isinstance(term, Num) for term in terms) or _is_amount(left):
        return False  # x + 5 = 10 and 2x = 10 say what x is, and 5 bn = 5 says that a unit is 1
    if equation.ops != ("=",) or not _may_be_asked_for(left) or free_symbols(value):
        return False
    return isinstance(value, Num | Op) and value != num(0) and not _is_its_factor(left, value)


def _is_its_factor(left: Expr, value: Expr) -> bool:
    """Whether the value is the number that leads the product: 3/2 bn = 3/2, where 1/2 ab = 6 names an area."""
    try:
        factor = _factor(left)
        return abs(factor) != 1 and factor == exact(value)
    except ZeroDivisionError:
        return True  # ab / 0c = 5 names nothing
    except NO_VALUE:
        return False


def _factor(expr: Expr) -> Fraction:
    """The product of the factors without symbols; 1 where there are none, and of a sum."""
    if not free_symbols(expr):
        return exact(expr)
    match expr:
        case Op("neg", (inner,)):
            return -_factor(inner)
        case Op("mul", args):
            return prod(map(_factor, args), start=Fraction(1))
        case Op("div", (top, bottom)):
            return _factor(top) / _factor(bottom)
    return Fraction(1)


def _is_amount(expr: Expr) -> bool:
    """Whether a whole number leads a product, as in 5 b n or -5 b / n: more likely so many of an unknown unit."""
    leads = is_op(expr, "neg", "mul") or (is_op(expr, "div") and free_symbols(expr))
    return _is_amount(expr.children[0]) if leads else isinstance(expr, Num)


def _may_be_asked_for(expr: Expr) -> bool:
    """Whether a small linear form such as m + n or a + 2b stands for the number asked for."""
    match expr:
        case Num(value, places):
            return places is None and abs(value) < 1000
        case Op("add" | "mul" | "neg" | "div", args):
            return all(map(_may_be_asked_for, args))
    return isinstance(expr, Sym)

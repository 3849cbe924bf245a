"""A number behind the sum that is asked for: `37` for `m + n = 37`, and the other way round."""

from __future__ import annotations

from fractions import Fraction

from verifiers.equivalence.conventions import COUNTED
from verifiers.equivalence.words.labels import is_quantity_label
from verifiers.parse.tree import Expr, Num, Op, Rel, Sym, free_symbols


def asks_for_number(equation: Rel) -> bool:
    """Whether a reference such as m + n = 37 is a number with its name, and no line in the plane."""
    left = equation.sides[0]
    return (
        states_number(equation)
        and isinstance(left, Op)
        and left.op == "add"
        and all(isinstance(arg, Sym) and arg.name in COUNTED for arg in left.args)
        and isinstance(equation.sides[1], Num)
        and equation.sides[1].value.denominator == 1
    )


def states_number(equation: Rel) -> bool:
    """Whether an equation names a number that is asked for, such as m + n = 5 (but not a + 3z = 0)."""
    left = equation.sides[0]
    if len(free_symbols(left)) < 2 or any(isinstance(node, Num) for node in _terms(left)) or _is_amount(left):
        return False  # x + 5 = 10 and 2x = 10 say what x is, and 5 bn = 5 says that a unit is 1
    if equation.ops != ("=",) or not is_quantity_label(left) or free_symbols(equation.sides[1]):
        return False
    return isinstance(equation.sides[1], Num | Op) and equation.sides[1] != Num(Fraction(0))


def _terms(expr: Expr) -> tuple[Expr, ...]:
    """The terms of a sum; the expression itself where it is none."""
    return expr.args if isinstance(expr, Op) and expr.op == "add" else (expr,)


def _is_amount(expr: Expr) -> bool:
    """Whether a whole number leads a product, as in 5 b n or -5 b / n: more likely so many of an unknown unit."""
    if isinstance(expr, Op) and (expr.op == "neg" or (expr.op == "div" and free_symbols(expr))):
        return _is_amount(expr.args[0])
    return isinstance(expr, Num) or (isinstance(expr, Op) and expr.op == "mul" and _is_amount(expr.args[0]))

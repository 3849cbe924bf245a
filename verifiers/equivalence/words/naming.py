"""What a name before a value stands for: a function and its variable, a derivative, a number that is asked for."""

from __future__ import annotations

import re
from fractions import Fraction
from math import prod

from verifiers.algebra.exact import NO_VALUE, exact
from verifiers.equivalence.words.labels import Labelled, is_quantity_label
from verifiers.parse import Expr, free_symbols
from verifiers.parse.rewrite import substitute
from verifiers.parse.tree import Apply, Num, Op, Rel, Sym, is_op, num

_LEIBNIZ = re.compile(r"d(\d?)([A-Za-z]\w*)/d\w+")
_Y_STANDS_FOR = tuple({"y", function} for function in "fghFG")  # and for no variable: dx/dy is another derivative


def same_function(mine: Labelled, theirs: Labelled) -> Labelled | None:
    """f(t) = t^2 beside f(x) = x^2, and y = x^2 beside f(x) = x^2: the answer in the terms of the reference.

    The name of a function's variable is free, that of the function is not. None where the labels name other things.
    """
    left, right = mine.label, theirs.label
    if isinstance(left, Apply) and isinstance(right, Apply):
        names = [arg.name for arg in left.args if isinstance(arg, Sym)]
        targets = [arg.name for arg in right.args if isinstance(arg, Sym)]
        distinct = len(set(names)) == len(left.args) == len(right.args) == len(set(targets))
        if left.name != right.name or not distinct or (free_symbols(mine.value) - set(names)) & set(targets):
            return None
        return Labelled(right, substitute(mine.value, {name: Sym(target) for name, target in zip(names, targets)}))
    function, other = (left, right) if isinstance(left, Apply) else (right, left)
    is_named = isinstance(function, Apply) and (
        other == Sym(function.name) or (other == Sym("y") and len(function.args) == 1)
    )
    is_same = is_named or _name_one_derivative(_derivative(left), _derivative(right))
    return Labelled(right, mine.value, mine.alternatives) if is_same else None


def _name_one_derivative(first: tuple[str, int] | None, second: tuple[str, int] | None) -> bool:
    """dy/dx and f'(x): of one order, and of one function, which y may stand for."""
    if first is None or second is None or first[1] != second[1]:
        return False
    return first[0] == second[0] or {first[0], second[0]} in _Y_STANDS_FOR


def _derivative(label: Expr | None) -> tuple[str, int] | None:
    """The function whose derivative a label names, and its order: dy/dx, y', f''(x); None for another label."""
    name = label.name if isinstance(label, Sym | Apply) else ""
    found = _LEIBNIZ.fullmatch(name)
    if found:
        return found[2], int(found[1] or 1)
    function = name.rstrip("'")
    return (function, len(name) - len(function)) if function and function != name else None


def states_number(equation: Rel) -> bool:
    """Whether an equation names a number that is asked for, such as m + n = 5 (but not a + 3z = 0)."""
    left, value = equation.sides[0], equation.sides[1]
    terms = left.args if is_op(left, "add") else (left,)
    if len(free_symbols(left)) < 2 or any(isinstance(term, Num) for term in terms) or _is_amount(left):
        return False  # x + 5 = 10 and 2x = 10 say what x is, and 5 bn = 5 says that a unit is 1
    if equation.ops != ("=",) or not is_quantity_label(left) or free_symbols(value):
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

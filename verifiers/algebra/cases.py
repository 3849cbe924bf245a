"""Branches taken apart: every combination of signs; branches, or irrational parts, that both sides share as symbols."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from verifiers.algebra.breakpoints import is_root_power
from verifiers.algebra.exact import InexactError, UndefinedError
from verifiers.algebra.high_precision import KNOWN_CALLS, numeric, numeric_or_none
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.rewrite import transform
from verifiers.parse.tree import Call, Expr, Num, Sym, free_symbols, is_op, marks, num, walk

Agrees = Callable[[Expr, Expr], bool]

_CHOICES = frozenset(("abs", "norm", "sgn", "min", "max"))
_NAMED = frozenset(("sqrt", "root", "cbrt", "floor", "ceil", "arcsin", "arccos", "arctan", "arccot", "arcsec",
                    "arccsc", "abs", "norm", "sgn", "min", "max"))  # fmt: skip
_VALUES = frozenset(
    ("Num", "Sym", "Op", "Call", "Const", "Const:pi", "Const:e", "Const:i", "Call:binomial",
     *(f"Op:{op}" for op in ("add", "mul", "neg", "div", "percent", "pow", "degree", "fact")),
     *(f"Call:{name}" for name in KNOWN_CALLS))
)  # fmt: skip
_RATIONAL = frozenset(("add", "mul", "neg", "div", "percent"))
_MAX_SIGNS = 5  # critical parts whose signs are tried in every combination
_DIGITS = 30
_POINTS = 3


class _Sign(NamedTuple):
    part: Expr
    sign: int  # that is assumed, 1 or -1


def has_choices(*sides: Expr) -> bool:
    """Whether a maximum, a minimum, an absolute value or a sign stands in one of them."""
    return any(f"Call:{name}" in marks(side) for side in sides for name in _CHOICES)


def agree_in_cases(left: Expr, right: Expr, agrees: Agrees, signs: tuple[_Sign, ...] = ()) -> bool:
    """Whether both agree for every combination of signs of their critical parts, possible or not.

    Args:
        signs: those assumed already.
    """
    sides = [side for side in (left, right) if has_choices(side)]
    nodes = [node for side in sides for node in walk(side) if isinstance(node, Call) and node.name in _CHOICES]
    if not nodes:
        return agrees(left, right)
    node = next(node for node in nodes if not has_choices(*node.args))
    sign = 1
    for factor in _signed_factors(node.args[0] if len(node.args) == 1 else node.args[0] - node.args[1]):
        known = _known_sign(factor, signs)
        if known is None:
            if len(signs) == _MAX_SIGNS:
                return False
            return all(agree_in_cases(left, right, agrees, (*signs, _Sign(factor, side))) for side in (1, -1))
        sign *= known
    value = _chosen(node, sign)
    left, right = (transform(side, lambda inner: value if inner == node else None) for side in (left, right))
    return agree_in_cases(left, right, agrees, signs)


def _chosen(node: Call, sign: int) -> Expr:
    """What a choice comes to; of more than two numbers, the choice between the first winner and the others."""
    first, second = node.args[0], node.args[:2][-1]  # the maximum of one number is that
    if node.name == "sgn":
        return num(sign)
    if node.name in ("abs", "norm"):
        return first if sign > 0 else -first
    winner = first if (sign > 0) == (node.name == "max") else second
    return Call(node.name, (winner, *node.args[2:])) if len(node.args) > 2 else winner


def _signed_factors(expr: Expr) -> Iterator[Expr]:
    """Factors whose signs multiply to the sign of the expression; constants among them, even powers left out."""
    if is_op(expr, "mul", "div", "percent"):
        for arg in expr.args:
            yield from _signed_factors(arg)
    elif is_op(expr, "neg"):
        yield num(-1)
        yield from _signed_factors(expr.args[0])
    elif is_op(expr, "pow") and isinstance(expr.args[1], Num):
        if expr.args[1].value % 2:
            yield from _signed_factors(expr.args[0])
    else:
        yield expr


def _known_sign(factor: Expr, signs: tuple[_Sign, ...]) -> int | None:
    """1 or -1 where the sign of the factor is known or assumed."""
    if not free_symbols(factor):
        value = numeric_or_none(factor, None, _DIGITS)
        return None if value is None else -1 if value.real < 0 else 1
    for sign in signs:
        ratio = constant_ratio(factor, sign.part)
        if ratio:
            return sign.sign * (1 if ratio > 0 else -1)
    return None


def constant_ratio(first: Expr, second: Expr) -> Any:
    """first / second where that is the same at several points; None where it is not, or cannot be told."""
    names = sorted(free_symbols(first))
    if names != sorted(free_symbols(second)):
        return None
    rng = random.Random(f"{first!r}\n{second!r}")
    found: Any = None
    agreed = 0
    for _ in range(4 * _POINTS):
        values = {name: Fraction(rng.randrange(-(10**6), 10**6), 10**5 + 3) for name in names}
        try:
            mine, theirs = numeric(first, values, _DIGITS, real=True), numeric(second, values, _DIGITS, real=True)
        except (UndefinedError, OverBudgetError):
            continue
        except InexactError:
            return None
        if not mine or not theirs:
            return None
        ratio = mine / theirs
        if found is not None and abs(ratio - found) > abs(found) * 1e-20:
            return None
        found, agreed = ratio, agreed + 1
        if agreed == _POINTS:
            return found
    return None


def with_branches_named(left: Expr, right: Expr, agrees: Agrees) -> tuple[Expr, Expr] | None:
    """Both sides with their roots, roundings and arcs as symbols, the same one where they are of equal arguments.

    None: a branch stands on one side only, or there is none.
    """
    return _with_names(left, right, _is_branch, lambda first, second: _same_branch(first, second, agrees), "#")


def _is_branch(node: Expr) -> bool:
    is_one = node.name in _NAMED if isinstance(node, Call) else is_op(node, "mod")
    return bool(is_one and free_symbols(node)) or is_root_power(node)


def _same_branch(first: Expr, second: Expr, agrees: Agrees) -> bool:
    if first == second:
        return True
    kinds = [(type(node), getattr(node, "op", None), getattr(node, "name", None)) for node in (first, second)]
    arguments = (first.children, second.children)
    return kinds[0] == kinds[1] and len(arguments[0]) == len(arguments[1]) and all(map(agrees, *arguments))


def with_parts_named(answer: Expr, reference: Expr) -> tuple[Expr, Expr] | None:
    """Both sides as rational functions: each part that is none (pi, a root, a power, a sine) as a symbol of its own.

    None: the answer has a part that the reference has not, there is none, or something in them has no value.
    """
    if not all(_VALUES.issuperset(marks(side)) for side in (answer, reference)):
        return None
    named = _with_names(reference, answer, _is_part, operator.eq, "@")
    return None if named is None else named[::-1]


def _is_part(node: Expr) -> bool:
    """Whether a node is no rational function of its own parts."""
    if is_op(node, "pow"):
        return not (isinstance(node.args[1], Num) and node.args[1].value.denominator == 1)
    return not isinstance(node, Num | Sym) and not is_op(node, *_RATIONAL)


def _with_names(
    known: Expr, other: Expr, is_part: Callable[[Expr], bool], same: Agrees, mark: str
) -> tuple[Expr, Expr] | None:
    """Both with such parts as symbols, one for all that are the same; None: the other has more of them, or none has."""
    parts: list[Expr] = []

    def named(node: Expr) -> Expr | None:
        """The symbol of a part; None leaves the node as it is."""
        if not is_part(node):
            return None
        index = next((index for index, part in enumerate(parts) if same(node, part)), len(parts))
        if index == len(parts):
            parts.append(node)
        return Sym(f"{mark}{index}")

    first, count = transform(known, named), len(parts)
    second = transform(other, named) if count else other
    return (first, second) if 0 < count == len(parts) else None

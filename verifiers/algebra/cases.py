"""Branches taken apart: every combination of signs; branches, or irrational parts, that both sides share as symbols."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from verifiers.algebra.breakpoints import is_root_power
from verifiers.algebra.exact import InexactError, UndefinedError, exact
from verifiers.algebra.high_precision import KNOWN_CALLS, numeric
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.rewrite import transform
from verifiers.parse.tree import Call, Expr, Num, Op, Sym, free_symbols, marks, num

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


@dataclass(frozen=True)
class _Sign:
    part: Expr
    positive: bool


def has_choices(*sides: Expr) -> bool:
    """Whether a maximum, a minimum, an absolute value or a sign stands in one of them."""
    return any(f"Call:{name}" in marks(side) for side in sides for name in _CHOICES)


def agree_in_cases(left: Expr, right: Expr, agrees: Agrees) -> bool:
    """Whether both agree for every combination of signs of their critical parts, possible or not."""
    return _in_cases(_with_pairs(left), _with_pairs(right), agrees, ())


def _with_pairs(expr: Expr) -> Expr:
    """Max(a, b, c) as max(max(a, b), c)."""

    def paired(node: Expr) -> Expr | None:
        """A maximum or minimum of more than two as nested ones; None leaves the node as it is."""
        if not isinstance(node, Call) or node.name not in ("max", "min") or len(node.args) < 3:
            return None
        return Call(node.name, (_with_pairs(Call(node.name, node.args[:-1])), _with_pairs(node.args[-1])))

    return transform(expr, paired)


def _in_cases(left: Expr, right: Expr, agrees: Agrees, signs: tuple[_Sign, ...]) -> bool:
    node = _innermost(left) or _innermost(right)
    if node is None:
        return agrees(left, right)
    critical = node.args[0] if len(node.args) == 1 else Op("add", (node.args[0], Op("neg", (node.args[1],))))
    sign = 1
    for factor in _signed_factors(critical):
        known = _known_sign(factor, signs)
        if known is None:
            if len(signs) == _MAX_SIGNS:
                return False
            return all(_in_cases(left, right, agrees, (*signs, _Sign(factor, side))) for side in (True, False))
        sign *= known
    value = _chosen(node, sign)
    left, right = (transform(side, lambda inner: value if inner == node else None) for side in (left, right))
    return _in_cases(left, right, agrees, signs)


def _innermost(expr: Expr) -> Call | None:
    """A choice whose arguments hold no further one."""
    if not has_choices(expr):
        return None
    for child in expr.children:
        found = _innermost(child)
        if found is not None:
            return found
    return expr if isinstance(expr, Call) and expr.name in _CHOICES else None


def _chosen(node: Call, sign: int) -> Expr:
    first = node.args[0]
    if node.name == "sgn":
        return num(sign)
    if node.name in ("abs", "norm"):
        return first if sign > 0 else Op("neg", (first,))
    return first if (sign > 0) == (node.name == "max") else node.args[1]


def _signed_factors(expr: Expr) -> Iterator[Expr]:
    """Factors whose signs multiply to the sign of the expression; constants among them, even powers left out."""
    if isinstance(expr, Op) and expr.op in ("mul", "div", "percent"):
        for arg in expr.args:
            yield from _signed_factors(arg)
    elif isinstance(expr, Op) and expr.op == "neg":
        yield num(-1)
        yield from _signed_factors(expr.args[0])
    elif isinstance(expr, Op) and expr.op == "pow" and isinstance(expr.args[1], Num):
        exponent = expr.args[1].value
        if exponent.denominator == 1 and exponent % 2 == 0:
            return
        yield from _signed_factors(expr.args[0])
    else:
        yield expr


def _known_sign(factor: Expr, signs: tuple[_Sign, ...]) -> int | None:
    """1 or -1 where the sign of the factor is known or assumed."""
    if not free_symbols(factor):
        try:
            value = numeric(factor, None, _DIGITS).real
        except (InexactError, UndefinedError, OverBudgetError):
            return None
        return -1 if value < 0 else 1
    for sign in signs:
        ratio = _ratio(factor, sign.part)
        if ratio:
            return (1 if sign.positive else -1) * (1 if ratio > 0 else -1)
    return None


def same_up_to_sign(first: Expr, second: Expr) -> bool:
    """Whether one is a constant multiple of the other, so that both vanish at the same places."""
    return bool(_ratio(first, second))


def _ratio(first: Expr, second: Expr) -> Fraction | None:
    """first / second where that is the same at several points; None where it is not, or cannot be told."""
    names = sorted(free_symbols(first))
    if names != sorted(free_symbols(second)):
        return None
    rng = random.Random(f"{first!r}\n{second!r}")
    found: Fraction | None = None
    agreed = 0
    for _ in range(4 * _POINTS):
        values = {name: Fraction(rng.randrange(-(10**6), 10**6), 10**5 + 3) for name in names}
        try:
            mine, theirs = _value(first, values), _value(second, values)
        except (UndefinedError, OverBudgetError):
            continue
        except InexactError:
            return None
        if not mine or not theirs:
            return None
        ratio = mine / theirs
        if found is not None and abs(ratio - found) > abs(found) * Fraction(1, 10**20):
            return None
        found, agreed = ratio, agreed + 1
        if agreed == _POINTS:
            return found
    return None


def _value(expr: Expr, values: dict[str, Fraction]) -> Fraction:
    try:
        return exact(expr, values)
    except InexactError:
        value = numeric(expr, values, _DIGITS, real=True)
        return Fraction(str(value.real))


def with_branches_named(left: Expr, right: Expr, agrees: Agrees) -> tuple[Expr, Expr] | None:
    """Both sides with their roots, roundings and arcs as symbols, the same one where they are of equal arguments.

    None: a branch stands on one side only, or there is none.
    """
    names: list[tuple[Expr, Sym]] = []

    def named(node: Expr) -> Expr | None:
        """The symbol of a branch; None leaves the node as it is."""
        if not _is_branch(node):
            return None
        for known, symbol in names:
            if _same_branch(node, known, agrees):
                return symbol
        names.append((node, Sym(f"#{len(names)}")))
        return names[-1][1]

    changed = transform(left, named)
    count = len(names)
    if not count:
        return None
    other = transform(right, named)
    return (changed, other) if len(names) == count else None


def _is_branch(node: Expr) -> bool:
    if isinstance(node, Call):
        return node.name in _NAMED and bool(free_symbols(node))
    if isinstance(node, Op) and node.op == "mod":
        return bool(free_symbols(node))
    return is_root_power(node)


def _same_branch(first: Expr, second: Expr, agrees: Agrees) -> bool:
    if first == second:
        return True
    if isinstance(first, Call) and isinstance(second, Call):
        is_alike = first.name == second.name and len(first.args) == len(second.args)
    else:
        is_alike = isinstance(first, Op) and isinstance(second, Op) and first.op == second.op
    return is_alike and all(agrees(a, b) for a, b in zip(first.children, second.children))


def with_parts_named(answer: Expr, reference: Expr) -> tuple[Expr, Expr] | None:
    """Both sides as rational functions: each part that is none (pi, a root, a power, a sine) as a symbol of its own.

    None: the answer has a part that the reference has not, there is none, or something in them has no value.
    """
    names: dict[Expr, Sym] = {}

    def named(node: Expr) -> Expr | None:
        """The symbol of a part that is no rational function of its own parts; None leaves the node as it is."""
        if isinstance(node, Op) and node.op == "pow":
            is_part = not (isinstance(node.args[1], Num) and node.args[1].value.denominator == 1)
        else:
            is_part = not isinstance(node, Num | Sym) and not (isinstance(node, Op) and node.op in _RATIONAL)
        return names.setdefault(node, Sym(f"@{len(names)}")) if is_part else None  # "#" names branches

    if not all(_VALUES.issuperset(marks(side)) for side in (answer, reference)):
        return None
    other = transform(reference, named)
    count = len(names)
    if not count:
        return None
    changed = transform(answer, named)
    return (changed, other) if len(names) == count else None

"""Inequalities and equations in one variable as sets of reals: linear, absolute values, quotients of polynomials.

Roots are rational, or quadratic or pure surds; an inequality with other roots is not solved.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from verifiers.algebra.polynomials import (
    NotPolynomial,
    Polynomial,
    divide,
    gcd,
    num_real_roots,
    rational_function,
    rational_roots,
    squarefree,
    value_at,
)
from verifiers.equivalence.sets.pieces import (
    NotARealSetError,
    RealSet,
    between,
    half_line,
    intersection,
    laid_out,
    number,
)
from verifiers.equivalence.values.relations import FLIP, HOLDS
from verifiers.parse.tree import Call, Expr, Rel, Sym, free_symbols, num

_ORDERS = ("<", "<=", ">", ">=")


def solve(expr: Rel) -> RealSet:
    """The reals that satisfy a relation in one variable, or a chain such as -2 < x <= 7.

    Raises:
        NotARealSetError: another kind of relation, or one that is not solved.
    """
    if not HOLDS.keys() >= set(expr.ops):
        raise NotARealSetError("not an inequality")
    parts = [_inequality(left, op, right) for op, (left, right) in zip(expr.ops, pairwise(expr.sides))]
    if len({part.variable for part in parts}) > 1:
        raise NotARealSetError("several variables")
    if len(parts) == 1:
        return parts[0]
    is_between = len(parts) == 2 and expr.ops[0][0] == expr.ops[1][0] and expr.ops[0][0] in "<>"
    if is_between and all(len(part.pieces) == 1 for part in parts):
        return RealSet((between(parts[0].pieces[0], parts[1].pieces[0]),), parts[0].variable)  # a < x <= b
    return RealSet(intersection(parts), parts[0].variable)


def _inequality(left: Expr, op: str, right: Expr) -> RealSet:
    ways = ((left, op, right), (right, FLIP[op], left))
    for side, relation, end in ways:
        if isinstance(side, Sym) and side.name not in free_symbols(end):
            return RealSet(half_line(relation, end), side.name)
    for side, relation, end in ways:
        if isinstance(side, Call) and side.name == "abs" and op in _ORDERS:
            return _absolute(side.args[0], relation, end)
    names = free_symbols(left) | free_symbols(right)
    if len(names) != 1:
        raise NotARealSetError("not an inequality in one variable")
    return _rational(left - right, op, *names)


def is_unsolved(expr: Rel) -> bool:
    """Whether a relation in one variable still has to be solved: neither linear nor an absolute value."""
    names = free_symbols(expr)
    if len(names) != 1:
        return False
    (name,) = names
    for side in expr.sides:
        if isinstance(side, Call) and side.name == "abs":
            side = side.args[0]
        try:
            top, bottom = rational_function(side, name)
        except NotPolynomial:
            return False
        if len(top) > 2 or len(bottom) > 1:
            return True
    return False


def _absolute(inner: Expr, op: str, bound: Expr) -> RealSet:
    below = _inequality(inner, op, bound)
    if op in ("<", "<="):
        return RealSet(intersection([below, _inequality(-bound, op, inner)]), below.variable)
    outside = _inequality(inner, FLIP[op], -bound)
    return RealSet((*outside.pieces, *below.pieces), below.variable)


def _rational(expr: Expr, op: str, name: str) -> RealSet:
    """Where a quotient of polynomials stands in the relation `op` to zero; nowhere at the zeros of its denominator."""
    try:
        top, bottom = rational_function(expr, name)
        zeros = squarefree(top) if top else ()
        zeros = divide(zeros, gcd(zeros, bottom))[0] if zeros else ()
        roots = [(root, HOLDS[op](0, 0)) for root in (_real_roots(zeros) if zeros else [])]
        roots += [(root, False) for root in _real_roots(squarefree(bottom))]
    except NotPolynomial as error:
        raise NotARealSetError(str(error)) from error
    ends = [(value, root, holds) for root, holds in roots if (value := number(root)) is not None]
    ends.sort(key=lambda end: end[0])
    values = [value for value, _, _ in ends] or [Fraction(0)]
    between = [values[0] - 1, *((low + high) / 2 for low, high in pairwise(values)), values[-1] + 1]
    first, *gaps = (HOLDS[op](value_at(top, point) * value_at(bottom, point), 0) for point in between)
    held = [first, *(holds for (_, _, at_root), gap in zip(ends, gaps) for holds in (at_root, gap))]
    return RealSet(laid_out([root for _, root, _ in ends], held), name)


def _real_roots(p: Polynomial) -> list[Expr]:
    """The real roots of a squarefree polynomial.

    Raises:
        NotARealSetError: some of them are neither rational nor quadratic or pure surds.
    """
    known, rest = rational_roots(p)
    roots: list[Expr] = [num(root) for root in known]
    if len(rest) < 2 or num_real_roots(rest) == 0:
        return roots
    if len(rest) == 3:
        return roots + _quadratic(rest)
    if not any(rest[1:-1]):
        return roots + _pure(-rest[0] / rest[-1], len(rest) - 1)
    if len(rest) == 5 and not rest[1] and not rest[3]:
        squares = [square for square in _quadratic((rest[0], rest[2], rest[4])) if (number(square) or 0) > 0]
        return roots + [sign for square in squares for sign in _both_signs(Call("sqrt", (square,)))]
    raise NotARealSetError("roots that are no surds")


def _quadratic(p: Polynomial) -> list[Expr]:
    c, b, a = p
    discriminant = b * b - 4 * a * c
    if discriminant < 0:
        return []
    middle, width = num(-b / (2 * a)), Call("sqrt", (num(discriminant),)) / num(2 * a)
    return [middle + part for part in _both_signs(width)]


def _pure(value: Fraction, degree: int) -> list[Expr]:
    root = Call("root", (num(value), num(degree)))
    return [root] if degree % 2 else _both_signs(root)


def _both_signs(expr: Expr) -> list[Expr]:
    return [-expr, expr]

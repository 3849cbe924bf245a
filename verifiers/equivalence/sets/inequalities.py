"""Inequalities and equations in one variable as sets of reals: linear, absolute values, quotients of polynomials.

Roots are rational, or quadratic or pure surds; an inequality with other roots is not solved.
"""

from __future__ import annotations

from fractions import Fraction

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
    INFINITY,
    MINUS_INFINITY,
    NotARealSetError,
    Piece,
    RealSet,
    infinite,
    intersection,
    number,
)
from verifiers.parse.tree import Call, Expr, Op, Rel, Sym, free_symbols, num

FLIP = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "!=": "!=", "=": "="}


def solve(expr: Rel) -> RealSet:
    """The reals that satisfy a relation in one variable, or a chain such as -2 < x <= 7.

    Raises:
        NotARealSetError: another kind of relation, or one that is not solved.
    """
    if any(op not in FLIP for op in expr.ops):
        raise NotARealSetError("not an inequality")
    pieces: list[RealSet] = []
    for op, left, right in zip(expr.ops, expr.sides, expr.sides[1:]):
        pieces.append(_inequality(left, op, right))
    names = {part.variable for part in pieces}
    if len(names) > 1:
        raise NotARealSetError("several variables")
    if len(pieces) == 1:
        return pieces[0]
    is_between = len(pieces) == 2 and expr.ops[0][0] == expr.ops[1][0] and expr.ops[0][0] in "<>"
    if is_between and all(len(part.pieces) == 1 for part in pieces):
        return RealSet((_between(pieces),), pieces[0].variable)
    return RealSet(intersection(pieces), pieces[0].variable)


def _between(parts: list[RealSet]) -> Piece:
    """a < x <= b: one end from each half, also where the ends are symbols that cannot be ordered."""
    first, second = parts[0].pieces[0], parts[1].pieces[0]
    if infinite(first.high):
        return Piece(first.low, second.high, first.closed_low, second.closed_high)
    return Piece(second.low, first.high, second.closed_low, first.closed_high)


def _inequality(left: Expr, op: str, right: Expr) -> RealSet:
    if isinstance(left, Sym) and left.name not in free_symbols(right):
        return _half_line(left.name, op, right)
    if isinstance(right, Sym) and right.name not in free_symbols(left):
        return _half_line(right.name, FLIP[op], left)
    if isinstance(left, Call) and left.name == "abs" and op in ("<", "<=", ">", ">="):
        return _absolute(left.args[0], op, right)
    if isinstance(right, Call) and right.name == "abs" and op in ("<", "<=", ">", ">="):
        return _absolute(right.args[0], FLIP[op], left)
    names = free_symbols(left) | free_symbols(right)
    if len(names) != 1:
        raise NotARealSetError("not an inequality in one variable")
    return _rational(Op("add", (left, Op("neg", (right,)))), op, next(iter(names)))


def is_unsolved(expr: Rel) -> bool:
    """Whether a relation in one variable still has to be solved: neither linear nor an absolute value."""
    names = free_symbols(expr)
    if len(names) != 1:
        return False
    name = next(iter(names))
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


def _half_line(name: str, op: str, end: Expr) -> RealSet:
    if op == "=":
        return RealSet((Piece(end, end, True, True),), name)
    if op == "!=":
        return RealSet((Piece(MINUS_INFINITY, end, False, False), Piece(end, INFINITY, False, False)), name)
    if op in ("<", "<="):
        return RealSet((Piece(MINUS_INFINITY, end, False, op == "<="),), name)
    return RealSet((Piece(end, INFINITY, op == ">=", False),), name)


def _absolute(inner: Expr, op: str, bound: Expr) -> RealSet:
    negative = Op("neg", (bound,))
    below, above = _inequality(inner, op, bound), _inequality(negative, op, inner)
    if op in ("<", "<="):
        return RealSet(intersection([below, above]), below.variable)
    outside = _inequality(inner, FLIP[op], negative)
    return RealSet((*outside.pieces, *below.pieces), below.variable)


def _rational(expr: Expr, op: str, name: str) -> RealSet:
    """Where a quotient of polynomials stands in the relation `op` to zero; nowhere at the zeros of its denominator."""
    try:
        top, bottom = rational_function(expr, name)
        zeros = squarefree(top) if top else ()
        if zeros:
            zeros = divide(zeros, gcd(zeros, bottom))[0]
        ends = [(root, _HOLDS_AT_ZERO[op]) for root in (_real_roots(zeros) if zeros else [])]
        ends += [(root, False) for root in _real_roots(squarefree(bottom))]
    except NotPolynomial as error:
        raise NotARealSetError(str(error)) from error
    places = [(number(root), root, holds) for root, holds in ends]
    places.sort(key=lambda place: place[0])
    pieces: list[Piece] = []
    low: Expr = MINUS_INFINITY
    before = None
    for value, root, holds in [*places, (None, INFINITY, False)]:
        if _holds(value_at(top, _between_points(before, value)) * value_at(bottom, _between_points(before, value)), op):
            pieces.append(Piece(low, root, False, False))
        if holds:
            pieces.append(Piece(root, root, True, True))
        low, before = root, value
    return RealSet(tuple(pieces), name)


_HOLDS_AT_ZERO = {"<": False, ">": False, "<=": True, ">=": True, "!=": False, "=": True}


def _holds(sign: Fraction, op: str) -> bool:
    return {"<": sign < 0, ">": sign > 0, "<=": sign <= 0, ">=": sign >= 0, "!=": sign != 0, "=": sign == 0}[op]


def _between_points(low: Fraction | None, high: Fraction | None) -> Fraction:
    """A rational point strictly between two neighbours; None stands for infinity."""
    if low is not None and high is not None:
        return (low + high) / 2
    if high is not None:
        return high - 1
    return low + 1 if low is not None else Fraction(0)


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
    middle, width = num(-b / (2 * a)), Op("div", (Call("sqrt", (num(discriminant),)), num(2 * a)))
    return [Op("add", (middle, part)) for part in _both_signs(width)]


def _pure(value: Fraction, degree: int) -> list[Expr]:
    root = Call("root", (num(value), num(degree)))
    return [root] if degree % 2 else _both_signs(root)


def _both_signs(expr: Expr) -> list[Expr]:
    return [Op("neg", (expr,)), expr]

"""Identities in square roots, proved in a finite field to which the roots are adjoined.

Each radicand u gives a new element s with s^2 = u, so that a sum in F_p[s_1, ..., s_k] vanishes exactly when it
vanishes whichever sign every root has. An identity that needs a sign, such as sqrt(x^2) = x, is not proved here.
"""

from __future__ import annotations

import random
from functools import reduce

from verifiers.algebra.exact import PRIME, InexactError, UndefinedError, exact
from verifiers.algebra.exact import modular as in_field
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.tree import Call, Expr, Op, free_symbols, num

_MAX_ROOTS = 4  # an element has 2^k coordinates
_POINTS = 2
# the element (a, b) is a + b s with the last root s; at the bottom stand residues
Element = int | tuple["Element", "Element"]


def agree_with_roots(left: Expr, right: Expr, rng: random.Random) -> bool:
    """Whether left = right, whichever sign each square root has; False also where they have other parts."""
    names = sorted(free_symbols(left) | free_symbols(right))
    agreed = 0
    for _ in range(2 * _POINTS):
        values = {name: rng.randrange(2, PRIME) for name in names}
        field = _Field(values)
        try:
            gap = field.less(field.value(left), field.value(right))
        except UndefinedError:
            continue
        except (InexactError, OverBudgetError):
            return False
        if not _is_zero(gap):
            return False
        agreed += 1
        if agreed == _POINTS:
            return True
    return False


class _Field:
    """The field at one point, with the roots met so far."""

    def __init__(self, values: dict[str, int]) -> None:
        self.values = values
        self.radicands: list[Element] = []

    def value(self, expr: Expr) -> Element:
        """The element that the expression is.

        Raises:
            InexactError: something else than square roots and rational operations.
            UndefinedError: division by zero.
        """
        if not isinstance(expr, Op | Call):
            return in_field(expr, self.values)
        if isinstance(expr, Call):
            return self._root(expr)
        args = expr.args
        if expr.op == "pow":
            return self._power(args[0], args[1])
        parts = [self.value(arg) for arg in args]
        if expr.op == "add":
            return reduce(self.plus, parts)
        if expr.op == "mul":
            return reduce(self.times, parts)
        if expr.op == "neg":
            return _negated(parts[0])
        if expr.op == "div":
            return self.times(parts[0], self.inverse(parts[1]))
        raise InexactError(expr.op)

    def _root(self, expr: Call) -> Element:
        is_square = expr.name == "sqrt" or (expr.name == "root" and expr.args[1] == num(2))
        if not is_square:
            raise InexactError(expr.name)
        return self._adjoined(self.value(expr.args[0]))

    def _adjoined(self, radicand: Element) -> Element:
        for index, known in enumerate(self.radicands):
            if _is_zero(self.less(known, radicand)):
                return _root_at(index)
        if len(self.radicands) == _MAX_ROOTS:
            raise InexactError("too many roots")
        self.radicands.append(radicand)
        return _root_at(len(self.radicands) - 1)

    def _power(self, base: Expr, exponent: Expr) -> Element:
        power = exact(exponent)
        if power.denominator not in (1, 2) or abs(power) > 64:
            raise InexactError("power")
        element = self.value(base)
        if power.denominator == 2:
            element = self._adjoined(element)
        count = int(power.numerator)
        if count < 0:
            element, count = self.inverse(element), -count
        result: Element = 1
        for _ in range(count):
            result = self.times(result, element)
        return result

    def plus(self, first: Element, second: Element) -> Element:
        """first + second."""
        if isinstance(first, int) and isinstance(second, int):
            return (first + second) % PRIME
        (a, b), (c, d) = self._level(first, second)
        return self.plus(a, c), self.plus(b, d)

    def less(self, first: Element, second: Element) -> Element:
        """first - second."""
        return self.plus(first, _negated(second))

    def times(self, first: Element, second: Element) -> Element:
        """first * second."""
        if isinstance(first, int) and isinstance(second, int):
            return first * second % PRIME
        (a, b), (c, d) = self._level(first, second)
        square = self.radicands[max(_height(first), _height(second)) - 1]
        return (
            self.plus(self.times(a, c), self.times(self.times(b, d), square)),
            self.plus(self.times(a, d), self.times(b, c)),
        )

    def inverse(self, element: Element) -> Element:
        """1 / element."""
        if isinstance(element, int):
            if element % PRIME == 0:
                raise UndefinedError("division by zero")
            return pow(element, -1, PRIME)
        a, b = element
        square = self.radicands[_height(element) - 1]
        norm = self.less(self.times(a, a), self.times(self.times(b, b), square))
        scale = self.inverse(norm)
        return self.times(a, scale), self.times(_negated(b), scale)

    def _level(self, first: Element, second: Element) -> tuple[tuple[Element, Element], tuple[Element, Element]]:
        height = max(_height(first), _height(second))
        return _raised(first, height), _raised(second, height)


def _height(element: Element) -> int:
    """How many roots an element is written in: its depth is that of its deepest first entry."""
    height = 0
    while isinstance(element, tuple):
        element, height = element[0], height + 1
    return height


def _raised(element: Element, height: int) -> tuple[Element, Element]:
    if _height(element) == height:
        assert isinstance(element, tuple)
        return element
    lower: Element = element
    while _height(lower) < height - 1:
        lower = (lower, _zero(_height(lower)))
    return lower, _zero(height - 1)


def _zero(height: int) -> Element:
    return 0 if height == 0 else (_zero(height - 1), _zero(height - 1))


def _one(height: int) -> Element:
    return 1 if height == 0 else (_one(height - 1), _zero(height - 1))


def _root_at(index: int) -> Element:
    return _zero(index), _one(index)


def _negated(element: Element) -> Element:
    return -element % PRIME if isinstance(element, int) else (_negated(element[0]), _negated(element[1]))


def _is_zero(element: Element) -> bool:
    return element % PRIME == 0 if isinstance(element, int) else _is_zero(element[0]) and _is_zero(element[1])

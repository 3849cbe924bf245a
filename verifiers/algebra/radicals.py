"""Identities in square roots, proved in a finite field to which the roots are adjoined.

Each radicand u gives a new element s with s^2 = u, so that a sum in F_p[s_1, ..., s_k] vanishes exactly when it
vanishes whichever sign every root has. An identity that needs a sign, such as sqrt(x^2) = x, is not proved here.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from fractions import Fraction
from functools import reduce
from itertools import product

from verifiers.algebra.exact import PRIME, Evaluator, InexactError, UndefinedError, exact, modular
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.tree import Expr, Num, free_symbols, num

_MAX_ROOTS = 4  # an element has 2^k coordinates
_MAX_POWER = 64
_POINTS = 2
Element = dict[int, int]  # a set of roots, one bit for each, -> the residue before their product; none is 0


def agree_with_roots(left: Expr, right: Expr, rng: random.Random) -> bool:
    """Whether left = right, whichever sign each square root has; False also where they have other parts."""
    names = sorted(free_symbols(left) | free_symbols(right))
    agreed = 0
    for _ in range(2 * _POINTS):
        field = _Field({name: {0: rng.randrange(2, PRIME)} for name in names})
        try:
            if field.value(left) != field.value(right):
                return False
        except UndefinedError:
            continue
        except (InexactError, OverBudgetError):
            return False
        agreed += 1
        if agreed == _POINTS:
            return True
    return False


class _Field(Evaluator[Element]):
    """The field at one point, with the roots met so far; a radicand is written in the roots before its own."""

    def __init__(self, values: Mapping[str, Element]) -> None:
        super().__init__(values)
        self.radicands: list[Element] = []

    def number(self, value: Fraction) -> Element:
        return _without_zeros({0: modular(Num(value), {})})

    def plus(self, first: Element, second: Element) -> Element:
        return _without_zeros({roots: first.get(roots, 0) + second.get(roots, 0) for roots in first | second})

    def negative(self, value: Element) -> Element:
        return {roots: PRIME - residue for roots, residue in value.items()}

    def times(self, first: Element, second: Element) -> Element:
        total: Element = {}
        for (roots, a), (others, b) in product(first.items(), second.items()):
            term = {roots ^ others: a * b % PRIME}
            for index, radicand in enumerate(self.radicands):
                if roots & others & 1 << index:
                    term = self.times(term, radicand)
            total = self.plus(total, term)
        return total

    def over(self, first: Element, second: Element) -> Element:
        """first / second, both times the second with the sign of its last root changed until no root is left below."""
        if not second:
            raise UndefinedError("division by zero")
        if max(second) == 0:
            return self.times(first, {0: pow(second[0], -1, PRIME)})
        last = 1 << max(second).bit_length() - 1
        conjugate = {roots: PRIME - residue if roots & last else residue for roots, residue in second.items()}
        return self.over(self.times(first, conjugate), self.times(second, conjugate))

    def power(self, base: Expr, exponent: Expr) -> Element:
        power = exact(exponent)
        if power.denominator not in (1, 2) or abs(power) > _MAX_POWER:
            raise InexactError("power")
        element = self.value(base)
        if power.denominator == 2:
            element = self._root(element)
        result = reduce(self.times, [element] * abs(power.numerator), {0: 1})
        return result if power >= 0 else self.over({0: 1}, result)

    def function(self, name: str, args: tuple[Expr, ...]) -> Element:
        if name != "sqrt" and not (name == "root" and args[1] == num(2)):
            raise InexactError(name)
        return self._root(self.value(args[0]))

    def _root(self, radicand: Element) -> Element:
        if radicand not in self.radicands:
            if len(self.radicands) == _MAX_ROOTS:
                raise InexactError("too many roots")
            self.radicands.append(radicand)
        return {1 << self.radicands.index(radicand): 1}


def _without_zeros(element: Element) -> Element:
    return {roots: residue % PRIME for roots, residue in element.items() if residue % PRIME}

"""Identities in square roots, proved in a finite field to which the roots are adjoined.

Each radicand u gives a new element s with s^2 = u, so that a sum in F_p[s_1, ..., s_k] vanishes exactly when it
vanishes whichever sign every root has. An identity that needs a sign, such as sqrt(x^2) = x, is not proved here.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import reduce
from itertools import product

from verifiers.algebra.exact import PRIME, Evaluator, InexactError, UndefinedError, exact, modular
from verifiers.parse.tree import Expr, Num, num

_MAX_ROOTS = 4  # an element has 2^k coordinates
_MAX_POWER = 64
Element = dict[int, int]  # a set of roots, one bit for each, -> the residue before their product; none is 0


def with_roots(values: Mapping[str, int]) -> Evaluator[Element]:
    """Evaluates at a point of the field, to which every square root that is met is adjoined."""
    return _Roots(values)


class _Roots(Evaluator[Element]):
    def __init__(self, values: Mapping[str, int]) -> None:
        super().__init__({name: {0: residue} for name, residue in values.items()})
        self.radicands: list[Element] = []  # each written in the roots before its own

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

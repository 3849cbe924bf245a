"""Polynomials in one variable as text: written, and read from untrusted text with the factors that it shows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import reduce

from verifiers.algebra.polynomials import MAX_DEGREE, Polynomial, add, multiply, negate, polynomial

MAX_CHARACTERS = 600
MAX_DIGITS = 60
MAX_DEPTH = 30

Coefficient = int | Fraction
_ONE, _MINUS, _VARIABLE = polynomial(1), polynomial(-1), polynomial(0, 1)
_MONOMIAL = r"(?:(?:\d+(?:/\d+)?|\(\s*-?\d+(?:/\d+)?\s*\))\s*\*?\s*(?:x(?:(?:\^|\*\*)\d+)?)?|x(?:(?:\^|\*\*)\d+)?)"
_MONOMIALS = re.compile(rf"\s*[-+]?\s*{_MONOMIAL}(?:\s*[-+]\s*{_MONOMIAL})*[\s.]*", re.ASCII)
_TOKEN = re.compile(r"\s*(\d+|\*\*|[a-z]|[-+*/^()])", re.ASCII)


def write(a: Sequence[Coefficient], variable: str = "x") -> str:
    """`3x^2 - 4x + 1`; fractions as `(3/4)x^2`."""
    terms = []
    for exponent in range(len(a) - 1, -1, -1):
        coefficient = a[exponent]
        if coefficient:
            size = -coefficient if coefficient < 0 else coefficient
            terms.append(("-" if coefficient < 0 else "+", write_term(size, exponent, variable)))
    if not terms:
        return "0"
    first = ("-" if terms[0][0] == "-" else "") + terms[0][1]
    return first + "".join(f" {sign} {term}" for sign, term in terms[1:])


def write_term(coefficient: Coefficient, exponent: int, variable: str = "x") -> str:
    """`3x^2`, `x`, `(3/4)x`, `5`."""
    if exponent == 0:
        return str(coefficient)
    power = variable if exponent == 1 else f"{variable}^{exponent}"
    if coefficient == 1:
        return power
    if coefficient == -1:
        return f"-{power}"
    text = str(coefficient)
    return f"({text}){power}" if "/" in text else f"{text}{power}"


def write_unordered(*factors: Polynomial) -> str:
    """The same text for the same product whatever the order of its factors and wherever its signs stand.

    `(3x + 8)(-5x - 3)`, `(5x + 3)(-3x - 8)` and `(-3x - 8)(5x + 3)` are one: for `Problem.canonical`.
    """
    sign = -1 if sum(factor[-1] < 0 for factor in factors if factor) % 2 else 1
    positive = sorted(write(negate(f) if f and f[-1] < 0 else f) for f in factors)
    return f"{sign} * {' * '.join(f'({factor})' for factor in positive)}"


def read(text: str, variable: str = "x") -> Polynomial:
    """The polynomial that a text stands for: sums, products, powers, division by numbers, implicit multiplication.

    Raises:
        ValueError: no polynomial in `variable`, or over the limits.
    """
    return _product(read_factors(text, variable))


def is_sum_of_monomials(text: str) -> bool:
    """True for `6x^2 - 4x + (1/2)`: no product is left to be carried out, that of two numbers included."""
    return len(text) <= MAX_CHARACTERS and _MONOMIALS.fullmatch(text) is not None


def read_factors(text: str, variable: str = "x") -> list[Polynomial]:
    """The factors of a text that is a product at its top level (one factor otherwise): 2(x - 1)(x + 3) has three.

    Raises:
        ValueError: as `read`.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"over {MAX_CHARACTERS} characters")
    tokens: list[str] = []
    at, text = 0, text.rstrip(" .")
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or (match[1].isalpha() and match[1] != variable):
            raise ValueError(f"{text[at : at + 10]!r} does not belong into a polynomial in {variable}")
        tokens.append("^" if match[1] == "**" else match[1])
        at = match.end()
    reader = _Reader(tokens, variable)
    factors = reader.sum(0)
    if reader.at != len(tokens):
        raise ValueError(f"{tokens[reader.at]!r} is out of place")
    return factors


class _Reader:
    """Recursive descent; every rule returns the factors of its top-level product."""

    def __init__(self, tokens: list[str], variable: str) -> None:
        self.tokens, self.variable, self.at = tokens, variable, 0

    def peek(self) -> str:
        """The next token, left where it is; "" at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def sum(self, depth: int) -> list[Polynomial]:
        """Terms joined by + and -; more than one make a single factor."""
        if depth > MAX_DEPTH:
            raise ValueError(f"over {MAX_DEPTH} levels deep")
        factors = self.product(depth)
        while self.peek() in ("+", "-") and self.peek():
            sign = self.tokens[self.at]
            self.at += 1
            right = _product(self.product(depth))
            factors = [add(_product(factors), right if sign == "+" else negate(right))]
        return factors

    def product(self, depth: int) -> list[Polynomial]:
        """The factors of a product, with or without signs between them; a divisor must be a number."""
        if self.peek() in ("-", "+") and self.peek():
            sign = self.tokens[self.at]
            self.at += 1
            if depth > MAX_DEPTH:
                raise ValueError(f"over {MAX_DEPTH} levels deep")
            factors = self.product(depth + 1)
            return [_MINUS, *factors] if sign == "-" else factors
        factors = self.power(depth)
        while self.peek() and (self.peek() in "*/(" or self.peek().isalnum()):
            operator = self.peek()
            if operator in "*/":
                self.at += 1
            right = self.power(depth)
            if operator != "/":
                factors += right
                continue
            divisor = _product(right)
            if len(divisor) != 1:  # also the zero polynomial
                raise ValueError("division by something other than a number")
            factors.append(polynomial(1 / divisor[0]))
        return factors

    def power(self, depth: int) -> list[Polynomial]:
        """A base to a whole number; a power of a product counts as so many equal factors."""
        base = self.atom(depth)
        if self.peek() != "^":
            return base
        exponent = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else ""
        if not exponent.isdigit() or len(exponent) > 2 or int(exponent) > MAX_DEGREE:
            raise ValueError(f"an exponent is {exponent!r}, expected an integer up to {MAX_DEGREE}")
        self.at += 2
        return [_product(base)] * int(exponent)

    def atom(self, depth: int) -> list[Polynomial]:
        """A number, the variable, or the factors inside a parenthesis."""
        token = self.peek()
        self.at += 1
        if token.isdigit():
            if len(token) > MAX_DIGITS:
                raise ValueError("a number is too long")
            return [polynomial(int(token))]
        if token == self.variable:
            return [_VARIABLE]
        if token != "(":
            raise ValueError(f"{token!r} is out of place" if token else "the expression ends too early")
        factors = self.sum(depth + 1)
        if self.peek() != ")":
            raise ValueError("a parenthesis is not closed")
        self.at += 1
        return factors


def _product(factors: Sequence[Polynomial]) -> Polynomial:
    return reduce(multiply, factors, _ONE)

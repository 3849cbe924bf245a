"""Exact values of arithmetic: integers and decimals, + - * / ^ mod %, parentheses. Nothing is ever executed.

Demonstrators redo the sums of worked steps with it, certificates (countdown) and the calculator read a model's
expression with it, and claims in running text are judged with it. The text may be hostile: its length, depth, numbers
and exponents are bounded.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from fractions import Fraction

MAX_TOKENS = 400
MAX_DIGITS = 60
MAX_DEPTH = 50
MAX_EXPONENT = 64
MAX_BITS = 4096  # of numerator and denominator together

_TOKEN = re.compile(r"\s*(\d+|\*\*|mod\b|[-+*/^()×·÷])")
_OPERATORS: dict[str, tuple[int, int, Callable[[Fraction, Fraction], Fraction]]] = {
    "mod": (0, 2, operator.mod),  # weakest of all: 3 + 5 mod 4 is (3 + 5) mod 4; nothing follows its modulus
    "+": (1, 2, operator.add), "-": (1, 2, operator.sub),
    "*": (2, 3, operator.mul), "/": (2, 3, operator.truediv), "(": (2, 3, operator.mul),
}  # how closely it binds, how closely what stands in its right operand binds at least, what it does  # fmt: skip
_SAME = {"×": "*", "·": "*", "÷": "/", "**": "^"}


def evaluate(text: str) -> Fraction:
    """The exact value of an arithmetic expression of integers, whose products are all written with a sign.

    Raises:
        ValueError: not an expression of numbers, or over the limits.
        ZeroDivisionError: a division by zero, or a residue modulo zero.
    """
    return value_of(tokenize(text), unwritten_products=False)


def tokenize(text: str) -> list[str]:
    """Integers, operators and parentheses of an arithmetic expression.

    Raises:
        ValueError: something else stands there, or the text is over the limits.
    """
    tokens: list[str] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"{text[at : at + 10].strip()!r} is no number, operator or parenthesis")
        token = match[1]
        if len(token) > MAX_DIGITS or len(tokens) >= MAX_TOKENS:
            raise ValueError(f"over {MAX_TOKENS} symbols or {MAX_DIGITS} digits")
        tokens.append(_SAME.get(token, token))
        at = match.end()
    if not all(token.isascii() for token in tokens):
        raise ValueError("digits other than 0-9")
    return tokens


def integers_of(text: str) -> list[int]:
    """The numbers written in an arithmetic expression, in order. Raises as `tokenize`."""
    return [int(token) for token in tokenize(text) if token.isdigit()]


def value_of(tokens: Sequence[str], *, unwritten_products: bool = True) -> Fraction:
    """The exact value of a list of numbers (decimals and thousands among them), operators and parentheses.

    Args:
        unwritten_products: `2(3 + 4)` is one.
    Raises:
        ValueError: no such expression, or over the limits.
        ZeroDivisionError: a division by zero, or a residue modulo zero.
    """
    reader = _Reader(tokens, unwritten_products)
    value = reader.joined(0)
    if reader.peek() != "":
        raise ValueError(f"{reader.peek()!r} is out of place")
    return value


class _Reader:
    """sum := product (('+' | '-') product)* ['mod' product]; product := signed (('*' | '/') signed)*;
    signed := ('-' | '+') signed | power; power := atom ['^' signed]; atom := (number | '(' sum ')') '%'*."""

    def __init__(self, tokens: Sequence[str], unwritten_products: bool) -> None:
        self.tokens = tokens
        self.at = 0
        self.operators = _OPERATORS if unwritten_products else {op: _OPERATORS[op] for op in _OPERATORS if op != "("}

    def peek(self) -> str:
        """The next token, left where it is; "" at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        """The next token, passed over."""
        self.at += 1
        return self.tokens[self.at - 1]

    def joined(self, depth: int, level: int = 0) -> Fraction:
        """The value of operands joined by operators that bind at least so closely, from the left."""
        value = self.signed(depth)
        while (op := self.peek()) in self.operators and self.operators[op][0] >= level:
            binds, inside, function = self.operators[op]
            if op != "(":
                self.take()
            value = _bounded(function(value, self.joined(depth, inside)))
            if binds == 0:
                break
        return value

    def signed(self, depth: int) -> Fraction:
        """The value of a power with any signs before it: -2^2 is -4."""
        if depth > MAX_DEPTH:
            raise ValueError(f"over {MAX_DEPTH} levels deep")
        if self.peek() in ("-", "+"):
            return (-1 if self.take() == "-" else 1) * self.signed(depth + 1)
        return self.power(depth)

    def power(self, depth: int) -> Fraction:
        """The value of an atom to at most one power, whose exponent is bounded before it is computed: 2^3^2 is 2^9."""
        base = self.atom(depth)
        if self.peek() != "^":
            return base
        self.take()
        exponent = self.signed(depth + 1)
        if exponent.denominator != 1 or abs(exponent) > MAX_EXPONENT:
            raise ValueError(f"exponent {exponent} is not an integer up to {MAX_EXPONENT}")
        return _bounded(base ** int(exponent))

    def atom(self, depth: int) -> Fraction:
        """The value of a number or a parenthesis; every % behind it divides by 100."""
        token = self.peek()
        if token == "(":
            self.take()
            value = self.joined(depth + 1)
            if self.peek() != ")":
                raise ValueError("a parenthesis is not closed")
            self.take()
        elif token and (token[0].isdigit() or token[0] == "."):
            if len(token) > MAX_DIGITS:
                raise ValueError(f"a number of over {MAX_DIGITS} digits")
            value = Fraction(self.take().replace(",", "").rstrip("."))
        else:
            raise ValueError(f"{token!r} is out of place" if token else "the expression ends too early")
        while self.peek() == "%":
            self.take()
            value /= 100
        return value


def _bounded(value: Fraction) -> Fraction:
    if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
        raise ValueError(f"over {MAX_BITS} bits")
    return value

"""Exact values of arithmetic text: integers and fractions, + - * / ^ mod, parentheses. Nothing is ever executed.

Small on purpose: demonstrators redo the sums of worked steps with it, and certificates (countdown) read a model's
expression with it. Size and depth are bounded, since the text may be hostile.
"""

from __future__ import annotations

import re
from fractions import Fraction

MAX_TOKENS = 400
MAX_DIGITS = 60
MAX_DEPTH = 50
MAX_EXPONENT = 64
MAX_BITS = 4096

_TOKEN = re.compile(r"\s*(\d+|\*\*|mod\b|[-+*/^()×·÷])")
_SAME = {"×": "*", "·": "*", "÷": "/", "**": "^"}


def evaluate(text: str) -> Fraction:
    """The exact value of an arithmetic expression.

    Raises:
        ValueError: not an expression of numbers, or over the limits.
        ZeroDivisionError: a division by zero, or a residue modulo zero.
    """
    parser = _Parser(tokenize(text))
    value = parser.sum(0)
    if parser.peek() is not None:
        raise ValueError(f"{parser.peek()!r} is out of place")
    return value


def tokenize(text: str) -> list[str]:
    """Numbers, operators and parentheses of an arithmetic expression.

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


class _Parser:
    """sum := product (('+' | '-') product)* ['mod' product]; product := power (('*' | '/') power)*;
    power := ('-' | '+') power | atom ['^' power]; atom := number | '(' sum ')'."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0

    def peek(self) -> str | None:
        """The next token, left where it is; None at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self) -> str:
        """The next token, passed over; ValueError at the end."""
        token = self.peek()
        if token is None:
            raise ValueError("the expression ends too early")
        self.at += 1
        return token

    def sum(self, depth: int) -> Fraction:
        """The value of products joined by + and -, modulo what follows `mod`."""
        if depth > MAX_DEPTH:
            raise ValueError(f"over {MAX_DEPTH} levels deep")
        value = self.product(depth)
        while self.peek() in ("+", "-"):
            value = value + self.product(depth) if self.take() == "+" else value - self.product(depth)
        if self.peek() == "mod":  # weakest of all: 3 + 5 mod 4 is (3 + 5) mod 4
            self.take()
            value = value % self.product(depth)
        return value

    def product(self, depth: int) -> Fraction:
        """The value of powers joined by * and /, bounded once at its end."""
        value = self.power(depth)
        while self.peek() in ("*", "/"):
            value = value * self.power(depth) if self.take() == "*" else value / self.power(depth)
        return _bounded(value)

    def power(self, depth: int) -> Fraction:
        """The value of a signed power: -2^2 is -4, and 2^3^2 is 2^9."""
        if depth > MAX_DEPTH:
            raise ValueError(f"over {MAX_DEPTH} levels deep")
        if self.peek() in ("-", "+"):
            return -self.power(depth + 1) if self.take() == "-" else self.power(depth + 1)
        base = self.atom(depth)
        if self.peek() != "^":
            return base
        self.take()
        exponent = self.power(depth + 1)
        if exponent.denominator != 1 or abs(exponent) > MAX_EXPONENT:
            raise ValueError(f"exponent {exponent} is not an integer up to {MAX_EXPONENT}")
        return _bounded(base ** int(exponent))

    def atom(self, depth: int) -> Fraction:
        """The value of a number or a parenthesis."""
        token = self.take()
        if token.isdigit():
            return Fraction(int(token))
        if token != "(":
            raise ValueError(f"{token!r} is out of place")
        value = self.sum(depth + 1)
        if self.take() != ")":
            raise ValueError("a parenthesis is not closed")
        return value


def _bounded(value: Fraction) -> Fraction:
    if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
        raise ValueError(f"over {MAX_BITS} bits")
    return value

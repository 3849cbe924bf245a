"""The exact value of numbers, operators and parentheses, within bounds that no text can break."""

from __future__ import annotations

from fractions import Fraction

MAX_DIGITS = 40
MAX_BITS = 2048
MAX_DEPTH = 40
MAX_EXPONENT = 64


def evaluate(tokens: list[str]) -> Fraction:
    """The exact value of a list of numbers, operators and parentheses.

    Raises:
        ValueError: no such expression, or over the limits.
        ZeroDivisionError: a division by zero.
    """
    reader = _Reader(tokens)
    value = reader.sum(0)
    if reader.peek() != "":
        raise ValueError(f"{reader.peek()!r} is out of place")
    return value


class _Reader:
    """Recursive descent over sum, product, sign, power, atom; every value is bounded."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0

    def peek(self) -> str:
        """The next token, left where it is; "" at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        """The next token, passed over."""
        self.at += 1
        return self.tokens[self.at - 1]

    def sum(self, depth: int) -> Fraction:
        """The value of products joined by + and -, from the left; modulo what follows `mod`."""
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
        value = self.product(depth)
        while self.peek() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            value = _bounded(value + sign * self.product(depth))
        if self.peek() == "mod":  # weakest of all: 3 + 5 mod 4 is (3 + 5) mod 4
            self.take()
            value = value % self.product(depth)
        return value

    def product(self, depth: int) -> Fraction:
        """The value of signed factors joined by *, / or an opening parenthesis, from the left."""
        value = self.signed(depth)
        while self.peek() in ("*", "/", "("):
            if self.peek() == "(" or self.take() == "*":  # 2(3 + 4) is a product too
                value = _bounded(value * self.signed(depth))
            else:
                value = _bounded(value / self.signed(depth))
        return value

    def signed(self, depth: int) -> Fraction:
        """The value of a power with any signs before it: -2^2 is -4."""
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
        if self.peek() in ("-", "+"):
            return (-1 if self.take() == "-" else 1) * self.signed(depth + 1)
        return self.power(depth)

    def power(self, depth: int) -> Fraction:
        """The value of an atom to at most one power, whose exponent is bounded before it is computed."""
        base = self.atom(depth)
        if self.peek() != "^":
            return base
        self.take()
        exponent = self.signed(depth + 1)
        if exponent.denominator != 1 or abs(exponent) > MAX_EXPONENT:
            raise ValueError(f"exponent {exponent} is not a whole number up to {MAX_EXPONENT}")
        return _bounded(base ** int(exponent))

    def atom(self, depth: int) -> Fraction:
        """The value of a number or a parenthesis; every % behind it divides by 100."""
        token = self.peek()
        if token == "(":
            self.take()
            value = self.sum(depth + 1)
            if self.peek() != ")":
                raise ValueError("a parenthesis is not closed")
            self.take()
        elif token and (token[0].isdigit() or token[0] == "."):
            if len(token) > MAX_DIGITS:
                raise ValueError(f"a number of over {MAX_DIGITS} digits")
            value = Fraction(self.take().replace(",", "").rstrip("."))
        else:
            raise ValueError(f"expected a number, found {token or 'the end'!r}")
        while self.peek() == "%":
            self.take()
            value /= 100
        return value


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise ValueError(f"a value of over {MAX_BITS} bits")
    return value

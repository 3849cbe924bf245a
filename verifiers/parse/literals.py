"""Number literals and groups: the smallest pieces of the grammar."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from verifiers.parse.lexer import Token
from verifiers.parse.limits import OverBudgetError, ParseError
from verifiers.parse.stream import TokenStream
from verifiers.parse.tree import BaseNum, Expr, Num, Sym, Text, num
from verifiers.text.spellings import BASE_NAMES

# 0.333..., 0.1666... (three times), 0.3636... (twice, from the point on: 2.71828182... is e)
_REPEATED = re.compile(r"(\d*)\.(?:(\d*?)(\d+?)\3{2,}|(\d{2,}?)\4)")


class LiteralParser(TokenStream):
    """Literals, and groups of tokens."""

    latex = False  # the text uses LaTeX commands

    # what the layers above read
    clause: Callable[[], Expr]  # a relation, a quantified statement, a label with its value, or words (grammar.py)
    answer: Callable[[tuple[str, ...]], Expr]  # clauses and separators, up to a closing token (grammar.py)
    set_items: Callable[..., Expr]  # what stands between \{ and its closing token (grammar.py)
    expression: Callable[[], Expr]  # the widest thing that a relation stands between (terms.py)
    sum: Callable[[], Expr]  # terms joined by signs (terms.py)
    product: Callable[[], Expr]  # factors joined by operators, or side by side (terms.py)
    signed: Callable[[], Expr]  # a factor with signs before it (terms.py)
    starts_factor: Callable[[], bool]  # whether a factor that is multiplied without a sign may follow (terms.py)
    exponent: Callable[[], Expr]  # what stands after ^ (atoms.py)
    power: Callable[[], Expr]  # an atom with its powers and postfixes (atoms.py)
    atom: Callable[[], Expr]  # a number, symbol, bracket or call (atoms.py)
    absolute: Callable[[], Expr]  # a value between vertical bars (atoms.py)

    def number(self) -> Expr:
        """A literal: integer, decimal, scientific, repeating, or with a base."""
        text = self.take().value
        if self.token.kind == "_":
            return self._based(text)
        if "." in text and self.token.kind == "dots":
            if (repeated := _REPEATED.fullmatch(text)) is not None:
                self.take()
                return literal(f"{repeated[1]}.{repeated[2] or ''}({repeated[3] or repeated[4]})", self.limits.bits)
            if not self.token.spaced and self.ahead().kind in ("end", ",", ")", "}", "rel"):
                self.take()  # 1.4142... is a decimal that goes on
        return literal(text, self.limits.bits)

    def based(self) -> Expr:
        """Digits with letters among them: 2A_{16}, 0xFF, 0b101."""
        text = self.take().value
        if text[1:2] in ("b", "B", "x", "X") and text[0] == "0" and self.token.kind != "_":
            radix = 2 if text[1] in "bB" else 16
            return BaseNum(Fraction(int(text[2:], radix)), radix)
        return self._based(text)

    def _based(self, text: str) -> Expr:
        self.expect("_")
        base = Sym(self.take().value) if self.token.kind == "word" else self.group()
        if isinstance(base, Sym | Text):
            base = num(int(BASE_NAMES.get((base.name if isinstance(base, Sym) else base.words).lower(), 0)))
        if not (isinstance(base, Num) and base.value.denominator == 1 and 2 <= base.value <= 36):
            raise ParseError("a base must be an integer from 2 to 36")
        radix = int(base.value)
        whole, _, fraction = text.partition(".")
        try:
            value = Fraction(int((whole or "0") + fraction, radix), radix ** len(fraction))
        except ValueError as error:
            raise ParseError(f"{text} has a digit that base {radix} lacks") from error
        return BaseNum(value, radix)

    def raw_group(self) -> str:
        """A subscript as canonical text."""
        if self.token.kind != "{":
            return self.take().value
        depth = 0
        parts: list[str] = []
        while self.token.kind != "end":
            token = self.take()
            depth += {"{": 1, "}": -1}.get(token.kind, 0)
            if depth == 0:
                return "".join(parts[1:])
            parts.append(token.value)
        raise ParseError("unclosed subscript")

    def group(self) -> Expr:
        """The content of braces (or one token, as LaTeX takes it), as an expression."""
        return self.enclosed("}") if self.token.kind == "{" else self.single()

    def enclosed(self, closer: str, read: Callable[[], Expr] | None = None) -> Expr:
        """What stands between the next token, a bracket, and its closing one: an answer, or what `read` takes."""
        with self.nested():
            self.take()
            inner = read() if read is not None else self.answer((closer,))
            self.expect(closer)
        return inner

    def single(self) -> Expr:
        r"""One token as an argument: `\frac12` is 1/2, `\sqrt2x` is √2·x."""
        token = self.token
        if token.kind == "num" and len(token.value) > 1 and token.value.isdigit():
            # two tokens from now on, so that reading these tokens again gives the same
            digit, rest = (Token("num", part, False, token.in_text) for part in (token.value[0], token.value[1:]))
            self.tokens[self.position : self.position + 1] = [digit, rest]
            self.seek(self.position)
            return num(int(self.take().value))
        if token.kind in ("-", "+"):
            return self.signed()
        return self.atom()


@lru_cache(maxsize=4096)
def literal(text: str, bits: int) -> Num:
    """The exact value of a number literal; a period stands in brackets, 0.1(6).

    Raises:
        OverBudgetError: an exponent such as 1e999999999.
    """
    mantissa, _, exponent = text.lower().partition("e")
    whole, point, decimals = mantissa.partition(".")
    fixed, _, period = decimals.rstrip(")").partition("(")
    value = Fraction(int((whole or "0") + fixed), 10 ** len(fixed))
    if period:
        return num(value + Fraction(int(period), 10 ** len(fixed) * (10 ** len(period) - 1)))
    if exponent:
        power = int(exponent)
        if abs(power) * 3.33 > bits:
            raise OverBudgetError(f"10^{power} is beyond exact arithmetic")
        value *= Fraction(10) ** power
        return Num(value, max(0, len(decimals) - power))
    return Num(value, len(decimals) if point and decimals else None)

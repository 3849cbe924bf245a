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

_DIGIT_WORDS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
                "eleven": 11, "twelve": 12, "sixteen": 16, "sixty": 60}  # fmt: skip
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
        if (self.token.kind == "overline" and text.endswith(".")) or (self.token.kind == "overline" and "." in text):
            return self._repeating(text)
        if (
            "." in text
            and self.token.kind == "("
            and not self.token.spaced
            and self.ahead().kind == "num"
            and self.ahead(2).kind == ")"
        ):
            return self._repeating(text)
        if "." in text and self.token.kind == "dots":
            repeated = _REPEATED.fullmatch(text)
            if repeated:
                self.take()
                if repeated[3]:
                    return _repeating_value(repeated[1], repeated[2], repeated[3])
                return _repeating_value(repeated[1], "", repeated[4])
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
        base = self.group() if self.token.kind == "{" else self._base_word()
        if isinstance(base, Sym | Text):
            base = num(_DIGIT_WORDS.get((base.name if isinstance(base, Sym) else base.words).lower(), 0))
        if not (isinstance(base, Num) and base.value.denominator == 1 and 2 <= base.value <= 36):
            raise ParseError("a base must be an integer from 2 to 36")
        radix = int(base.value)
        whole, _, fraction = text.partition(".")
        try:
            value = Fraction(int(whole or "0", radix))
            if fraction:
                value += Fraction(int(fraction, radix), radix ** len(fraction))
        except ValueError as error:
            raise ParseError(f"{text} has a digit that base {radix} lacks") from error
        return BaseNum(value, radix)

    def _base_word(self) -> Expr:
        if self.token.kind == "word":
            return Sym(self.take().value)
        return self.atom()

    def _repeating(self, text: str) -> Expr:
        dotted = self.token.value == "dot"
        self.take()
        braced = self.accept("{") if self.tokens[self.position - 1].kind != "(" else None
        period = self.expect("num").value
        if braced:
            self.expect("}")
        elif self.token.kind == ")":
            self.take()
        while dotted and self.token.kind in ("num", "overline"):  # 0.\dot{1}2\dot{3}
            token = self.take()
            if token.kind == "num":
                period += token.value
            else:
                self.expect("{")
                period += self.expect("num").value
                self.expect("}")
                break
        whole, _, fixed = text.partition(".")
        if not period.isdigit():
            raise ParseError("a period must be digits")
        return _repeating_value(whole, fixed, period)

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
        if self.token.kind != "{":
            return self.single()
        with self.nested():
            self.take()
            value = self.answer(("}",))
            self.expect("}")
        return value

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
    """The exact value of a number literal.

    Raises:
        OverBudgetError: an exponent such as 1e999999999.
    """
    mantissa, _, exponent = text.lower().partition("e")
    whole, point, decimals = mantissa.partition(".")
    value = Fraction(int((whole or "0") + decimals), 10 ** len(decimals))
    if exponent:
        power = int(exponent)
        if abs(power) * 3.33 > bits:
            raise OverBudgetError(f"10^{power} is beyond exact arithmetic")
        value *= Fraction(10) ** power
        return Num(value, max(0, len(decimals) - power))
    return Num(value, len(decimals) if point and decimals else None)


def _repeating_value(whole: str, fixed: str, period: str) -> Num:
    shift = 10 ** len(fixed)
    value = Fraction(int((whole or "0") + fixed), shift)
    value += Fraction(int(period), shift * (10 ** len(period) - 1))
    return num(value)

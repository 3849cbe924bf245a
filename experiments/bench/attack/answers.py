"""Kinds of answers for the mutation search: how a value is drawn, written in several ways, and written wrongly.

A family knows the value behind every text that it writes, exactly; nothing is read back. `wrong` returns a text only
where its value differs from the reference by exact comparison, or where the words beside the number make it another
statement.
"""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any, Protocol

from experiments.bench.attack import trees

Change = tuple[str, str]  # kind of the change, text
_NOT_UNITS = (
    "sixths", "ninths", "quarters", "halves", "tens", "tenths", "hundreds", "bn", "fewer", "more", "less",
    "remainder 3", "mod 7", "too small", "too large", "is wrong", "is a trap", "is not the answer", "or 6 or 7",
    "thousand", "million", "dozen", "squared", "cubed", "factorial", "at most", "at least", "below zero", "minus 1",
    "times as many", "plus 2", "not 6 but 7", "percent of 10", "over 7", "to the power 2", "root",
    "th root", "dixi\u00e8mes", "Zehntel", "d\u00e9cimas", "decimi", "K", "T", "\u4e07", "lakh", "crore", "Millionen",
)  # fmt: skip
_NOUNS = ("apples", "ways", "students", "dollars", "cm", "days")


class Family(Protocol):
    """One kind of answer."""

    name: str

    def draw(self, rng: random.Random) -> Any:
        """A value."""

    def write(self, value: Any, rng: random.Random) -> str:
        """The text of a reference with that value."""

    def right(self, value: Any, rng: random.Random) -> Change:
        """(kind, text) of the same value, in another form."""

    def wrong(self, value: Any, rng: random.Random) -> Change | None:
        """(kind, text) of another value near by; None where the draw came out equal."""


def decimal_text(value: Fraction) -> str | None:
    """The finite decimal of a value of at most six places."""
    for places in range(1, 7):
        scaled = value * 10**places
        if scaled.denominator == 1:
            digits = f"{abs(scaled.numerator):0{places + 1}d}"
            return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"
    return None


def plain(value: Fraction) -> str:
    """An integer or a fraction in LaTeX."""
    return trees.write(trees.num(value), random.Random(0))


def _one_digit(value: Fraction, rng: random.Random) -> Fraction:
    return value + Fraction(rng.choice((-1, 1)) * 10 ** rng.randrange(3), value.denominator)


class Numbers:
    """Integers, fractions and decimals."""

    name = "number"

    def draw(self, rng: random.Random) -> Fraction:
        """Mostly small; sometimes a finite decimal or a large integer."""
        return rng.choice(
            (
                Fraction(rng.randrange(-60, 200)),
                Fraction(rng.randrange(-40, 40), rng.randrange(2, 16)),
                Fraction(rng.randrange(-999, 1000), rng.choice((10, 100))),
                Fraction(rng.randrange(1000, 10**6)),
            )
        )

    def write(self, value: Fraction, rng: random.Random) -> str:
        """As an integer, a fraction, or the decimal."""
        return decimal_text(value) or plain(value) if value.denominator in (10, 100) else plain(value)

    def right(self, value: Fraction, rng: random.Random) -> Change:
        """Another notation of the number."""
        forms = [("notation", plain(value)), ("label", f"x = {plain(value)}")]
        if value.denominator == 1:
            forms += [
                ("notation", f"{value.numerator}.0"),
                ("notation", f"{value.numerator}"),
                ("noun", f"{value.numerator} \\text{{ {rng.choice(_NOUNS)}}}"),
            ]
            if abs(value) >= 1000:
                forms += [
                    ("notation", f"{value.numerator:,}"),
                    ("notation", f"{value.numerator:,}".replace(",", "{,}")),
                ]
        else:
            top, bottom, sign = abs(value.numerator), value.denominator, "-" if value < 0 else ""
            forms += [
                ("notation", f"{value.numerator}/{bottom}"),
                ("notation", f"{sign}\\dfrac{{{2 * top}}}{{{2 * bottom}}}"),
            ]
            if top > bottom:
                forms.append(("notation", f"{sign}{top // bottom}\\frac{{{top % bottom}}}{{{bottom}}}"))
            if (written := decimal_text(value)) is not None:
                forms.append(("notation", written))
        return rng.choice(forms)

    def wrong(self, value: Fraction, rng: random.Random) -> Change | None:
        """Another number, or the number in a bracket, a bound, or with words that make it another one."""
        text = self.write(value, rng)
        numbers = (
            ("sign", -value), ("one digit", _one_digit(value, rng)), ("scale", value * rng.choice((10, 100, 1000))),
            ("scale", value / 10), ("order", 1 / value if value else Fraction(1)), ("order", _swapped(value, rng)),
        )  # fmt: skip
        kind, other = rng.choice(numbers)
        forms = [(kind, plain(other))] * 8 if other != value else []
        forms += [
            ("bound", f"{rng.choice((chr(92) + 'le ', chr(92) + 'ge ', '<', '>'))}{text}"),
            ("bound", f"x \\ge {text}"),
            ("absolute value", f"\\pm {text}") if value > 0 else ("sign", plain(-value if value else Fraction(3))),
            ("bracket", f"[{text}, \\infty)"),
            ("words", f"{text}\\text{{ {rng.choice(_NOT_UNITS)}}}"),
            ("words", f"{text} {rng.choice(_NOT_UNITS)}"),
            ("order", f"{text}^{{2}}"),
            ("branch", f"\\max(x, {text})"),
            ("branch", f"{text}\\operatorname{{sgn}}(x+{rng.randrange(5, 40)})"),
        ]
        written = decimal_text(value)
        if written is not None and value.denominator != 1:
            whole, places = written.lstrip("-").split(".")
            sign = "-" if value < 0 else ""
            opening, closing = rng.choice(
                (("(", ")"), ("[", "]"), ("\\{", "\\}"), ("x\\in(", ")"), ("(", "]"), ("\\left(", "\\right)"))
            )
            forms += [("decimal comma", f"{opening}{sign}{whole},{places}{closing}")] * 4
            near = value + Fraction(rng.choice((-1, 1)), rng.choice((300, 700, 1500))) / 10 ** (len(places) - 1)
            forms += [("rounding", plain(near))] * 3
        return _other(forms, rng, value)


def _other(forms: list[Change], rng: random.Random, value: Fraction) -> Change | None:
    """One of the forms; those that say nothing else for this value are left out."""
    kind, text = rng.choice(forms)
    if not value and kind in ("branch", "unit", "absolute value", "scale", "words"):
        return None  # zero times anything is zero
    if value in (0, 1, -1) and text.endswith("^{2}"):
        return None
    return kind, text


def _swapped(value: Fraction, rng: random.Random) -> Fraction:
    """The number with two digits of its numerator exchanged."""
    digits = list(str(abs(value.numerator)))
    if len(digits) > 1:
        first, second = rng.sample(range(len(digits)), 2)
        digits[first], digits[second] = digits[second], digits[first]
    return Fraction(int("".join(digits)) * (-1 if value < 0 else 1), value.denominator)


class Surds:
    """c + a sqrt(b), with b free of squares."""

    name = "surd"

    def draw(self, rng: random.Random) -> tuple[int, int, int]:
        """(c, a, b)."""
        return (
            rng.choice((0, 0, rng.randrange(-9, 10))),
            rng.choice((-3, -2, -1, 1, 2, 3, 5)),
            rng.choice((2, 3, 5, 6, 7, 10, 11)),
        )

    def write(self, value: tuple[int, int, int], rng: random.Random) -> str:
        """c+a\\sqrt{b}."""
        c, a, b = value
        root = f"{_factor(a)}\\sqrt{{{b}}}"
        return root if not c else f"{c}{root if a < 0 else '+' + root}"

    def right(self, value: tuple[int, int, int], rng: random.Random) -> Change:
        """With the factor under the root, the terms in the other order, or as a power."""
        c, a, b = value
        sign = "-" if a < 0 else ""
        root = rng.choice(
            (
                f"{sign}\\sqrt{{{a * a * b}}}",
                f"{_factor(a)}\\sqrt{{{b}}}",
                f"{_factor(a)}\\cdot {b}^{{1/2}}" if abs(a) > 1 else f"{sign}{b}^{{\\frac12}}",
            )
        )
        return "notation", root if not c else f"{root}{c:+d}"

    def wrong(self, value: tuple[int, int, int], rng: random.Random) -> Change | None:
        """One of the three numbers, a sign, or the root changed."""
        c, a, b = value
        kind, other = rng.choice(
            (
                ("sign", (c, -a, b)), ("sign", (-c, a, b)), ("one digit", (c, a + 1, b)), ("one digit", (c + 1, a, b)),
                ("one digit", (c, a, b + 1)), ("order", (c, b, abs(a) + 1)), ("order", (a, c, b)),
            )
        )  # fmt: skip
        forms = (
            [(kind, self.write(other, rng) if other[1] else str(other[0]))] * 6 if _surd(other) != _surd(value) else []
        )
        forms += [("branch", f"{c}{a * b:+d}"), ("absolute value", f"\\pm {abs(a) if abs(a) > 1 else ''}\\sqrt{{{b}}}")]
        return rng.choice(forms)


def _factor(a: int) -> str:
    return {1: "", -1: "-"}.get(a, str(a))


def _surd(value: tuple[int, int, int]) -> tuple[int, int]:
    """The number as c and the signed square of the rest: equal for equal numbers with an irrational root."""
    c, a, b = value
    root = round(b**0.5)
    if root * root == b:
        return c + a * root, 0
    return c, (1 if a > 0 else -1) * a * a * b if a else 0


class Functions:
    """Expressions in symbols: trees of `attack.trees`."""

    name = "expression"

    def draw(self, rng: random.Random) -> trees.Tree:
        """A tree."""
        return trees.draw(rng)

    def write(self, value: trees.Tree, rng: random.Random) -> str:
        """Its LaTeX."""
        return trees.write(value, rng)

    def right(self, value: trees.Tree, rng: random.Random) -> Change:
        """An identity away."""
        return "identity", trees.write(trees.rewritten(value, rng), rng)

    def wrong(self, value: trees.Tree, rng: random.Random) -> Change | None:
        """One change away, if exact arithmetic finds a point of difference; sometimes rewritten besides."""
        kind, other = trees.mutated(value, rng)
        if not trees.differ(value, other, rng):
            return None
        if rng.random() < 0.3:
            other = trees.rewritten(other, rng)
        return kind, trees.write(other, rng)

"""Families of answers with parts: tuples, sets, matrices, amounts, numerals in a base, options, lines, words."""

from __future__ import annotations

import random
from fractions import Fraction
from math import gcd

from experiments.bench.attack.answers import Change, plain

# unit -> (what it measures, its size)
_UNITS: dict[str, tuple[str, Fraction]] = {
    "km": ("length", Fraction(1000)), "m": ("length", Fraction(1)), "cm": ("length", Fraction(1, 100)),
    "mm": ("length", Fraction(1, 1000)), "kg": ("mass", Fraction(1000)), "g": ("mass", Fraction(1)),
    "hours": ("time", Fraction(3600)), "minutes": ("time", Fraction(60)), "seconds": ("time", Fraction(1)),
    "days": ("time", Fraction(86400)), "weeks": ("time", Fraction(604800)), "km/h": ("speed", Fraction(5, 18)),
    "m/s": ("speed", Fraction(1)), "cm^2": ("area", Fraction(1, 10**4)), "m^2": ("area", Fraction(1)),
    "cm^3": ("volume", Fraction(1, 10**6)), "m^3": ("volume", Fraction(1)), "dollars": ("money", Fraction(1)),
    "cents": ("money", Fraction(1, 100)), "N": ("force", Fraction(1)), "J": ("energy", Fraction(1)), "W": ("power",
    Fraction(1)),
}  # fmt: skip
_NAMES = {5: "five", 2: "two", 8: "eight", 3: "three", 7: "seven", 4: "four", 6: "six", 9: "nine"}
_WORDS: tuple[tuple[str, ...], ...] = (  # no two of a group say the same
    ("increasing", "decreasing", "constant"), ("even", "odd",
    "neither even nor odd"),
    ("convergent", "divergent"), ("the series converges", "the sequence converges", "the series diverges"),
    ("geometric sequence", "geometric series", "arithmetic sequence", "arithmetic series"), ("rational", "irrational"),
    ("differentiable", "not differentiable"), ("ellipse", "parabola", "hyperbola", "circle"), ("Alice", "Bob",
    "Alice and Bob"),
    ("linear", "non-linear"), ("reflexive", "symmetric", "transitive"), ("acute", "obtuse", "right"), ("at most 5",
    "5", "at least 5"),
    ("Monday", "Tuesday", "Monday and Tuesday"), ("invertible", "not invertible"), ("no solution", "one solution", "0"),
    ("3:30", "3.5", "15:30:01"),
)  # fmt: skip
# a reference that is a letter is a symbol, and no abbreviation of these
_LETTERS = {"t": ("yes", "correct"), "f": ("no", "incorrect"), "T": ("correct", "yes"), "n": ("no",), "y": ("yes",)}


class Collections:
    """Tuples, sets and bare lists of numbers."""

    name = "collection"

    def draw(self, rng: random.Random) -> tuple[str, tuple[Fraction, ...]]:
        """(kind, items): a set's items are all different."""
        kind = rng.choice(("tuple", "set", "list"))
        items = rng.sample(range(-15, 30), rng.randrange(2, 5))
        return kind, tuple(Fraction(item, rng.choice((1, 1, 1, 3))) for item in items)

    def write(self, value: tuple[str, tuple[Fraction, ...]], rng: random.Random) -> str:
        """In its brackets."""
        kind, items = value
        inner = ", ".join(plain(item) for item in items)
        return {"tuple": f"({inner})", "set": f"\\{{{inner}\\}}", "list": inner}[kind]

    def right(self, value: tuple[str, tuple[Fraction, ...]], rng: random.Random) -> Change:
        """Another order, where order does not matter; else other spaces."""
        kind, items = value
        if kind == "tuple":
            return "notation", self.write(value, rng).replace(", ", rng.choice((",", ",\\ ", ",\\,")))
        return "order", self.write((kind, tuple(rng.sample(items, len(items)))), rng)

    def wrong(self, value: tuple[str, tuple[Fraction, ...]], rng: random.Random) -> Change | None:
        """An item changed, left out, added or, in a tuple, moved."""
        kind, items = value
        at = rng.randrange(len(items))
        changes = [
            ("sign", (*items[:at], -items[at], *items[at + 1 :])),
            ("one digit", (*items[:at], items[at] + rng.choice((-1, 1, 10)), *items[at + 1 :])),
            ("one term", items[:at] + items[at + 1 :]),
            ("one term", (*items, Fraction(rng.randrange(31, 60)))),
        ]
        if kind == "tuple":
            changes += [("order", tuple(rng.sample(items, len(items))))] * 3
        label, changed = rng.choice(changes)
        if changed == items or (kind != "tuple" and sorted(changed) == sorted(items)) or len(changed) < 2:
            return None
        if kind != "tuple" and set(changed) == set(items):
            return None
        return label, self.write((kind, changed), rng)


class Matrices:
    """Matrices of small integers."""

    name = "matrix"

    def draw(self, rng: random.Random) -> tuple[tuple[int, ...], ...]:
        """Rows."""
        height, width = rng.choice(((2, 2), (2, 2), (3, 3), (2, 3), (3, 1)))
        return tuple(tuple(rng.randrange(-9, 10) for _ in range(width)) for _ in range(height))

    def write(self, value: tuple[tuple[int, ...], ...], rng: random.Random) -> str:
        """A pmatrix."""
        return _matrix(value, "pmatrix")

    def right(self, value: tuple[tuple[int, ...], ...], rng: random.Random) -> Change:
        """Other brackets, or the transpose of the transpose."""
        return rng.choice(
            (("notation", _matrix(value, "bmatrix")), ("notation", f"\\left({_matrix(value, 'matrix')}\\right)"))
        )

    def wrong(self, value: tuple[tuple[int, ...], ...], rng: random.Random) -> Change | None:
        """Transposed, rows or columns exchanged, an entry or a sign changed, or its determinant."""
        row, column = rng.randrange(len(value)), rng.randrange(len(value[0]))
        entry = value[row][column]
        changes: list[tuple[str, list[list[int]]]] = [
            ("order", [list(part) for part in zip(*value, strict=True)]),
            ("order", [list(part) for part in value[::-1]]),
            ("order", [list(part[::-1]) for part in value]),
        ]
        for label, new in (("one digit", entry + rng.choice((-1, 1, 10))), ("sign", -entry)):
            changed = [list(part) for part in value]
            changed[row][column] = new
            changes.append((label, changed))
        label, other = rng.choice(changes)
        if len(value) == len(value[0]) and rng.random() < 0.1:
            return "bracket", _matrix(value, "vmatrix")
        result = tuple(tuple(part) for part in other)
        if result == value or (1 in (len(value), len(value[0])) and label == "order" and len(result) != len(value)):
            return None
        return label, _matrix(result, rng.choice(("pmatrix", "bmatrix")))


def _matrix(rows: tuple[tuple[int, ...], ...], kind: str) -> str:
    body = " \\\\ ".join(" & ".join(str(entry) for entry in row) for row in rows)
    return f"\\begin{{{kind}}} {body} \\end{{{kind}}}"


class Amounts:
    """Numbers with a unit."""

    name = "amount"

    def draw(self, rng: random.Random) -> tuple[Fraction, str]:
        """(number, unit)."""
        return Fraction(rng.randrange(2, 400), rng.choice((1, 1, 1, 2, 10))), rng.choice(list(_UNITS))

    def write(self, value: tuple[Fraction, str], rng: random.Random) -> str:
        """With the unit as text."""
        return _amount(*value)

    def right(self, value: tuple[Fraction, str], rng: random.Random) -> Change:
        """In another unit of the same kind, or another notation."""
        number, unit = value
        kind, size = _UNITS[unit]
        others = [name for name, (other, _) in _UNITS.items() if other == kind and name != unit]
        if others and rng.random() < 0.7:
            new = rng.choice(others)
            return "unit", _amount(number * size / _UNITS[new][1], new)
        return "notation", _amount(number, unit).replace("\\text", "\\mathrm").replace("{ ", "{~")

    def wrong(self, value: tuple[Fraction, str], rng: random.Random) -> Change | None:
        """The number with another unit, in another scale, or another number."""
        number, unit = value
        kind, size = _UNITS[unit]
        new = rng.choice([name for name in _UNITS if name != unit])
        other = (number + rng.choice((-1, 1)), unit) if rng.random() < 0.3 else (number, new)
        if rng.random() < 0.2:
            other = (number * rng.choice((10, 100, 1000, 60)), unit)
        if _UNITS[other[1]][0] == kind and other[0] * _UNITS[other[1]][1] == number * size:
            return None
        return ("unit" if other[1] != unit else "one digit"), _amount(*other)


def _amount(number: Fraction, unit: str) -> str:
    name, _, power = unit.partition("^")
    return f"{plain(number)}\\text{{ {name}}}" + (f"^{power}" if power else "")


class Bases:
    """Numerals in a base other than ten."""

    name = "base"

    def draw(self, rng: random.Random) -> tuple[str, int]:
        """(digits, base)."""
        base = rng.choice((2, 3, 4, 5, 6, 7, 8, 9))
        digits = [rng.randrange(1, base), *(rng.randrange(base) for _ in range(rng.randrange(2, 5)))]
        return "".join(map(str, digits)), base

    def write(self, value: tuple[str, int], rng: random.Random) -> str:
        """431_5."""
        return f"{value[0]}_{{{value[1]}}}"

    def right(self, value: tuple[str, int], rng: random.Random) -> Change:
        """In brackets, under a bar, with the base in words."""
        digits, base = value
        return "notation", rng.choice(
            (f"({digits})_{base}", f"({digits})_{{{base}}}", f"\\overline{{{digits}}}_{base}",
            f"{digits}_{{\\text{{{_NAMES[base]}}}}}",
             f"\\left({digits}\\right)_{base}", f"{digits}_{base}", f"({digits})_{{\\text{{{_NAMES[base]}}}}}",
             f"{digits}\\text{{ base }}{base}")
        )  # fmt: skip

    def wrong(self, value: tuple[str, int], rng: random.Random) -> Change | None:
        """Another base, other digits, digits in another order."""
        digits, base = value
        kind = rng.choice(("base", "one digit", "order"))
        if kind == "base":
            largest = max(map(int, digits))
            return kind, f"{digits}_{{{rng.choice([b for b in range(max(2, largest + 1), 17) if b != base])}}}"
        if kind == "one digit":
            at = rng.randrange(1, len(digits))
            changed = digits[:at] + str((int(digits[at]) + 1) % base) + digits[at + 1 :]
        else:
            changed = "".join(rng.sample(digits, len(digits)))
        if int(changed, base) == int(digits, base) or changed[0] == "0":
            return None
        return kind, rng.choice((f"{changed}_{{{base}}}", f"({changed})_{base}"))


class Options:
    """Letters of multiple choice."""

    name = "option"

    def draw(self, rng: random.Random) -> str:
        """A letter."""
        return rng.choice("ABCDE")

    def write(self, value: str, rng: random.Random) -> str:
        """The letter."""
        return value

    def right(self, value: str, rng: random.Random) -> Change:
        """With brackets, fonts and the words around it."""
        return "option", rng.choice(
            (
                f"({value})",
                f"\\text{{{value}}}",
                f"\\textbf{{({value})}}",
                f"\\text{{Option {value}}}",
                f"({value})\\ 12",
                f"{value}.",
                f"{value}) 12",
            )
        )

    def wrong(self, value: str, rng: random.Random) -> Change | None:
        """Another letter, two letters, or the letter in a formula."""
        other = rng.choice([letter for letter in "ABCDE" if letter != value])
        return "option", rng.choice(
            (other, f"({other})", f"\\text{{{other}}}", f"{value}*4", f"{value}^2", f"{value}:{other}=1", f"2{value}",
            f"{value}{other}",
             f"{value} \\text{{ or }} {other}", f"\\text{{not }}{value}", f"{value}+1", f"-{value}", f"({other}) 12",
             f"\\frac{{{value}}}{{2}}",
             f"{value}\\cdot {other}", f"{value} = {other}", f"|{value}|+1", f"\\text{{Option {other}, not {value}}}")
        )  # fmt: skip


class Lines:
    """Lines a x + b y = c with coprime integers, a > 0 and b not 0."""

    name = "equation"

    def draw(self, rng: random.Random) -> tuple[int, int, int]:
        """(a, b, c)."""
        a, b, c = rng.randrange(1, 8), rng.choice((-5, -3, -2, -1, 1, 2, 3, 4)), rng.randrange(-9, 10)
        common = gcd(gcd(a, b), c)
        return a // common, b // common, c // common

    def write(self, value: tuple[int, int, int], rng: random.Random) -> str:
        """a x + b y = c."""
        return _line(*value)

    def right(self, value: tuple[int, int, int], rng: random.Random) -> Change:
        """Multiplied, brought to one side, or solved for y."""
        a, b, c = value
        factor = rng.choice((2, 3, -1, -2, 5))
        solved = f"y = {plain(Fraction(-a, b))}x" + (
            f"{'+' if Fraction(c, b) > 0 else ''}{plain(Fraction(c, b))}" if c else ""
        )
        return rng.choice(
            (
                ("scale", _line(factor * a, factor * b, factor * c)),
                ("notation", f"{_line(a, b, 0)[:-2]}{-c:+d}=0" if c else _line(a, b, c)),
                ("notation", solved),
            )
        )

    def wrong(self, value: tuple[int, int, int], rng: random.Random) -> Change | None:
        """A coefficient or sign changed, or the coordinates exchanged."""
        a, b, c = value
        kind, other = rng.choice(
            (("sign", (a, -b, c)), ("sign", (a, b, -c)), ("one digit", (a, b, c + 1)), ("one digit", (a + 1, b, c)),
            ("order", (b, a, c)),
             ("absolute value", (a, b, c)), ("bound", (a, b, c)))
        )  # fmt: skip
        if kind == "absolute value":
            return kind, f"{_line(a, 0, 0)[:-2]}{'+' if b > 0 else '-'}{abs(b)}|y| = {c}"
        if kind == "bound":
            return kind, _line(a, b, c).replace("=", rng.choice(("\\le ", "\\ge ", "<", ">")))
        left, right = [x * value[2] for x in other[:2]], [x * other[2] for x in value[:2]]
        same = other[0] * b == other[1] * a and left == right
        return None if same or not other[0] else (kind, _line(*other))


def _line(a: int, b: int, c: int) -> str:
    left = f"{'' if a == 1 else '-' if a == -1 else a}x" if a else ""
    if b:
        left += f"{'+' if b > 0 and left else '-' if b < 0 else ''}{'' if abs(b) == 1 else abs(b)}y"
    return f"{left}={c}"


class Words:
    """Answers in words, from groups in which no two say the same."""

    name = "words"

    def draw(self, rng: random.Random) -> str:
        """One of a group."""
        return rng.choice(list(_LETTERS)) if rng.random() < 0.2 else rng.choice(rng.choice(_WORDS))

    def write(self, value: str, rng: random.Random) -> str:
        """As text; a letter or number stays one."""
        return value if len(value) < 2 or not value[0].isalpha() else f"\\text{{{value}}}"

    def right(self, value: str, rng: random.Random) -> Change:
        """In another font or case."""
        if len(value) < 2 or not value[0].isalpha():
            return "notation", value
        return "notation", rng.choice((value, f"\\text{{{value.capitalize()}}}", f"\\textbf{{{value}}}"))

    def wrong(self, value: str, rng: random.Random) -> Change | None:
        """Another of its group."""
        if value in _LETTERS:
            return "words", self.write(rng.choice(_LETTERS[value]), rng)
        groups = [group for group in _WORDS if value in group]
        others = [word for word in groups[0] if all(word in group for group in groups) and word != value]
        return ("words", self.write(rng.choice(others), rng)) if others else None

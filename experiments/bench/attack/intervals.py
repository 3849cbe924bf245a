"""Intervals and their unions for the mutation search: ends opened, closed, moved and mirrored."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from experiments.bench.attack.answers import Change, plain


@dataclass(frozen=True)
class Interval:
    """Ends (None: infinite) and whether each belongs to it."""

    low: Fraction | None
    high: Fraction | None
    has_low: bool
    has_high: bool


class Intervals:
    """An interval, or the union of two that do not touch."""

    name = "interval"

    def draw(self, rng: random.Random) -> tuple[Interval, ...]:
        """One interval, or two."""
        ends = sorted(rng.sample(range(-12, 13), 4))
        first = Interval(
            Fraction(ends[0]) if rng.random() < 0.7 else None, Fraction(ends[1]), rng.random() < 0.5, rng.random() < 0.5
        )
        second = Interval(
            Fraction(ends[2]), Fraction(ends[3]) if rng.random() < 0.6 else None, rng.random() < 0.5, rng.random() < 0.5
        )
        return (_closed(first),) if rng.random() < 0.6 else (_closed(first), _closed(second))

    def write(self, value: tuple[Interval, ...], rng: random.Random) -> str:
        """In brackets."""
        return "\\cup".join(_bracketed(part) for part in value)

    def right(self, value: tuple[Interval, ...], rng: random.Random) -> Change:
        """As inequalities, as membership, or with the parts in the other order."""
        inequalities = " \\text{ or } ".join(_inequality(part) for part in value)
        sized = self.write(value, rng)
        for bracket in "[(":
            sized = sized.replace(bracket, f"\\left{bracket}")
        for bracket in "])":
            sized = sized.replace(bracket, f"\\right{bracket}")
        return rng.choice(
            (
                ("order", " \\cup ".join(_bracketed(part) for part in value[::-1])),
                ("notation", inequalities),
                ("notation", f"x \\in {self.write(value, rng)}"),
                ("notation", sized),
            )
        )

    def wrong(self, value: tuple[Interval, ...], rng: random.Random) -> Change | None:
        """An end opened or closed, moved or mirrored, a part left out, or the ends as values."""
        at = rng.randrange(len(value))
        part = value[at]
        low, high = part.low, part.high
        changes: list[tuple[str, Interval]] = [
            ("bracket", Interval(low, high, not part.has_low, part.has_high)),
            ("bracket", Interval(low, high, part.has_low, not part.has_high)),
            (
                "bound",
                Interval(
                    None if low is None else low + Fraction(rng.choice((-1, 1)), 2), high, part.has_low, part.has_high
                ),
            ),
            (
                "bound",
                Interval(
                    low, None if high is None else high + Fraction(rng.choice((-1, 1)), 2), part.has_low, part.has_high
                ),
            ),
            ("bound", Interval(None, high, False, part.has_high)),
            ("bound", Interval(low, None, part.has_low, False)),
            (
                "sign",
                Interval(None if high is None else -high, None if low is None else -low, part.has_high, part.has_low),
            ),
        ]
        kind, other = rng.choice(changes)
        changed = tuple(
            sorted(
                (*value[:at], _closed(other), *value[at + 1 :]),
                key=lambda piece: (piece.low is not None, piece.low or 0),
            )
        )
        if not _apart(changed):
            return None
        ends = [plain(end) for piece in value for end in (piece.low, piece.high) if end is not None]
        forms: list[Change] = []
        if set(changed) != set(value):
            text = (
                self.write(changed, rng)
                if rng.random() < 0.6
                else " \\text{ or } ".join(_inequality(piece) for piece in changed)
            )
            forms += [(kind, text)] * 6
        forms.append(("bracket", f"\\{{{', '.join(ends)}\\}}"))
        if part.has_low != part.has_high or len(value) > 1:  # (1, 2) may be a point and [1, 2] a list, in brackets
            forms.append(("bracket", ", ".join(ends)))
        if len(value) > 1:
            forms += [("one term", self.write(value[:1], rng))] * 2
        return rng.choice(forms)


def _closed(part: Interval) -> Interval:
    """Without a closed bracket at infinity."""
    return Interval(part.low, part.high, part.has_low and part.low is not None, part.has_high and part.high is not None)


def _apart(parts: Sequence[Interval]) -> bool:
    """Whether every part is more than a point, has an end, and ends before the next begins."""
    for part in parts:
        if (part.low is None and part.high is None) or (
            part.low is not None and part.high is not None and part.low >= part.high
        ):
            return False
    return all(
        first.high is not None and second.low is not None and first.high < second.low
        for first, second in pairwise(parts)
    )


def _bracketed(part: Interval) -> str:
    low = "-\\infty" if part.low is None else plain(part.low)
    high = "\\infty" if part.high is None else plain(part.high)
    return f"{'[' if part.has_low else '('}{low}, {high}{']' if part.has_high else ')'}"


def _inequality(part: Interval) -> str:
    low, high = ("\\le" if part.has_low else "<"), ("\\le" if part.has_high else "<")
    if part.low is None:
        assert part.high is not None
        return f"x {high} {plain(part.high)}"
    if part.high is None:
        return "x " + ("\\ge " if part.has_low else "> ") + plain(part.low)
    return f"{plain(part.low)} {low} x {high} {plain(part.high)}"

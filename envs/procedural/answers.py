"""Reading announced answers that are checked rather than compared: numbers, tuples, sets of numbers.

Every reader takes untrusted text and raises ValueError for what it cannot read.
"""

from __future__ import annotations

import re
from fractions import Fraction

from envs.types import Problem

MAX_DIGITS = 40
MAX_ITEMS = 40
_FRACTION = re.compile(r"([-+]?\d+)(?:\s*/\s*(\d+))?(?:\.)?", re.ASCII)
_NAMED = re.compile(r"[a-z]\s*=\s*", re.ASCII)


def read_fraction(text: str) -> Fraction:
    """An integer or a fraction such as -3/4, also named (`x = 5`)."""
    text = _NAMED.sub("", text.strip(), count=1).strip("$ ")
    match = _FRACTION.fullmatch(text)
    if match is None or len(text) > 2 * MAX_DIGITS:
        raise ValueError(f"{text[:40]!r} is no integer or fraction")
    if match[2] and int(match[2]) == 0:
        raise ValueError("a denominator is 0")
    return Fraction(int(match[1]), int(match[2] or 1))


def read_integer(text: str) -> int:
    """An integer, also named (`x = 5`)."""
    value = read_fraction(text)
    if value.denominator != 1:
        raise ValueError(f"{value} is no integer")
    return int(value)


def read_tuple(text: str) -> list[Fraction]:
    """Numbers separated by commas, semicolons or "and"/"or": `x = 3, y = -1/2`, `(3, -1/2)`, `2 or 5`."""
    text = text.strip().rstrip(".")
    if text[:1] in "([{" and text[-1:] in ")]}" and text:
        text = text[1:-1]
    parts = re.split(r"\s*(?:[,;]|\band\b|\bor\b)\s*", text)
    if len(parts) > MAX_ITEMS:
        raise ValueError(f"over {MAX_ITEMS} numbers")
    return [read_fraction(part) for part in parts]


def same_tuple(problem: Problem, answer: str) -> bool:
    """True when the numbers are those of the reference, in order."""
    return read_tuple(answer) == read_tuple(problem.answer)


def same_set(problem: Problem, answer: str) -> bool:
    """True when the numbers are those of the reference, in any order."""
    return sorted(read_tuple(answer)) == sorted(read_tuple(problem.answer))


def same_number(problem: Problem, answer: str) -> bool:
    """True when the number is the reference's."""
    return read_fraction(answer) == read_fraction(problem.answer)


def signed(value: Fraction | int) -> str:
    """`+ 3` or `- 3`: a term that follows another."""
    return f"- {-value}" if value < 0 else f"+ {value}"


def grouped(value: Fraction | int) -> str:
    """A number as an operand: negative ones and fractions in parentheses."""
    text = str(value)
    return f"({text})" if text[0] == "-" or "/" in text else text

"""How large an answer may be. A model that writes more than this gets a verdict, not our memory.

The numbers leave room for the longest honest answers seen (a 12 x 12 matrix of fractions, 2024^4046, 1/2006!)
and bound every later step: tokens bound the tree, depth bounds recursion, bits bound exact arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass


class ParseError(ValueError):
    """The text is no expression of the grammar."""


class OverBudgetError(ParseError):
    """The text, or a number that it denotes, is larger than the limits."""


@dataclass(frozen=True)
class Limits:
    """Bounds on one answer."""

    chars: int = 6_000  # longest answer text that is parsed
    tokens: int = 2_500  # most tokens in it
    depth: int = 48  # deepest nesting of brackets, fractions, powers
    levels: int = 120  # deepest tree: a chain such as 1/2/3/... nests without brackets
    digits: int = 2_000  # longest number literal
    bits: int = 65_536  # largest numerator or denominator that exact arithmetic may build
    factorial: int = 4_000  # largest n for which n! is worked out
    terms: int = 2_000  # most terms of a finite sum or product that are added up


DEFAULT_LIMITS = Limits()

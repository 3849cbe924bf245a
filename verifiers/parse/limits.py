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
    """Bounds on one answer.

    Attributes:
        chars: longest answer text that is parsed, in characters.
        tokens: most tokens in it.
        depth: deepest nesting of brackets, fractions, powers.
        levels: deepest tree: a chain such as 1/2/3/... nests without brackets.
        digits: longest number literal.
        bits: largest numerator or denominator that exact arithmetic may build.
        factorial: largest n for which n! is worked out.
        terms: most terms of a finite sum or product that are added up.
    """

    chars: int = 6_000
    tokens: int = 2_500
    depth: int = 48
    levels: int = 120
    digits: int = 2_000
    bits: int = 65_536
    factorial: int = 4_000
    terms: int = 2_000


DEFAULT_LIMITS = Limits()

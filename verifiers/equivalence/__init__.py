"""Answer equivalence. Cheap checks first: the same tree, then exact numbers, then random points of a finite field or
high-precision arithmetic, then a symbolic evaluation. A mismatch at a point is final.

    equivalent(parse("1/2"), parse("0.5")).equal   # True
"""

from verifiers.equivalence.ambiguity import READINGS
from verifiers.equivalence.dispatch import (
    GENERAL,
    KINDS,
    LAST,
    NAMED_NUMBERS,
    RENAMED_FUNCTIONS,
    SINGLES,
    UNSOLVED,
    equivalent,
)
from verifiers.equivalence.types import Equivalence, Settings

__all__ = ["Equivalence", "Settings", "equivalent", "rule_names"]

DATES = "dates and times"  # compared as text, before anything is parsed


def rule_names() -> tuple[str, ...]:
    """The names of all rules that can be switched off, in the order in which they are tried."""
    tables = [rule.name for rule in (*KINDS, *SINGLES, LAST, GENERAL)]
    readings = [reading.name for reading in READINGS]
    return (DATES, *tables, NAMED_NUMBERS, RENAMED_FUNCTIONS, UNSOLVED, *readings)

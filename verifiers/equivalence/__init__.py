"""Answer equivalence. Cheap checks first: the same tree, then exact numbers, then random points of a finite field or
high-precision arithmetic, then a symbolic evaluation. A mismatch at a point is final.

    equivalent(parse("1/2"), parse("0.5")).equal   # True
"""

from verifiers.equivalence.dispatch import DATES, equivalent, rule_names
from verifiers.equivalence.types import Equivalence, Settings

__all__ = ["DATES", "Equivalence", "Settings", "equivalent", "rule_names"]

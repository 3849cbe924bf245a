"""What a letter usually stands for: the one table of such conventions.

A convention decides only where a pair says nothing itself (no declared parameter, no label). One letter has several
roles; which one counts is decided by the rule that asks.
"""

from __future__ import annotations

import re

COORDINATES = ("x", "y", "z")
LINE_PARAMETERS = frozenset(("t", "s", "k", "n", "m", "u", "v", "lambda", "mu", "r", "p", "q", "a", "c", "l"))
LINE_NAMES = frozenset(("r", "l", "ell", "L", "vec", "x", "P", "X"))  # r = (1, 2) + t (3, 4)
PERIOD_PARAMETERS = frozenset("kmnljNKMtp")  # x = pi/6 + 2 k pi
BOUNDED_PARAMETERS = frozenset("ijklmnpqrst")  # n = 2^k, k >= 1
PERIODIC_UNKNOWNS = frozenset(("x", "t", "theta", "alpha", "phi", "y", "z"))
INTEGERS = frozenset("nkmNr")  # beside a factorial, a rounding or a binomial coefficient
VARIABLES = frozenset(("x", "y", "z", "t", "u", "v", "w", "s", "r", "theta", "phi", "tau"))
FUNCTIONS = frozenset("yuxzwsvabPNTQ")  # letters that name an unknown function or sequence

# arbitrary constants, from the plainest to what may be one beside a plain one
NUMBERED_CONSTANT = re.compile(r"[CK](?:_\w+)?|[AaBbDck]_\w+|d_\w+|const(?:ant)?")  # nothing else is called so
NAMED_CONSTANT = re.compile(r"[CcKk](?:_\w+)?|const(?:ant)?|[AaBbDd]_\w+")  # names that say so themselves
FREE_CONSTANT = re.compile(r"[ABCDEKabcdk](?:_\w+)?|const(?:ant)?")

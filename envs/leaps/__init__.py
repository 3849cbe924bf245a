"""LEAPS: chains of named operations modulo p, solved in lines that carry out one or more operations at once.

How many operations a line carries out is its *leap*. A demonstrator's leaps grow with the problem; a small model cannot
follow the large ones, and nothing in imitation tells it so. See docs/leaps.md.
"""

from envs.leaps.demonstrator import DEFAULT_SIZE_LAW, LeapDemonstrator
from envs.leaps.environment import Leaps
from envs.leaps.verifier import LeapsVerifier, Line, parse_solution

__all__ = ["DEFAULT_SIZE_LAW", "LeapDemonstrator", "Leaps", "LeapsVerifier", "Line", "parse_solution"]

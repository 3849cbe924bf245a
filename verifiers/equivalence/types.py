"""What an equivalence check is asked and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from verifiers.parse.tree import Expr
from verifiers.types import Outcome, Reason


@dataclass(frozen=True)
class Settings:
    """How answers are compared.

    Attributes:
        tolerance: absolute difference that still counts as equal; None: none.
        round_to_reference: an exact answer that rounds to a decimal reference of at least three digits is accepted.
        relative_tolerance: the same, as a fraction of the reference.
        allow_unevaluated: an integral, sum, limit, derivative or gcd counts as an answer where the reference has none.
        percent_as_number: `10` answers `10%` and the other way round (both also equal 0.1 when written so).
        require_units: a reference with a unit asks for the unit in the answer.
        without: names of rules that are switched off.
    """

    tolerance: float | None = None
    relative_tolerance: float | None = None
    round_to_reference: bool = False
    allow_unevaluated: bool = False
    percent_as_number: bool = True
    require_units: bool = False
    without: frozenset[str] = frozenset()

    def uses(self, rule: str) -> bool:
        """Whether the rule of that name is switched on."""
        return rule not in self.without


@dataclass(frozen=True)
class Equivalence:
    """Whether an answer is equivalent to the reference, and by which argument.

    `method`: text, exact, modular, numeric, tolerance, symbolic, structure.
    """

    equal: bool
    detail: str = ""
    reason: Reason | None = None
    method: str = "structure"
    is_read: bool = True  # False: the answer is nothing that could be compared

    @property
    def outcome(self) -> Outcome:
        """How a verification ends that judges so."""
        return Outcome.CORRECT if self.equal else Outcome.WRONG if self.is_read else Outcome.UNPARSEABLE

    def __bool__(self) -> bool:
        return self.equal


class Compare(Protocol):
    """The comparison that a rule is part of: what it asks about the parts of answers."""

    @property
    def settings(self) -> Settings:
        """How answers are compared."""

    def __call__(self, answer: Expr, reference: Expr) -> Equivalence:
        """Whether two parts say the same."""


def yes(detail: str, method: str) -> Equivalence:
    """A judgement of equality."""
    return Equivalence(True, detail, None, method)


def no(detail: str, reason: Reason | None = None, method: str = "structure") -> Equivalence:
    """A judgement of difference."""
    return Equivalence(False, detail, reason, method)


def unread(detail: str, reason: Reason | None = None) -> Equivalence:
    """A judgement on what cannot be read."""
    return Equivalence(False, detail, reason, is_read=False)

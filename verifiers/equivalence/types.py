"""What an equivalence check is asked and what it says."""

from __future__ import annotations

from dataclasses import dataclass, field

from verifiers.algebra.identity import Sampling
from verifiers.parse.limits import DEFAULT_LIMITS, Limits
from verifiers.types import Reason


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
        digits: working precision of numeric comparisons, in decimal digits.
        points: random points at which two expressions must agree.
        limits: bounds on the size of answers.
        proof_seconds: time that a symbolic proof may take.
        salt: mixed into the choice of the random points, so that no answer is written for them.
    """

    tolerance: float | None = None
    relative_tolerance: float | None = None
    round_to_reference: bool = False
    allow_unevaluated: bool = False
    percent_as_number: bool = True
    require_units: bool = False
    digits: int = 40
    points: int = 4
    limits: Limits = field(default=DEFAULT_LIMITS)
    proof_seconds: float = 1.0
    salt: str = ""

    @property
    def sampling(self) -> Sampling:
        """How expressions are compared at points."""
        return Sampling(self.digits, self.points, self.salt)


@dataclass(frozen=True)
class Judgement:
    """Whether an answer is equivalent to the reference, and by which argument.

    `method`: text, exact, modular, numeric, tolerance, symbolic, structure.
    """

    equal: bool
    detail: str = ""
    reason: Reason | None = None
    method: str = "structure"

    def __bool__(self) -> bool:
        return self.equal


def yes(detail: str, method: str) -> Judgement:
    """A judgement of equality."""
    return Judgement(True, detail, None, method)


def no(detail: str, reason: Reason | None = None, method: str = "structure") -> Judgement:
    """A judgement of difference."""
    return Judgement(False, detail, reason, method)

"""What a verification says. A model's output is data: whatever it contains, the answer is a Verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable


class Outcome(StrEnum):
    """How a verification ended. Only CORRECT and WRONG speak about the mathematics."""

    CORRECT = "correct"
    WRONG = "wrong"
    NO_ANSWER = "no_answer"  # no place in the response announces an answer
    UNPARSEABLE = "unparseable"  # an answer is announced, but it is no expression we read
    TIMEOUT = "timeout"  # the deadline ended the verification; the process was killed
    ERROR = "error"  # the verifier itself failed: counted apart, never a statement about the answer


class Reason(StrEnum):
    """Why, where the outcome alone does not say it."""

    SEVERAL_ANSWERS = "several_answers"  # announced more than once, with different values
    CONTRADICTION = "contradiction"  # a chain such as 41 = 42, or a tautology such as 3 = 3
    ECHO = "echo"  # the question's own expression, handed back
    UNEVALUATED = "unevaluated"  # right value, but the environment asks for it worked out
    OVER_BUDGET = "over_budget"  # longer, deeper or larger than the limits
    UNITS = "units"  # right number, wrong or missing unit
    FORMAT = "format"  # right value in a form that the environment does not accept
    OUT_OF_MEMORY = "out_of_memory"  # the worker process broke its memory limit
    CRASHED = "crashed"  # the worker process died


@dataclass(frozen=True)
class Verdict:
    """The result of one verification; JSON and pickle round-trip.

    Attributes:
        outcome: how it ended.
        score: in [0, 1]; 1 exactly when the outcome is CORRECT, unless a verifier documents partial credit.
        answer: the answer extracted from the response, as text; None when there is none.
        detail: one sentence for a person: why it was judged so.
        reason: finer cause, where there is one.
        parts: named measurements in [0, 1] beside the score, e.g. {"answer": 1, "verified": 0}.
        first_wrong_step: index from 0 of the first wrong step of a worked solution; None when no step is
            wrong or the verifier does not look at steps.
        info: JSON-able facts that reports read (e.g. the leap of every line).
        seconds: wall time of the verification.
    """

    outcome: Outcome
    score: float
    answer: str | None = None
    detail: str = ""
    reason: Reason | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    first_wrong_step: int | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def is_correct(self) -> bool:
        """True when the outcome is CORRECT."""
        return self.outcome is Outcome.CORRECT

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values; `Verdict.from_json` gives the equal verdict back."""
        return {
            "outcome": self.outcome.value,
            "score": self.score,
            "answer": self.answer,
            "detail": self.detail,
            "reason": self.reason.value if self.reason else None,
            "parts": dict(self.parts),
            "first_wrong_step": self.first_wrong_step,
            "info": dict(self.info),
            "seconds": self.seconds,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Verdict:
        """The verdict that `to_json` wrote."""
        reason = row.get("reason")
        return cls(
            outcome=Outcome(row["outcome"]),
            score=float(row["score"]),
            answer=row.get("answer"),
            detail=row.get("detail", ""),
            reason=Reason(reason) if reason else None,
            parts=dict(row.get("parts", {})),
            first_wrong_step=row.get("first_wrong_step"),
            info=dict(row.get("info", {})),
            seconds=float(row.get("seconds", 0.0)),
        )


@runtime_checkable
class Verifier(Protocol):
    """Judges a response against a reference answer. Never raises for what the response says."""

    def verify(self, response: str, answer: str) -> Verdict:
        """The verdict on `response`, given the reference `answer`.

        Raises:
            ValueError: the *reference* is unusable (the caller's mistake, found when data is loaded).
        """
        ...

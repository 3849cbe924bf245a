"""What a verification says. A model's output is data: whatever it contains, the answer is a Verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
class StepVerdict:
    """One step of a worked solution: a line, a turn of a conversation, or the conclusion that announces the answer.

    Attributes:
        span: where it stands: first character and end, of the response (of a conversation: of the policy's turns,
            joined by line breaks).
        is_right: None when nothing in it could be judged.
        size: how many operations it carries out; 1 where the environment does not count them; 0 for a malformed step,
            and for a conclusion that does not follow from the steps before it.
        is_conclusion: it announces the answer. The last step of a judged solution, and the only one of its kind.
        detail: why it is wrong; empty otherwise.
    """

    span: tuple[int, int]
    is_right: bool | None
    size: int = 1
    is_conclusion: bool = False
    detail: str = ""

    def moved(self, by: int) -> StepVerdict:
        """The same step of a text in which it stands `by` characters later."""
        return replace(self, span=(self.span[0] + by, self.span[1] + by))

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values, without those that are as usual."""
        row: dict[str, Any] = {"span": list(self.span), "is_right": self.is_right}
        for name, usual in (("size", 1), ("is_conclusion", False), ("detail", "")):
            if getattr(self, name) != usual:
                row[name] = getattr(self, name)
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> StepVerdict:
        """The step that `to_json` wrote."""
        start, end = row["span"]
        return cls(**{**row, "span": (int(start), int(end))})


@dataclass(frozen=True)
class Verdict:
    """The result of one verification; JSON and pickle round-trip.

    Two shares speak about truth everywhere: `answer_share`, of the announced answer, and `solution_share`, which is 0
    also where a step is wrong. A reward that pays for answers alone pays for guesses.

    Attributes:
        outcome: how it ended.
        score: in [0, 1]; 1 exactly when the outcome is CORRECT, unless a verifier documents partial credit.
        answer: the answer extracted from the response, as text; None when there is none.
        detail: one sentence for a person: why it was judged so.
        reason: finer cause, where there is one.
        parts: named measurements in [0, 1] beside the score; `judged` writes {"answer": ..., "solution": ...}.
        steps: the steps of the worked solution in order, the conclusion last; empty where nothing looked at them.
        info: JSON-able facts that reports read.
        seconds: wall time of the verification.
    """

    outcome: Outcome
    score: float
    answer: str | None = None
    detail: str = ""
    reason: Reason | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    steps: tuple[StepVerdict, ...] = ()
    info: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def is_correct(self) -> bool:
        """True when the outcome is CORRECT."""
        return self.outcome is Outcome.CORRECT

    @property
    def worked_steps(self) -> tuple[StepVerdict, ...]:
        """The steps before the conclusion."""
        return tuple(step for step in self.steps if not step.is_conclusion)

    @property
    def first_wrong_step(self) -> int | None:
        """Index from 0 of the first wrong step, the conclusion included; None when no step is known to be wrong."""
        return next((index for index, step in enumerate(self.steps) if step.is_right is False), None)

    @property
    def answer_share(self) -> float:
        """How right the answer is, in [0, 1]: the part `answer` where there is one, else the outcome."""
        return float(self.parts.get("answer", self.is_correct))

    @property
    def solution_share(self) -> float:
        """How far the whole solution holds, in [0, 1]: 0 with a wrong step; else the part `solution`, else `answer`."""
        if self.first_wrong_step is not None:
            return 0.0
        return float(self.parts.get("solution", self.answer_share))

    @property
    def is_well_formed(self) -> bool:
        """True when an answer could be read and no step is malformed."""
        is_read = self.outcome in (Outcome.CORRECT, Outcome.WRONG)
        return is_read and all(step.size > 0 for step in self.worked_steps)

    def judged(self, steps: Sequence[StepVerdict]) -> Verdict:
        """This verdict with its steps, and with the two shares among its parts."""
        verdict = replace(self, steps=tuple(steps))
        shares = {"answer": verdict.answer_share, "solution": verdict.solution_share}
        return replace(verdict, parts={**self.parts, **shares})

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values; `Verdict.from_json` gives the equal verdict back."""
        plain = {"outcome": self.outcome.value, "reason": self.reason.value if self.reason else None}
        copies = {"parts": dict(self.parts), "steps": [step.to_json() for step in self.steps], "info": dict(self.info)}
        return {**vars(self), **plain, **copies}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Verdict:
        """The verdict that `to_json` wrote; one that was written before verdicts held steps has none."""
        reason = row.get("reason")
        return cls(
            outcome=Outcome(row["outcome"]),
            score=float(row["score"]),
            answer=row.get("answer"),
            detail=row.get("detail", ""),
            reason=Reason(reason) if reason else None,
            parts=dict(row.get("parts", {})),
            steps=tuple(map(StepVerdict.from_json, row.get("steps", ()))),
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

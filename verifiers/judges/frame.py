"""The frame of the verifiers that read one announced answer: find it, read it, judge it, refuse a second one.

A subclass says how a reference is read and how an answer is judged against it.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from verifiers.equivalence.types import Judgement, no
from verifiers.extract import TRAINING_PLACES, Extraction, Place, extract_answer, read_places
from verifiers.parse import Expr, OverBudgetError, ParseError, parse
from verifiers.types import Outcome, Reason, Verdict

REFERENCES_KEPT = 4096  # references read once and remembered, per verifier


class AnswerVerifier(ABC):
    """Verifies the answer that a response announces.

    Args:
        places: where the answer may stand, as in `verifiers.extract`; the explicit announcements by default.
        strict: an answer announced again with another verdict is WRONG with Reason.SEVERAL_ANSWERS; otherwise the last
            announcement counts.
    """

    def __init__(self, *, places: Sequence[Place | str] | None = None, strict: bool = True) -> None:
        self.places = read_places(TRAINING_PLACES if places is None else places)
        self.strict = strict
        self._references = lru_cache(maxsize=REFERENCES_KEPT)(self.read_reference)

    @abstractmethod
    def read_reference(self, answer: str) -> Any:
        """The reference in the form that `judge_text` takes.

        Raises:
            ValueError: it cannot be used.
        """

    @abstractmethod
    def judge_text(self, text: str, reference: Any) -> tuple[Outcome, Judgement]:
        """The judgement on the text of one answer."""

    def extract(self, response: str) -> Extraction:
        """The answer that `response` announces in the places of this verifier."""
        return extract_answer(response, self.places)

    def verify(self, response: str, answer: str) -> Verdict:
        """The verdict on the answer that `response` announces.

        Raises:
            ValueError: the reference cannot be used.
        """
        started = time.perf_counter()
        reference = self._references(answer)
        extraction = self.extract(response)
        if extraction.answer is None or not extraction.answer.strip():
            detail = extraction.detail or "the announced answer is empty"
            return Verdict(Outcome.NO_ANSWER, 0.0, detail=detail, seconds=time.perf_counter() - started)
        outcome, judged = self.judge_text(extraction.answer, reference)
        if outcome is Outcome.CORRECT and self.strict and self._announces_another(response, extraction, reference):
            outcome, judged = Outcome.WRONG, no("announced with different values", Reason.SEVERAL_ANSWERS)
        return Verdict(
            outcome,
            float(outcome is Outcome.CORRECT),
            extraction.answer,
            judged.detail,
            judged.reason,
            seconds=time.perf_counter() - started,
        )

    def _announces_another(self, response: str, chosen: Extraction, reference: Any) -> bool:
        """True when some announcement is not correct."""
        texts = set(self._announcements(response, chosen)) - {chosen.answer}
        return any(self.judge_text(text, reference)[0] is not Outcome.CORRECT for text in texts)

    def _announcements(self, response: str, chosen: Extraction) -> Iterator[str]:
        for place in self.places:
            found = chosen if place is chosen.place else extract_answer(response, (place,))
            yield from found.others
            if found.answer is not None:
                yield found.answer

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_references"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._references = lru_cache(maxsize=REFERENCES_KEPT)(self.read_reference)


class ExpressionVerifier(AnswerVerifier):
    """An AnswerVerifier whose answers are expressions: a subclass judges the tree."""

    def warm_up(self) -> None:
        """Import what high-precision evaluation needs, before a deadline runs."""
        import mpmath  # noqa: F401

    @abstractmethod
    def judge(self, expr: Expr, reference: Any) -> Judgement:
        """Whether the expression is an answer to the reference; OverBudgetError may pass."""

    def judge_text(self, text: str, reference: Any) -> tuple[Outcome, Judgement]:
        """The judgement of the tree of the text; what cannot be read is UNPARSEABLE."""
        try:
            judged = self.judge(parse(text), reference)
        except OverBudgetError as error:
            return Outcome.UNPARSEABLE, no(str(error), Reason.OVER_BUDGET)
        except ParseError as error:
            return Outcome.UNPARSEABLE, no(f"the answer cannot be read: {error}")
        return (Outcome.CORRECT if judged else Outcome.WRONG), judged

"""The frame of the verifiers that read one announced answer: find it, read it, judge it, refuse a second one.

A subclass says how a reference is read and how an answer is judged against it.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

from verifiers.algebra import contexts
from verifiers.equivalence.types import Equivalence, no
from verifiers.extract import (
    ALL_PLACES,
    EXPLICIT_PLACES,
    TRAINING_PLACES,
    Extraction,
    Place,
    announcements,
    extract_answer,
    read_places,
)
from verifiers.parse import Expr, OverBudgetError, ParseError, parse
from verifiers.types import Outcome, Reason, Verdict

REFERENCES_KEPT = 4096  # references read once and remembered, per verifier


class Mode(StrEnum):
    """For whom answers are judged."""

    TRAINING = "training"  # announcements, all alike, or nothing but an answer; no rounding to the reference
    EVALUATION = "evaluation"  # any place, the last announcement counts; an exact answer may round to the reference


def places_of(mode: Mode | str, places: Sequence[Place | str] | None) -> tuple[Place, ...]:
    """The places that a caller names, or those of the mode.

    Raises:
        ValueError: an unknown mode or place.
    """
    if mode not in Mode._value2member_map_:
        raise ValueError(f"unknown mode {mode!r}; known: {', '.join(Mode)}")
    return read_places(places or (TRAINING_PLACES if mode == Mode.TRAINING else ALL_PLACES))


class AnswerVerifier(ABC):
    """Verifies the answer that a response announces.

    Args:
        places: where the answer may stand, as in `verifiers.extract`; by default announcements, or the whole response.
        strict: an answer announced again with another verdict is WRONG with Reason.SEVERAL_ANSWERS; otherwise the last
            announcement counts.
    """

    places: Sequence[Place | str]
    strict: bool | None

    def __init__(self, *, places: Sequence[Place | str] | None = None, strict: bool = True) -> None:
        self.places = places_of(Mode.TRAINING, places)
        self.strict = strict
        self._references = lru_cache(maxsize=REFERENCES_KEPT)(self.read_reference)

    @abstractmethod
    def read_reference(self, answer: str) -> Any:
        """The reference in the form that `judge_text` takes.

        Raises:
            ValueError: it cannot be used.
        """

    @abstractmethod
    def judge_text(self, text: str, reference: Any) -> tuple[Outcome, Equivalence]:
        """The judgement on the text of one answer."""

    def extract(self, response: str, reference: Any) -> Extraction:
        """The answer that `response` announces in the places of this verifier."""
        return extract_answer(response, self.places)

    def reference_of(self, answer: str) -> Any:
        """The reference, read once and kept."""
        return self._references(answer)

    def judge_announced(self, found: Extraction, reference: Any, response: str) -> tuple[Outcome, str, Equivalence]:
        """The judgement on an announcement, and the reading of it that was judged."""
        assert found.answer is not None
        outcome, judged = self.judge_text(found.answer, reference)
        return outcome, found.answer, judged

    def is_another(self, text: str, found: Extraction, reference: Any) -> bool:
        """Whether a further announcement, or an earlier one of the same kind, has another value than the reference."""
        return self.judge_text(text, reference)[0] is not Outcome.CORRECT

    def is_refused(self, text: str, reference: Any) -> Equivalence | None:
        """Why an answer with the right value is not accepted; None: it is."""
        return None

    def verify(self, response: str, answer: str) -> Verdict:
        """The verdict on the answer that `response` announces.

        Raises:
            ValueError: the reference cannot be used.
        """
        started = time.perf_counter()
        reference = self.reference_of(answer)
        extraction = self.extract(response, reference)
        if extraction.answer is None or not extraction.answer.strip():
            detail = extraction.detail or "the announced answer is empty"
            return Verdict(Outcome.NO_ANSWER, 0.0, detail=detail, seconds=time.perf_counter() - started)
        outcome, text, judged = self.judge_announced(extraction, reference, response)
        if outcome is Outcome.CORRECT and self.strict and self._announces_another(response, extraction, reference):
            outcome, judged = Outcome.WRONG, no("announced with different values", Reason.SEVERAL_ANSWERS)
        if outcome is Outcome.CORRECT and (refused := self.is_refused(text, reference)) is not None:
            outcome, judged = Outcome.WRONG, refused
        is_right = outcome is Outcome.CORRECT
        reason = None if is_right else judged.reason
        return Verdict(outcome, float(is_right), text, judged.detail, reason, seconds=time.perf_counter() - started)

    def _announces_another(self, response: str, chosen: Extraction, reference: Any) -> bool:
        """Whether any explicit announcement outside the reasoning block has another value."""
        places = [place for place in self.places if Place(place) in EXPLICIT_PLACES or Place(place) is chosen.place]
        for found in announcements(response, places, besides=chosen):
            if any(
                self.is_another(text, replace(found, answer=text, shorter=tuple), reference) for text in found.others
            ):
                return True
            if found.place is chosen.place or found.answer == chosen.answer or found.answer is None:
                continue
            if self.is_another(found.answer, found, reference):
                return True
        return False

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_references"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__dict__["_references"] = lru_cache(maxsize=REFERENCES_KEPT)(self.read_reference)  # some are frozen


class ExpressionVerifier(AnswerVerifier):
    """An AnswerVerifier whose answers are expressions: a subclass judges the tree."""

    def warm_up(self) -> None:
        """Import what high-precision evaluation needs, before a deadline runs."""
        contexts.warm_up()

    @abstractmethod
    def judge(self, expr: Expr, reference: Any) -> Equivalence:
        """Whether the expression is an answer to the reference; OverBudgetError may pass."""

    def judge_text(self, text: str, reference: Any) -> tuple[Outcome, Equivalence]:
        """The judgement of the tree of the text; what cannot be read is UNPARSEABLE."""
        try:
            judged = self.judge(parse(text), reference)
        except OverBudgetError as error:
            return Outcome.UNPARSEABLE, no(str(error), Reason.OVER_BUDGET)
        except ParseError as error:
            return Outcome.UNPARSEABLE, no(f"the answer cannot be read: {error}")
        return (Outcome.CORRECT if judged else Outcome.WRONG), judged

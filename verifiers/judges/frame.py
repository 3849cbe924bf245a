"""The frame of the verifiers that read one announced answer: find it, read it, judge it, refuse a second one.

A subclass says how a reference is read and how an answer is judged against it.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

from verifiers.algebra import contexts
from verifiers.equivalence.types import Equivalence, no, unread
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

REFERENCES_KEPT = 4096  # references read once and remembered, of all verifiers of a process


class Mode(StrEnum):
    """For whom answers are judged."""

    TRAINING = "training"  # announcements, all alike, or nothing but an answer; no rounding to the reference
    EVALUATION = "evaluation"  # any place, the last announcement counts; an exact answer may round to the reference


@dataclass(kw_only=True, eq=False)
class AnswerVerifier(ABC):
    """Verifies the answer that a response announces.

    Attributes:
        mode: `training`: an announcement, or a response that is nothing but its answer, all with the same value;
            `evaluation`: any place of `verifiers.extract`, and the last announcement counts.
        places: where the answer may stand; (): as the mode says.
        strict: an answer announced again with another verdict is WRONG with Reason.SEVERAL_ANSWERS; otherwise the last
            announcement counts; None: as the mode says.
    """

    mode: Mode | str = Mode.TRAINING
    places: Sequence[Place | str] = ()
    strict: bool | None = None

    def __post_init__(self) -> None:
        if self.mode not in Mode._value2member_map_:
            raise ValueError(f"unknown mode {self.mode!r}; known: {', '.join(Mode)}")
        is_training = self.mode == Mode.TRAINING
        self.places = read_places(self.places or (TRAINING_PLACES if is_training else ALL_PLACES))
        self.strict = is_training if self.strict is None else self.strict

    @abstractmethod
    def read_reference(self, answer: str) -> Any:
        """The reference in the form that `judge_text` takes.

        Raises:
            ValueError: it cannot be used.
        """

    @abstractmethod
    def judge_text(self, text: str, reference: Any) -> Equivalence:
        """The judgement on the text of one answer."""

    def extract(self, response: str, reference: Any) -> Extraction:
        """The answer that `response` announces in the places of this verifier."""
        return extract_answer(response, self.places)

    def reference_of(self, answer: str) -> Any:
        """The reference, read once and kept."""
        return _reference(self, answer)

    def judge_announced(self, found: Extraction, reference: Any, response: str) -> tuple[Equivalence, str]:
        """The judgement on an announcement, and the reading of it that was judged."""
        assert found.answer is not None
        return self.judge_text(found.answer, reference), found.answer

    def is_another(self, found: Extraction, reference: Any) -> bool:
        """Whether a further announcement, or an earlier one of the same kind, has another value than the reference."""
        return not self.judge_announced(found, reference, "")[0]

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
        judged, text = self.judge_announced(extraction, reference, response)
        if judged and self.strict and self._announces_another(response, extraction, reference):
            judged = no("announced with different values", Reason.SEVERAL_ANSWERS)
        if judged and (refused := self.is_refused(text, reference)) is not None:
            judged = refused
        reason, seconds = None if judged else judged.reason, time.perf_counter() - started
        return Verdict(judged.outcome, float(judged.equal), text, judged.detail, reason, seconds=seconds)

    def _announces_another(self, response: str, chosen: Extraction, reference: Any) -> bool:
        """Whether any explicit announcement outside the reasoning block has another value."""
        places = [Place(p) for p in self.places if Place(p) in EXPLICIT_PLACES or Place(p) is chosen.place]
        for found in announcements(response, places, besides=chosen):
            others = [replace(found, answer=text, shorter=tuple) for text in found.others]
            if found.place is not chosen.place and found.answer not in (None, chosen.answer):
                others.append(found)
            if any(self.is_another(other, reference) for other in others):
                return True
        return False


@lru_cache(maxsize=REFERENCES_KEPT)
def _reference(verifier: AnswerVerifier, answer: str) -> Any:
    return verifier.read_reference(answer)


class ExpressionVerifier(AnswerVerifier):
    """An AnswerVerifier whose answers are expressions: a subclass judges the tree."""

    def warm_up(self) -> None:
        """Import what high-precision evaluation needs, before a deadline runs."""
        contexts.warm_up()

    @abstractmethod
    def judge(self, expr: Expr, reference: Any) -> Equivalence:
        """Whether the expression is an answer to the reference; OverBudgetError may pass."""

    def judge_text(self, text: str, reference: Any) -> Equivalence:
        """The judgement of the tree of the text."""
        try:
            return self.judge(parse(text), reference)
        except OverBudgetError as error:
            return unread(str(error), Reason.OVER_BUDGET)
        except ParseError as error:
            return unread(f"the answer cannot be read: {error}")

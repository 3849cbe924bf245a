"""One plain number, compared exactly: integers, decimals, fractions, thousands separators, money and percent."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from verifiers.extract import ALL_PLACES, EXPLICIT_PLACES, Extraction, Place, announcements, extract_answer, read_places
from verifiers.text.plain_numbers import Number, read_number
from verifiers.types import Outcome, Reason, Verdict


@dataclass(frozen=True)
class NumericVerifier:
    """Compares one announced number with the reference, exactly.

    Attributes:
        places: where the answer may stand.
        strict: an answer announced more than once with different values is wrong.
        tolerance: absolute difference that still counts as equal.
        relative_tolerance: the same, as a fraction of the reference.
        percent_as_number: `10` answers `10%`, and the other way round.
    """

    places: Sequence[Place | str] = ALL_PLACES
    strict: bool = False
    tolerance: float | None = None
    relative_tolerance: float | None = None
    percent_as_number: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", read_places(self.places))

    def verify(self, response: str, answer: str) -> Verdict:
        """The verdict on the number that `response` announces.

        Raises:
            ValueError: the reference is no plain number.
        """
        started = time.perf_counter()
        reference = self._reference(answer)
        extraction = extract_answer(response, self.places)
        if extraction.answer is None:
            return _timed(Outcome.NO_ANSWER, None, extraction.detail, started)
        number, text = _first_number(extraction)
        if number is None:
            return _timed(Outcome.UNPARSEABLE, extraction.answer, "the announced answer is no plain number", started)
        if not self.same(number, reference):
            return _timed(Outcome.WRONG, text, f"{float_text(number)} differs from the reference", started)
        if self.strict and self._announces_another(response, extraction, reference):
            return _timed(Outcome.WRONG, text, "announced with different values", started, Reason.SEVERAL_ANSWERS)
        return _timed(Outcome.CORRECT, text, "equal numbers", started)

    def _reference(self, answer: str) -> Number:
        number = _read_reference(answer)
        if number is None:
            raise ValueError(f"reference {answer!r} is no plain number; use the symbolic verifier for expressions")
        return number

    def _announces_another(self, response: str, chosen: Extraction, reference: Number) -> bool:
        """Whether any explicit announcement, in whichever place, is not this number."""
        for found in announcements(response, [place for place in self.places if Place(place) in EXPLICIT_PLACES]):
            numbers = [read_number(other) for other in found.others]
            if found.place is not chosen.place:
                numbers.append(_first_number(found)[0])
            if any(number is None or not self.same(number, reference) for number in numbers):
                return True
        if chosen.place in EXPLICIT_PLACES:
            return False
        others = [read_number(other) for other in chosen.others]
        return any(number is None or not self.same(number, reference) for number in others)

    def same(self, number: Number, reference: Number) -> bool:
        """Whether two numbers count as equal under these settings."""
        if self._equal(_value(number), _value(reference)):
            return True
        return (
            self.percent_as_number
            and number.percent != reference.percent
            and self._equal(number.value, reference.value)
        )

    def _equal(self, value: Fraction, reference: Fraction) -> bool:
        if value == reference:
            return True
        allowed = max(self.tolerance or 0.0, (self.relative_tolerance or 0.0) * abs(float(reference)))
        return bool(allowed) and abs(value - reference) <= Fraction(allowed) * (1 + Fraction(1, 10**12))


def _first_number(extraction: Extraction) -> tuple[Number | None, str]:
    """The number of an announcement, in the longest of its readings that is one, and that reading."""
    assert extraction.answer is not None
    number = read_number(extraction.answer)
    if number is not None:
        return number, extraction.answer
    for text in extraction.fallbacks:
        number = read_number(text)
        if number is not None:
            return number, text
    return None, extraction.answer


@lru_cache(maxsize=8192)
def _read_reference(answer: str) -> Number | None:
    number = read_number(answer)
    if number is None:
        extraction = extract_answer(answer, (Place.TAG, Place.BOXED, Place.HASHES))
        number = read_number(extraction.answer) if extraction.answer else None
    return number


def _value(number: Number) -> Fraction:
    return number.value / 100 if number.percent else number.value


def float_text(number: Number) -> str:
    """A short form of a number for messages."""
    value = number.value
    if value.denominator == 1 and abs(value) < 10**15:
        return str(value)
    try:
        return f"{float(value):.12g}"
    except OverflowError:
        return "a very large number"


def _timed(outcome: Outcome, text: str | None, detail: str, started: float, reason: Reason | None = None) -> Verdict:
    score = 1.0 if outcome is Outcome.CORRECT else 0.0
    return Verdict(outcome, score, text, detail, reason, seconds=time.perf_counter() - started)

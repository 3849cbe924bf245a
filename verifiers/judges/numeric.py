"""One plain number, compared exactly: integers, decimals, fractions, thousands separators, money and percent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from verifiers.equivalence.types import Equivalence, no, yes
from verifiers.extract import Extraction, Place, extract_answer
from verifiers.judges.frame import AnswerVerifier, Mode, places_of
from verifiers.text.plain_numbers import Number, read_number
from verifiers.types import Outcome


@dataclass(frozen=True)
class NumericVerifier(AnswerVerifier):
    """Compares one announced number with the reference, exactly.

    Attributes:
        mode: `training`: an announcement, or a response that is nothing but its answer, all with the same value;
            `evaluation`: any place of `verifiers.extract`, and the last announcement counts.
        places: where the answer may stand; (): as the mode says.
        strict: an answer announced more than once with different values is wrong; None: as the mode says.
        tolerance: absolute difference that still counts as equal.
        relative_tolerance: the same, as a fraction of the reference.
        percent_as_number: `10` answers `10%`, and the other way round.
    """

    mode: Mode | str = Mode.TRAINING
    places: Sequence[Place | str] = ()
    strict: bool | None = None
    tolerance: float | None = None
    relative_tolerance: float | None = None
    percent_as_number: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", places_of(self.mode, self.places))
        if self.strict is None:
            object.__setattr__(self, "strict", self.mode == Mode.TRAINING)

    def read_reference(self, answer: str) -> Number:
        """The number of the reference.

        Raises:
            ValueError: the reference is no plain number.
        """
        number = _read_reference(answer)
        if number is None:
            raise ValueError(f"reference {answer!r} is no plain number; use the symbolic verifier for expressions")
        return number

    reference_of = read_reference

    def judge_announced(self, found: Extraction, reference: Number, response: str) -> tuple[Outcome, str, Equivalence]:
        """The judgement on the longest reading of the announcement that is a number."""
        number, text = _first_number(found)
        outcome, judged = self._judge(number, reference)
        return outcome, text, judged

    def judge_text(self, text: str, reference: Number) -> tuple[Outcome, Equivalence]:
        """The judgement on a text that is one number."""
        return self._judge(read_number(text), reference)

    def is_another(self, text: str, found: Extraction, reference: Number) -> bool:
        """Whether an announcement is not this number."""
        number, _ = _first_number(found)
        return number is None or not self.same(number, reference)

    def _judge(self, number: Number | None, reference: Number) -> tuple[Outcome, Equivalence]:
        if number is None:
            return Outcome.UNPARSEABLE, no("the announced answer is no plain number")
        if not self.same(number, reference):
            return Outcome.WRONG, no(f"{float_text(number)} differs from the reference", method="exact")
        return Outcome.CORRECT, yes("equal numbers", "exact")

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

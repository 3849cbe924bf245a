"""One plain number, compared exactly: integers, decimals, fractions, thousands separators, money and percent."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from verifiers.equivalence.types import Equivalence, no, unread, yes
from verifiers.equivalence.values.scalars import short
from verifiers.extract import Extraction, Place, extract_answer
from verifiers.judges.frame import AnswerVerifier
from verifiers.text.plain_numbers import Number, read_number


@dataclass(kw_only=True, eq=False)
class NumericVerifier(AnswerVerifier):
    """Compares one announced number with the reference, exactly.

    Attributes:
        tolerance: absolute difference that still counts as equal.
        relative_tolerance: the same, as a fraction of the reference.
        percent_as_number: `10` answers `10%`, and the other way round.
        mode, places, strict: as in AnswerVerifier.
    """

    tolerance: float | None = None
    relative_tolerance: float | None = None
    percent_as_number: bool = True

    def read_reference(self, answer: str) -> Number:
        """The number of the reference.

        Raises:
            ValueError: the reference is no plain number.
        """
        number = read_number(answer)
        if number is None and (text := extract_answer(answer, (Place.TAG, Place.BOXED, Place.HASHES)).answer):
            number = read_number(text)
        if number is None:
            raise ValueError(f"reference {answer!r} is no plain number; use the symbolic verifier for expressions")
        return number

    def judge_announced(self, found: Extraction, reference: Number, response: str) -> tuple[Equivalence, str]:
        """The judgement on the longest reading of the announcement that is a number."""
        assert found.answer is not None
        is_number = read_number(found.answer) is not None
        text = found.answer if is_number else next(filter(read_number, found.fallbacks), found.answer)
        return self.judge_text(text, reference), text

    def judge_text(self, text: str, reference: Number) -> Equivalence:
        """The judgement on a text that is one number."""
        number = read_number(text)
        if number is None:
            return unread("the announced answer is no plain number")
        if not self.same(number, reference):
            return no(f"{short(number.value)} differs from the reference", method="exact")
        return yes("equal numbers", "exact")

    def same(self, number: Number, reference: Number) -> bool:
        """Whether two numbers count as equal under these settings."""
        if self._equal(_value(number), _value(reference)):
            return True
        is_half_said = self.percent_as_number and number.percent != reference.percent
        return is_half_said and self._equal(number.value, reference.value)

    def _equal(self, value: Fraction, reference: Fraction) -> bool:
        if value == reference:
            return True
        allowed = max(self.tolerance or 0.0, (self.relative_tolerance or 0.0) * abs(float(reference)))
        return bool(allowed) and abs(value - reference) <= Fraction(allowed) * (1 + Fraction(1, 10**12))


def _value(number: Number) -> Fraction:
    return number.value / 100 if number.percent else number.value

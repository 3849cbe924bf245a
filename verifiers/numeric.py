"""Plain numbers, fast: integers, decimals, fractions, thousands separators, money and percent, as exact rationals."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from verifiers.extract import ALL_PLACES, Place, extract_answer
from verifiers.normalize import chinese_number
from verifiers.types import Outcome, Reason, Verdict

_PLAIN = re.compile(r"([+-]?)(\d{0,400})(?:\.(\d{1,400}))?(?<=\d)")
_FRACTION = re.compile(r"([+-]?\d{1,400})\s*/\s*(\d{1,400})")
_LATEX_FRACTION = re.compile(r"([+-]?)\\[dt]?frac\{([+-]?\d{1,400})\}\{([+-]?\d{1,400})\}")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:(?:,|\{,\}|,\\!|\\,)\d{3})+(?:\.\d{1,400})?")
_POINT_GROUPED = re.compile(r"[+-]?\d{1,3}(?:(?:\.\d{3}){2,}(?:,\d{1,400})?|\.\d{3},\d{1,400})")
_SPACE_GROUPED = re.compile(r"[+-]?\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:[.,]\d{1,400})?")
_SEPARATORS = re.compile(r"[^\d.+-]")
_AROUND = " \t\n$*"
_CURRENCY = re.compile(r"^([+-]?)\s*(?:\\?\$|€|£|¥)\s*|\s*(?:\\?\$|€|£|¥|dollars?|usd|euros?)$", re.IGNORECASE)
_PERCENT = re.compile(r"\s*(?:\\?%|percent|pct)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Number:
    """A plain number as written. `places`: its decimals (None: none written); `percent`: a percent sign followed."""

    value: Fraction
    places: int | None = None
    percent: bool = False
    money: bool = False


def read_number(text: str) -> Number | None:
    """The number that `text` consists of; None if it is anything else."""
    if len(text) > 900:
        return None
    found = _PLAIN.fullmatch(text)
    if found:
        return _decimal(found)
    stripped = text.strip(_AROUND)
    if stripped.endswith(".") and not stripped.endswith(".."):
        stripped = stripped[:-1].rstrip(_AROUND)
    if not stripped or not any(sign.isdigit() for sign in stripped):
        return _chinese(stripped)
    money = "$" in text.strip().strip("$")
    percent = _PERCENT.search(stripped)
    if percent:
        stripped = stripped[: percent.start()].strip()
    elif "$" in stripped or stripped[0] in "€£¥\\-+" or stripped[-1] in "€£¥$sSrRdD":
        without = _CURRENCY.sub(r"\1", stripped).strip()
        money, stripped = without != stripped, without
    number = _unsigned_forms(stripped.replace("−", "-"))
    if number is None:
        return None
    return Number(number.value, number.places, bool(percent), money)


def _unsigned_forms(text: str) -> Number | None:
    found = _PLAIN.fullmatch(text)
    if found:
        return _decimal(found)
    found = _FRACTION.fullmatch(text)
    if found:
        bottom = int(found[2])
        return Number(Fraction(int(found[1]), bottom)) if bottom else None
    found = _LATEX_FRACTION.fullmatch(text)
    if found:
        bottom = int(found[3])
        sign = -1 if found[1] == "-" else 1
        return Number(Fraction(sign * int(found[2]), bottom)) if bottom else None
    if _POINT_GROUPED.fullmatch(text):
        found = _PLAIN.fullmatch(text.replace(".", "").replace(",", "."))
        return _decimal(found) if found else None
    if _GROUPED.fullmatch(text) or _SPACE_GROUPED.fullmatch(text):
        found = _PLAIN.fullmatch(
            _SEPARATORS.sub("", text if "." in text or _GROUPED.fullmatch(text) else text.replace(",", "."))
        )
        return _decimal(found) if found else None
    return None


def _decimal(found: re.Match[str]) -> Number:
    sign, whole, decimals = found.groups()
    if decimals is None:
        value = Fraction(int(whole))
    else:
        value = Fraction(int((whole or "0") + decimals), 10 ** len(decimals))
    return Number(-value if sign == "-" else value, len(decimals) if decimals else None)


def _chinese(text: str) -> Number | None:
    value = chinese_number(text)
    return Number(Fraction(value)) if value is not None else None


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
        number, text = None, extraction.answer
        for candidate in (extraction.answer, *extraction.fallbacks):
            number = read_number(candidate)
            if number is not None:
                text = candidate
                break
        if number is None:
            return _timed(Outcome.UNPARSEABLE, extraction.answer, "the announced answer is no plain number", started)
        if not self.same(number, reference):
            return _timed(Outcome.WRONG, text, f"{float_text(number)} differs from the reference", started)
        if self.strict:
            others = [read_number(other) for other in extraction.others]
            if any(other is None or not self.same(other, reference) for other in others):
                return _timed(Outcome.WRONG, text, "announced with different values", started, Reason.SEVERAL_ANSWERS)
        return _timed(Outcome.CORRECT, text, "equal numbers", started)

    def _reference(self, answer: str) -> Number:
        number = _read_reference(answer)
        if number is None:
            raise ValueError(f"reference {answer!r} is no plain number; use the symbolic verifier for expressions")
        return number

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

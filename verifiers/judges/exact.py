"""The same text, up to spaces, letter case and the forms of a plain number: for environments that fix the form."""

from __future__ import annotations

from dataclasses import dataclass

from verifiers.equivalence.types import Equivalence, no, yes
from verifiers.judges.frame import AnswerVerifier
from verifiers.text.plain_numbers import read_number

MAX_CHARACTERS = 10_000


@dataclass(kw_only=True, eq=False)
class ExactVerifier(AnswerVerifier):
    """CORRECT when the announced answer is the reference, as text.

    Attributes:
        numbers: two plain numbers are compared by value (`1,000` is `1000`, `0.50` is `1/2`); never within a tolerance.
        ignore_case: letter case does not count.
        mode, places, strict: as in AnswerVerifier.
    """

    numbers: bool = True
    ignore_case: bool = False

    def read_reference(self, answer: str) -> str:
        """The reference in its canonical text."""
        if not answer.strip():
            raise ValueError("the reference is empty")
        return self._canonical(answer)

    def judge_text(self, text: str, reference: str) -> Equivalence:
        """The judgement on the canonical text, or on the value of a plain number."""
        canonical = self._canonical(text[:MAX_CHARACTERS])
        if canonical == reference and len(text) <= MAX_CHARACTERS:
            return yes("the same text", "text")
        given, asked = (read_number(side) if self.numbers else None for side in (canonical, reference))
        if given is None or asked is None:
            return no(f"the text is not {reference!r:.100}", method="text")
        if (given.value, given.percent) == (asked.value, asked.percent):
            return yes("the same number", "exact")
        return no(f"the number is not {reference}", method="exact")

    def _canonical(self, text: str) -> str:
        """Single spaces, no full stop at the end, no formula signs around it."""
        text = " ".join(text.split()).strip("$ ").removesuffix(".").rstrip()
        return text.casefold() if self.ignore_case else text

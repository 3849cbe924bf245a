"""The same text, up to spaces, letter case and the forms of a plain number: for environments that fix the form."""

from __future__ import annotations

from collections.abc import Sequence

from verifiers.equivalence.types import Equivalence, no, yes
from verifiers.judges.frame import AnswerVerifier
from verifiers.text.plain_numbers import read_number
from verifiers.types import Outcome

MAX_CHARACTERS = 10_000


class ExactVerifier(AnswerVerifier):
    """CORRECT when the announced answer is the reference, as text.

    Args:
        numbers: two plain numbers are compared by value (`1,000` is `1000`, `0.50` is `1/2`); never within a tolerance.
        ignore_case: letter case does not count.
        places, strict: as in AnswerVerifier.
    """

    def __init__(
        self,
        *,
        numbers: bool = True,
        ignore_case: bool = False,
        places: Sequence[str] | None = None,
        strict: bool = True,
    ) -> None:
        super().__init__(places=places, strict=strict)
        self.numbers = numbers
        self.ignore_case = ignore_case

    def read_reference(self, answer: str) -> str:
        """The reference in its canonical text."""
        if not answer.strip():
            raise ValueError("the reference is empty")
        return self._canonical(answer)

    def judge_text(self, text: str, reference: str) -> tuple[Outcome, Equivalence]:
        """The judgement on the canonical text, or on the value of a plain number."""
        canonical = self._canonical(text[:MAX_CHARACTERS])
        if canonical == reference and len(text) <= MAX_CHARACTERS:
            return Outcome.CORRECT, yes("the same text", "text")
        if self.numbers:
            given, asked = read_number(canonical), read_number(reference)
            if given is not None and asked is not None:
                if (given.value, given.percent) == (asked.value, asked.percent):
                    return Outcome.CORRECT, yes("the same number", "exact")
                return Outcome.WRONG, no(f"the number is not {reference}", method="exact")
        return Outcome.WRONG, no(f"the text is not {reference!r:.100}", method="text")

    def _canonical(self, text: str) -> str:
        """Single spaces, no full stop at the end, no formula signs around it."""
        text = " ".join(text.split()).strip("$ ").removesuffix(".").rstrip()
        return text.casefold() if self.ignore_case else text

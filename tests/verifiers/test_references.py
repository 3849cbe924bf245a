"""References that cannot be read: never silently words."""

from __future__ import annotations

import pytest

from verifiers import make
from verifiers.equivalence.reference import words_for_mathematics


@pytest.mark.parametrize("reference", [r"\frac{9}{", r"\mystery{3}^2", r"2x_{", "\\begin{pmatrix} 1 & 2", "x^{"])
def test_mathematics_that_is_compared_as_words_is_told(reference: str) -> None:
    assert "compared as words" in (words_for_mathematics(reference) or "")
    assert "doubt about the reference" in make("symbolic").explain(r"\boxed{1}", reference)


@pytest.mark.parametrize(
    "reference",
    [
        "42",
        "0.5",
        r"\frac{1}{2}",
        "B",
        "(B) 12",
        "blue whale",
        r"\text{no solution}",
        "x = 3",
        "[1, 2)",
        "5 cm",
        "Monday",
    ],
)
def test_what_is_read_or_is_plain_words_is_not(reference: str) -> None:
    assert words_for_mathematics(reference) is None


def test_a_reference_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(ValueError, match="holds no answer"):
        words_for_mathematics("$$")

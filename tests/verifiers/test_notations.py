"""The same answer in the notations that textbooks and models use, beside near misses, and whole responses that end in
one: every pair is judged rightly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from verifiers import make, verify
from verifiers.judges.symbolic import SymbolicVerifier

DATA = Path(__file__).parent / "data"
VERIFIER = SymbolicVerifier(mode="evaluation")
STRICT = SymbolicVerifier()


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


KINDS = sorted({row["kind"] for row in rows("notations.jsonl")})


@pytest.mark.parametrize("kind", KINDS)
def test_every_pair_of_a_kind_is_judged_rightly(kind: str) -> None:
    pairs = [row for row in rows("notations.jsonl") if row["kind"] == kind]
    assert len(pairs) >= 10
    wrong = [
        (row["gold"], row["answer"])
        for row in pairs
        if VERIFIER.verify(row["answer"], row["gold"]).is_correct != row["expected"]
    ]
    assert wrong == []


@pytest.mark.parametrize(("manner", "verifier"), [("lenient", VERIFIER), ("strict", STRICT)])
def test_the_answer_of_a_whole_response_is_found_or_refused(manner: str, verifier: SymbolicVerifier) -> None:
    labelled = [row for row in rows("responses.jsonl") if row[manner] is not None]  # null: either will do
    verdicts = [verifier.verify(row["response"], row["gold"]).is_correct for row in labelled]
    wrong = [row["response"] for row, paid in zip(labelled, verdicts, strict=True) if paid != row[manner]]
    assert len(labelled) > 60
    assert wrong == []


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("1/2", "\frac{1}{2}"),  # a reference written with single backslashes: \f became a form feed
        (r"\rho", "\rho"),
        (r"\forall x", "\forall x"),
        (r"(1, 2)", "\\left(1, 2\right)"),
        (r"\rho_1", r"{\rho}_{1}"),
        (r"{\rho}_{1}", r"\rho_1"),
        (r"{\alpha}^{2}", r"\alpha^2"),
        ("431_5", r"431_{\text{base }5}"),
        (r"431_{\text{base }5}", "(431)_5"),
        (r"\tan x", "\tan x"),  # a tab at the beginning
        (r"\text{yes}", "$\text{yes}$"),
        (r"x_1x_2^2", "{x}_{1}{x}_{2}^{2}"),  # as formula editors and OCR write
        (r"\sin x_1", r"\sin{x}_{1}"),
        (r"m_1", r"\mathrm{{m}}_{1}"),
        (r"{\log}_{2}8", "3"),
        (r"{431}_{5}", "431_5"),
    ],
)
def test_lost_escapes_in_references_braced_greek_and_bases_in_words(answer: str, reference: str) -> None:
    assert verify(f"\\boxed{{{answer}}}", reference).is_correct


@pytest.mark.parametrize(("answer", "reference"), [(r"{\rho}_{2}", r"\rho_1"), (r"432_{\text{base }5}", "431_5"),
        (r"{x}_{1}{x}_{3}", "x_1x_2"), (r"{\log}_{2}8", "8"), (r"{431}_{6}", "431_5")])  # fmt: skip
def test_their_near_misses_are_wrong(answer: str, reference: str) -> None:
    assert not verify(f"\\boxed{{{answer}}}", reference).is_correct


@pytest.mark.parametrize("written", [r"\text{431 base 5}", r"\text{431 in base five}", r"\mathrm{431 base 5}"])
def test_a_number_and_its_base_in_a_text_font(written):
    verifier = make("symbolic")
    assert verifier.verify(rf"\boxed{{{written}}}", "431_5").is_correct
    assert verifier.verify(r"\boxed{431_5}", written).is_correct
    assert not verifier.verify(rf"\boxed{{{written}}}", "431_6").is_correct


@pytest.mark.parametrize(
    ("response", "answer"),
    [("\\boxed{\theta}", r"\theta"), ("\\boxed{\text{yes}}", "yes"), ("\\boxed{\neq 1}", r"\neq 1")],
)
def test_a_backslash_lost_right_after_a_brace_is_restored(response, answer):
    assert make("symbolic").verify(response, answer).is_correct

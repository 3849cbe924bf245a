"""The same answer in the notations that textbooks and models use, beside near misses, and whole responses that end in
one: every pair is judged rightly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

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

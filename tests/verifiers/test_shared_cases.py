"""The measured reach: other projects' cases, hostile inputs and GSM8K's labelled outputs, if they are there."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from verifiers.judges.numeric import NumericVerifier
from verifiers.judges.symbolic import SymbolicVerifier

SHARED = Path(__file__).resolve().parents[3] / "shared"
CASES = SHARED / "verifiers" / "cases.jsonl"
HOSTILE = SHARED / "verifiers" / "adversarial.jsonl"
GSM8K = SHARED / "data" / "gsm8k" / "example_model_solutions.jsonl"

# The core cases that we do not reproduce, by id, and why; none is treated apart in the code.
NOT_REPRODUCED = {
    "673f8cd3900a": "x = 5+5+1 = 7 = 11 contradicts itself, so it is no answer",
    "3fcd15b68e06": "0.33 for 1/3 is right only under that case's stated precision of two digits",
    "bd0fbf111931": "0.002 for 0.003 is right only under that case's stated precision of 0.001",
    "c12688e4702d": "a decimal comma inside broken prose, with words after it: 'Soucis : 2,74 $ a..'",
}


def rows(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        pytest.skip(f"{path} is absent: measured data of other projects is not committed")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def accepts(verifier: SymbolicVerifier, response: str, reference: str) -> bool:
    try:
        return verifier.verify(response, reference).is_correct
    except ValueError:  # an unusable reference: nothing is rewarded
        return False


def test_core_cases_reach_the_accuracy_and_hold_the_false_positives() -> None:
    core = [row for row in rows(CASES) if not set(row["flags"]) - {"llm-labelled"}]
    verifier = SymbolicVerifier(mode="evaluation")
    wrong = [row for row in core if accepts(verifier, row["answer"], row["gold"]) != row["expected"]]
    false_positives = [row["id"] for row in wrong if not row["expected"]]
    assert len(core) > 400
    assert false_positives == []
    assert {row["id"] for row in wrong} <= NOT_REPRODUCED.keys()
    assert 1 - len(wrong) / len(core) >= 0.99


def test_training_is_within_two_points_of_evaluation() -> None:
    core = [row for row in rows(CASES) if not set(row["flags"]) - {"llm-labelled"}]
    shares = []
    for verifier in (SymbolicVerifier(mode="evaluation"), SymbolicVerifier()):
        texts = [f"\\boxed{{{r['answer']}}}" if r["extraction"] == "expression" else r["answer"] for r in core]
        right = [accepts(verifier, text, row["gold"]) == row["expected"] for text, row in zip(texts, core)]
        shares.append(100 * sum(right) / len(core))
    assert shares[1] > shares[0] - 2


def test_stated_precision_decides_the_cases_that_ask_for_it() -> None:
    cases = {row["id"]: row for row in rows(CASES)}
    for key, tolerance in (("3fcd15b68e06", 0.005), ("bd0fbf111931", 0.001)):
        row = cases[key]
        assert SymbolicVerifier(mode="evaluation", tolerance=tolerance).verify(row["answer"], row["gold"]).is_correct


@pytest.mark.parametrize("mode", ["evaluation", "training"])
def test_no_hostile_input_is_rewarded_and_no_control_rejected(mode: str) -> None:
    verifier = SymbolicVerifier(mode=mode)
    for row in rows(HOSTILE):
        text = row["answer"] if "answer" in row else "".join(piece * count for piece, count in row["answer_parts"])
        verdict = accepts(verifier, text, row["gold"])
        if row["must"] == "not_correct":
            assert not verdict, row["id"]
        elif row["must"] == "correct":
            assert verdict, row["id"]


def test_hostile_inputs_are_bounded_without_a_deadline() -> None:
    verifier = SymbolicVerifier(mode="evaluation")
    for row in rows(HOSTILE):
        text = row["answer"] if "answer" in row else "".join(piece * count for piece, count in row["answer_parts"])
        started = time.thread_time()
        accepts(verifier, text, row["gold"])
        assert time.thread_time() - started < 1.0, row["id"]


@pytest.mark.parametrize(
    "verifier",
    [
        SymbolicVerifier(mode="evaluation"),
        NumericVerifier(mode="evaluation"),
        SymbolicVerifier(mode="evaluation", strict=True),
    ],
)
def test_every_gsm8k_label_is_reproduced(verifier: Any) -> None:
    labelled = 0
    for row in rows(GSM8K):
        reference = row["ground_truth"].split("A:")[-1].strip()
        for entry in row.values():
            if isinstance(entry, dict):
                labelled += 1
                assert verifier.verify(entry["solution"], reference).is_correct == entry["is_correct"], entry[
                    "solution"
                ]
    assert labelled == 5276

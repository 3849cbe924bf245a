"""What the grader benchmark counts, on verdicts whose sums are worked out by hand."""

import json
import math
from pathlib import Path

import pytest

from experiments.bench import verifiers as bench
from experiments.bench.graders.peer_graders import last_box, last_number, load, normal
from verifiers.types import Outcome, Verdict

RIGHT, WRONG, HUNG = (Verdict(outcome, 0.0) for outcome in (Outcome.CORRECT, Outcome.WRONG, Outcome.TIMEOUT))


def case(expected: bool | None, kind: str = "number", is_core: bool = True) -> bench.Case:
    return bench.Case("id", kind, "response", "reference", expected, is_core)


def test_accuracy_is_counted_overall_on_core_cases_and_by_kind() -> None:
    cases = [case(True), case(False), case(True), case(False, "set"), case(True, is_core=False), case(None)]
    scores = bench.score(cases, [RIGHT, RIGHT, WRONG, WRONG, RIGHT, RIGHT])
    # core: right, false positive, false negative, right
    assert scores["core"] == {"n": 4, "accuracy": 50.0, "false_positives": 1, "false_negatives": 1}
    assert scores["all"]["n"] == 5
    assert scores["core_by_kind"]["set"] == {"n": 1, "accuracy": 100.0, "false_positives": 0, "false_negatives": 0}


def test_times_are_ranked_and_hangs_are_counted_apart() -> None:
    times = bench.timing([Verdict(Outcome.CORRECT, 1.0, info={"cpu_seconds": s}) for s in (0.002, 0.001)] + [HUNG])
    # 1 ms and 2 ms: 2 verifications in 3 ms
    assert (times["p50_ms"], times["max_ms"], times["per_second"]) == (1.0, 2.0, pytest.approx(666.7))
    assert times["timeouts"] == 1
    assert math.isnan(bench.timing([HUNG])["p50_ms"])


def test_hostile_inputs_are_counted_by_what_must_happen() -> None:
    cases = [case(False), case(False), case(True), case(None)]
    counts = bench.hostile_score(cases, [RIGHT, HUNG, WRONG, RIGHT])
    assert (counts["must_not_be_paid"], counts["false_rewards"], counts["controls_refused"], counts["hangs"]) == (
        2,
        1,
        1,
        1,
    )


def test_rows_are_read_with_expressions_boxed_and_doubtful_labels_set_apart(tmp_path: Path) -> None:
    row = {"id": "a", "kind": "number", "gold": "4", "answer": "4", "expected": True, "extraction": "expression"}
    doubtful = {**row, "extraction": "response", "flags": ["policy"]}
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps({**row, "flags": ["llm-labelled"]}) + "\n" + json.dumps(doubtful) + "\n")
    first, second = bench.read_cases(path)
    assert (first.response, first.is_core) == ("\\boxed{4}", True)
    assert (second.response, second.is_core) == ("4", False)
    for settings, tolerance in (
        ({}, None),
        ({"precision": 6}, None),
        ({"precision": 2}, 0.005),
        ({"precision_abs": 0.001}, 0.001),
        ({"precision_abs": [1e33]}, 1e33),
    ):
        path.write_text(json.dumps({**row, "settings": settings}) + "\n")
        assert bench.read_cases(path)[0].tolerance == tolerance
    hostile = {"id": "b", "category": "long", "gold": "4", "must": "any", "answer_parts": [["ab", 2], ["c", 1]]}
    path.write_text(json.dumps(hostile) + "\n")
    (long,) = bench.read_hostile(path)
    assert (long.response, long.expected) == ("ababc", None)


def test_pairs_without_ids_are_named_by_their_line_and_whole_where_their_note_says_so(tmp_path: Path) -> None:
    path = tmp_path / "fresh.jsonl"
    rows = [("4", True, "expr digit"), ("It is 4.", False, "resp sentence")]
    path.write_text("".join(json.dumps({"gold": "4", "answer": a, "label": b, "note": n}) + "\n" for a, b, n in rows))
    first, second = bench.read_cases(path)
    assert (first.id, first.response, first.expected) == ("fresh:1", "\\boxed{4}", True)
    assert (second.id, second.response, second.expected) == ("fresh:2", "It is 4.", False)


def test_plain_pairs_carry_true_labels() -> None:
    grade = load("beyond imitation (symbolic)")
    assert all(grade(c.response, c.reference) == c.expected for c in bench.plain_cases(200, seed=1))


def test_string_baselines_do_what_their_names_say() -> None:
    assert last_box("\\boxed{1} \\boxed{\\frac{1}{2}}") == "\\frac{1}{2}"
    assert last_box("none") is None
    assert last_number("from 3 to 1,200.5") == 1200.5
    assert normal("\\dfrac12") == normal("\\frac{1}{2}") == normal("1/2") == normal("0.5")
    assert load("string: last number")("so it is 7", "7.0")
    assert not load("string: equal text")("\\boxed{7.0}", "7")


def test_a_report_is_written_and_can_be_updated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "report.json"
    bench.main(["--plain", "20", "--peers", "string: last number", "--output", str(output)])
    bench.main(["--plain", "20", "--peers", "string: equal text", "--output", str(output), "--update"])
    report = json.loads(output.read_text())
    assert set(report["graders"]) == {"string: last number", "string: equal text"}
    assert "string: equal text" in capsys.readouterr().out


def test_a_rule_is_worth_the_rows_that_go_wrong_without_it(tmp_path):
    from experiments.bench.graders.rule_ablation import ablate, read_pairs, render

    foreign, own = tmp_path / "foreign.jsonl", tmp_path / "own.jsonl"
    foreign.write_text(
        '{"id": "a", "gold": "3:00 PM", "answer": "15:00", "expected": true, "flags": []}\n'
        '{"id": "b", "gold": "1", "answer": "2", "expected": true, "flags": ["wrong-label"]}\n'
    )
    own.write_text('{"gold": "C_{10}^3", "answer": "120", "label": true}\n')
    pairs = [*read_pairs(foreign, is_foreign=True), *read_pairs(own, is_foreign=False)]
    worth = {row.rule: row for row in ablate(pairs, ("dates and times", "numbers of combinations", "matrices"))}
    assert worth["dates and times"].foreign == ("foreign:a",)
    assert worth["numbers of combinations"].own == ("own:1",)
    assert worth["matrices"].foreign == worth["matrices"].own == ()
    assert "of 1 pairs from elsewhere and 1 own ones" in render(list(worth.values()), pairs)


def test_an_ablation_over_rows_without_labels_says_which(tmp_path):
    from experiments.bench.graders.rule_ablation import read_pairs

    path = tmp_path / "rows.jsonl"
    path.write_text('{"gold": "1", "answer": "1", "label": true}\n{"gold": "1", "answer": "2"}\n')
    with pytest.raises(ValueError, match=r"rows\.jsonl, row 2 is no labelled pair"):
        read_pairs(path, is_foreign=False)

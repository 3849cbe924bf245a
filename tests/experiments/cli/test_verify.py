"""Grading a file: what is counted, what is written, and what a bad line or reference says."""

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from experiments.cli.verify import Agreement, render_summary, render_verdict, verify_file, verify_pair
from experiments.cli.verify_rows import read_gsm8k_solutions

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "verifiers"))
FIXED = "fixed_verifiers:LastLine"
GSM8K = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "gsm8k" / "example_model_solutions.jsonl"


def write(path: Path, rows: Sequence[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def printed(renderable: object) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(renderable)
    return console.export_text()


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    rows = [
        {"response": "4", "answer": "4", "label": True},
        {"response": "5", "answer": "4", "label": False},
        {"response": "so\n4", "answer": "4", "label": "false"},  # paid, though labelled wrong
        {"response": "four", "answer": "4", "label": 1},  # refused, though labelled right
        {"response": "break", "answer": "4", "label": 0},
        {"response": "hang", "answer": "4", "label": "incorrect"},
    ]
    return write(tmp_path / "rows.jsonl", rows)


def test_outcomes_and_agreement_are_counted(labelled: Path, tmp_path: Path) -> None:
    output = tmp_path / "verdicts.jsonl"
    seen: list[int] = []
    summary = verify_file(
        labelled, label_field="label", verifier=FIXED, deadline=0.3, output=output, progress=seen.append
    )
    assert summary.rows == 6
    assert dict(summary.outcomes) == {"correct": 2, "wrong": 2, "error": 1, "timeout": 1}
    assert summary.agreement == Agreement(true_positive=1, true_negative=3, false_positive=1, false_negative=1)
    assert [row["line"] for row in summary.disagreements] == [3, 4]
    assert summary.pool["timeouts"] == 1
    assert seen == [6]
    written = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["line"] for row in written] == [1, 2, 3, 4, 5, 6]
    assert written[0]["verdict"]["outcome"] == "correct"
    assert json.loads(json.dumps(summary.to_json()))["agreement"]["accuracy"] == pytest.approx(4 / 6)


def test_the_summary_is_shown_with_its_disagreements(labelled: Path) -> None:
    text = printed(render_summary(verify_file(labelled, label_field="label", verifier=FIXED, deadline=0.3)))
    assert "4 of 6 reproduced (66.67 %), 1 false positives, 1 false negatives" in text
    assert "line 3: correct, label wrong" in text


def test_fields_are_paths_into_nested_rows(tmp_path: Path) -> None:
    row = {"item": {"gold": "4"}, "outputs": [{"text": "5"}, {"text": "4"}], "a.b": "4"}
    path = write(tmp_path / "rows.jsonl", [row])
    for field in ("outputs.1.text", "a.b"):
        assert verify_file(path, response_field=field, answer_field="item.gold", verifier=FIXED).accuracy == 1.0


def test_a_bad_reference_is_found_before_grading_with_file_and_line(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [{"response": "hang", "answer": "4"}, {"response": "", "answer": "bad"}])
    with pytest.raises(ValueError, match=r"rows.jsonl:2: the reference 'bad' cannot be used: .*this reference is bad"):
        verify_file(path, verifier=FIXED, deadline=30.0)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "rows.jsonl:2: not JSON"),
        ("[1]", "rows.jsonl:2: it holds a list, expected an object"),
        ('{"response": "4"}', "rows.jsonl:2: no field 'answer'; fields are: response"),
        ('{"response": "4", "answer": "4", "label": "perhaps"}', "rows.jsonl:2: label 'perhaps'"),
    ],
)
def test_a_bad_line_is_an_error_with_file_and_line(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"response": "4", "answer": "4", "label": true}\n' + line + "\n")
    with pytest.raises(ValueError, match=says):
        verify_file(path, label_field="label", verifier=FIXED)


def test_unknown_formats_and_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        verify_file(tmp_path / "absent.jsonl", verifier=FIXED)
    with pytest.raises(ValueError, match="unknown format 'csv'"):
        verify_file(tmp_path, format="csv", verifier=FIXED)


def test_a_verifier_that_does_not_exist_is_named(labelled: Path) -> None:
    with pytest.raises(ValueError, match="did you mean 'symbolic'"):
        verify_file(labelled, verifier="symbolik")
    with pytest.raises(ValueError, match="does not take"):
        verify_pair("4", "4", verifier="symbolic", settings={"place": "boxed"})


def test_an_empty_file_is_an_empty_summary(tmp_path: Path) -> None:
    summary = verify_file(write(tmp_path / "rows.jsonl", []), verifier=FIXED)
    assert (summary.rows, summary.accuracy) == (0, 0.0)
    printed(render_summary(summary))


def test_one_pair_is_explained() -> None:
    verdict = verify_pair("so\n5", "4", verifier=FIXED)
    text = printed(render_verdict(verdict, "4"))
    assert "WRONG" in text
    assert "compared" in text


def test_one_pair_with_a_bad_reference_is_an_error() -> None:
    with pytest.raises(ValueError, match="this reference is bad"):
        verify_pair("4", "bad", verifier=FIXED)


def test_gsm8k_solutions_are_read_by_system(tmp_path: Path) -> None:
    row = {
        "question": "1 + 1?",
        "ground_truth": "1 + 1 = 2\nA: 2",
        "small": {"solution": "A: 3", "is_correct": False},
        "large": {"solution": "A: 2", "is_correct": True},
    }
    rows = list(read_gsm8k_solutions(write(tmp_path / "rows.jsonl", [row])))
    assert [(row.group, row.answer, row.label) for row in rows] == [("small", "2", False), ("large", "2", True)]


@pytest.mark.parametrize("verifier", ["numeric", "symbolic"])
def test_every_published_label_of_gsm8k_is_reproduced(verifier: str) -> None:
    if not GSM8K.exists():
        pytest.skip(f"GSM8K's labelled model solutions are not at {GSM8K}")
    summary = verify_file(GSM8K, format="gsm8k-solutions", verifier=verifier)
    assert summary.agreement is not None
    assert summary.agreement.total == 5276
    assert summary.disagreements == []


def test_references_that_are_compared_as_words_are_told_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    references = ["42", r"\frac{9}{", "blue whale", r"\text{no solution}", r"\mystery{3}^2", "B", "x = 3"]
    path.write_text(
        "".join(json.dumps({"response": "The answer is 42.", "answer": answer}) + "\n" for answer in references)
    )
    summary = verify_file(path)
    assert [told.split(": ")[0] for told in summary.unread] == [f"{path}:2", f"{path}:5"]
    assert r"\frac{9}{" in printed(render_summary(summary))

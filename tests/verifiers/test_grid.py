"""Grids: the same cells in any way of writing them, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers import Outcome, make
from verifiers.judges.grid import read_grid

GRID = make("grid")
BOARD = "1 2\n3 4"


def tagged(text):
    return f"Some reasoning.\n<answer>\n{text}\n</answer>"


@pytest.mark.parametrize(
    "text",
    [
        "1 2\n3 4",
        "1  2\n 3 4 ",
        "1,2\n3,4",
        "1\t2\n3\t4",
        "| 1 | 2 |\n|---|---|\n| 3 | 4 |",
        "12\n34",
        "[[1, 2], [3, 4]]",
        "[1, 2]\n[3, 4]",
        "```\n1 2\n3 4\n```",
        r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}",
        "1.0 2\n3 4.00",
    ],
)
def test_ways_to_write_a_board(text):
    verdict = GRID.verify(tagged(text), BOARD)
    assert verdict.is_correct, verdict
    assert verdict.parts == {"partial": 1.0}


@pytest.mark.parametrize(
    ("text", "outcome", "share"),
    [
        ("1 2\n3 5", Outcome.WRONG, 0.75),  # three cells of four
        ("2 1\n4 3", Outcome.WRONG, 0.0),
        ("1 2 3 4", Outcome.WRONG, 0.0),  # another shape
        ("1 2\n3 4\n5 6", Outcome.WRONG, 0.0),
        ("1 2\n3", Outcome.UNPARSEABLE, 0.0),
        ("", Outcome.NO_ANSWER, 0.0),
        ("[[1, 2], [3", Outcome.UNPARSEABLE, 0.0),
        ("[" * 5000, Outcome.UNPARSEABLE, 0.0),
        ("1 2\n" * 20_000, Outcome.UNPARSEABLE, 0.0),
    ],
)
def test_what_is_another_grid_or_none(text, outcome, share):
    verdict = GRID.verify(tagged(text), BOARD)
    assert (verdict.outcome, verdict.score, verdict.parts["partial"]) == (outcome, 0.0, share)


def test_two_boards_are_no_answer_and_reasoning_does_not_count():
    hedged = GRID.verify(tagged("1 2\n3 5") + tagged("1 2\n3 4"), BOARD)
    assert (hedged.outcome, hedged.parts["partial"]) == (Outcome.WRONG, 0.0)
    assert not GRID.verify(tagged("1 2\n3 4") + tagged("1 2\n3 5"), BOARD).is_correct
    assert not GRID.verify("<think>" + tagged(BOARD), BOARD).is_correct


def test_symbols_are_text_and_numbers_are_numbers():
    reference = "# . .\n. # 07"
    assert GRID.verify(tagged("# . .\n. # 7"), reference).is_correct
    assert GRID.verify(tagged("# . .\n. . 7"), reference).parts["partial"] == pytest.approx(5 / 6)


def test_an_unusable_reference_is_the_callers_mistake():
    for reference in ("", "1 2\n3"):
        with pytest.raises(ValueError, match="grid"):
            GRID.verify(tagged(BOARD), reference)


@given(st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(st.integers(0, 99), min_size=n, max_size=n), min_size=1)))
def test_every_writing_of_a_grid_is_the_same_grid(rows):
    writings = [
        "\n".join(", ".join(map(str, row)) + ("," if len(row) == 1 else "") for row in rows),
        str(rows),
        "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows),
    ]
    wanted = tuple(tuple(map(str, row)) for row in rows)
    assert all(read_grid(text) == wanted for text in writings)


def test_a_data_file_of_boards(tmp_path):
    import json

    from envs import make as make_env

    rows = [{"prompt": f"Board {i}", "answer": f"{i} 2\n3 4"} for i in range(4)]
    (tmp_path / "boards.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    env = make_env(f"jsonl:{tmp_path}/boards.jsonl?verify=grid&template=instruct")
    for problem in env.problems(3):
        assert env.grade(problem, env.render_solution((), problem.answer)).is_correct
        assert "<answer> ... </answer>" in problem.text

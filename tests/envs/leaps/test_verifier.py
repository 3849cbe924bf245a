"""The reader of LEAPS solutions: worked by hand, and for every way to write down or spoil a solution."""

import random

import pytest

from envs import make
from envs.leaps import parse_solution
from envs.types import Problem
from verifiers.types import Outcome

# a = 5; b = a + 3 = 8; c = b * 2 = 16; d = c - 4 = 12; e = d + 5 = 17; f = e * 3 = 51 = 20 modulo 31
OPERATIONS = [["b", "+", 3], ["c", "*", 2], ["d", "-", 4], ["e", "+", 5], ["f", "*", 3]]
PROBLEM = Problem("", "20", level=5, info={"start": 5, "first": "a", "operations": OPERATIONS})
LINES = ["b + 3 = 8 ;", "c * 2 = 16 ;", "d - 4 = 12 ;", "e + 5 = 17 ;", "f * 3 = 20 ;"]


def judge(*lines, require="answer"):
    return make("leaps", require=require).grade(PROBLEM, " ".join(lines))


def marks(verdict):
    return [step.is_right for step in verdict.steps]


def test_a_right_solution_and_its_spans():
    text = " ".join([*LINES, "# 20"])
    verdict = judge(text)
    assert (verdict.outcome, verdict.parts) == (Outcome.CORRECT, {"answer": 1.0, "solution": 1.0})
    assert (verdict.first_wrong_step, marks(verdict)) == (None, [True] * 6)
    assert [text[slice(*step.span)] for step in verdict.steps] == [*LINES, "# 20"]
    assert [step.is_conclusion for step in verdict.steps] == [False] * 5 + [True]


def test_three_right_operations_and_the_third_result_are_a_wrong_conclusion():
    verdict = judge(*LINES[:3], "# 12")
    assert (verdict.outcome, verdict.parts) == (Outcome.WRONG, {"answer": 0.0, "solution": 0.0})
    assert (verdict.first_wrong_step, marks(verdict)) == (3, [True, True, True, False])
    assert verdict.steps[3].is_conclusion
    assert verdict.steps[3].size == 0  # it does not follow
    assert "before every operation" in verdict.steps[3].detail


def test_a_lucky_answer_that_is_announced_too_early_is_no_solution():
    verdict = judge(*LINES[:3], "# 20")
    assert (verdict.is_correct, verdict.answer_share, verdict.solution_share) == (True, 1.0, 0.0)
    assert verdict.first_wrong_step == 3
    assert judge(*LINES[:3], "# 20", require="strict").outcome is Outcome.WRONG


def test_a_conclusion_that_is_not_the_last_result_is_wrong():
    verdict = judge(*LINES, "# 17")
    assert (verdict.first_wrong_step, verdict.solution_share) == (5, 0.0)


def test_an_early_mistake_comes_before_the_conclusion():
    verdict = judge(LINES[0], "c * 2 = 15 ;", "d - 4 = 11 ;", "# 11")
    assert (verdict.first_wrong_step, marks(verdict)) == (1, [True, False, True, False])
    whole = judge(LINES[0], "c * 2 = 15 ;", "d - 4 = 11 ;", "e + 5 = 16 ;", "f * 3 = 17 ;", "# 17")
    assert (verdict.steps[-1].size, whole.steps[-1].size) == (0, 1)  # only the second follows from its lines


def test_leaps_are_the_sizes_of_the_steps_and_a_malformed_line_has_none():
    verdict = judge("b + 3 c * 2 = 16 ;", "d - = 4 ;", "e + 5 f * 3 = 20 ;", "# 20")
    assert [step.size for step in verdict.worked_steps] == [2, 0, 2]
    assert not verdict.is_well_formed
    assert verdict.first_wrong_step == 1


@pytest.mark.parametrize(
    ("text", "outcome", "num_steps"),
    [
        ("", Outcome.NO_ANSWER, 0),
        ("# 20", Outcome.CORRECT, 1),
        ("b + 3 = 8 ;", Outcome.NO_ANSWER, 1),
        ("# 20 # 20", Outcome.WRONG, 1),
        ("# b", Outcome.UNPARSEABLE, 1),
        ("#", Outcome.UNPARSEABLE, 1),
        ("; ; b + 3 = 8", Outcome.NO_ANSWER, 1),
    ],
)
def test_odd_ends(text, outcome, num_steps):
    verdict = judge(text)
    assert (verdict.outcome, len(verdict.steps)) == (outcome, num_steps)
    assert verdict.solution_share == 0.0


@pytest.mark.parametrize("rendering", ["symbols", "characters", "words"])
@pytest.mark.parametrize("level", [1, 3, 6])
def test_every_rendering_has_its_own_lines_as_spans(rendering, level):
    env = make("leaps", rendering=rendering)
    problem = env.problem(0, level=level)
    text = env.render_solution(problem.solution, problem.answer)
    verdict = env.grade(problem, text)
    assert verdict.solution_share == 1.0
    assert [text[slice(*step.span)] for step in verdict.worked_steps] == list(problem.solution)
    assert text[slice(*verdict.steps[-1].span)].replace(" ", "") == f"#{problem.answer}"


def test_spans_of_any_text_lie_in_it_in_order():
    rng = random.Random(0)
    for _ in range(500):
        text = "".join(rng.choice("ab 3+*=;#.\n") for _ in range(rng.randrange(40)))
        solution = parse_solution(text)
        spans = [place for line in solution.lines for place in line.span]
        spans += solution.conclusion if solution.given is not None else ()
        assert spans == sorted(spans)
        assert all(0 <= place <= len(text) for place in spans)

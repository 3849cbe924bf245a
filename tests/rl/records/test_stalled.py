"""What is wrong first with a completion, on LEAPS solutions worked by hand."""

import pytest

from envs import make
from envs.types import Problem
from policies.types import Completion, FinishReason
from rl.records.stalled import fault_of, level_metrics
from rl.types import Trajectory
from verifiers.types import Outcome, Verdict

# a = 5; b = a + 3 = 8; c = b * 2 = 16; d = c - 4 = 12
PROBLEM = Problem(
    "", "12", level=3, info={"start": 5, "first": "a", "operations": [["b", "+", 3], ["c", "*", 2], ["d", "-", 4]]}
)
RIGHT = "b + 3 = 8 ; c * 2 = 16 ; d - 4 = 12 ; # 12"
EARLY = "b + 3 = 8 ; c * 2 = 16 ; # 16"
WRONG = "b + 3 = 8 ; c * 2 d - 4 = 13 ; # 13"
CUT = "b + 3 = 8 ; c * 2 = 16 ;"


def row(text: str, finish: FinishReason = FinishReason.STOP) -> Trajectory:
    return Trajectory(0, PROBLEM, (), Completion((1,), (0.0,), text, finish), make("leaps").grade(PROBLEM, text))


@pytest.mark.parametrize(
    ("text", "finish", "fault"),
    [
        (RIGHT, FinishReason.STOP, None),
        (EARLY, FinishReason.STOP, "conclusion"),
        ("# 12", FinishReason.STOP, "conclusion"),  # guessed
        (WRONG, FinishReason.STOP, "step"),
        (WRONG.partition("#")[0], FinishReason.LENGTH, "step"),
        (CUT, FinishReason.LENGTH, "length"),
        (CUT, FinishReason.STOP, "no_answer"),
        (RIGHT.replace("# 12", "#"), FinishReason.STOP, "no_answer"),
    ],
)
def test_what_is_wrong_first(text, finish, fault):
    assert fault_of(row(text, finish)) == fault


def test_without_judged_steps_there_is_no_place():
    wrong = Trajectory(
        0, PROBLEM, (), Completion((1,), (0.0,), "", FinishReason.STOP), Verdict(Outcome.WRONG, 0.0, "1")
    )
    assert fault_of(wrong) == "unjudged"


def test_metrics_of_a_level_by_hand():
    found = level_metrics([row(RIGHT), row(EARLY), row(WRONG), row(EARLY)])
    assert found == {
        "gold/solution/level/3": 0.25,
        "gold/fault/length/level/3": 0.0,
        "gold/fault/no_answer/level/3": 0.0,
        "gold/fault/conclusion/level/3": 0.5,
        "gold/fault/step/level/3": 0.25,
        "gold/fault/unjudged/level/3": 0.0,
        "gold/fault/step_number/level/3": 2.0,  # the second line
        "gold/fault/step_size/level/3": 2.0,  # carries out two operations
    }
    assert level_metrics([row(RIGHT)]) == {"gold/solution/level/3": 1.0}

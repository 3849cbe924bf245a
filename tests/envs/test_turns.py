"""What an environment of one's own says about turns is held to its form."""

import random
from dataclasses import replace

import numpy as np
import pytest

from envs import Environment, Problem, Step, StopReason, make
from envs.check.checks import unexpected
from envs.demonstrators.base import StepDemonstrator
from envs.turns import spoken, step_after
from envs.types import Message


class Talks(Environment):
    """Three numbers are asked for one after the other; says and answers what it is told to."""

    name = "talks"
    levels = (1,)
    max_turns = 3

    def __init__(self, said=None, turns=(("1", "2"), ("3", "4"), ("5", ""))):
        self.said, self.script = said, turns

    def generate(self, rng, level):
        return Problem("Count.", "5", ("1", "3", "5"))

    def turns(self, problem, steps, answer):
        return self.script

    def step(self, problem, transcript):
        return self.said


@pytest.mark.parametrize("said", ["2", None, 2, ("2", 0.0)])
def test_a_step_that_is_none_is_named_with_its_environment(said):
    with pytest.raises(TypeError, match=r"step of environment 'talks' gave .*expected a Step"):
        step_after(Talks(said), Problem("Count.", "5"), [])


@pytest.mark.parametrize("turns", [None, 3, "1", [], ["1", "2"], [("1", "2", "3")], [("1", 2)], [("1", None)]])
def test_turns_that_are_no_pairs_are_named_with_their_environment(turns):
    with pytest.raises(TypeError, match=r"turns of environment 'talks' gave .*expected a list of pairs"):
        spoken(Talks(turns=turns), Problem("Count.", "5"), (), "5")


def test_turns_may_be_yielded():
    assert spoken(Talks(turns=iter([["1", "2"]])), Problem("Count.", "5"), (), "5") == [("1", "2")]


@pytest.mark.parametrize("reward", ["1", None, float("nan"), float("inf"), [1.0]])
def test_the_reward_of_a_step_is_a_finite_number(reward):
    with pytest.raises(TypeError, match=r"reward of a Step is .*expected a finite number"):
        Step(None, reward=reward)


def test_numbers_of_numpy_and_names_of_reasons_are_taken():
    step = Step("on", reward=np.float32(0.5), stop="max_turns")
    assert (step.reward, step.stop) == (0.5, StopReason.MAX_TURNS)
    with pytest.raises(ValueError, match="tired"):
        Step(None, stop="tired")
    with pytest.raises(TypeError, match=r"observation of a Step is 3 \(int\)"):
        Step(3)


def test_a_solution_with_more_turns_than_there_may_be_is_told():
    env, problem = Talks(Step("2"), turns=[("1", "2")] * 4), Problem("Count.", "5", ("1",))
    transcript = StepDemonstrator(env).transcript(replace(problem, level=1), random.Random(0))
    assert [m.role for m in transcript].count("assistant") == 4
    assert unexpected(env, problem, transcript) == "the worked solution takes 4 turns, and max_turns is 3"
    assert unexpected(env, problem, (Message("assistant", "1"), Message("tool", "7"), Message("assistant", "5"))) == (
        "the worked turns expect ['2', '2', '2', '2'], the environment says ['7']"
    )


@pytest.mark.parametrize("turns", ["'7'", "0", "-1", "None", "2.0"])
def test_a_number_of_turns_that_is_none_is_refused_when_the_environment_is_made(tmp_path, turns):
    file = tmp_path / "own.py"
    file.write_text(f"from tests.envs.test_turns import Talks\n\n\nclass Own(Talks):\n    max_turns = {turns}\n")
    with pytest.raises(TypeError, match="expected 1 turn or more"):
        make(f"{file}:Own")

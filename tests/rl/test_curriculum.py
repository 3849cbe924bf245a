"""The edge curriculum: weights by hand, purity, no repeats, resume."""

import json
import random

import pytest

from envs.types import Environment, Problem
from policies.types import Completion, FinishReason
from rl.curriculum import Curriculum, EdgeCurriculum, make_curriculum
from rl.types import Group, Trajectory
from verifiers.types import Outcome, Verdict


class Sums(Environment):
    """Ninety thousand problems per level, except for level 9, which has about nine in the training split."""

    name = "sums"
    levels = (1, 2, 3)
    ood_levels = (9,)

    def generate(self, rng: random.Random, level: int) -> Problem:
        size = 10 if level == 9 else 90_000
        return Problem(prompt=f"level {level}: {rng.randrange(size)}", answer="0", level=level)


def group(level, num_right, num_wrong):
    problem = Problem(prompt=f"{level} {num_right}", answer="", level=level)
    verdicts = [Verdict(Outcome.CORRECT, 1.0)] * num_right + [Verdict(Outcome.WRONG, 0.0)] * num_wrong
    done = Completion((1,), (0.0,), "", FinishReason.STOP)
    return Group(problem, tuple(Trajectory(i, problem, (1,), done, v) for i, v in enumerate(verdicts)))


def test_weights_are_p_times_one_minus_p_with_a_floor():
    curriculum = EdgeCurriculum(Sums())
    curriculum.observe([group(1, 98, 0), group(2, 49, 49), group(3, 8, 0)])
    # with one success and one failure to start from: p = 99/100, 50/100, 9/10
    # p (1 - p) = .0099 -> floor .05, .25, .09; sum .39
    assert curriculum.weights() == pytest.approx({1: 0.05 / 0.39, 2: 0.25 / 0.39, 3: 0.09 / 0.39})


def test_estimates_fade_by_the_decay_each_step():
    curriculum = EdgeCurriculum(Sums(), decay=0.5)
    curriculum.observe([group(1, 4, 4)])
    curriculum.observe([group(1, 6, 0)])
    # right 4 * .5 + 6 = 8, tried 8 * .5 + 6 = 10 -> (8 + 1) / (10 + 2)
    assert curriculum.success_rate(1) == pytest.approx(9 / 12)
    assert curriculum.success_rate(2) == 0.5


def test_levels_are_drawn_in_proportion_to_their_weights():
    curriculum = EdgeCurriculum(Sums())
    curriculum.observe([group(1, 98, 0), group(2, 49, 49), group(3, 8, 0)])
    drawn = [p.level for step in range(50) for p in curriculum.problems(step, 40)]
    # 2,000 draws at .641: standard error .011
    assert drawn.count(2) / len(drawn) == pytest.approx(0.25 / 0.39, abs=0.045)


def test_a_step_drawn_in_two_rounds_is_the_step_drawn_at_once():
    at_once = Curriculum(Sums()).problems(3, 20)
    curriculum = Curriculum(Sums())
    in_rounds = [*curriculum.problems(3, 12), *curriculum.problems(3, 8, first=12)]
    assert in_rounds == at_once


def test_a_restored_curriculum_goes_on_with_the_same_problems():
    curriculum = EdgeCurriculum(Sums(), seed=4)
    curriculum.problems(0, 30)
    curriculum.observe([group(2, 3, 5)])
    restored = EdgeCurriculum(Sums(), seed=4)
    restored.load_state_dict(json.loads(json.dumps(curriculum.state_dict())))
    assert restored.problems(1, 30) == curriculum.problems(1, 30)
    assert restored.metrics() == curriculum.metrics()
    assert restored.state_dict() == curriculum.state_dict()


def test_no_problem_comes_twice_before_its_level_is_exhausted():
    curriculum = Curriculum(Sums(), levels=(9,))
    drawn = [p.id for p in curriculum.problems(0, 60)]
    space = set(drawn)
    num = len(space)
    assert 5 <= num <= 10
    for epoch in range(60 // num):
        assert set(drawn[epoch * num : (epoch + 1) * num]) == space


def test_rows_of_a_data_file_are_all_asked_before_one_is_asked_again(tmp_path):
    from envs.registry import make

    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"question": f"q{i}", "answer": str(i)}) + "\n" for i in range(300)))
    env = make(f"jsonl:{file}?prompt=question&answer=answer")
    num = env.num_problems("train", 1)
    drawn = [p.id for p in Curriculum(env).problems(0, 2 * num)]
    assert len(set(drawn[:num])) == num
    assert set(drawn[num:]) == set(drawn[:num])


def test_unknown_names_and_levels_are_refused_with_what_there_is():
    with pytest.raises(ValueError, match="uniform, edge"):
        make_curriculum("edgy", Sums())
    with pytest.raises(ValueError, match=r"\[1, 2, 3, 9\]"):
        Curriculum(Sums(), levels=(4,))
    state = Curriculum(Sums(), levels=(1, 2)).state_dict()
    with pytest.raises(ValueError, match="levels the run began with"):
        Curriculum(Sums()).load_state_dict(state)

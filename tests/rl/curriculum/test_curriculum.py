"""Curricula: weights by hand, purity, no repeats, mixtures, pools, resume."""

import json
import math
import random

import pytest

from envs.environment import Environment
from envs.registry import make
from envs.types import Problem
from policies.types import Completion, FinishReason
from rl.curriculum import Curriculum, LearnabilityCurriculum, TargetSuccessCurriculum, make_curriculum
from rl.curriculum.pools import Pools
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


def by_level(curriculum):
    return {stream.level: weight for stream, weight in curriculum.weights().items()}


def group(level, num_right, num_wrong):
    problem = Problem(prompt=f"{level} {num_right}", answer="", level=level)
    verdicts = [Verdict(Outcome.CORRECT, 1.0)] * num_right + [Verdict(Outcome.WRONG, 0.0)] * num_wrong
    done = Completion((1,), (0.0,), "", FinishReason.STOP)
    return Group(problem, tuple(Trajectory(i, problem, (1,), done, v) for i, v in enumerate(verdicts)))


def test_weights_are_p_times_one_minus_p_with_a_floor():
    curriculum = LearnabilityCurriculum(Sums())
    curriculum.observe([group(1, 98, 0), group(2, 49, 49), group(3, 8, 0)])
    # with one success and one failure to start from: p = 99/100, 50/100, 9/10
    # p (1 - p) = .0099 -> floor .05, .25, .09; sum .39
    assert by_level(curriculum) == pytest.approx({1: 0.05 / 0.39, 2: 0.25 / 0.39, 3: 0.09 / 0.39})


def test_estimates_fade_by_the_decay_each_step():
    curriculum = LearnabilityCurriculum(Sums(), decay=0.5)
    curriculum.observe([group(1, 4, 4)])
    curriculum.observe([group(1, 6, 0)])
    # right 4 * .5 + 6 = 8, tried 8 * .5 + 6 = 10 -> (8 + 1) / (10 + 2)
    assert curriculum.success_rate(curriculum.streams[0]) == pytest.approx(9 / 12)
    assert curriculum.success_rate(curriculum.streams[1]) == 0.5


def test_levels_are_drawn_in_proportion_to_their_weights():
    curriculum = LearnabilityCurriculum(Sums())
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
    curriculum = LearnabilityCurriculum(Sums(), seed=4)
    curriculum.problems(0, 30)
    curriculum.observe([group(2, 3, 5)])
    restored = LearnabilityCurriculum(Sums(), seed=4)
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
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"question": f"q{i}", "answer": str(i)}) + "\n" for i in range(300)))
    env = make(f"jsonl:{file}?prompt=question&answer=answer")
    num = env.num_problems("train", 1)
    drawn = [p.id for p in Curriculum(env).problems(0, 2 * num)]
    assert len(set(drawn[:num])) == num
    assert set(drawn[num:]) == set(drawn[:num])


def test_unknown_names_and_levels_are_refused_with_what_there_is():
    with pytest.raises(ValueError, match="uniform, learnability, target_success"):
        make_curriculum("edgy", Sums())
    with pytest.raises(ValueError, match=r"\[1, 2, 3, 9\]"):
        Curriculum(Sums(), levels=(4,))
    state = Curriculum(Sums(), levels=(1, 2)).state_dict()
    with pytest.raises(ValueError, match="levels and parts the run began with"):
        Curriculum(Sums()).load_state_dict(state)


def test_target_weights_fall_off_with_the_distance_from_the_target():
    curriculum = TargetSuccessCurriculum(Sums(), accuracy=0.7, width=0.1, floor=0.01)
    curriculum.observe([group(1, 69, 29), group(2, 79, 19), group(3, 49, 49)])
    # p = .70, .80, .50: zero, one and two widths from the target, so exp(0), exp(-1/2), exp(-2)
    worth = {1: 1.0, 2: math.exp(-0.5), 3: math.exp(-2)}
    assert by_level(curriculum) == pytest.approx({level: w / sum(worth.values()) for level, w in worth.items()})


def test_training_at_a_target_stays_near_the_target_while_the_policy_improves():
    """A policy that solves level n with probability 1 / (1 + exp(n - skill)) is asked levels near its skill."""
    env = Sums()
    env.levels = tuple(range(1, 13))
    curriculum = TargetSuccessCurriculum(env, accuracy=0.6, width=0.1, floor=0.001)
    rng = random.Random(0)
    for skill in (3, 9):
        asked = []
        for step in range(40):
            problems = curriculum.problems(step, 48)
            solved = {
                p.level: sum(rng.random() < 1 / (1 + math.exp(p.level - skill)) for _ in range(8)) for p in problems
            }
            curriculum.observe([group(level, right, 8 - right) for level, right in solved.items()])
            asked += [p.level for p in problems if step >= 30]
        # 1 / (1 + exp(n - skill)) = .6 at n = skill - .4
        assert abs(sum(asked) / len(asked) - (skill - 0.4)) < 1


def mixture(**parts):
    return make("mixture", parts=parts)


def test_task_streams_of_a_mixture_have_their_parts_shares():
    env = mixture(arithmetic_chain={"weight": 3, "levels": [1, 2]}, countdown={"weight": 1, "levels": [2]})
    shares = {s.label: weight for s, weight in Curriculum(env).weights().items()}
    assert shares == pytest.approx(
        {"arithmetic_chain/level/1": 0.375, "arithmetic_chain/level/2": 0.375, "countdown/level/2": 0.25}
    )
    only_two = {s.label: weight for s, weight in Curriculum(env, levels=(2,)).weights().items()}
    assert only_two == pytest.approx({"arithmetic_chain/level/2": 0.75, "countdown/level/2": 0.25})


def test_problems_of_a_mixture_are_drawn_by_share_and_observed_by_part():
    env = mixture(arithmetic_chain={"weight": 3, "levels": [1]}, countdown={"weight": 1, "levels": [2]})
    curriculum = LearnabilityCurriculum(env, seed=3)
    problems = [p for step in range(20) for p in curriculum.problems(step, 40)]
    chains = [p for p in problems if p.info["part"] == "arithmetic_chain"]
    assert len(chains) / len(problems) == pytest.approx(0.75, abs=0.046)  # 3 standard errors of 800 draws
    assert len({p.id for p in problems}) == len(problems)
    done = Completion((1,), (0.0,), "", FinishReason.STOP)
    rows = tuple(Trajectory(i, chains[0], (1,), done, Verdict(Outcome.CORRECT, 1.0)) for i in range(98))
    curriculum.observe([Group(chains[0], rows)])
    rates = {s.part: curriculum.success_rate(s) for s in curriculum.streams}
    assert rates == {"arithmetic_chain": 0.99, "countdown": 0.5}


def test_a_level_that_a_part_keeps_for_evaluation_is_not_trained_because_another_part_has_it():
    env = mixture(
        arithmetic_chain={"levels": [1, 2], "ood_levels": [3]}, countdown={"levels": [2, 3], "ood_levels": []}
    )
    assert 3 in env.levels
    curriculum = Curriculum(env)
    problems = [p for step in range(10) for p in curriculum.problems(step, 40)]
    asked = {(p.info["part"], p.level) for p in problems} | {(p.info["part"], p.level) for p in env.problems(400)}
    asked |= {(p.info["part"], p.level) for p in env.problems(200, level=3)}
    assert ("arithmetic_chain", 3) not in asked
    assert ("countdown", 3) in asked


def graded(problem, num_right, num_wrong):
    done = Completion((1,), (0.0,), "", FinishReason.STOP)
    verdicts = [Verdict(Outcome.CORRECT, 1.0)] * num_right + [Verdict(Outcome.WRONG, 0.0)] * num_wrong
    return Group(problem, tuple(Trajectory(i, problem, (1,), done, v) for i, v in enumerate(verdicts)))


def test_hard_problems_of_an_endless_stream_come_back_in_their_share():
    curriculum = Curriculum(Sums(), pools={"hard_share": 0.25})
    first = curriculum.problems(0, 400)
    curriculum.observe([graded(p, 0, 8) for p in first])
    second = curriculum.problems(1, 400)
    repeated = [p for p in second if p.id in {q.id for q in first}]
    assert len(repeated) / 400 == pytest.approx(0.25, abs=0.065)  # 3 standard errors
    assert len({p.id for p in second}) == 400  # none is asked twice at once
    curriculum.observe([graded(p, 4, 4) for p in repeated])
    assert curriculum.metrics()["pool/hard"] == 400 - len(repeated)


def test_rows_that_teach_nothing_are_left_out_of_later_epochs(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"prompt": f"q{i}", "answer": str(i)}) + "\n" for i in range(300)))
    env = make(f"jsonl:{file}")
    num = env.num_problems("train", 1)
    curriculum = Curriculum(env, pools={"hard_share": 0.0})
    epoch = curriculum.problems(0, num)
    outcome = {p.id: (8, 0) if i % 3 == 0 else (0, 8) if i % 3 == 1 else (4, 4) for i, p in enumerate(epoch)}
    curriculum.observe([graded(p, *outcome[p.id]) for p in epoch])
    middle = {p.id for p in epoch if outcome[p.id] == (4, 4)}
    for step in (1, 2):  # epochs of those that teach something
        again = curriculum.problems(step, len(middle))
        assert {p.id for p in again} == middle
        curriculum.observe([graded(p, 9 - 4 * step, 1) for p in again])
    curriculum.observe([graded(p, 8, 0) for p in again])
    last = curriculum.problems(3, num)  # everything is set aside: all comes back, hard ones first
    hard = [p.id for p in epoch if outcome[p.id] == (0, 8)]
    assert [p.id for p in last[: len(hard)]] == hard
    assert {p.id for p in last} == {p.id for p in epoch}


@pytest.mark.parametrize("kind", ["uniform", "learnability", "target_success"])
def test_a_mixture_with_pools_is_restored_to_the_same_problems(kind):
    def build():
        env = mixture(arithmetic_chain={"weight": 2, "levels": [1, 2]}, countdown={"levels": [2]})
        return make_curriculum(kind, env, seed=4, pools={"hard_share": 0.3, "easy_share": 0.1, "capacity": 25})

    curriculum = build()
    for step in range(4):
        problems = curriculum.problems(step, 24)
        curriculum.observe([graded(p, i % 9, 8 - i % 9) for i, p in enumerate(problems)])
    restored = build()
    restored.load_state_dict(json.loads(json.dumps(curriculum.state_dict())))
    for step in (4, 5):
        problems = curriculum.problems(step, 24)
        assert restored.problems(step, 24) == problems
        groups = [graded(p, i % 9, 8 - i % 9) for i, p in enumerate(problems)]
        curriculum.observe(groups)
        restored.observe(groups)
    assert restored.metrics() == curriculum.metrics()
    assert restored.state_dict() == curriculum.state_dict()


def test_pools_forget_their_oldest_and_refuse_what_cannot_be():
    pools = Pools(["1"], capacity=2)
    for index in range(3):
        pools.file("1", bytes([index]), index, 0.0)
    assert [pools.holds("1", bytes([i])) for i in range(3)] == [False, True, True]
    assert [pools.take_oldest("1") for _ in range(2)] == [1, 2]
    for wrong in ({"easy_at": 0.2, "hard_at": 0.2}, {"hard_share": 0.8, "easy_share": 0.3}, {"capacity": 0}):
        with pytest.raises(ValueError, match="pools: "):
            Pools(["1"], **wrong)
    with pytest.raises(ValueError, match="both have pools"):
        Curriculum(Sums(), pools={}).load_state_dict(Curriculum(Sums()).state_dict())


def test_success_is_gold_unless_a_run_may_not_look_at_it():
    problem = Sums().problem(0)
    row = graded(problem, 1, 0).trajectories[0].rewarded({"proxy": 0.25})
    assert (Curriculum(Sums()).success(row), Curriculum(Sums(), by="reward").success(row)) == (1.0, 0.25)
    with pytest.raises(ValueError, match="'gold' or 'reward'"):
        Curriculum(Sums(), by="silver")

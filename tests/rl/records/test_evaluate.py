"""Evaluation: counts by hand, estimators by enumeration, frozen problem sets, stable random numbers."""

import itertools
import json

import pytest

from envs.types import Problem
from policies.types import Completion, FinishReason, Sampling
from rl.records.evaluate import Evaluation, ProblemRow, evaluate, problem_row, problem_set_hash, samples_of_each
from rl.rollouts.shards import make_shards
from rl.rollouts.wait import run_shards
from rl.types import Group, Trajectory
from verifiers.types import Outcome, StepVerdict, Verdict

SAMPLING = Sampling(max_new_tokens=8)


def row(c, n=4, level=1, greedy=None, **fields):
    return ProblemRow(
        "id", level, n, c_answer=c, c_solution=fields.pop("c_solution", c), greedy_answer=greedy, **fields
    )


def evaluation(rows, num_samples=4):
    return Evaluation(tuple(rows), "hash", num_samples, SAMPLING)


def group(*verdicts, finish=FinishReason.STOP):
    problem = Problem("p", "1", level=3)
    rows = [
        Trajectory(i, problem, (1,), Completion((1,) * (i + 1), (0.0,) * (i + 1), "", finish), verdict)
        for i, verdict in enumerate(verdicts)
    ]
    return Group(problem, tuple(rows))


END = StepVerdict((9, 10), True, is_conclusion=True)
GUESSED = Verdict(Outcome.CORRECT, 1.0).judged([StepVerdict((0, 3), True), StepVerdict((4, 8), False, size=2), END])
PROVED = Verdict(Outcome.CORRECT, 1.0).judged([*[StepVerdict((i, i + 1), True) for i in range(3)], END])
PLAIN = Verdict(Outcome.CORRECT, 1.0)
WRONG = Verdict(Outcome.WRONG, 0.0)


def test_a_row_counts_answers_and_solutions_apart():
    found = problem_row(Problem("p", "1", level=3), group(GUESSED, PROVED, WRONG), group(GUESSED))
    assert (found.level, found.n, found.c_answer, found.c_solution) == (3, 3, 2, 1)
    assert (found.greedy_answer, found.greedy_solution) == (True, False)
    assert found.mean_tokens == 2  # (1 + 2 + 3) / 3
    assert found.outcomes == {"correct": 2, "wrong": 1}
    assert found.parts == {"answer": 2, "solution": 1}
    assert found.step_sizes == {"1": 4, "2": 1}


def test_a_solution_with_a_false_sum_is_an_answer_and_no_solution():
    sound, unsound = (Verdict(Outcome.CORRECT, 1.0, steps=(StepVerdict((0, 3), s),)) for s in (True, False))
    found = problem_row(Problem("p", "1"), group(sound, unsound, WRONG), None)
    assert (found.c_answer, found.c_solution) == (2, 1)


def test_without_parts_the_outcome_counts_for_both():
    found = problem_row(Problem("p", "1"), group(PLAIN, WRONG), None)
    assert (found.c_answer, found.c_solution, found.greedy_answer) == (1, 1, None)


def test_figures_by_hand():
    found = evaluation([row(4, greedy=True), row(1, greedy=False), row(0, level=2, greedy=False)])
    assert found.mean_at_k() == pytest.approx((1 + 0.25 + 0) / 3)
    assert found.greedy("answer") == pytest.approx(1 / 3)
    assert found.at(1).mean_at_k() == pytest.approx(0.625)
    assert set(found.by_level()) == {1, 2}
    assert evaluation([row(1)]).greedy() is None


def test_pass_at_k_is_the_chance_over_all_subsets():
    # of the C(4, 2) = 6 pairs from {right, wrong, wrong, wrong}, 3 hold the right one
    subsets = list(itertools.combinations([1, 0, 0, 0], 2))
    expected = sum(map(any, subsets)) / len(subsets)
    assert evaluation([row(1)]).pass_at_k(2) == pytest.approx(expected) == pytest.approx(0.5)
    figures = evaluation([row(1, c_solution=0)]).summary(ks=(1, 2, 8))
    assert figures["pass@2_answer"] == pytest.approx(0.5)
    assert figures["pass@2_solution"] == 0
    assert "pass@8_answer" not in figures  # four samples say nothing about eight


def test_a_row_keeps_the_votes_and_maj_at_k_is_the_chance_over_all_subsets():
    answers = {"7": (CORRECT := Outcome.CORRECT), "3": Outcome.WRONG}
    verdicts = [Verdict(answers[a], float(answers[a] is CORRECT), answer=a) for a in ("7", "7", "3")] + [
        Verdict(Outcome.NO_ANSWER, 0.0)
    ]
    found = problem_row(Problem("p", "7"), group(*verdicts), None)
    assert sorted(found.votes) == [[1, 0], [2, 1]]
    # of the 6 pairs: 7 7 wins; 7 3 (twice) is a draw, 1/2; 7 and silence (twice) wins; 3 and silence loses
    assert evaluation([found]).maj_at_k(2) == pytest.approx((1 + 2 * 0.5 + 2 * 1 + 0) / 6)
    assert evaluation([found]).maj_at_k(4) == 1.0
    assert evaluation([found]).summary(ks=(1, 4))["maj@4_answer"] == 1.0
    many = problem_row(Problem("p", "7"), group(*verdicts * 128), None)  # 512 samples: seconds for each problem
    figures = evaluation([many], num_samples=512).summary(ks=(1, 512))
    assert set(figures) >= {"pass@512_solution"}
    assert "maj@512_answer" not in figures
    nothing = problem_row(Problem("q", "7"), group(*[Verdict(Outcome.NO_ANSWER, 0.0)] * 4), None)
    assert evaluation([nothing]).maj_at_k(4) == 0.0


def test_truncation_and_verifier_failures_are_shares_of_all_samples():
    rows = [row(0, truncated=3, outcomes={"error": 1, "timeout": 2}), row(0, outcomes={"wrong": 4})]
    figures = evaluation(rows).summary()
    assert (figures["truncated"], figures["error"], figures["timeout"]) == (3 / 8, 1 / 8, 2 / 8)


def test_only_evaluations_of_the_same_problems_are_comparable():
    problems = [Problem("1 + 1 ?", "2"), Problem("2 + 2 ?", "4")]
    assert problem_set_hash(problems) == problem_set_hash(list(problems))
    other = problem_set_hash([problems[0], Problem("2 + 2 ?", "5")])
    assert len({problem_set_hash(problems), problem_set_hash(problems[::-1]), other}) == 3
    one, two = (Evaluation((), problem_set_hash(p), 1, SAMPLING) for p in (problems, problems[:1]))
    one.check_comparable(one)
    with pytest.raises(ValueError, match="different problem sets"):
        one.check_comparable(two)


def test_an_evaluation_is_repeatable_and_survives_json(inline_workers, leaps_problems):
    first = evaluate(inline_workers, leaps_problems, num_samples=3, sampling=SAMPLING, shard_size=4)
    again = evaluate(inline_workers, leaps_problems, num_samples=3, sampling=SAMPLING, shard_size=4)
    assert first.rows == again.rows
    assert [r.id for r in first.rows] == [p.id for p in leaps_problems]
    assert all(r.n == 3 and r.greedy_answer is not None for r in first.rows)
    assert Evaluation.from_json(json.loads(json.dumps(first.to_json()))) == first


def test_evaluation_leaves_the_shards_of_training_alone(inline_workers, leaps_problems):
    shards = make_shards(leaps_problems[:4], group_size=2, step=0, shard_size=2, sampling=SAMPLING)
    expected = run_shards(inline_workers, shards)
    for shard in shards:
        inline_workers.submit(shard)
    evaluate(inline_workers, leaps_problems[:2], num_samples=1, sampling=SAMPLING)
    done = {}
    while len(done) < 2:
        done.update({r.shard_id: r for r in inline_workers.poll(5.0)})
    groups = [g for shard in shards for g in done[shard.id].groups]
    completions = [[t.completion for t in g.trajectories] for g in groups]
    assert completions == [[t.completion for t in g.trajectories] for g in expected]


def test_nothing_to_evaluate_is_refused(inline_workers, leaps_problems):
    with pytest.raises(ValueError, match="no problems"):
        evaluate(inline_workers, [], num_samples=1, sampling=SAMPLING)
    with pytest.raises(ValueError, match="num_samples is 0"):
        evaluate(inline_workers, leaps_problems, num_samples=0, sampling=SAMPLING, include_greedy=False)


def test_levels_of_few_problems_have_each_answered_more_often(inline_workers, leaps_env):
    problems = [leaps_env.problem(i, level=level) for level, count in ((1, 2), (2, 5)) for i in range(count)]
    # level 1: two problems, so ceil(9 / 2) = 5 of each; level 2: five problems of two come to 10, which is enough
    assert samples_of_each(problems, 2, 9) == [5, 5, 2, 2, 2, 2, 2]
    more = evaluate(inline_workers, problems, num_samples=2, min_per_level=9, sampling=SAMPLING, shard_size=3)
    usual = evaluate(inline_workers, problems, num_samples=2, sampling=SAMPLING, shard_size=3)
    assert [row.n for row in more.rows] == [5, 5, 2, 2, 2, 2, 2]
    assert more.rows[2:] == usual.rows[2:]  # the others draw what they drew before
    assert [row.greedy_answer for row in more.rows] == [row.greedy_answer for row in usual.rows]
    with pytest.raises(ValueError, match="2 numbers for 7 problems"):
        make_shards(problems, group_size=[1, 1], step=0, sampling=SAMPLING)

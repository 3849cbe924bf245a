"""The win rate of a policy over the start, as an annotator sees it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from policies.types import Completion, FinishReason
from rl.preference.labels.annotators import make_annotator
from rl.preference.labels.win_rate import win_rate
from rl.types import Group, Trajectory


def answered(env: Any, right: list[bool], size: int = 1) -> list[Group]:
    """One group of a LEAPS problem for each entry, all of its completions right, or all wrong in the answer."""
    found = []
    for index, is_right in enumerate(right):
        problem = env.problem(index, level=2)
        answer = problem.answer if is_right else str((int(problem.answer) + 1) % env.modulus)
        text = env.render_solution(problem.solution, answer)
        completion = Completion((1,), (0.0,), text, FinishReason.STOP)
        verdict = env.grade(problem, text)
        rows = tuple(Trajectory(index * size + i, problem, (1,), completion, verdict) for i in range(size))
        found.append(Group(problem, rows))
    return found


def test_a_perfect_annotator_counts_who_is_right(leaps_env: Any) -> None:
    policy = answered(leaps_env, [True, True, True, False])
    start = answered(leaps_env, [False, False, True, True])
    found = win_rate(policy, start, make_annotator("perfect"), random.Random(0))
    # two wins, one pair of equal texts that nobody is asked about, one loss: (1 + 1 + 1/2 + 0) / 4
    assert (found.rate, found.num_pairs, found.num_judgements) == (0.625, 4, 3)
    # sample variance of 1, 1, 1/2, 0: mean .625, squares .140625 * 2 + .015625 + .390625 = .6875, over 3, over 4
    assert found.standard_error == pytest.approx((0.6875 / 3 / 4) ** 0.5)


def test_the_order_in_which_they_are_shown_does_not_favour_a_side(leaps_env: Any) -> None:
    biased = make_annotator("perfect", position_bias=2.0, temperature=1.0, tie_margin=-1.0)
    policy, start = answered(leaps_env, [True] * 400), answered(leaps_env, [False] * 400)
    found = win_rate(policy, start, biased, random.Random(0))
    # shown first with probability 1/2: (sigmoid(1 + 2) + sigmoid(1 - 2)) / 2 = (.9526 + .2689) / 2
    assert found.rate == pytest.approx(0.6108, abs=0.075)  # three standard errors


def test_a_panel_that_votes_costs_a_judgement_for_each_annotator(leaps_env: Any) -> None:
    panel = make_annotator("panel", annotators=["perfect", "perfect", "careful"], vote="majority")
    policy, start = answered(leaps_env, [True] * 5, size=3), answered(leaps_env, [False] * 5, size=3)
    found = win_rate(policy, start, panel, random.Random(0), per_problem=2)
    assert (found.num_pairs, found.num_judgements) == (10, 30)


def test_other_problems_are_refused(leaps_env: Any) -> None:
    with pytest.raises(ValueError, match="expected the same problems"):
        win_rate(
            answered(leaps_env, [True] * 2), answered(leaps_env, [True]), make_annotator("perfect"), random.Random()
        )

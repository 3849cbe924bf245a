"""Metrics: one list of names, counts added before they are divided."""

from __future__ import annotations

import pytest
import torch

from envs.types import Problem
from policies.types import Completion, FinishReason
from rl.algorithms.base import LossParts
from rl.records.metrics import StepSums, Sums, is_known, rollout_metrics
from rl.types import Group, Trajectory
from verifiers.types import Outcome, Verdict


def trajectory(outcome, reward, *, tokens=(1,), level=1, finish=FinishReason.STOP, parts=None):
    completion = Completion(tuple(tokens), (-1.0,) * len(tokens), "", finish)
    verdict = Verdict(outcome, float(outcome is Outcome.CORRECT), parts=parts or {})
    problem = Problem(prompt=f"p{level}", answer="1", level=level)
    return Trajectory(0, problem, (1,), completion, verdict).rewarded({"proxy": reward, "length": 0.5})


def group(*rows):
    return Group(rows[0].problem, rows)


def test_a_mean_is_weighted_by_its_denominators_not_by_micro_batches():
    sums = Sums()
    sums.add("x", 10.0, 10.0)  # ten tokens of 1
    sums.add("x", 0.0, 30.0)  # thirty tokens of 0
    assert sums.means() == {"x": 0.25}  # the mean of means would be 0.5


def test_a_mean_over_nothing_is_left_out_rather_than_zero():
    sums = Sums()
    sums.add("x", 0.0, 0.0)
    assert sums.means() == {}


def test_step_sums_add_losses_and_keep_the_largest_maximum():
    sums = StepSums()
    sums.observe(LossParts(torch.tensor(0.25), {"policy/entropy": (torch.tensor(2.0), 4)}, {"policy/ratio_max": 1.5}))
    sums.observe(LossParts(torch.tensor(0.5), {"policy/entropy": (1.0, 2.0)}, {"policy/ratio_max": torch.tensor(1.1)}))
    assert sums.loss == 0.75
    assert sums.metrics() == {"policy/entropy": 0.5, "policy/ratio_max": 1.5}


def test_ranks_shares_add_up_to_the_whole():
    left, right, whole = StepSums(), StepSums(), StepSums()
    for part in (left, whole):
        part.observe(LossParts(torch.tensor(1.0), {"a": (1.0, 2.0)}, {"m": 3.0}))
    for part in (right, whole):
        part.observe(LossParts(torch.tensor(2.0), {"a": (5.0, 2.0)}, {"m": 4.0}))
    left.gather([left.share(), right.share()])
    assert left.share() == whole.share()


def test_gold_is_counted_beside_the_reward_whatever_the_reward_is():
    right = trajectory(Outcome.CORRECT, -1.0, level=2, parts={"solution": 1.0})
    wrong = trajectory(Outcome.WRONG, 3.0, level=2, parts={"solution": 0.0})
    broken = trajectory(Outcome.TIMEOUT, 1.0, level=3, finish=FinishReason.LENGTH, tokens=(1, 1, 1))
    metrics = rollout_metrics([group(right, wrong), group(broken)])
    # rewards: proxy + 0.5 = -0.5, 3.5, 1.5 -> mean 1.5
    assert metrics["reward/mean"] == pytest.approx(1.5)
    assert metrics["reward/part/proxy"] == pytest.approx(1.0)
    assert metrics["reward/part/length"] == pytest.approx(0.5)
    assert metrics["gold/correct"] == pytest.approx(1 / 3)
    assert metrics["gold/correct/level/2"] == 0.5
    assert metrics["gold/correct/level/3"] == 0.0
    assert metrics["gold/part/solution"] == 0.5  # over the two verdicts that have it
    assert metrics["outcome/timeout"] == pytest.approx(1 / 3)
    assert metrics["finish/length"] == pytest.approx(1 / 3)
    assert metrics["completion/tokens_mean"] == pytest.approx(5 / 3)


def test_silent_groups_are_told_apart_by_gold():
    solved = group(trajectory(Outcome.CORRECT, 1.0), trajectory(Outcome.CORRECT, 1.0))
    hopeless = group(trajectory(Outcome.WRONG, 0.0), trajectory(Outcome.NO_ANSWER, 0.0))
    edge = group(trajectory(Outcome.CORRECT, 1.0), trajectory(Outcome.WRONG, 0.0))
    metrics = rollout_metrics([solved, hopeless, edge, edge])
    assert metrics["groups/no_signal"] == 0.5
    assert metrics["groups/all_right"] == 0.25
    assert metrics["groups/all_wrong"] == 0.25


def test_every_rollout_metric_is_in_the_one_list():
    metrics = rollout_metrics([group(trajectory(Outcome.CORRECT, 1.0, parts={"solution": 1.0}))])
    assert [name for name in metrics if not is_known(name)] == []
    assert not is_known("reward/maen")

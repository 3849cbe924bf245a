"""Metrics: one list of names, and how rollouts become numbers."""

from __future__ import annotations

import pytest

from envs.types import Problem
from policies.types import Completion, FinishReason
from rl.records.metrics import rollout_metrics
from rl.records.names import is_known
from rl.types import Group, Trajectory
from verifiers.types import Outcome, Verdict


def trajectory(outcome, reward, *, tokens=(1,), level=1, finish=FinishReason.STOP, parts=None):
    completion = Completion(tuple(tokens), (-1.0,) * len(tokens), "", finish)
    verdict = Verdict(outcome, float(outcome is Outcome.CORRECT), parts=parts or {})
    problem = Problem(prompt=f"p{level}", answer="1", level=level)
    return Trajectory(0, problem, (1,), completion, verdict).rewarded({"proxy": reward, "length": 0.5})


def group(*rows):
    return Group(rows[0].problem, rows)


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

"""Training on samples made ahead of time: replayed from its log to the same weights; with no staleness, synchronous."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from policies.types import Sampling
from rl.algorithms import make
from rl.learning.learner import Learner, LearnerSettings, Models, OptimizerSettings
from rl.records.recorder import SilentRecorder
from rl.rewards.verifier import VerifierReward
from rl.rollouts.log import RolloutLog
from rl.rollouts.stream import RolloutSettings
from rl.train import Training, TrainSettings

SETTINGS = TrainSettings(
    steps=8,
    rollouts=RolloutSettings(
        problems_per_step=6, group_size=4, sampling=Sampling(max_new_tokens=2), shard_size=2, max_staleness=2
    ),
)


def run(world, workers, settings=SETTINGS, **others):
    learner = Learner(Models(world.policy()), make("grpo"), LearnerSettings(OptimizerSettings(lr=1e-2)))
    recorder = SilentRecorder()
    Training(
        learner=learner,
        workers=workers,
        problems=world.Problems(),
        reward=VerifierReward(),
        settings=settings,
        recorder=recorder,
        **others,
    ).run()
    return learner, recorder


def eager_workers(world):
    """Workers that, while the learner updates, run `version % 4` of the shards that were admitted."""

    class EagerWorkers(world.Workers):
        def publish(self, weights, version):
            self.work(version % 4)
            super().publish(weights, version)

    return EagerWorkers(world.policy())


def same_weights(one, two):
    return all(torch.equal(a, b) for a, b in zip(one.policy.model.parameters(), two.policy.model.parameters()))


def numbers(recorder):
    return [
        {name: value for name, value in values.items() if not name.startswith(("time/", "speed/", "workers/"))}
        for _, _, values in recorder.rows
    ]


def ages(recorder):
    return [(values["policy/staleness_mean"], values["policy/staleness_max"]) for values in numbers(recorder)]


def test_with_a_fixed_staleness_the_workers_speed_changes_no_bit(world):
    eager, one = run(world, eager_workers(world))
    lazy, two = run(world, world.Workers(world.policy()))
    assert same_weights(eager, lazy)
    assert numbers(one) == numbers(two)
    assert ages(one) == [(float(age), float(age)) for age in (0, 1, 2, 2, 2, 2, 2, 2)]


def test_a_step_that_updates_nothing_does_not_break_the_lag(world):
    settings = replace(
        SETTINGS, steps=12, rollouts=replace(SETTINGS.rollouts, problems_per_step=1, group_size=2, shard_size=1)
    )
    runs = [run(world, workers, settings) for workers in (eager_workers(world), world.Workers(world.policy()))]
    assert same_weights(runs[0][0], runs[1][0])
    assert numbers(runs[0][1]) == numbers(runs[1][1])


def test_with_the_newest_weights_a_run_is_replayed_from_its_log_to_the_same_weights_and_metrics(world, tmp_path):
    log = RolloutLog(tmp_path)
    settings = replace(SETTINGS, rollouts=replace(SETTINGS.rollouts, fixed_staleness=False))
    ahead, recorder = run(world, eager_workers(world), settings, log=log)
    assert {age for _, age in ages(recorder)} & {1.0, 2.0}  # else nothing was sampled ahead
    assert any(mean not in (0.0, oldest) for mean, oldest in ages(recorder))  # and the workers' speed shows
    replayed, again = run(world, world.Workers(world.policy()), settings, replay=log)
    assert same_weights(ahead, replayed)
    assert numbers(recorder) == numbers(again)


def test_with_no_staleness_allowed_eager_workers_give_the_synchronous_run(world):
    settings = replace(SETTINGS, rollouts=replace(SETTINGS.rollouts, max_staleness=0))
    eager, one = run(world, eager_workers(world), settings)
    patient, two = run(world, world.Workers(world.policy()), settings)
    assert same_weights(eager, patient)
    assert numbers(one) == numbers(two)
    assert all(values["policy/staleness_max"] == 0 for values in numbers(one))


def test_the_log_holds_what_was_consumed_when(world, tmp_path):
    log = RolloutLog(tmp_path)
    _, recorder = run(world, eager_workers(world), log=log)
    assert log.steps() == list(range(8))
    for step in log.steps():
        record = log.read(step)
        rows = [row for group in record.groups for row in group.trajectories]
        assert record.version == step
        assert [row.uid >> 34 for row in rows] == [step] * 24
        assert max(record.version - row.completion.version for row in rows) <= 2
        mean = sum(row.reward for row in rows) / 24
        assert mean == pytest.approx(numbers(recorder)[step]["reward/mean"])

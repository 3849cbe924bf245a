"""Training on samples made ahead of time: replayed from its log to the same weights; with no staleness, synchronous."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from policies.types import Sampling
from rl.algorithms import make
from rl.learner import Learner, OptimizerSettings
from rl.recorder import SilentRecorder
from rl.rewards import VerifierReward
from rl.rollout_log import RolloutLog
from rl.train import TrainSettings, train

SETTINGS = TrainSettings(
    steps=8, problems_per_step=6, group_size=4, sampling=Sampling(max_new_tokens=2), shard_size=2, max_staleness=2
)


def run(world, workers, settings=SETTINGS, **others):
    learner = Learner(world.policy(), make("grpo"), OptimizerSettings(lr=1e-2))
    recorder = SilentRecorder()
    train(
        learner=learner,
        workers=workers,
        problems=world.Problems(),
        reward=VerifierReward(),
        settings=settings,
        recorder=recorder,
        **others,
    )
    return learner, recorder


def eager_workers(world):
    """Workers that, while the learner updates, run `step % 4` of the shards that were admitted."""

    class EagerWorkers(world.Workers):
        ready = ()

        def poll(self, timeout_seconds, wanted=None):
            found = [r for r in self.ready if r.shard_id in wanted]
            self.ready = [r for r in self.ready if r.shard_id not in wanted]
            return found or super().poll(timeout_seconds, wanted)

        def publish(self, weights, version):
            for _ in range(version % 4):
                self.ready = [*self.ready, *super().poll(0.0)]
            super().publish(weights, version)

    return EagerWorkers(world.policy())


def same_weights(one, two):
    return all(torch.equal(a, b) for a, b in zip(one.policy.model.parameters(), two.policy.model.parameters()))


def numbers(recorder):
    return [
        {name: value for name, value in values.items() if not name.startswith(("time/", "speed/"))}
        for _, _, values in recorder.rows
    ]


def test_an_asynchronous_run_is_replayed_to_the_same_weights_and_metrics(world, tmp_path):
    log = RolloutLog(tmp_path)
    ahead, recorder = run(world, eager_workers(world), log=log)
    ages = {values["policy/staleness_max"] for values in numbers(recorder)}
    assert max(ages) in (1, 2)  # else nothing was sampled ahead
    replayed, again = run(world, world.Workers(world.policy()), replay=log)
    assert same_weights(ahead, replayed)
    assert numbers(recorder) == numbers(again)


def test_with_no_staleness_allowed_eager_workers_give_the_synchronous_run(world):
    settings = replace(SETTINGS, max_staleness=0)
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

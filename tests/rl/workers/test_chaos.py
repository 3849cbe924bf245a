"""Workers, spares and verifiers that are killed, stopped and hang at random moments: training ends with equal weights.

Every seed trains a small policy on Ray while a saboteur is at work, half of them asynchronously, and compares the
rollout log byte for byte, and the final state, with a run that nobody disturbed.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest
import torch

from envs.leaps.environment import Leaps
from policies.causal import load_policy
from policies.types import Sampling
from rl.algorithms import make
from rl.curriculum import LearnabilityCurriculum
from rl.learning.learner import Learner, LearnerSettings, Models, OptimizerSettings
from rl.records.recorder import SilentRecorder
from rl.rewards.verifier import VerifierReward
from rl.rollouts.log import RolloutLog
from rl.rollouts.stream import RolloutSettings
from rl.train import Training, TrainSettings
from rl.workers import make_workers

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
STEPS = 6
SETTINGS = TrainSettings(
    steps=STEPS,
    rollouts=RolloutSettings(problems_per_step=8, group_size=4, sampling=Sampling(max_new_tokens=24), shard_size=2),
)


@pytest.fixture(scope="module")
def ray_workers(worker_spec):
    from experiments.bench.faulty import FaultyActor
    from rl.workers.slot import Patience

    patience = Patience(stall_seconds=2.0, progress_seconds=2.0, max_restarts=10_000, spare_seconds=0.0)
    workers = make_workers("ray", worker_spec, 2, patience=patience, actor=FaultyActor)
    yield workers
    workers.close()


class Waits(SilentRecorder):
    """Lets no training end before enough broke down, however fast the machine is."""

    def __init__(self, saboteur):
        super().__init__()
        self.saboteur = saboteur

    def metrics(self, stage, step, values):
        super().metrics(stage, step, values)
        while self.saboteur.done.total() < min(step, STEPS - 1):
            time.sleep(0.01)


def run(worker_spec, workers, log, max_staleness, recorder):
    learner = Learner(
        Models(load_policy(worker_spec.policy.folder)), make("grpo"), LearnerSettings(OptimizerSettings(lr=1e-3))
    )
    Training(
        learner=learner,
        workers=workers,
        problems=LearnabilityCurriculum(Leaps()),
        reward=VerifierReward(),
        settings=replace(SETTINGS, rollouts=replace(SETTINGS.rollouts, max_staleness=max_staleness)),
        recorder=recorder,
        log=log,
    ).run()
    return learner


def assert_equal_trees(one, two):
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, two)
    elif isinstance(one, dict):
        assert one.keys() == two.keys()
        for key in one:
            assert_equal_trees(one[key], two[key])
    else:
        assert one == two


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 20))])
def test_whatever_dies_the_final_weights_are_those_of_the_undisturbed_run(
    worker_spec, inline_workers, ray_workers, seed, tmp_path
):
    from experiments.bench.faulty import Saboteur

    max_staleness = seed % 2
    quiet, loud = RolloutLog(tmp_path / "quiet"), RolloutLog(tmp_path / "loud")
    undisturbed = run(worker_spec, inline_workers, quiet, max_staleness, SilentRecorder())
    with Saboteur(ray_workers, random.Random(seed), pause_seconds=(0.02, 0.4)) as saboteur:
        disturbed = run(worker_spec, ray_workers, loud, max_staleness, Waits(saboteur))
    assert saboteur.done.total() >= STEPS - 1
    assert_equal_trees(undisturbed.state_dict(), disturbed.state_dict())
    seen = []
    for step in range(STEPS):
        name = f"step-{step:08d}.jsonl.gz"
        assert (quiet.folder / name).read_bytes() == (loud.folder / name).read_bytes()
        rows = [row for group in loud.read(step).groups for row in group.trajectories]
        assert {step - row.completion.version for row in rows} == {min(step, max_staleness)}
        seen += [row.uid for row in rows]
    assert len(set(seen)) == len(seen) == STEPS * SETTINGS.rollouts.problems_per_step * SETTINGS.rollouts.group_size

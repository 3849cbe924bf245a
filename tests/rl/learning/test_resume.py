"""Killed at any moment and resumed, a run ends bit for bit as the undisturbed one."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch

import rl.learning.checkpoint
import rl.learning.checkpoint_manifest
from policies.types import Sampling
from rl.algorithms import make
from rl.learning.checkpoint import Checkpoints
from rl.learning.learner import Learner, LearnerSettings, Models, OptimizerSettings, make_value_model
from rl.records.recorder import SilentRecorder
from rl.rewards.verifier import VerifierReward
from rl.rollouts.stream import RolloutSettings
from rl.train import Training, TrainSettings

STEPS = 6
SETTINGS = TrainSettings(
    steps=STEPS,
    rollouts=RolloutSettings(problems_per_step=4, group_size=4, sampling=Sampling(max_new_tokens=2)),
    checkpoint_every=2,
)
ALGORITHMS = {
    "grpo": {"name": "grpo"},
    "grpo reused, adaptive KL": {
        "name": "grpo",
        "epochs": 2,
        "minibatches": 2,
        "kl": {"beta": 0.1, "target": 0.01, "horizon": 50},
    },
    "ppo reused": {"name": "ppo", "epochs": 2, "minibatches": 2},
    "dapo": {"name": "dapo"},
    "ppo, value pretraining": {"name": "ppo", "value_pretraining": 3},
    "ppo, shared trunk": {"name": "ppo", "trunk": "shared", "value_pretraining": 1},
    "rloo": {"name": "rloo"},
    "asynchronous grpo": {"name": "grpo", "max_staleness": 2},
    "asynchronous ppo reused": {"name": "ppo", "epochs": 2, "minibatches": 2, "max_staleness": 1},
    "asynchronous dapo": {"name": "dapo", "max_staleness": 2},
}
MOMENTS = ("between steps", "while sampling", "in an update", "while writing a checkpoint")


class Killed(BaseException):
    """Stands for SIGKILL: nothing may catch it, and all objects of the run are thrown away."""


class KillSwitch:
    """Raises Killed at the n-th call of something."""

    def __init__(self, calls):
        self.left = calls

    def __call__(self):
        self.left -= 1
        if self.left == 0:
            raise Killed


def build(world, setting):
    options = dict(ALGORITHMS[setting])
    pretraining = options.pop("value_pretraining", 0)
    options.pop("max_staleness", 0)
    algorithm = make(options.pop("name"), **options)
    policy = world.policy()
    return Learner(
        Models(
            policy,
            value_model=make_value_model(algorithm, policy),
            reference=world.policy() if algorithm.needs_reference else None,
        ),
        algorithm,
        LearnerSettings(
            OptimizerSettings(lr=1e-2, schedule="cosine", warmup_steps=2, total_steps=20),
            value_pretraining=pretraining,
            micro_tokens=64,
        ),
    )


def run(world, setting, *, folder=None, workers=None, recorder=None, learner=None, settings=SETTINGS):
    learner = learner or build(world, setting)
    recorder = recorder or SilentRecorder()
    Training(
        learner=learner,
        workers=workers or world.Workers(world.policy()),
        problems=world.Problems(),
        reward=VerifierReward(),
        settings=replace(
            settings,
            rollouts=replace(
                settings.rollouts, shard_size=2, max_staleness=ALGORITHMS[setting].get("max_staleness", 0)
            ),
        ),
        recorder=recorder,
        checkpoints=None if folder is None else Checkpoints(folder),
    ).run()
    return learner, recorder


def eager_workers(world):
    """Workers that run some of what was admitted while the learner updates: what they finished is in a checkpoint."""

    class EagerWorkers(world.Workers):
        def publish(self, weights, version):
            self.work(version % 3)
            super().publish(weights, version)

    return EagerWorkers(world.policy())


def killed(world, setting, moment, step, folder, monkeypatch):
    """A run that dies at `moment` of `step`, counted from 0."""
    recorder, workers, learner = SilentRecorder(), eager_workers(world), build(world, setting)
    if moment == "between steps":
        switch = KillSwitch(step + 1)
        monkeypatch.setattr(recorder, "samples", lambda *_: switch())
    elif moment == "while sampling":
        switch = KillSwitch(2 * step + 2)  # two shards per step: after its first, before its second
        original = workers.run
        monkeypatch.setattr(workers, "run", lambda shard: (switch(), original(shard))[1])
    elif moment == "in an update":
        switch = KillSwitch((step + 1) * learner.algorithm.epochs * learner.algorithm.minibatches)
        adam = (learner._value_optimizer or learner._optimizer).inner  # the only one at work in value pretraining
        apply = adam.step
        monkeypatch.setattr(adam, "step", lambda: (apply(), switch()))
    else:
        switch = KillSwitch(1 + 4 * (step // 2))  # four flushes per checkpoint, one checkpoint every second step
        flush = rl.learning.checkpoint.flush
        for module in (rl.learning.checkpoint, rl.learning.checkpoint_manifest):
            monkeypatch.setattr(module, "flush", lambda path: (flush(path), switch()))
    with pytest.raises(Killed):
        run(world, setting, folder=folder, recorder=recorder, workers=workers, learner=learner)
    monkeypatch.undo()
    return recorder


def samples_and_numbers(recorder):
    """step -> metrics without clocks; a step recorded again replaces what was recorded before."""
    rows = {}
    for _, step, values in recorder.rows:
        rows[step] = {k: v for k, v in values.items() if not k.startswith(("time/", "speed/", "workers/"))}
    return rows


def assert_same_tree(left, right, path=""):
    if isinstance(left, torch.Tensor):
        assert torch.equal(left, right), path
    elif isinstance(left, dict):
        assert left.keys() == right.keys(), path
        for key in left:
            assert_same_tree(left[key], right[key], f"{path}/{key}")
    else:
        assert left == right, path


def check_case(world, setting, moment, step, tmp_path, monkeypatch):
    undisturbed, whole = run(world, setting)
    before = killed(world, setting, moment, step, tmp_path, monkeypatch)
    resumed, after = run(world, setting, folder=tmp_path)
    assert_same_tree(undisturbed.state_dict(), resumed.state_dict())
    together = SilentRecorder()
    together.rows = before.rows + after.rows
    assert samples_and_numbers(together) == samples_and_numbers(whole)
    assert len(samples_and_numbers(whole)) == STEPS


@pytest.mark.parametrize(
    ("setting", "moment"),
    [
        ("grpo", "between steps"),
        ("grpo reused, adaptive KL", "in an update"),
        ("ppo reused", "while sampling"),
        ("ppo, value pretraining", "while writing a checkpoint"),
        ("dapo", "between steps"),
        ("asynchronous grpo", "between steps"),
        ("asynchronous dapo", "while sampling"),
    ],
)
def test_a_killed_run_resumes_to_the_same_bits(world, setting, moment, tmp_path, monkeypatch):
    check_case(world, setting, moment, 3, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 4])
@pytest.mark.parametrize(("setting", "moment"), list(itertools.product(ALGORITHMS, MOMENTS)))
def test_every_case_of_the_resume_matrix(world, setting, moment, step, tmp_path, monkeypatch):
    check_case(world, setting, moment, step, tmp_path, monkeypatch)


def test_a_torn_newest_checkpoint_costs_time_but_not_a_bit(world, tmp_path, monkeypatch):
    undisturbed, _ = run(world, "grpo")
    killed(world, "grpo", "between steps", 4, tmp_path, monkeypatch)
    newest = Checkpoints(tmp_path).paths()[0]
    tensors = newest / "tensors.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-7])
    resumed, recorder = run(world, "grpo", folder=tmp_path)
    assert_same_tree(undisturbed.state_dict(), resumed.state_dict())
    assert any(newest.name in message for _, message in recorder.warnings)


def test_resuming_a_finished_stage_does_nothing(world, tmp_path):
    done, _ = run(world, "grpo", folder=tmp_path)
    again, recorder = run(world, "grpo", folder=tmp_path)
    assert_same_tree(done.state_dict(), again.state_dict())
    assert recorder.rows == []


def test_a_longer_stage_goes_on_from_a_shorter_one(world, tmp_path):
    whole, _ = run(world, "rloo")
    run(world, "rloo", folder=tmp_path, settings=replace(SETTINGS, steps=3))
    longer, _ = run(world, "rloo", folder=tmp_path)
    assert_same_tree(whole.state_dict(), longer.state_dict())


def test_a_checkpoint_of_another_model_is_refused_with_a_reason(world, tmp_path):
    run(world, "grpo", folder=tmp_path, settings=replace(SETTINGS, steps=1))
    learner = Learner(Models(world.policy(layers=2)), make("grpo"), LearnerSettings(OptimizerSettings(lr=1e-2)))
    with pytest.raises(ValueError, match="another model"):
        run(world, "grpo", folder=tmp_path, learner=learner)

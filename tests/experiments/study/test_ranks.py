"""A study whose learner is spread over two processes: the policy of one process, and what a killed rank leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from envs.types import Problem
from experiments.config.loading import load_experiment, to_yaml
from experiments.run.errors import UserError
from experiments.stages.ranks import led_by_this_process
from experiments.stages.training import algorithm_of, make_learner
from experiments.study.plan import check_components
from policies.causal import load_policy
from policies.tiny import TinyConfig, build_tiny
from policies.types import Completion, FinishReason
from rl.learning.collate import collate
from rl.learning.learner import Learner
from rl.types import Group, Trajectory
from verifiers.types import Outcome, Verdict

ROOT = Path(__file__).resolve().parents[3]
SMALL = [
    *("rl.steps=4", "rl.evaluate_every=2", "rl.checkpoint_every=1", "rl.problems_per_step=4"),
    *("evaluation.problems_per_level=2", "evaluation.num_samples=2", "evaluation.validation_problems=4"),
    *("imitation.steps=10", "imitation.num_demonstrations=300", "arms={dpo: null, rlhf: null}"),
]


def start(folder, *settings, resume=False):
    words = [word for setting in (*SMALL, *settings) for word in ("-s", setting)]
    command = [sys.executable, "-m", "experiments", "study", "smoke", "-o", str(folder), "--quiet", *words]
    return subprocess.Popen(
        [*command, *(["--resume"] if resume else [])],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process):
    output, _ = process.communicate(timeout=400)
    assert process.returncode == 0, output


def weights(folder):
    return load_file(folder / "seed-0" / "rl" / "policy" / "model.safetensors")


@pytest.fixture(scope="module")
def of_one_process(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one") / "study"
    finish(start(folder))
    return weights(folder)


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    assert max(float((found[name] - expected[name]).abs().max()) for name in expected) < 1e-6
    assert not torch.equal(next(iter(found.values())), torch.zeros(1))


def updated(experiment, folder, config, processes):
    """Weights after two updates of the arm's learner on made groups, by so many processes."""
    section = experiment.learner.model_copy(update={"processes": processes})
    with led_by_this_process(section, config=config, arm="rl", seed=0, policy=folder, logs=folder) as kind:
        learner = make_learner(
            load_policy(folder),
            experiment.rl,
            algorithm_of(experiment.rl.algorithm),
            seed=0,
            threads=1,
            kind=kind or Learner,
        )
        for _ in range(2):
            learner.update(collate(made_groups(), pad_id=learner.policy.pad_id, learner_version=0), max_tokens=6)
        found = learner.weights()
        if kind is not None:
            assert learner.processes.world == processes
            learner.close()
    return found


def made_groups():
    """Four problems with four completions of unlike lengths each, half of them right."""
    groups = []
    for number in range(4):
        problem = Problem(f"{number} = ?", "0")
        rows = []
        for place in range(4):
            tokens = tuple(5 + (number + place + i) % 9 for i in range(2 + (number + place) % 4))
            verdict = Verdict(Outcome.CORRECT if place % 2 else Outcome.WRONG, float(place % 2))
            written = Completion(tokens, (-2.0,) * len(tokens), "", FinishReason.STOP)
            row = Trajectory(4 * number + place, problem, (4, 5 + number), written, verdict)
            rows.append(row.rewarded({"correct": float(place % 2)}))
        groups.append(Group(problem, tuple(rows)))
    return groups


def test_two_processes_take_the_updates_of_one(tmp_path):
    experiment = load_experiment(["smoke"], ["learner.processes=2"])
    config, folder = tmp_path / "config.yaml", tmp_path / "start"
    config.write_text(to_yaml(experiment))
    build_tiny(TinyConfig(layers=1, hidden=32, heads=2, context=64), vocabulary=None, seed=0).save(folder)
    one, two = (updated(experiment, folder, config, processes) for processes in (1, 2))
    start = load_policy(folder).weights()
    assert one.keys() == two.keys()
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-6
    assert any(float((one[name] - start[name]).abs().max()) > 1e-5 for name in one)  # something was learned
    assert not list(tmp_path.rglob("rank-*.log"))
    assert "RANK" not in os.environ


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("sharding", ["none", "fsdp"])
def test_two_processes_come_to_the_policy_of_one(of_one_process, tmp_path, sharding):
    finish(start(tmp_path / "study", "learner.processes=2", f"learner.sharding={sharding}"))
    assert_equal(weights(tmp_path / "study"), of_one_process)
    assert not list((tmp_path / "study").rglob("rank-*.log"))


def rank_of(pid):
    """The process that a study started as rank 1."""
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            if b"experiments.stages.ranks" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    return None


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_killed_rank_ends_the_run_and_it_resumes_to_the_same_policy(of_one_process, tmp_path):
    folder = tmp_path / "study"
    process = start(folder, "learner.processes=2")
    end = time.monotonic() + 300
    while not list((folder / "seed-0" / "rl" / "checkpoints").glob("step-*")):
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(rank_of(process.pid), signal.SIGKILL)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 3, output
    assert "rank 1 of the learner ended with -9" in output
    finish(start(folder, "learner.processes=2", resume=True))
    assert_equal(weights(folder), of_one_process)


def test_what_cannot_be_is_refused():
    with pytest.raises(UserError, match=r"spreads nothing over one process: raise learner\.processes"):
        load_experiment(["smoke"], ["learner.sharding=fsdp"])
    both = load_experiment(["smoke"], ["learner={processes: 2, sharding: fsdp}"])
    with pytest.raises(UserError, match="not with a reward model"):
        check_components(both)

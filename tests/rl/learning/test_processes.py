"""Several processes share every optimizer step and end with the weights of one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap

import pytest
import torch

pytestmark = pytest.mark.slow

PROGRAM = """
    import sys, torch
    torch.set_num_threads(1)
    from importlib.util import module_from_spec, spec_from_file_location
    spec = spec_from_file_location("letters", {conftest!r})
    letters = module_from_spec(spec)
    spec.loader.exec_module(letters)
    from rl.algorithms import make
    from rl.learning.collate import collate
    from rl.learning.learner import LearnerSettings, Models, OptimizerSettings, make_value_model
    from rl.learning.led import LedLearner

    policy = letters.letter_policy(layers=2)
    algorithm = make({algorithm!r}, **{options!r})
    models = Models(policy, make_value_model(algorithm, policy), letters.letter_policy(layers=2))
    settings = LearnerSettings(OptimizerSettings(lr=0.1, eps=1.0), micro_tokens=40, sharding={sharding!r})
    learner = LedLearner(models, algorithm, settings)
    if learner.is_main:
        for seed in range(3):
            batch = collate(letters.ragged_groups(seed=seed), pad_id=0, learner_version=seed)
            metrics = learner.update(batch, max_tokens=12)
        torch.save({{"weights": learner.weights(), "state": learner.state_dict(), "metrics": metrics}}, sys.argv[1])
        learner.load_state_dict(learner.state_dict())
        again = learner.weights()
        learner.close()
        assert all(torch.equal(again[n], w) for n, w in torch.load(sys.argv[1])["weights"].items())
    else:
        learner.follow()
    learner.processes.end()
"""


def launch(world, path, tmp_path, **values):
    conftest = os.path.join(os.path.dirname(__file__), "conftest.py")
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM).format(conftest=conftest, **values))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
    common = {**os.environ, "PYTHONPATH": root, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    common |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(world)}
    ranks = []
    for rank in range(world):
        env = (
            {**common, "RANK": str(rank), "LOCAL_RANK": str(rank)} if world > 1 else {**os.environ, "PYTHONPATH": root}
        )
        command = [sys.executable, str(program), str(path)]
        ranks.append(subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True))
    for process in ranks:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors[-4000:]
    return torch.load(path, weights_only=True)


@pytest.mark.parametrize(
    ("algorithm", "options", "sharding"),
    [
        ("grpo", {"epochs": 2, "minibatches": 2}, None),
        ("ppo", {}, None),
        ("grpo", {"kl": {"beta": 0.1}}, "fsdp"),
        ("ppo", {"trunk": "shared"}, "fsdp"),
    ],
)
def test_two_processes_give_the_weights_of_one(tmp_path, algorithm, options, sharding):
    one = launch(1, tmp_path / "one.pt", tmp_path, algorithm=algorithm, options=options, sharding=None)
    two = launch(2, tmp_path / "two.pt", tmp_path, algorithm=algorithm, options=options, sharding=sharding)
    assert one["weights"].keys() == two["weights"].keys()
    for name, weight in one["weights"].items():
        assert torch.allclose(two["weights"][name], weight, atol=1e-5), name
    for name, value in one["metrics"].items():
        assert two["metrics"][name] == pytest.approx(value, rel=1e-3, abs=1e-5), name
    moments, others = one["state"]["optimizer"], two["state"]["optimizer"]
    assert moments.keys() == others.keys()
    for name, moment in moments.items():
        assert torch.allclose(others[name]["exp_avg"], moment["exp_avg"], atol=1e-5), name


COIN = """
from envs.types import Problem
from envs.environment import Environment
from verifiers.types import Outcome, Verdict


class Coin(Environment):
    name = "coin"
    levels = (1,)

    def generate(self, rng, level):
        return Problem(prompt=f"toss {rng.randint(0, 10**6)}", answer="heads")

    def grade(self, problem, response):
        is_heads = bool(response) and ord(response[0]) % 2 == 0
        return Verdict(Outcome.CORRECT if is_heads else Outcome.WRONG, float(is_heads))
"""


def test_the_example_trains_on_two_processes_as_on_one(tmp_path):
    from policies.causal import load_policy
    from policies.tiny import TinyConfig, build_tiny

    root = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
    build_tiny(TinyConfig(layers=2, hidden=32, heads=2), vocabulary=None, seed=0).save(tmp_path / "start")
    (tmp_path / "coin.py").write_text(COIN)
    for count in (1, 2):
        command = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_machines", "1"]
        command += ["--num_processes", str(count), "--mixed_precision", "no", "--dynamo_backend", "no"]
        command += [os.path.join(root, "examples", "several_processes.py"), "--policy", str(tmp_path / "start")]
        command += ["--env", f"{tmp_path}/coin.py:Coin", "--steps", "2", "--problems", "4", "--group-size", "4"]
        command += ["--lr", "0.01", "--max-new-tokens", "4", "--out", str(tmp_path / str(count))]
        environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr[-3000:]
        assert "rl 2/2" in done.stdout
    one, two, start = (load_policy(tmp_path / name).weights() for name in ("1", "2", "start"))
    assert any(not torch.equal(one[name], weight) for name, weight in start.items())
    for name, weight in one.items():
        # Adam divides by a gradient's size, so a gradient near 0 may turn a last bit into a visible difference
        torch.testing.assert_close(two[name], weight, atol=2e-4, rtol=0)

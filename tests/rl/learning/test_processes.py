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
    from rl.collate import collate
    from rl.learner import Learner, OptimizerSettings, make_value_model

    policy = letters.letter_policy(layers=2)
    algorithm = make({algorithm!r}, **{options!r})
    learner = Learner(
        policy, algorithm, OptimizerSettings(lr=0.1, eps=1.0), micro_tokens=40,
        value_model=make_value_model(algorithm, policy),
        reference=letters.letter_policy(layers=2), sharding={sharding!r},
    )
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

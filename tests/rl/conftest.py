"""A tiny random policy that reads LEAPS, the spec of its workers, and one step's problems."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def leaps_env():
    from envs.leaps.environment import Leaps

    return Leaps()


@pytest.fixture(scope="session")
def leaps_problems(leaps_env):
    """Sixteen training problems."""
    return [leaps_env.problem(index) for index in range(16)]


@pytest.fixture(scope="session")
def tiny_policy(leaps_env):
    from policies.tiny import TinyConfig, build_tiny

    config = TinyConfig(layers=2, hidden=32, heads=2, context=128)
    return build_tiny(config, vocabulary=leaps_env.vocabulary(), seed=0)


@pytest.fixture(scope="session")
def worker_spec(tiny_policy, tmp_path_factory):
    from envs.types import EnvSpec
    from rl.workers.types import PolicySpec, WorkerSpec

    folder = tmp_path_factory.mktemp("policy")
    tiny_policy.save(folder)
    return WorkerSpec(policy=PolicySpec(str(folder)), env=EnvSpec("leaps"), seed=7)


@pytest.fixture(scope="session")
def inline_workers(worker_spec):
    from rl.workers import make_workers

    workers = make_workers("inline", worker_spec)
    yield workers
    workers.close()


@pytest.fixture(scope="session")
def trouble_ref():
    """Reference of an environment whose grader crashes, hangs or raises on request."""
    return f"{Path(__file__).parent / 'trouble_env.py'}:Trouble"

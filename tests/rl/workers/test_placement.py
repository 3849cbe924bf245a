"""Workers on a simulated cluster of three nodes, two of which declare GPUs that nobody has."""

import json
import os
from dataclasses import replace

import pytest

from envs.types import EnvSpec, Problem
from experiments.config.sections import Component
from experiments.stages.luggage.gathering import gather, relative
from policies.types import Sampling
from rl.rollouts.shards import make_shards
from rl.rollouts.wait import run_shards
from rl.workers import NoRoomError, make_workers
from rl.workers.actor import RolloutActor

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

OWN_ENVIRONMENT = """
from envs.registry import environment
from envs.types import Problem
from pathlib import Path

WORD = Path("data/word.txt").read_text()

@environment("travels", verify=lambda problem, answer: answer == WORD)
def travels(rng, level, data="data/word.txt"):
    return Problem(prompt=f"{rng.randrange(97)} = ?", answer=WORD)
"""


def located_actor():
    """A class that travels by value: this module is on no other machine."""

    class Located(RolloutActor):
        """Says where it is and what Ray gave it."""

        def stacks(self):
            import ray

            return json.dumps([self.node, ray.get_gpu_ids(), ray.get_runtime_context().get_assigned_resources()])

    return Located


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster that this process has joined, with an environment of its own as luggage."""
    from rl.workers.cluster import ADDRESS_VARIABLE, start_ray, stop_ray

    stop_ray()
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    for _ in range(2):
        cluster.add_node(num_cpus=2, num_gpus=1, resources={"a100": 1})
    home, before = tmp_path_factory.mktemp("home"), os.environ.get(ADDRESS_VARIABLE)
    (home / "data").mkdir()
    (home / "data" / "word.txt").write_text("two")
    (home / "own.py").write_text(OWN_ENVIRONMENT)
    files = gather(Component(name="own.py:travels", settings={"data": "data/word.txt"}), home)
    os.environ[ADDRESS_VARIABLE] = cluster.address  # as `ray job submit` does
    start_ray(files=files)
    yield cluster
    stop_ray()
    cluster.shutdown()
    os.environ.pop(ADDRESS_VARIABLE)
    if before is not None:
        os.environ[ADDRESS_VARIABLE] = before


@pytest.fixture
def shards(leaps_problems):
    return make_shards(leaps_problems[:8], group_size=2, step=0, shard_size=2, sampling=Sampling(max_new_tokens=12))


def answers(groups):
    return [(t.uid, t.completion, t.verdict.outcome) for group in groups for t in group.trajectories]


@pytest.fixture(scope="module")
def untouched(worker_spec):
    """Workers of this file alone: those of the session may have been given weights by another test."""
    workers = make_workers("inline", worker_spec)
    yield workers
    workers.close()


@pytest.mark.parametrize("placement", ["apart", "colocated"])
def test_workers_run_where_they_are_placed_with_what_they_ask_for_and_sample_the_same(
    cluster, worker_spec, untouched, shards, placement
):
    import ray

    asks = {"gpus_per_worker": 1.0, "resources_per_worker": {"a100": 0.5}} if placement == "apart" else {}
    workers = make_workers("ray", worker_spec, 2, placement=placement, actor=located_actor(), **asks)
    try:
        assert answers(run_shards(workers, shards, timeout_seconds=120)) == answers(run_shards(untouched, shards))
        given = [json.loads(line.partition(": ")[2]) for line in workers.stacks().splitlines()]
        own = ray.get_runtime_context().get_node_id()
        assert [node == own for node, _, _ in given] == [placement == "colocated"] * 2
        if placement == "apart":
            assert len({node for node, _, _ in given}) == 2  # one GPU a node
            assert all(len(gpus) == 1 and told["GPU"] == 1 and told["a100"] == 0.5 for _, gpus, told in given)
        assert all(health.restarts == 0 for health in workers.health())
    finally:
        workers.close()


def test_what_the_cluster_does_not_have_is_told_with_what_it_has(cluster):
    from rl.workers.nodes.demand import Demand
    from rl.workers.nodes.placement import Reservation

    for demand, told in (
        (Demand(1, gpus=1), r"3 workers with 1 CPU, 1 GPU each: the 3 node\(s\) of the cluster have 6 CPU, 2 GPU"),
        (Demand(1, gpus=1, placement="colocated"), r"the 1 node\(s\) of the learner's machine have 2 CPU, 0 GPU"),
        (Demand(1, custom={"tpu": 1}), "0 tpu in all"),
    ):
        with pytest.raises(NoRoomError, match=told):
            Reservation(demand, 3, room_seconds=0.5)


def test_room_is_given_back_when_workers_are_closed(cluster, worker_spec, shards):
    for _ in range(2):
        workers = make_workers("ray", worker_spec, 2, gpus_per_worker=1.0)
        assert len(run_shards(workers, shards[:1], timeout_seconds=120)) == 2
        workers.close()


def test_an_environment_in_a_file_travels_with_its_data(cluster, worker_spec):
    workers = make_workers("ray", replace(worker_spec, env=EnvSpec("own.py:travels")), 1)
    try:
        problem = Problem(prompt="1 = ?", answer="two")
        one = make_shards([problem], group_size=1, step=0, sampling=Sampling(max_new_tokens=4))
        assert len(run_shards(workers, one, timeout_seconds=120)) == 1
    finally:
        workers.close()


def test_paths_below_the_current_folder_become_relative(tmp_path):
    spec = EnvSpec(f"{tmp_path}/own.py:Env", {"files": [f"{tmp_path}/a.jsonl", "/elsewhere/b.jsonl"], "size": 3})
    assert relative(spec, tmp_path) == EnvSpec("own.py:Env", {"files": ["a.jsonl", "/elsewhere/b.jsonl"], "size": 3})


def test_room_is_looked_for_before_anything_is_trained_and_given_back(cluster):
    from rl.workers.nodes.demand import Demand
    from rl.workers.nodes.placement import check_room, check_room_for_seeds

    for _ in range(2):  # of 6 CPUs; what was not given back would be missing the second time
        check_room(Demand(1), 6)
        check_room_for_seeds(Demand(1), 2, Demand(1), 2)
        check_room_for_seeds(Demand(1), 3, Demand(1, placement="colocated"), 1)
    for beside in ("any", "colocated"):  # two seeds alone would fit, and wait for ever for their workers
        with pytest.raises(
            NoRoomError, match=r"2 seeds at a time with 1 CPU each, and 3 workers with 1 CPU each .*--p"
        ):
            check_room_for_seeds(Demand(1), 2, Demand(1, placement=beside), 3, room_seconds=0.5)
    with pytest.raises(NoRoomError, match="7 workers"):
        check_room(Demand(1), 7, room_seconds=0.5)


def test_a_config_without_room_is_refused_when_the_cluster_is_joined(cluster, monkeypatch):
    from experiments.config.loading import load_experiment
    from experiments.run.errors import UserError
    from experiments.stages.serving import join_cluster
    from rl.workers.nodes import placement

    monkeypatch.setattr(placement.check_room, "__kwdefaults__", {"room_seconds": 0.5})
    experiment = load_experiment(["smoke"], ["workers.executor=ray", "workers.num=7"])
    with pytest.raises(UserError, match=r"workers: no room within .* 7 workers with 1 CPU each"):
        join_cluster(experiment)

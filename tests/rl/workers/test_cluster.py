"""Several nodes, simulated on this machine by Ray's own utility: one of them is lost in the middle of a step."""

import time

import pytest

from policies.types import Sampling
from rl.rollouts.shards import make_shards
from rl.rollouts.wait import run_shards
from rl.workers import make_workers

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def cluster():
    from rl.workers.cluster import stop_ray

    stop_ray()
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    yield cluster
    stop_ray()
    cluster.shutdown()


def test_the_loss_of_a_node_changes_no_sample(cluster, worker_spec, inline_workers, leaps_problems):
    shards = make_shards(leaps_problems, group_size=4, step=0, shard_size=2, sampling=Sampling(max_new_tokens=24))
    expected = [t.completion for g in run_shards(inline_workers, shards) for t in g.trajectories]
    node = cluster.add_node(num_cpus=1)
    workers = make_workers("ray", worker_spec, 2, address=cluster.address)
    try:
        first = run_shards(workers, shards, timeout_seconds=600)
        assert [t.completion for g in first for t in g.trajectories] == expected
        end = time.monotonic() + 300
        while any(health.state.value != "healthy" for health in workers.health()):
            assert time.monotonic() < end
            time.sleep(0.1)
        for shard in shards:
            workers.submit(shard)
        cluster.remove_node(node, allow_graceful=False)
        done = {}
        while len(done) < len(shards):
            done.update({r.shard_id: r for r in workers.poll(300.0)})
        again = [t.completion for shard in shards for g in done[shard.id].groups for t in g.trajectories]
        assert again == expected
        cluster.add_node(num_cpus=1)  # where the lost worker comes back
        end = time.monotonic() + 300
        while any(health.state.value != "healthy" for health in workers.health()):
            assert time.monotonic() < end
            time.sleep(0.1)
        assert [health.restarts for health in workers.health()].count(1) == 1
    finally:
        workers.close()

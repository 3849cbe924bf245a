"""Ray workers give the samples of inline ones bit for bit, whatever happens to their processes."""

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from policies.types import Sampling
from rl.rollouts.shards import make_shards
from rl.rollouts.wait import run_shards
from rl.workers import ShardFailed, WorkersLost, WorkerState, make_workers

pytestmark = pytest.mark.ray
SAMPLING = Sampling(max_new_tokens=24)


@pytest.fixture(scope="module")
def inline_workers(worker_spec):
    """Workers of this module's own: its tests publish weights."""
    workers = make_workers("inline", worker_spec)
    yield workers
    workers.close()


def content(groups):
    """Everything but wall times."""
    return [
        (t.uid, t.problem.id, t.prompt_tokens, t.completion, t.verdict.outcome, dict(t.verdict.parts))
        for group in groups
        for t in group.trajectories
    ]


@pytest.fixture(scope="module")
def workers(worker_spec):
    from rl.workers.slot import Patience

    patience = Patience(heartbeat_seconds=0.2, stall_seconds=6.0)
    workers = make_workers("ray", worker_spec, 2, patience=patience)
    yield workers
    workers.close()


@pytest.fixture(scope="module")
def expected(inline_workers, tiny_policy, leaps_problems):
    """Inline samples of one step with published weights."""
    inline_workers.publish(changed_weights(tiny_policy), 1)
    return content(run_shards(inline_workers, shards(leaps_problems)))


def changed_weights(policy):
    return {name: weight * 1.5 for name, weight in policy.weights().items()}


def shards(problems, **changes):
    settings = {"group_size": 4, "step": 0, "shard_size": 2, "sampling": SAMPLING, "version": 1}
    return make_shards(problems, **{**settings, **changes})


def wait_until(condition, seconds=90.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "condition not met in time"
        time.sleep(0.02)


def states(workers):
    return [h.state for h in workers.health()]


def all_healthy(workers):
    return all(state is WorkerState.HEALTHY for state in states(workers))


def test_samples_equal_those_of_inline_bit_for_bit(workers, expected, tiny_policy, leaps_problems):
    workers.publish(changed_weights(tiny_policy), 1)
    results = []
    groups = run_shards(workers, shards(leaps_problems), timeout_seconds=200, on_result=results.append)
    assert content(groups) == expected
    assert {r.version for r in results} == {1}


def listening_addresses():
    """Addresses on which this process and those that it started accept connections, as the kernel lists them."""
    found, todo, owned = set(), [os.getpid()], set()
    while todo:
        process = Path(f"/proc/{todo.pop()}")
        for handle in process.glob("fd/*"):
            with contextlib.suppress(OSError):  # it was closed meanwhile
                owned.add(os.readlink(handle))
        todo += [int(pid) for path in process.glob("task/*/children") for pid in path.read_text().split()]
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in owned:
                found.add(fields[1].partition(":")[0])
    return found


def test_a_ray_of_ours_listens_on_the_loopback_interface_only(workers):
    wait_until(lambda: all_healthy(workers))
    loopback = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}  # also as IPv6
    addresses = listening_addresses()
    assert addresses
    assert addresses <= loopback


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_worker_changes_no_sample_and_is_replaced(workers, expected, leaps_problems, fault):
    wait_until(lambda: all_healthy(workers))
    victim = workers.slots[0]
    restarts = victim.restarts
    for shard in shards(leaps_problems):
        workers.submit(shard)
    os.kill(victim.remote.pid, fault)
    done = {}
    while len(done) < 8:
        done.update({r.shard_id: r for r in workers.poll(120.0)})
    groups = [g for shard in shards(leaps_problems) for g in done[shard.id].groups]
    assert content(groups) == expected
    wait_until(lambda: victim.restarts == restarts + 1 and all_healthy(workers))
    assert {row[3].version for row in content(groups)} == {1}  # also what the new process served
    assert workers.poll(0.1) == []  # nothing comes twice


def test_an_exception_in_a_shard_is_raised_with_its_cause_and_the_workers_live_on(workers, expected, leaps_problems):
    wait_until(lambda: all_healthy(workers))
    bad = make_shards(leaps_problems[:1], group_size=1, step=5, sampling=Sampling(max_new_tokens=100_000), version=1)
    with pytest.raises(ShardFailed, match="100000") as caught:
        run_shards(workers, bad, timeout_seconds=60)
    assert isinstance(caught.value.__cause__, ValueError)
    assert content(run_shards(workers, shards(leaps_problems), timeout_seconds=60)) == expected


def test_a_wait_that_runs_out_says_what_was_waited_for(workers, leaps_problems):
    wait_until(lambda: all_healthy(workers))
    stopped = [slot.remote.pid for slot in workers.slots]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    with pytest.raises(TimeoutError, match=r"waiting for 8 shard\(s\).*worker-0"):
        run_shards(workers, shards(leaps_problems), timeout_seconds=0.5)
    for pid in stopped:
        with contextlib.suppress(ProcessLookupError):  # a slow machine has given it up, and begun another
            os.kill(pid, signal.SIGCONT)
    workers.cancel([shard.id for shard in shards(leaps_problems)])


def test_workers_that_cannot_load_end_the_wait_with_their_error(worker_spec, leaps_problems):
    from dataclasses import replace

    from rl.workers import PolicySpec

    lost = make_workers("ray", replace(worker_spec, policy=PolicySpec("/no/such/folder")), 1)
    try:
        with pytest.raises(WorkersLost, match="no/such/folder"):
            run_shards(lost, shards(leaps_problems, version=None), timeout_seconds=120)
    finally:
        lost.close()

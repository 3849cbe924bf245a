"""Workers that die, stop, hang and raise at random: nothing is lost, nothing comes twice, nothing old is served.

The processes are simulated, so that a hundred of them can die in a second; test_ray_workers.py has real ones.
"""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import Future

import pytest

from envs.types import Problem
from policies.types import Sampling
from rl.rollouts.shards import make_shards
from rl.rollouts.wait import run_shards
from rl.workers.slot import HEARTBEAT, Patience, Slot, Task
from rl.workers.supervisor import SupervisedWorkers
from rl.workers.types import ShardFailed, ShardResult, WorkersLost, WorkerState

QUICK = Patience(
    0.01,
    suspect_seconds=0.04,
    stall_seconds=0.15,
    start_seconds=0.3,
    shard_seconds=0.3,
    max_restarts=100_000,
    spare_seconds=0.0,
)


class LostError(Exception):
    """The process is gone."""


class SimulatedWorker:
    """A process that answers after a millisecond or so, and does what a test does to it."""

    def __init__(self, launcher):
        self.launcher, self.lock = launcher, threading.Lock()
        self.is_dead = self.is_silent = self.is_stuck = self.is_stopped = False
        self.open = set()

    def call(self, method, *arguments):
        future = Future()
        with self.lock:
            if self.is_dead:
                future.set_exception(LostError("gone"))
                return future
            self.open.add(future)
        timer = threading.Timer(self.launcher.rng.uniform(0.0, 0.003), self._answer, (future, method, arguments))
        timer.daemon = True
        timer.start()
        return future

    def _answer(self, future, method, arguments):
        if self.launcher.on_call:
            self.launcher.on_call(self, method)
        with self.lock:
            is_silent = self.is_silent or self.is_stopped or (self.is_stuck and method == "run")
            if is_silent or future not in self.open:
                return
            self.open.remove(future)
        try:
            future.set_result(getattr(self, method)(*arguments))
        except Exception as error:
            future.set_exception(error)

    def hello(self):
        return 0

    def setup(self):
        if self.is_broken:
            raise ValueError("no such folder")

    def ping(self):
        pass

    def stacks(self):
        return "all quiet"

    def run(self, shard, edition, version, weights):
        if self.launcher.raises.get(shard.id):
            raise self.launcher.raises[shard.id].pop()
        return ShardResult(shard.id, (shard.uids, str(weights)), version, "")

    def located(self, where):
        pass

    def kill(self):
        with self.lock:
            self.is_dead = True
            gone, self.open = self.open, set()
        for future in gone:
            future.set_exception(LostError("killed"))


class SimulatedLauncher:
    def __init__(self, seed=0, on_call=None):
        self.rng, self.on_call = random.Random(seed), on_call
        self.started, self.raises = [], {}
        self.broken = self.breaks_spares = False
        self.gone = ""

    def start(self, name, *, is_spare=False):
        self.started.append(SimulatedWorker(self))
        self.started[-1].is_broken = self.broken or (is_spare and self.breaks_spares)
        return self.started[-1]

    def put(self, weights):
        return weights["name"]

    def lost(self):
        return self.gone

    def is_lost(self, error):
        return isinstance(error, LostError)

    def cause(self, error):
        return error

    def close(self, remotes):
        for remote in remotes:
            remote.kill()


def shards(step, num=12, version=None):
    problems = [Problem(f"{step} {i}", "") for i in range(num)]
    return make_shards(
        problems, group_size=2, step=step, shard_size=1, sampling=Sampling(max_new_tokens=1), version=version
    )


def wait_until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "condition not met in time"
        time.sleep(0.002)


@pytest.fixture
def make():
    """Workers that end with the test."""
    made = []

    def make(launcher, num_workers=3, patience=QUICK, num_spares=0):
        made.append(SupervisedWorkers(launcher, num_workers, num_spares=num_spares, patience=patience))
        return made[-1]

    yield make
    for workers in made:
        workers.close()


@pytest.mark.parametrize("num_spares", [0, 1])
@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 20))])
def test_random_deaths_and_stops_lose_nothing_double_nothing_and_serve_nothing_old(make, seed, num_spares):
    rng = random.Random(f"chaos {seed}")
    launcher = SimulatedLauncher(seed)
    workers = make(launcher, num_spares=num_spares)
    num_faults = 0
    for step in range(4):
        workers.publish({"name": f"weights {step}"}, step)
        submitted = shards(step, version=step)
        for shard in submitted:
            workers.submit(shard)
        seen = []
        while len(seen) < len(submitted):
            victim = rng.choice(launcher.started or [None])
            fault = rng.choice(["kill", "is_stopped", "is_silent", "is_stuck", None, None, None, None])
            if victim and fault:
                num_faults += 1
                victim.kill() if fault == "kill" else setattr(victim, fault, True)
            seen += workers.poll(0.01)
        assert sorted(r.shard_id for r in seen) == sorted(s.id for s in submitted)
        assert {(r.version, r.groups[1]) for r in seen} == {(step, f"weights {step}")}
        assert {r.shard_id: r.groups[0] for r in seen} == {s.id: s.uids for s in submitted}
    assert num_faults > 5
    wait_until(lambda: all(h.state is WorkerState.HEALTHY for h in workers.health()))
    assert {h.version for h in workers.health()} <= {-1, *range(4)}
    assert workers.poll(0.05) == []


def test_a_shard_is_sampled_by_the_weights_published_last_before_it_whatever_comes_after(make):
    launcher = SimulatedLauncher()
    workers = make(launcher, 1)
    for version in range(5):
        workers.publish({"name": f"w{version}"}, version)
        for shard in shards(version, num=2, version=version):
            workers.submit(shard)
    wait_until(lambda: launcher.started)
    launcher.started[0].kill()
    seen = []
    while len(seen) < 10:
        seen += workers.poll(5.0)
    assert sorted((r.shard_id >> 34, r.groups[1]) for r in seen) == [(v, f"w{v}") for v in range(5) for _ in range(2)]


def test_a_shard_that_takes_any_weights_is_sampled_by_the_newest_when_it_starts(make):
    launcher = SimulatedLauncher()
    workers = make(launcher, 1)
    workers.publish({"name": "old"}, 0)
    for shard in shards(0, num=20):
        workers.submit(shard)
    workers.publish({"name": "new"}, 1)
    seen = []
    while len(seen) < 20:
        seen += workers.poll(5.0)
    assert [r.groups[1] for r in seen].count("new") >= 18  # two may have been on their way


def test_a_shard_for_weights_that_are_not_the_newest_is_refused(make):
    workers = make(SimulatedLauncher())
    workers.publish({"name": "w"}, 3)
    with pytest.raises(ValueError, match="for the weights of version 2; published is 3"):
        workers.submit(shards(0, version=2)[0])


def test_two_publications_of_one_version_are_told_apart(make):
    workers = make(SimulatedLauncher())
    for name in ("one", "two", "three"):
        workers.publish({"name": name}, 7)
        for shard in shards(["one", "two", "three"].index(name), num=4, version=7):
            workers.submit(shard)
    seen = []
    while len(seen) < 12:
        seen += workers.poll(1.0)
    assert {(r.shard_id >> 34, r.groups[1]) for r in seen} == {(0, "one"), (1, "two"), (2, "three")}


def test_a_death_is_noticed_without_waiting_for_a_heartbeat(make):
    slow = Patience(heartbeat_seconds=60.0)
    launcher = SimulatedLauncher()
    workers = make(launcher, 1, slow)
    workers.publish({"name": "w"}, 0)
    collect_ids(workers, shards(0))
    launcher.started[0].is_stuck = True
    for shard in shards(1, num=1):
        workers.submit(shard)
    wait_until(lambda: "run shard" in workers.health()[0].doing)
    launcher.started[0].kill()
    assert len(workers.poll(20.0)) == 1  # by the second process
    assert workers.health()[0].restarts == 1


def collect_ids(workers, submitted):
    for shard in submitted:
        workers.submit(shard)
    seen = set()
    while len(seen) < len(submitted):
        seen |= {r.shard_id for r in workers.poll(5.0)}
    return seen


def test_a_shard_that_hangs_in_a_living_worker_is_given_to_a_new_one(make):
    launcher = SimulatedLauncher()
    workers = make(launcher, 1, Patience(heartbeat_seconds=0.01, shard_seconds=0.1))
    workers.publish({"name": "w"}, 0)
    wait_until(lambda: launcher.started)
    launcher.started[0].is_stuck = True
    assert len(collect_ids(workers, shards(0, num=3))) == 3
    health = workers.health()[0]
    assert health.restarts == 1
    assert "did not run shard" in health.last_error


@pytest.mark.parametrize(("error", "processes"), [(ValueError, 3), (MemoryError, 6)])
def test_a_shard_that_raises_once_is_tried_again_and_twice_is_an_error(make, error, processes):
    launcher = SimulatedLauncher()
    workers = make(launcher, 3, Patience(heartbeat_seconds=0.01))
    workers.publish({"name": "w"}, 0)
    first, second, *others = shards(0)
    launcher.raises = {first.id: [error("cannot do this")], second.id: [error("cannot do this"), error("nor now")]}
    assert collect_ids(workers, [first]) == {first.id}
    with pytest.raises(ShardFailed, match="cannot do this"):
        collect_ids(workers, [second])
    assert len(collect_ids(workers, others)) == 10
    wait_until(lambda: len(launcher.started) == processes)  # a ValueError is the task's own fault


def test_a_spare_takes_the_place_of_the_dead_at_once_and_is_replaced(make):
    launcher = SimulatedLauncher()
    workers = make(launcher, 2, Patience(heartbeat_seconds=0.01, spare_seconds=0.2), num_spares=1)
    wait_until(lambda: all(slot.state is WorkerState.HEALTHY for slot in workers.slots))
    assert len(launcher.started) == 2  # a spare takes no time from workers that begin
    wait_until(lambda: workers.spares[0].state is WorkerState.HEALTHY)
    victim, spare = workers.slots[0].remote, workers.spares[0].remote
    starts = launcher.started.copy()
    victim.kill()
    wait_until(lambda: workers.slots[0].remote is spare)
    for shard in shards(0):
        workers.submit(shard)
    seen = []
    while len(seen) < 12:
        seen += workers.poll(5.0)
    assert {r.worker for r in seen} <= {"worker-0", "worker-1"}  # whatever its process was called before
    assert workers.health()[0].state is WorkerState.HEALTHY
    wait_until(lambda: workers.spares[0].state is WorkerState.HEALTHY)
    assert len(launcher.started) == len(starts) + 1 == 4
    assert [h.restarts for h in workers.health()] == [1, 0]


def test_a_spare_that_cannot_load_is_no_reason_to_stop(make):
    launcher = SimulatedLauncher()
    launcher.breaks_spares = True
    workers = make(launcher, 1, num_spares=1)
    wait_until(lambda: workers.spares[0].state is WorkerState.RETIRED)
    workers.publish({"name": "w"}, 0)
    assert len(collect_ids(workers, shards(0))) == 12


def test_a_stopped_process_is_replaced_long_before_a_silent_one(make):
    launcher = SimulatedLauncher()
    workers = make(launcher, 2, Patience(heartbeat_seconds=0.02, suspect_seconds=0.1, stall_seconds=60.0))
    wait_until(lambda: all(h.state is WorkerState.HEALTHY for h in workers.health()))
    launcher.started[0].is_stopped = launcher.started[1].is_silent = True
    wait_until(lambda: workers.health()[0].restarts == 1)
    assert workers.health()[0].last_error == "is stopped (SIGSTOP)"
    wait_until(lambda: workers.health()[1].state is WorkerState.SUSPECT)


def test_a_worker_that_keeps_dying_is_retired_and_the_last_one_ends_the_wait(make):
    def die(worker, method):
        if method == "run":
            worker.kill()

    launcher = SimulatedLauncher(on_call=die)
    workers = make(launcher, 2, Patience(heartbeat_seconds=0.01, max_restarts=2))
    workers.publish({"name": "w"}, 0)
    with pytest.raises(WorkersLost, match="worker-0: LostError: killed"):
        run_shards(workers, shards(0), timeout_seconds=30)
    assert workers.poll(0.0) == []  # nothing is raised where nobody waits: a checkpoint may look for what came back
    assert len(launcher.started) == 6  # two workers, each started three times
    assert {h.state for h in workers.health()} == {WorkerState.RETIRED}


def test_workers_that_cannot_load_are_not_started_again(make):
    launcher = SimulatedLauncher()
    launcher.broken = True
    workers = make(launcher, 2)
    with pytest.raises(WorkersLost, match="could not load its policy: ValueError: no such folder"):
        run_shards(workers, shards(0), timeout_seconds=30)
    assert len(launcher.started) == 2


def test_cancelled_shards_give_no_results_and_may_come_again(make):
    launcher = SimulatedLauncher()
    workers = make(launcher)
    workers.publish({"name": "w"}, 0)
    submitted = shards(0)
    for shard in submitted:
        workers.submit(shard)
    workers.cancel([shard.id for shard in submitted[6:]])
    seen = []
    while len(seen) < 6:
        seen += workers.poll(5.0)
    assert {r.shard_id for r in seen} == {s.id for s in submitted[:6]}
    assert len(collect_ids(workers, submitted[6:])) == 6


def test_what_is_submitted_right_after_a_cancellation_is_not_lost(make):
    workers = make(SimulatedLauncher())
    workers.publish({"name": "w"}, 0)
    for step in range(30):
        for shard in shards(step, num=4):
            workers.submit(shard)
        workers.cancel([shard.id for shard in shards(step, num=4)])
        assert len(collect_ids(workers, shards(step + 100, num=1))) == 1


def test_a_late_heartbeat_makes_a_worker_suspect_and_an_answer_heals_it():
    patience = Patience(heartbeat_seconds=1, suspect_seconds=2, stall_seconds=10)
    slot = Slot("w", state=WorkerState.HEALTHY, is_up=True)
    assert slot.wants_ping(100.0, patience)
    slot.calls[HEARTBEAT] = 100.0
    assert not slot.is_late(101.9, patience)
    assert slot.is_late(102.1, patience)
    slot.state = WorkerState.SUSPECT
    assert slot.overdue(109.9, patience) == ""
    assert slot.overdue(110.1, patience) == "did not answer a heartbeat within 10 s"
    slot.seen()
    assert slot.state is WorkerState.HEALTHY


def test_work_without_progress_is_overdue_and_progress_is_not():
    patience = Patience(progress_seconds=5.0)
    slot = Slot("w", state=WorkerState.HEALTHY, is_up=True)
    slot.take(Task(shards(0)[0], None))
    began = slot.progressed
    assert slot.overdue(began + 100.0, patience) == ""  # it has not said that it can tell
    slot.seen(3)
    assert slot.overdue(slot.progressed + 4.9, patience) == ""
    assert "made no progress with shard 0 for 5 s" in slot.overdue(slot.progressed + 5.1, patience)
    slot.progressed -= 5.1
    slot.seen(4)
    assert slot.overdue(began + 5.0, patience) == ""


def test_the_time_in_which_nobody_watched_is_held_against_nobody():
    patience = Patience(stall_seconds=10)
    slot = Slot("w", state=WorkerState.HEALTHY, is_up=True, calls={HEARTBEAT: 100.0})
    assert slot.overdue(130.0, patience)
    slot.excuse(25.0)
    assert not slot.overdue(130.0, patience)


def test_the_stacks_of_workers_are_shown_and_a_silent_one_is_named(make, monkeypatch):
    monkeypatch.setattr("rl.workers.supervisor.STACKS_SECONDS", 0.2)
    launcher = SimulatedLauncher()
    workers = make(launcher, 2, Patience())
    wait_until(lambda: len(launcher.started) == 2)
    launcher.started[1].is_silent = True
    assert workers.stacks() == "worker-0: all quiet\nworker-1: does not answer within 0 s"


def test_a_lost_node_ends_the_wait_and_nothing_more_is_asked_of_it(make):
    launcher = SimulatedLauncher()
    workers = make(launcher, 2)
    workers.publish({"name": "w"}, 0)
    collect_ids(workers, shards(0))
    launcher.gone = "the node has died"
    launcher.put = launcher.start = None  # a call would be an error
    for worker in launcher.started:
        worker.kill()
    workers.publish({"name": "w"}, 1)
    for shard in shards(1, version=1):
        workers.submit(shard)
    with pytest.raises(WorkersLost, match="the node has died"):
        workers.poll(20.0)
    assert workers.stacks() == "the node has died"

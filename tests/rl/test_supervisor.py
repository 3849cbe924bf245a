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
from rl.rollout import collect, make_shards
from rl.workers.slot import HEARTBEAT, Patience, Slot
from rl.workers.supervisor import SupervisedWorkers
from rl.workers.types import ShardFailed, ShardResult, WorkersLost, WorkerState

QUICK = Patience(0.01, suspect_seconds=0.04, stall_seconds=0.15, start_seconds=0.3, max_restarts=100_000)


class LostError(Exception):
    """The process is gone."""


class SimulatedWorker:
    """A process that answers after a millisecond or so, and does what a test does to it."""

    def __init__(self, launcher):
        self.launcher, self.lock = launcher, threading.Lock()
        self.is_dead = self.is_stopped = self.is_stuck = False
        self.weights = None
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
            is_silent = self.is_stopped or (self.is_stuck and method == "run")
            if is_silent or future not in self.open:
                return
            self.open.remove(future)
        try:
            future.set_result(getattr(self, method)(*arguments))
        except ValueError as error:
            future.set_exception(error)

    def hello(self):
        return 0

    def setup(self):
        if self.launcher.broken:
            raise ValueError("no such folder")

    def ping(self):
        pass

    def stacks(self):
        return "all quiet"

    def load(self, version, weights):
        self.weights = (version, weights)
        return version

    def run(self, shard):
        if self.launcher.raises.get(shard.id, 0) > 0:
            self.launcher.raises[shard.id] -= 1
            raise ValueError("cannot do this")
        assert self.weights is not None, "served before it was given weights"
        return ShardResult(shard.id, shard.uids, self.weights[0], str(self.weights[1]))

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
        self.started, self.raises, self.broken = [], {}, False

    def start(self, name):
        self.started.append(SimulatedWorker(self))
        return self.started[-1]

    def put(self, weights):
        return weights["name"]

    def is_lost(self, error):
        return isinstance(error, LostError)

    def cause(self, error):
        return error

    def close(self, remotes):
        for remote in remotes:
            remote.kill()


def shards(step, num=12, version=0):
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

    def make(launcher, num_workers=3, patience=QUICK):
        made.append(SupervisedWorkers(launcher, num_workers, patience=patience))
        return made[-1]

    yield make
    for workers in made:
        workers.close()


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 20))])
def test_random_deaths_and_stops_lose_nothing_double_nothing_and_serve_nothing_old(make, seed):
    rng = random.Random(f"chaos {seed}")
    launcher = SimulatedLauncher(seed)
    workers = make(launcher)
    num_faults = 0
    for step in range(4):
        workers.publish({"name": f"weights {step}"}, step)
        submitted = shards(step, version=step)
        for shard in submitted:
            workers.submit(shard)
        seen = []
        while len(seen) < len(submitted):
            victim = rng.choice(launcher.started or [None])
            fault = rng.choice(["kill", "stop", None, None])
            if victim and fault:
                num_faults += 1
                victim.kill() if fault == "kill" else setattr(victim, "is_stopped", True)
            seen += workers.poll(0.01)
        assert sorted(r.shard_id for r in seen) == sorted(s.id for s in submitted)
        assert {(r.version, r.worker) for r in seen} == {(step, f"weights {step}")}
        assert {r.shard_id: r.groups for r in seen} == {s.id: s.uids for s in submitted}
    assert num_faults > 5
    wait_until(lambda: all(h.state is WorkerState.HEALTHY for h in workers.health()))
    assert {h.version for h in workers.health()} == {3}
    assert workers.poll(0.05) == []


def test_two_publications_of_one_version_are_told_apart(make):
    workers = make(SimulatedLauncher())
    for name in ("one", "two", "three"):
        workers.publish({"name": name}, 7)
    for shard in shards(0):
        workers.submit(shard)
    seen = []
    while len(seen) < 12:
        seen += workers.poll(1.0)
    assert {r.worker for r in seen} == {"three"}


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


def test_a_shard_that_raises_once_is_tried_again_and_twice_is_an_error(make):
    launcher = SimulatedLauncher()
    workers = make(launcher)
    workers.publish({"name": "w"}, 0)
    first, second, *_ = submitted = shards(0)
    launcher.raises = {first.id: 1, second.id: 2}
    for shard in submitted:
        workers.submit(shard)
    seen, failures = [], []
    while len(seen) + len(failures) < 12:
        try:
            seen += workers.poll(5.0)
        except ShardFailed as error:
            failures.append(error)
    assert {r.shard_id for r in seen} == {s.id for s in submitted} - {second.id}
    assert len(failures) == 1
    assert "cannot do this" in str(failures[0])
    assert len(launcher.started) == 3  # no process was ended for it


def test_a_worker_that_keeps_dying_is_retired_and_the_last_one_ends_the_wait(make):
    def die(worker, method):
        if method == "run":
            worker.kill()

    launcher = SimulatedLauncher(on_call=die)
    workers = make(launcher, 2, Patience(heartbeat_seconds=0.01, max_restarts=2))
    workers.publish({"name": "w"}, 0)
    with pytest.raises(WorkersLost, match="worker-0: LostError: killed"):
        collect(workers, shards(0), timeout_seconds=30)
    assert len(launcher.started) == 6  # two workers, each started three times
    assert {h.state for h in workers.health()} == {WorkerState.RETIRED}


def test_workers_that_cannot_load_are_not_started_again(make):
    launcher = SimulatedLauncher()
    launcher.broken = True
    workers = make(launcher, 2)
    with pytest.raises(WorkersLost, match="could not load its policy: ValueError: no such folder"):
        collect(workers, shards(0), timeout_seconds=30)
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
    slot.suspect(101.9, patience)
    assert slot.state is WorkerState.HEALTHY
    slot.suspect(102.1, patience)
    assert slot.state is WorkerState.SUSPECT
    assert slot.overdue(109.9, patience) == ""
    assert slot.overdue(110.1, patience) == "did not answer a heartbeat within 10 s"
    slot.seen()
    assert slot.state is WorkerState.HEALTHY


def test_the_stacks_of_workers_are_shown_and_a_silent_one_is_named(make, monkeypatch):
    monkeypatch.setattr("rl.workers.supervisor.STACKS_SECONDS", 0.2)
    launcher = SimulatedLauncher()
    workers = make(launcher, 2, Patience())
    wait_until(lambda: len(launcher.started) == 2)
    launcher.started[1].is_stopped = True
    assert workers.stacks() == "worker-0: all quiet\nworker-1: does not answer within 0 s"

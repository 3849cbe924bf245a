"""Keeps workers that may die at any time at work, whatever runs them: see `rl.workers.launcher`.

One supervisor thread owns all state and reacts to events: a call came back, a shard was submitted, a heartbeat is due.
So a dead worker is noticed and replaced while the loop learns, and nothing polls. Weights travel with the work: a shard
carries the weights that must sample it, and a worker that serves others loads them first, so no worker, however late it
comes back, can serve old ones. A shard says everything else that its samples depend on: nothing here can change a
result. A spare process, loaded and idle, takes the place of one that died.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, wait
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rl.workers.launcher import Launcher
from rl.workers.slot import HEARTBEAT, LOAD, START, Patience, Publication, Slot, Task
from rl.workers.types import (
    Shard,
    ShardFailed,
    ShardResult,
    WorkerHealth,
    WorkersLost,
    WorkerState,
    check_submission,
)

if TYPE_CHECKING:
    from torch import Tensor

SHARDS_PER_WORKER = 2  # one is generated while the last one is verified
MAX_ATTEMPTS = 2  # a shard that raises this often is at fault itself
STACKS_SECONDS = 5.0
CLOSE_SECONDS = 10.0  # for the supervisor to finish what it does


class SupervisedWorkers:
    """Workers behind a launcher. Implements `Workers`.

    Args:
        num_workers: worker processes; results do not depend on it.
        num_spares: processes that are loaded and wait to replace one that dies; started when all workers are up, and
            `patience.spare_seconds` have passed.
        patience: how long to wait for what.
    """

    def __init__(
        self, launcher: Launcher, num_workers: int, *, num_spares: int = 0, patience: Patience | None = None
    ) -> None:
        if num_workers < 1 or num_spares < 0:
            raise ValueError(
                f"num_workers is {num_workers} and num_spares {num_spares}, expected at least 1 and at least 0"
            )
        self.launcher = launcher
        self.patience = patience or Patience()
        self.slots = [Slot(name=f"worker-{i}") for i in range(num_workers)]
        self.spares = [Slot(name=f"spare-{i}", state=WorkerState.DEAD) for i in range(num_spares)]
        self._queue: deque[Task] = deque()
        self._newest = Publication(0, 0, None)
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._changed = threading.Condition()  # guards what the caller's thread reads: the five below
        self._in_flight: dict[int, Task] = {}
        self._results: dict[int, ShardResult] = {}
        self._failures: deque[Exception] = deque()
        self._fatal: Exception | None = None
        self._closed = False
        self._born = time.monotonic()
        self._thread = threading.Thread(target=self._supervise, name="worker-supervisor", daemon=True)
        self._thread.start()

    # Called by the loop's thread.

    def publish(self, weights: Mapping[str, Tensor], version: int) -> None:
        """Hands the weights over once; workers fetch them with the first shard that is sampled by them.

        When what runs the workers is gone, `poll` says so.
        """
        packed = None if self._is_lost() else self.launcher.put(weights)
        self._newest = Publication(self._newest.edition + 1, version, packed)

    def submit(self, shard: Shard) -> None:
        """Queues the shard."""
        task = Task(shard, None if shard.version is None else self._newest)
        with self._changed:
            check_submission(shard, in_flight=shard.id in self._in_flight, version=self._newest.version)
            self._in_flight[shard.id] = task
        self._events.put(partial(self._on_submit, task))

    def poll(self, timeout_seconds: float, wanted: Collection[int] | None = None) -> list[ShardResult]:
        """Finished shards, of `wanted` only if given; waits at most `timeout_seconds` for the first."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready(wanted) or self._failures or self._fatal, timeout_seconds)
            ready = self._ready(wanted)
            if not ready and timeout_seconds > 0:
                if self._failures:
                    raise self._failures.popleft()
                if self._fatal:
                    raise self._fatal
            for shard_id in ready:
                del self._in_flight[shard_id]
            return [self._results.pop(shard_id) for shard_id in ready]

    def health(self) -> list[WorkerHealth]:
        """One row per worker."""
        return [slot.health() for slot in self.slots]

    def cancel(self, shard_ids: Collection[int]) -> None:
        """Forgets shards."""
        gone = set(shard_ids)
        with self._changed:
            for shard_id in gone:
                self._in_flight.pop(shard_id, None)
                self._results.pop(shard_id, None)
        self._events.put(self._drop_cancelled)

    def stacks(self) -> str:
        """The stacks of every worker that answers within some seconds."""
        if self._is_lost():
            return str(self._fatal)
        calls = {slot.name: slot.remote.call("stacks") for slot in self.slots if slot.remote is not None}
        done, _ = wait(calls.values(), timeout=STACKS_SECONDS)
        parts = []
        for name, call in calls.items():
            if call not in done:
                text = f"does not answer within {STACKS_SECONDS:.0f} s"
            else:
                error = call.exception()
                text = call.result() if error is None else f"is gone: {first_line(error)}"
            parts.append(f"{name}: {text}")
        return "\n".join(parts)

    def close(self) -> None:
        """Ends all workers; their verifier processes end with them."""
        if not self._closed:
            self._closed = True
            self._events.put(lambda: None)
            self._thread.join(CLOSE_SECONDS)
            everyone = (*self.slots, *self.spares)
            self.launcher.close([slot.remote for slot in everyone if slot.remote is not None])

    def _ready(self, wanted: Collection[int] | None) -> list[int]:
        return [i for i in self._results if wanted is None or i in wanted]

    def _is_lost(self) -> bool:
        """Whether what runs the workers is gone; from then on `poll` raises."""
        if reason := self.launcher.lost():
            self._fail(WorkersLost(reason))
        return bool(reason)

    # Everything below runs in the supervisor's thread.

    def _supervise(self) -> None:
        try:
            for slot in self.slots:
                self._start(slot)
            checked = time.monotonic()
            while not self._closed:
                try:
                    event = self._events.get(timeout=self.patience.heartbeat_seconds / 2)
                    while not self._is_lost():  # what follows from an event may need what is gone
                        event()
                        event = self._events.get_nowait()
                except queue.Empty:
                    pass
                if self._is_lost():
                    return
                now = time.monotonic()
                self._check(now, absent_seconds=now - checked)
                checked = now
                self._dispatch()
        except Exception as error:  # a defect here must reach the loop, which would otherwise wait for ever
            self._fail(error)

    def _call(self, slot: Slot, kind: str, on_done: Callable[[Slot, Any], None], method: str, *arguments: Any) -> None:
        """Calls a method of a worker, which the supervisor hears the end of, unless the worker has died by then."""
        life = slot.life
        slot.calls[kind] = time.monotonic()

        def ended(future: Future[Any]) -> None:
            """Runs in whichever thread ends the call, so it only queues the news for the supervisor's."""
            self._events.put(partial(self._on_ended, slot, life, kind, future, on_done))

        slot.remote.call(method, *arguments).add_done_callback(ended)

    def _on_ended(
        self, slot: Slot, life: int, kind: str, future: Future[Any], on_done: Callable[[Slot, Any], None]
    ) -> None:
        if slot.life != life:
            return
        slot.calls.pop(kind, None)
        error = future.exception()
        if error is None:
            on_done(slot, future.result())
        elif self.launcher.is_lost(error):
            self._bury(slot, first_line(error))
        else:
            self._on_raised(slot, kind, self.launcher.cause(error))

    # Life of a worker.

    def _start(self, slot: Slot) -> None:
        """A new process for a worker."""
        slot.begin(self.launcher.start(slot.name, is_spare=slot in self.spares))
        self._call(slot, START, self._on_hello, "hello")

    def _on_hello(self, slot: Slot, where: Any) -> None:
        slot.remote.located(where)
        slot.is_up = True
        self._call(slot, LOAD, self._on_setup, "setup")

    def _on_setup(self, slot: Slot, _: None) -> None:
        slot.state = WorkerState.HEALTHY

    def _check(self, now: float, *, absent_seconds: float) -> None:
        """Heartbeats and deadlines; the time in which this thread itself did not run is held against nobody."""
        everyone = (*self.slots, *self.spares)
        if absent_seconds > 2 * self.patience.heartbeat_seconds:
            for slot in everyone:
                slot.excuse(absent_seconds)
        for slot in everyone:
            if slot.remote is None:
                continue
            overdue, is_late = slot.overdue(now, self.patience), slot.is_late(now, self.patience)
            if is_late and not overdue and slot.remote.is_stopped:
                overdue = "is stopped (SIGSTOP)"
            if overdue:
                self._bury(slot, overdue)
            elif slot.wants_ping(now, self.patience):
                self._call(slot, HEARTBEAT, Slot.seen, "ping")
            elif is_late and slot.state is WorkerState.HEALTHY:
                slot.state = WorkerState.SUSPECT
        are_settled = all(slot.state in (WorkerState.HEALTHY, WorkerState.RETIRED) for slot in self.slots)
        if are_settled and now >= self._born + self.patience.spare_seconds:
            for spare in self.spares:  # once nothing more urgent is to be started
                if spare.state is WorkerState.DEAD:
                    self._start(spare)

    def _bury(self, slot: Slot, error: str) -> None:
        """What a dead worker held goes back to the head of the queue; the worker is replaced, or retired."""
        self._mourn(slot, error)
        if slot.deaths_in_a_row > self.patience.max_restarts:
            self._retire(slot)
        elif slot in self.slots:
            spare = next((s for s in self.spares if s.state is WorkerState.HEALTHY), None)
            if spare is None:
                self._start(slot)
            else:
                slot.adopt(spare)

    def _mourn(self, slot: Slot, error: str) -> None:
        if slot.remote is not None:
            slot.remote.kill()
        lost = slot.die(error)
        self._queue.extendleft(reversed([task for task in lost if self._is_wanted(task)]))

    def _retire(self, slot: Slot) -> None:
        slot.state = WorkerState.RETIRED
        if all(s.state is WorkerState.RETIRED for s in self.slots):
            errors = "; ".join(f"{s.name}: {s.last_error}" for s in self.slots)
            self._fail(WorkersLost(f"no rollout worker is left ({errors})"))

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self._fatal = error
            self._changed.notify_all()

    # Life of a shard.

    def _is_wanted(self, task: Task) -> bool:
        """False for a shard that was cancelled, also when it was submitted again since."""
        return self._in_flight.get(task.shard.id) is task

    def _on_submit(self, task: Task) -> None:
        self._queue.append(task)

    def _drop_cancelled(self) -> None:
        self._queue = deque(task for task in self._queue if self._is_wanted(task))

    def _dispatch(self) -> None:
        """Queued shards to healthy workers, the least busy first."""
        while self._queue:
            free = [s for s in self.slots if s.state is WorkerState.HEALTHY and len(s.tasks) < SHARDS_PER_WORKER]
            if not free:
                return
            slot, task = min(free, key=lambda s: len(s.tasks)), self._queue.popleft()
            published = task.publication or self._newest
            slot.take(task)
            arguments = (task.shard, published.edition, published.version, published.weights)
            self._call(slot, task.call, partial(self._on_result, task), "run", *arguments)

    def _on_result(self, task: Task, slot: Slot, result: ShardResult) -> None:
        slot.give_back(task, result)
        with self._changed:
            if self._is_wanted(task):
                # a process that was a spare knows itself by another name
                self._results[task.shard.id] = replace(result, worker=slot.name)
                self._changed.notify_all()

    def _on_raised(self, slot: Slot, kind: str, cause: BaseException) -> None:
        """An exception in a worker that lives on: a shard is tried once more, a policy that never loaded is not.

        A ValueError speaks of the task; anything else (no memory, no file handles, a broken device) may be the fault of
        the process, so the second try is in a new one.
        """
        task = next((t for t in slot.tasks if t.call == kind), None)
        if task is None:
            error = f"could not {kind}: {type(cause).__name__}: {cause}"
            if slot.restarts:
                self._bury(slot, error)
            else:
                self._mourn(slot, error)
                self._retire(slot)
            return
        slot.give_back(task, None)
        slot.last_error = f"shard {task.shard.id}: {type(cause).__name__}: {cause}"
        if self._is_wanted(task):
            task.num_raised += 1
            if task.num_raised < MAX_ATTEMPTS:
                self._queue.appendleft(task)
            else:
                self._give_up(task, cause)
        if not isinstance(cause, ValueError):
            self._bury(slot, slot.last_error)

    def _give_up(self, task: Task, cause: BaseException) -> None:
        shard = task.shard
        failure = ShardFailed(f"shard {shard.id} of step {shard.step} raised {type(cause).__name__}: {cause}")
        failure.__cause__ = cause
        with self._changed:
            self._in_flight.pop(shard.id, None)
            self._failures.append(failure)
            self._changed.notify_all()


def first_line(error: BaseException) -> str:
    """The first line of a message, with its type."""
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"

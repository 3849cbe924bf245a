"""Keeps workers that may die at any time at work, whatever runs them: see `Launcher`.

One supervisor thread owns all state and reacts to events: a call came back, a shard was submitted, weights were
published, a heartbeat is due. So a dead worker is noticed and replaced while the loop learns, and nothing polls. A
worker that dies is started anew, given the current weights, and only then given work; its shards go to others. Since a
shard says everything its samples depend on, none of this can change a result.
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
from typing import TYPE_CHECKING, Any, Protocol

from rl.workers.slot import HEARTBEAT, Patience, Slot
from rl.workers.types import Shard, ShardFailed, ShardResult, WorkerHealth, WorkersLost, WorkerState

if TYPE_CHECKING:
    from torch import Tensor

SHARDS_PER_WORKER = 2  # one is generated while the last one is verified
MAX_ATTEMPTS = 2  # a shard that raises this often is at fault itself
STACKS_SECONDS = 5.0
CLOSE_SECONDS = 10.0  # for the supervisor to finish what it does


class Remote(Protocol):
    """A worker process with the methods of `rl.workers.actor.RolloutActor`."""

    def call(self, method: str, *arguments: Any) -> Future[Any]:
        """Starts a call; the future gets its result, or what it raised, or that the process is gone."""
        ...

    def located(self, where: Any) -> None:
        """Told what `hello` said: where the process is."""
        ...

    def kill(self) -> None:
        """Ends the process, also one that is stopped. Safe to call for one that is gone."""
        ...


class Launcher(Protocol):
    """What starts worker processes and moves weights to them."""

    def start(self, name: str) -> Remote:
        """A new process; returns at once."""
        ...

    def put(self, weights: Mapping[str, Tensor]) -> Any:
        """Weights in a form that can be an argument of many calls and is sent once."""
        ...

    def is_lost(self, error: BaseException) -> bool:
        """Whether an error of a call means that the process is gone, and not that the method raised."""
        ...

    def cause(self, error: BaseException) -> BaseException:
        """What the method raised, under the launcher's own wrapping."""
        ...

    def close(self, remotes: Collection[Remote]) -> None:
        """Ends these processes."""
        ...


class SupervisedWorkers:
    """Workers behind a launcher. Implements `Workers`.

    Args:
        num_workers: worker processes; results do not depend on it.
        patience: how long to wait for what.
    """

    def __init__(self, launcher: Launcher, num_workers: int, *, patience: Patience | None = None) -> None:
        if num_workers < 1:
            raise ValueError(f"num_workers is {num_workers}, expected at least 1")
        self.launcher = launcher
        self.patience = patience or Patience()
        self.slots = [Slot(name=f"worker-{i}") for i in range(num_workers)]
        self._queue: deque[Shard] = deque()
        self._attempts: dict[int, int] = {}
        self._weights: Any = None  # reference in the object store; None: the folder's weights serve
        self._version = 0
        self._edition = 0  # counts publications: two of them may carry the same version
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._changed = threading.Condition()  # guards what the caller's thread reads: the five below
        self._in_flight: dict[int, Shard] = {}
        self._results: dict[int, ShardResult] = {}
        self._failures: deque[Exception] = deque()
        self._fatal: Exception | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._supervise, name="worker-supervisor", daemon=True)
        self._thread.start()

    # Called by the loop's thread.

    def publish(self, weights: Mapping[str, Tensor], version: int) -> None:
        """Hands the weights over once; every worker fetches them between two shards."""
        self._events.put(partial(self._on_publish, self.launcher.put(weights), version))

    def submit(self, shard: Shard) -> None:
        """Queues the shard."""
        with self._changed:
            if shard.id in self._in_flight:
                raise ValueError(
                    f"shard {shard.id} is in flight already; a shard may be submitted again after its result"
                )
            shard = replace(shard)  # this submission, and no earlier one of the same shard that was cancelled
            self._in_flight[shard.id] = shard
        self._events.put(partial(self._on_submit, shard))

    def poll(self, timeout_seconds: float, wanted: Collection[int] | None = None) -> list[ShardResult]:
        """Finished shards, of `wanted` only if given; waits at most `timeout_seconds` for the first."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready(wanted) or self._failures or self._fatal, timeout_seconds)
            ready = self._ready(wanted)
            if not ready and self._failures:
                raise self._failures.popleft()
            if not ready and self._fatal:
                raise self._fatal
            for shard_id in ready:
                del self._in_flight[shard_id]
            return [self._results.pop(shard_id) for shard_id in ready]

    def health(self) -> list[WorkerHealth]:
        """One row per worker."""
        now = time.monotonic()
        return [slot.health(now) for slot in self.slots]

    def cancel(self, shard_ids: Collection[int]) -> None:
        """Forgets shards."""
        gone = set(shard_ids)
        with self._changed:
            for shard_id in gone:
                self._in_flight.pop(shard_id, None)
                self._results.pop(shard_id, None)
        self._events.put(partial(self._on_cancel, gone))

    def stacks(self) -> str:
        """The stacks of every worker that answers within some seconds."""
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
            self.launcher.close([slot.remote for slot in self.slots if slot.remote is not None])

    def _ready(self, wanted: Collection[int] | None) -> list[int]:
        return [i for i in self._results if wanted is None or i in wanted]

    # Everything below runs in the supervisor's thread.

    def _supervise(self) -> None:
        try:
            for slot in self.slots:
                self._start(slot)
            while not self._closed:
                try:
                    self._events.get(timeout=self.patience.heartbeat_seconds / 2)()
                    while True:
                        self._events.get_nowait()()
                except queue.Empty:
                    pass
                self._check(time.monotonic())
                self._dispatch()
        except Exception as error:  # a defect here must reach the loop, which would otherwise wait for ever
            with self._changed:
                self._fatal = error
                self._changed.notify_all()

    def _call(self, slot: Slot, kind: str, on_done: Callable[[Slot, Any], None], method: str, *arguments: Any) -> None:
        """Calls a method of a worker, which the supervisor hears the end of, unless the worker has died by then."""
        life = slot.life
        slot.calls[kind] = time.monotonic()

        def ended(future: Future[Any]) -> None:
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
            self._on_raised(slot, kind, error)

    def _start(self, slot: Slot) -> None:
        """A new process for a worker."""
        slot.begin(self.launcher.start(slot.name))
        self._call(slot, "start", self._on_hello, "hello")

    def _on_hello(self, slot: Slot, where: Any) -> None:
        slot.remote.located(where)
        slot.is_up = True
        self._call(slot, "load its policy", self._on_setup, "setup")

    def _on_setup(self, slot: Slot, _: None) -> None:
        slot.state = WorkerState.STALE
        if self._weights is None:
            self._on_echo(0, slot, self._version)
        else:
            self._send_weights(slot)

    def _send_weights(self, slot: Slot) -> None:
        if "load weights" not in slot.calls:
            on_echo = partial(self._on_echo, self._edition)
            self._call(slot, "load weights", on_echo, "load", self._version, self._weights)

    def _on_echo(self, edition: int, slot: Slot, version: int) -> None:
        slot.version = version
        if edition != self._edition:
            self._send_weights(slot)
        elif slot.state is WorkerState.STALE:
            slot.state = WorkerState.HEALTHY

    def _on_publish(self, weights: Any, version: int) -> None:
        self._weights, self._version = weights, version
        self._edition += 1
        for slot in self.slots:
            if slot.state in (WorkerState.HEALTHY, WorkerState.SUSPECT, WorkerState.STALE):
                slot.state = WorkerState.STALE
                self._send_weights(slot)

    def _is_wanted(self, shard: Shard) -> bool:
        """False for a shard that was cancelled, also when it was submitted again since."""
        return self._in_flight.get(shard.id) is shard

    def _on_submit(self, shard: Shard) -> None:
        self._queue.append(shard)

    def _on_cancel(self, gone: set[int]) -> None:
        self._queue = deque(s for s in self._queue if s.id not in gone or self._is_wanted(s))

    def _dispatch(self) -> None:
        """Queued shards to healthy workers, the least busy first."""
        while self._queue:
            free = [s for s in self.slots if s.state is WorkerState.HEALTHY and len(s.shards) < SHARDS_PER_WORKER]
            if not free:
                return
            slot, shard = min(free, key=lambda s: len(s.shards)), self._queue.popleft()
            slot.take(shard)
            self._call(slot, f"run shard {shard.id}", partial(self._on_result, shard), "run", shard)

    def _on_result(self, shard: Shard, slot: Slot, result: ShardResult) -> None:
        slot.give_back(shard, result)
        self._attempts.pop(shard.id, None)
        with self._changed:
            if self._is_wanted(shard):
                self._results[shard.id] = result
                self._changed.notify_all()

    def _on_raised(self, slot: Slot, kind: str, error: BaseException) -> None:
        """An exception in a worker that lives on: a shard is tried once more; a worker that cannot load is useless."""
        cause = self.launcher.cause(error)
        shard = next((s for s in slot.shards if kind == f"run shard {s.id}"), None)
        if shard is None:
            slot.last_error = f"could not {kind}: {type(cause).__name__}: {cause}"
            self._retire(slot)
            return
        slot.give_back(shard, None)
        slot.last_error = f"shard {shard.id}: {type(cause).__name__}: {cause}"
        if not self._is_wanted(shard):
            return
        self._attempts[shard.id] = self._attempts.get(shard.id, 0) + 1
        if self._attempts[shard.id] < MAX_ATTEMPTS:
            self._queue.appendleft(shard)
            return
        failure = ShardFailed(f"shard {shard.id} of step {shard.step} raised {type(cause).__name__}: {cause}")
        failure.__cause__ = cause
        with self._changed:
            self._in_flight.pop(shard.id, None)
            self._failures.append(failure)
            self._changed.notify_all()

    def _check(self, now: float) -> None:
        """Heartbeats and deadlines."""
        for slot in self.slots:
            if slot.remote is None:
                continue
            overdue = slot.overdue(now, self.patience)
            if overdue:
                self._bury(slot, overdue)
            elif slot.wants_ping(now, self.patience):
                self._call(slot, HEARTBEAT, Slot.seen, "ping")
            else:
                slot.suspect(now, self.patience)

    def _bury(self, slot: Slot, error: str) -> None:
        """What a dead worker held goes back to the head of the queue; the worker is replaced, or retired."""
        self._kill(slot)
        lost = slot.die(error)
        self._queue.extendleft(reversed([s for s in lost if self._is_wanted(s)]))
        if slot.deaths_in_a_row > self.patience.max_restarts:
            self._retire(slot)
        else:
            self._start(slot)

    def _retire(self, slot: Slot) -> None:
        self._kill(slot)
        lost = slot.die(slot.last_error)
        self._queue.extendleft(reversed([s for s in lost if self._is_wanted(s)]))
        slot.state = WorkerState.RETIRED
        if all(s.state is WorkerState.RETIRED for s in self.slots):
            errors = "; ".join(f"{s.name}: {s.last_error}" for s in self.slots)
            with self._changed:
                self._fatal = WorkersLost(f"no rollout worker is left ({errors})")
                self._changed.notify_all()

    def _kill(self, slot: Slot) -> None:
        if slot.remote is not None:
            slot.remote.kill()


def first_line(error: BaseException) -> str:
    """The first line of a message, with its type."""
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"

"""Grading in killable processes: a deadline and a memory limit that hold whatever an item does.

Signals cannot stop C code and only work in the main thread, so the limit is enforced from outside: every worker is
a fresh, light interpreter (`verifiers.pool_worker`), and the one that breaks its deadline is killed and replaced.
The item in hand gets the verdict TIMEOUT or ERROR; the rest of its batch is graded by the replacement. One thread
per worker does all this, so `grade` may be called from any thread, an asyncio program or a Ray actor.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import threading
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from verifiers.pool_process import WorkerDied, WorkerProcess
from verifiers.pool_worker import read_stamp, write_stamp
from verifiers.types import Outcome, Reason, Verdict

BATCH_SECONDS = 0.02  # work sent to a worker at a time: long enough to hide the message, short enough to balance
MAX_BATCH = 256
MAX_BATCH_BYTES = 1 << 20  # the time to send a batch counts against its first item's deadline
FIRST_BATCH = 4
MAX_BARREN_DEATHS = 3  # workers that die in a row without having begun an item: the fault is not an item's


@dataclass(eq=False)
class _Job:
    """One call of `submit`: its verdicts fill up in any order; the future resolves with the last one."""

    verdicts: list[Verdict | None]
    missing: int
    future: Future[list[Verdict]] = field(default_factory=Future)


@dataclass(frozen=True, eq=False)
class _Task:
    """One item on its way: where its verdict belongs (several places for equal keys) and its pickle."""

    job: _Job
    places: tuple[int, ...]
    payload: bytes
    key: Hashable | None


class _State:
    """What the threads share. Kept apart from VerifierPool so that a forgotten pool can be collected and closed."""

    def __init__(
        self, grader: bytes, *, deadline_seconds: float, memory_bytes: int, key: bool, cache_size: int, workers: int
    ) -> None:
        self.grader = grader
        self.deadline_seconds = deadline_seconds
        self.memory_bytes = memory_bytes
        self.workers = workers
        self.has_cache = key and cache_size > 0
        self.cache_size = cache_size
        self.cache: OrderedDict[Hashable, Verdict] = OrderedDict()
        self.queue: deque[_Task] = deque()
        self.changed = threading.Condition()
        self.closed = False
        self.failure: RuntimeError | None = None
        self.processes: dict[int, WorkerProcess] = {}
        self.seconds_per_item = BATCH_SECONDS / FIRST_BATCH
        self.counts = dict.fromkeys(
            ("graded", "timeouts", "crashes", "out_of_memory", "errors", "cache_hits", "restarts"), 0
        )

    def refuse(self) -> None:
        """Raise if no more work can be done. The lock is held."""
        if self.failure is not None:
            raise self.failure
        if self.closed:
            raise RuntimeError("the verifier pool is closed")

    def add(self, tasks: Sequence[_Task]) -> None:
        with self.changed:
            self.refuse()
            self.queue.extend(tasks)
            self.changed.notify(len(tasks))

    def take(self) -> list[_Task] | None:
        """The next batch, about BATCH_SECONDS of work and no more than a fair share; None when the pool closes."""
        with self.changed:
            while not self.queue and not self.closed:
                self.changed.wait()
            if self.closed:
                return None
            share = -(-len(self.queue) // self.workers)
            size = max(1, min(share, MAX_BATCH, int(BATCH_SECONDS / self.seconds_per_item)))
            batch = [self.queue.popleft()]
            room = MAX_BATCH_BYTES - len(batch[0].payload)
            while len(batch) < size and len(self.queue[0].payload) <= room:
                batch.append(self.queue.popleft())
                room -= len(batch[-1].payload)
            return batch

    def put_back(self, tasks: Sequence[_Task]) -> None:
        """Queue tasks again, first in line."""
        with self.changed:
            if not self.closed:
                self.queue.extendleft(reversed(tasks))
                self.changed.notify(len(tasks))
                return
        self.abandon(tasks)

    def finish(self, tasks: Sequence[_Task], verdicts: Sequence[Verdict]) -> None:
        """Store verdicts and resolve the jobs that they complete."""
        resolved = []
        with self.changed:
            for task, verdict in zip(tasks, verdicts, strict=True):
                self._count(verdict)
                if self.has_cache and verdict.outcome not in (Outcome.TIMEOUT, Outcome.ERROR):
                    self.remember(task.key, verdict)
                for place in task.places:
                    task.job.verdicts[place] = verdict
                task.job.missing -= len(task.places)
                if task.job.missing == 0:
                    resolved.append(task.job)
        for job in resolved:
            _resolve(job)

    def _count(self, verdict: Verdict) -> None:
        self.counts["graded"] += 1
        self.counts["timeouts"] += verdict.outcome is Outcome.TIMEOUT
        self.counts["errors"] += verdict.outcome is Outcome.ERROR
        self.counts["crashes"] += verdict.reason is Reason.CRASHED
        self.counts["out_of_memory"] += verdict.reason is Reason.OUT_OF_MEMORY
        spent = min(verdict.seconds, self.deadline_seconds)
        self.seconds_per_item += 0.1 * (max(spent, BATCH_SECONDS / MAX_BATCH) - self.seconds_per_item)

    def remember(self, key: Hashable | None, verdict: Verdict) -> None:
        """Keep a verdict in the least-recently-used cache. The lock is held."""
        self.cache[key] = verdict
        self.cache.move_to_end(key)
        if len(self.cache) > self.cache_size:
            self.cache.popitem(last=False)

    def close(self, failure: RuntimeError | None = None) -> None:
        """Kill the workers and fail what is unfinished. Safe to call twice and from any thread."""
        with self.changed:
            self.failure = self.failure or failure
            self.closed = True
            queued = list(self.queue)
            self.queue.clear()
            for process in self.processes.values():
                process.process.kill()  # its thread sees the hang-up, reaps it and ends
            self.changed.notify_all()
        self.abandon(queued)

    def abandon(self, tasks: Sequence[_Task]) -> None:
        """Fail the jobs of tasks that nobody will grade."""
        error = self.failure or RuntimeError("the verifier pool was closed before it had graded this")
        for job in {id(task.job): task.job for task in tasks}.values():
            with contextlib.suppress(Exception):  # InvalidStateError: another of its tasks failed it already
                job.future.set_exception(error)


def _resolve(job: _Job) -> None:
    verdicts = [verdict for verdict in job.verdicts if verdict is not None]
    if job.future.set_running_or_notify_cancel():
        job.future.set_result(verdicts)


def _serve(state: _State, slot: int) -> None:
    """Body of one thread: keep one process alive and feed it until the pool closes."""
    process: WorkerProcess | None = None
    tasks: list[_Task] | None = None
    barren = 0
    try:
        while True:
            process = process or _start(state, slot)
            tasks = state.take() if process else None
            if tasks is None or process is None:
                return
            tasks, alive, began = _grade_batch(state, process, tasks)
            barren = 0 if began else barren + 1
            if barren == MAX_BARREN_DEATHS:
                raise RuntimeError(f"{barren} grading processes in a row died before they began an item")
            if tasks:
                state.put_back(tasks)
            if not alive:
                _retire(state, slot, process)
                process = None
    except Exception as error:  # whatever it is (no process can be started, no grader loaded): callers must not wait
        failure = error if isinstance(error, RuntimeError) else RuntimeError(f"the verifier pool failed: {error!r}")
        state.close(failure)
        state.abandon(tasks or [])
    finally:
        if process is not None:
            _retire(state, slot, process)


def _start(state: _State, slot: int) -> WorkerProcess | None:
    """A ready process, started by the thread that will serve it: Linux kills it when *that thread* ends."""
    if state.closed:
        return None
    process = WorkerProcess(state.grader, state.memory_bytes)
    with state.changed:
        state.processes[slot] = process
    return process


def _retire(state: _State, slot: int, process: WorkerProcess) -> None:
    with state.changed:
        state.processes.pop(slot, None)
        state.counts["restarts"] += not state.closed
    process.kill()


def _grade_batch(state: _State, process: WorkerProcess, tasks: list[_Task]) -> tuple[list[_Task], bool, bool]:
    """Grade what can be graded of one batch.

    Returns:
        the tasks still to be graded, whether the process may go on, and whether it began any item.
    """
    done = 0
    sent_at = time.monotonic()
    write_stamp(process.page, -1, sent_at)
    try:
        process.send(pickle.dumps([task.payload for task in tasks]), state.deadline_seconds)
        while done < len(tasks):
            _, start = read_stamp(process.page)
            message = process.receive(start + state.deadline_seconds)
            if message is not None:
                verdicts, retiring = _store(state, tasks, message)
                done += verdicts
                if retiring:
                    return tasks[done:], False, True
            elif _is_overdue(process, state.deadline_seconds):
                break
        else:
            return [], True, True
    except (TimeoutError, BrokenPipeError, ConnectionResetError, WorkerDied) as error:
        timed_out = isinstance(error, TimeoutError)
    else:
        timed_out = True
    process.process.kill()
    status = process.process.wait()
    done += _drain(state, process, tasks)
    if done == len(tasks):
        return [], False, True
    return _blame(state, process, tasks, done, timed_out=timed_out, status=status)


def _is_overdue(process: WorkerProcess, deadline_seconds: float) -> bool:
    """True when the item in hand (not merely the one we waited for) has used its time up."""
    _, start = read_stamp(process.page)
    return time.monotonic() - start >= deadline_seconds


def _store(state: _State, tasks: list[_Task], message: bytes) -> tuple[int, bool]:
    """File one results message; how many verdicts it held and whether the process asks to be replaced."""
    first, verdicts, retiring = pickle.loads(message)
    state.finish(tasks[first : first + len(verdicts)], verdicts)
    return len(verdicts), retiring


def _drain(state: _State, process: WorkerProcess, tasks: list[_Task]) -> int:
    """File what a dead process had still sent; how many verdicts that were."""
    done = 0
    try:
        while (message := process.receive(time.monotonic())) is not None:
            done += _store(state, tasks, message)[0]
    except WorkerDied:
        pass  # the expected end of its stream
    return done


def _blame(
    state: _State, process: WorkerProcess, tasks: list[_Task], done: int, *, timed_out: bool, status: int
) -> tuple[list[_Task], bool, bool]:
    """Give the item in hand of a dead process its verdict; what remains is graded elsewhere."""
    index, start = read_stamp(process.page)
    seconds = time.monotonic() - start
    began = index >= 0
    if timed_out and seconds >= state.deadline_seconds:  # else it had moved on to the next item just before the kill
        culprit = max(index, done)
        detail = f"no verdict within {state.deadline_seconds:g} s; the grading process was killed"
        verdict = Verdict(Outcome.TIMEOUT, 0.0, detail=detail, seconds=seconds)
    elif began and not timed_out and not state.closed:
        culprit = max(index, done)
        cause = f"signal {-status}" if status < 0 else f"exit status {status}"
        verdict = Verdict(
            Outcome.ERROR, 0.0, detail=f"the grading process died ({cause})", reason=Reason.CRASHED, seconds=seconds
        )
    else:
        return tasks[done:], False, began
    state.finish([tasks[culprit]], [verdict])
    return tasks[done:culprit] + tasks[culprit + 1 :], False, True


class VerifierPool:
    """A pool of processes that grade items, each under a hard deadline and memory limit.

        with VerifierPool(grader, workers=2, deadline_seconds=2.0) as pool:
            verdicts = pool.grade(items)

    Args:
        grader: item -> Verdict; pickled once into every worker, so it must be importable there. Its method
            `warm_up()`, if it has one, is called there first: imports then count against nobody's deadline.
        workers: processes.
        deadline_seconds: wall time of one item. Past it the process is killed (also a stopped one) and the item is
            judged TIMEOUT.
        memory_bytes: address space that an item may add to what the loaded grader needs. Past it the item is judged
            ERROR with Reason.OUT_OF_MEMORY and the process is replaced.
        key: content key of an item. With it, equal items are graded once: within a batch, and across batches
            through a cache of the `cache_size` most recently used verdicts (never TIMEOUT or ERROR).
        cache_size: verdicts kept; 0 keeps none.
    Raises:
        ValueError: a setting is out of range.
        TypeError: the grader cannot be pickled.
        RuntimeError: from grade and submit, when the pool is closed or the grader cannot be loaded in a worker.
    """

    def __init__(
        self,
        grader: Callable[[Any], Verdict],
        *,
        workers: int = 1,
        deadline_seconds: float = 2.0,
        memory_bytes: int = 1 << 30,
        key: Callable[[Any], Hashable] | None = None,
        cache_size: int = 1 << 16,
    ) -> None:
        if workers < 1 or deadline_seconds <= 0 or memory_bytes < 1:
            raise ValueError(
                f"workers, deadline_seconds and memory_bytes must be positive, "
                f"got {workers}, {deadline_seconds} and {memory_bytes}"
            )
        try:
            pickled = pickle.dumps(grader)
        except Exception as error:  # pickling raises PicklingError, AttributeError or TypeError, by kind of object
            raise TypeError(f"the grader must pickle (an importable function or object), got {grader!r}") from error
        self._key = key
        self._state = _State(
            pickled,
            deadline_seconds=deadline_seconds,
            memory_bytes=memory_bytes,
            key=key is not None,
            cache_size=cache_size,
            workers=workers,
        )
        self._threads = [
            threading.Thread(target=_serve, args=(self._state, slot), name=f"verifier-pool-{slot}", daemon=True)
            for slot in range(workers)
        ]
        for thread in self._threads:
            thread.start()
        # runs at close(), when the pool is garbage, and at interpreter exit, whichever comes first
        self._finalizer = weakref.finalize(self, _shut_down, self._state, self._threads)

    def grade(self, items: Sequence[Any]) -> list[Verdict]:
        """One verdict per item, in order. Blocks; call it from any thread (in asyncio: `await grade_async`)."""
        return self.submit(items).result()

    async def grade_async(self, items: Sequence[Any]) -> list[Verdict]:
        """`grade` for asyncio programs and async Ray actors: the event loop goes on meanwhile."""
        return await asyncio.wrap_future(self.submit(items))

    def submit(self, items: Sequence[Any]) -> Future[list[Verdict]]:
        """A future of one verdict per item, in order.

        Raises:
            TypeError: an item cannot be pickled.
        """
        job = _Job([None] * len(items), len(items))
        tasks = self._plan(job, items)
        if tasks:
            self._state.add(tasks)
        elif job.missing == 0:
            _resolve(job)
        return job.future

    def _plan(self, job: _Job, items: Sequence[Any]) -> list[_Task]:
        """One task per item that must be graded: cached verdicts are filled in, equal keys share a task."""
        state = self._state
        with state.changed:
            state.refuse()
        if self._key is None:
            return [_Task(job, (place,), _pickle_item(item), None) for place, item in enumerate(items)]
        places: dict[Hashable, list[int]] = {}
        for place, item in enumerate(items):
            places.setdefault(self._key(item), []).append(place)
        tasks = []
        with state.changed:
            state.counts["cache_hits"] += len(items) - len(places)
            for key, where in places.items():
                verdict = state.cache.get(key)
                if verdict is None:
                    tasks.append(_Task(job, tuple(where), _pickle_item(items[where[0]]), key))
                    continue
                state.cache.move_to_end(key)
                state.counts["cache_hits"] += 1
                job.missing -= len(where)
                for place in where:
                    job.verdicts[place] = verdict
        return tasks

    @property
    def stats(self) -> dict[str, int]:
        """Counts since the start: graded, timeouts, crashes, out_of_memory, errors, cache_hits, restarts."""
        with self._state.changed:
            return dict(self._state.counts)

    def close(self) -> None:
        """Kill the workers and wait until they are gone; what is unfinished raises RuntimeError to its callers."""
        self._finalizer()

    def __enter__(self) -> VerifierPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _pickle_item(item: Any) -> bytes:
    try:
        return pickle.dumps(item, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # pickling raises PicklingError, AttributeError or TypeError, by kind of object
        raise TypeError(f"items must pickle, got {item!r:.200}") from error


def _shut_down(state: _State, threads: Sequence[threading.Thread]) -> None:
    state.close()
    for thread in threads:
        if thread is not threading.current_thread():  # garbage collection may run in one of them
            thread.join()

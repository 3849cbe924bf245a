"""Grading in killable processes: a deadline and a memory limit that hold whatever an item does.

Signals cannot stop C code and only work in the main thread, so the limit is enforced from outside: every worker is
a fresh, light interpreter (`verifiers.pool.worker`), and the one that breaks its deadline is killed and replaced.
The item in hand gets the verdict TIMEOUT or ERROR; the rest of its batch is graded by the replacement. One thread
per worker does all this (`verifiers.pool.supervise`), so `grade` may be called from any thread, an asyncio program or
a Ray actor.
"""

from __future__ import annotations

import asyncio
import pickle
import threading
import weakref
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import Any

from verifiers.pool.state import Job, PoolState, Task, resolve
from verifiers.pool.supervise import serve
from verifiers.types import Verdict


class VerifierPool:
    """A pool of processes that grade items, each under a hard deadline and memory limit.

        with VerifierPool(grader, workers=2, deadline_seconds=2.0) as pool:
            verdicts = pool.grade(items)

    Args:
        grader: item -> Verdict; pickled once into every worker, so it must be importable there. Its method
            `warm_up()`, if it has one, is called there first: imports then count against nobody's deadline.
        workers: processes.
        deadline_seconds: wall time of one item. Past it the process is killed (also a stopped one) and the item is
            judged TIMEOUT; an item whose process was stopped, killed from outside, or kept from the processor for much
            of that time has a second try in a fresh one before it is judged.
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
        self._state = PoolState(
            pickled,
            deadline_seconds=deadline_seconds,
            memory_bytes=memory_bytes,
            workers=workers,
            cache_size=cache_size if key is not None else 0,
        )
        self._threads = [
            threading.Thread(target=serve, args=(self._state, slot), name=f"verifier-pool-{slot}", daemon=True)
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
        job = Job([None] * len(items), len(items))
        tasks = self._plan(job, items)
        if tasks:
            self._state.add(tasks)
        elif job.missing == 0:
            resolve(job)
        return job.future

    def _plan(self, job: Job, items: Sequence[Any]) -> list[Task]:
        """One task per item that must be graded: cached verdicts are filled in, equal keys share a task."""
        state = self._state
        with state.changed:
            state.refuse()
        if self._key is None:
            return [Task(job, (place,), _pickle_item(item), None) for place, item in enumerate(items)]
        places: dict[Hashable, list[int]] = {}
        for place, item in enumerate(items):
            places.setdefault(self._key(item), []).append(place)
        tasks = []
        with state.changed:
            state.counts["cache_hits"] += len(items) - len(places)
            for key, where in places.items():
                verdict = state.cache.get(key)
                if verdict is None:
                    tasks.append(Task(job, tuple(where), _pickle_item(items[where[0]]), key))
                    continue
                state.cache.move_to_end(key)
                state.counts["cache_hits"] += 1
                job.missing -= len(where)
                for place in where:
                    job.verdicts[place] = verdict
        return tasks

    @property
    def stats(self) -> dict[str, int]:
        """Counts since the start: graded, timeouts, crashes, out_of_memory, errors, cache_hits, restarts, retried."""
        with self._state.changed:
            return dict(self._state.counts)

    @property
    def process_ids(self) -> list[int]:
        """Of the processes that are loaded now."""
        with self._state.changed:
            return [process.process.pid for process in self._state.processes.values()]

    def close(self) -> None:
        """Kill the workers and wait until they are gone; what is unfinished raises RuntimeError to its callers."""
        self._finalizer()

    def __enter__(self) -> VerifierPool:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _pickle_item(item: Any) -> bytes:
    try:
        return pickle.dumps(item, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # pickling raises PicklingError, AttributeError or TypeError, by kind of object
        raise TypeError(f"items must pickle, got {item!r:.200}") from error


def _shut_down(state: PoolState, threads: Sequence[threading.Thread]) -> None:
    state.close()
    for thread in threads:
        if thread is not threading.current_thread():  # garbage collection may run in one of them
            thread.join()

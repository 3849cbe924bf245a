"""What a verifier pool's threads share: the queue of items, the verdicts that come back, the cache, the counts."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from verifiers.pool.process import WorkerProcess
from verifiers.types import Outcome, Reason, Verdict

BATCH_SECONDS = 0.02  # work sent to a worker at a time: long enough to hide the message, short enough to balance
MAX_BATCH = 256
MAX_BATCH_BYTES = 1 << 20  # the time to send a batch counts against its first item's deadline
FIRST_BATCH = 4
COUNTS = ("graded", "timeouts", "crashes", "out_of_memory", "errors", "cache_hits", "restarts", "retried")


@dataclass(eq=False)
class Job:
    """One call of `submit`: its verdicts fill up in any order; the future resolves with the last one."""

    verdicts: list[Verdict | None]
    missing: int
    future: Future[list[Verdict]] = field(default_factory=Future)


@dataclass(eq=False)
class Task:
    """One item on its way: where its verdict belongs (several places for equal keys) and its pickle."""

    job: Job
    places: tuple[int, ...]
    payload: bytes
    key: Hashable | None
    is_second_try: bool = False


@dataclass(eq=False)
class PoolState:
    """What the threads share. Kept apart from VerifierPool so that a forgotten pool can be collected and closed."""

    grader: bytes
    deadline_seconds: float
    memory_bytes: int
    workers: int
    cache_size: int  # verdicts kept; 0 keeps none
    cache: OrderedDict[Hashable, Verdict] = field(default_factory=OrderedDict)
    queue: deque[Task] = field(default_factory=deque)
    changed: threading.Condition = field(default_factory=threading.Condition)
    closed: bool = False
    failure: RuntimeError | None = None
    processes: dict[int, WorkerProcess] = field(default_factory=dict)
    seconds_per_item: float = BATCH_SECONDS / FIRST_BATCH
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))

    def refuse(self) -> None:
        """Raise if no more work can be done. The lock is held."""
        if self.failure is not None:
            raise self.failure
        if self.closed:
            raise RuntimeError("the verifier pool is closed")

    def add(self, tasks: Sequence[Task]) -> None:
        """Queue tasks, last in line; raises if the pool can do no more work."""
        with self.changed:
            self.refuse()
            self.queue.extend(tasks)
            self.changed.notify(len(tasks))

    def take(self) -> list[Task] | None:
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

    def put_back(self, tasks: Sequence[Task]) -> None:
        """Queue tasks again, first in line."""
        with self.changed:
            if not self.closed:
                self.queue.extendleft(reversed(tasks))
                self.changed.notify(len(tasks))
                return
        self.abandon(tasks)

    def finish(self, tasks: Sequence[Task], verdicts: Sequence[Verdict]) -> None:
        """Store verdicts and resolve the jobs that they complete."""
        resolved = []
        with self.changed:
            for task, verdict in zip(tasks, verdicts, strict=True):
                self._count(verdict)
                if self.cache_size and verdict.outcome not in (Outcome.TIMEOUT, Outcome.ERROR):
                    self.cache[task.key] = verdict
                    self.cache.move_to_end(task.key)
                    if len(self.cache) > self.cache_size:
                        self.cache.popitem(last=False)  # the least recently used
                for place in task.places:
                    task.job.verdicts[place] = verdict
                task.job.missing -= len(task.places)
                if task.job.missing == 0:
                    resolved.append(task.job)
        for job in resolved:
            resolve(job)

    def count(self, name: str) -> None:
        """One more of an event, by its name in `counts`."""
        with self.changed:
            self.counts[name] += 1

    def _count(self, verdict: Verdict) -> None:
        self.counts["graded"] += 1
        self.counts["timeouts"] += verdict.outcome is Outcome.TIMEOUT
        self.counts["errors"] += verdict.outcome is Outcome.ERROR
        self.counts["crashes"] += verdict.reason is Reason.CRASHED
        self.counts["out_of_memory"] += verdict.reason is Reason.OUT_OF_MEMORY
        spent = min(verdict.seconds, self.deadline_seconds)
        self.seconds_per_item += 0.1 * (max(spent, BATCH_SECONDS / MAX_BATCH) - self.seconds_per_item)

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

    def abandon(self, tasks: Sequence[Task]) -> None:
        """Fail the jobs of tasks that nobody will grade."""
        error = self.failure or RuntimeError("the verifier pool was closed before it had graded this")
        for job in {id(task.job): task.job for task in tasks}.values():
            with contextlib.suppress(Exception):  # InvalidStateError: another of its tasks failed it already
                job.future.set_exception(error)


def resolve(job: Job) -> None:
    """Give a finished job's verdicts to whoever waits for it; one that was cancelled is left alone."""
    verdicts = [verdict for verdict in job.verdicts if verdict is not None]
    if job.future.set_running_or_notify_cancel():
        job.future.set_result(verdicts)

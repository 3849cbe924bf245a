"""The thread behind each grading process: it starts the process, feeds it, holds it to deadlines, and replaces it.

A verdict is to be a function of the item. So a process that was killed or stopped from outside, or that did not get the
processor, costs its item a second try in a fresh one, and only then a verdict.
"""

from __future__ import annotations

import pickle
import signal
import time
from contextlib import suppress

from verifiers.pool.channel import HungUp, Stamp, read_stamp, write_stamp
from verifiers.pool.process import DiedStarting, WorkerProcess
from verifiers.pool.state import PoolState, Task
from verifiers.types import Outcome, Reason, Verdict

MAX_BARREN_DEATHS = 3  # workers that die in a row, starting or without having begun an item: the fault is no item's
FROM_OUTSIDE = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP}  # exit statuses that no grader causes


def serve(state: PoolState, slot: int) -> None:
    """Body of one thread: keep one process alive and feed it until the pool closes."""
    process: WorkerProcess | None = None
    batch: _Batch | None = None
    barren = 0
    try:
        while (process := process or _start(state, slot)) and (tasks := state.take()) is not None:
            batch = _Batch(state, process, tasks)
            may_go_on = batch.grade()
            barren = 0 if batch.began else barren + 1
            if barren == MAX_BARREN_DEATHS:
                raise RuntimeError(f"{barren} grading processes in a row died before they began an item")
            if batch.left:
                state.put_back(batch.left)
            if not may_go_on:
                _retire(state, slot, process)
                process = None
    except Exception as error:  # whatever it is (no process can be started, no grader loaded): callers must not wait
        failure = error if isinstance(error, RuntimeError) else RuntimeError(f"the verifier pool failed: {error!r}")
        state.close(failure)
        state.abandon(batch.left if batch else [])
    finally:
        if process is not None:
            _retire(state, slot, process)


def _start(state: PoolState, slot: int) -> WorkerProcess | None:
    """A ready process, started by the thread that will serve it: Linux kills it when *that thread* ends."""
    for attempt in range(1, MAX_BARREN_DEATHS + 1):
        if state.closed:
            return None
        try:
            process = WorkerProcess(state.grader, state.memory_bytes)
        except DiedStarting:
            if attempt == MAX_BARREN_DEATHS:
                raise
            state.count("restarts")
            continue
        with state.changed:
            state.processes[slot] = process
        return process
    return None


def _retire(state: PoolState, slot: int, process: WorkerProcess) -> None:
    with state.changed:
        state.processes.pop(slot, None)
        state.counts["restarts"] += not state.closed
    process.kill()


class _Batch:
    """A batch in the hands of one process: the tasks that are left to be graded, and whether it began any item."""

    def __init__(self, state: PoolState, process: WorkerProcess, tasks: list[Task]) -> None:
        self.state, self.process, self.tasks = state, process, tasks
        self.left, self.done, self.began = tasks, 0, True

    def grade(self) -> bool:
        """Grade what can be graded; whether the process may go on."""
        page, channel, deadline = self.process.page, self.process.channel, self.state.deadline_seconds
        timed_out = False
        write_stamp(page, Stamp(-1, time.monotonic(), 0.0))
        try:
            channel.send(pickle.dumps([task.payload for task in self.tasks]), deadline)
            while self.left:
                message = channel.receive(read_stamp(page).start + deadline)
                if message is not None:
                    if self._store(message):
                        return False
                elif time.monotonic() - read_stamp(page).start >= deadline:
                    timed_out = True  # the item in hand has used its time up, not merely the one that we waited for
                    break
            else:
                return True
        except TimeoutError:
            timed_out = True
        except HungUp:
            pass
        hindered = timed_out and self.process.was_hindered(deadline)
        self.process.process.kill()
        status = self.process.process.wait()
        with suppress(HungUp):  # the expected end of what it had still sent
            while (message := channel.receive(time.monotonic())) is not None:
                self._store(message)
        if self.left:
            self._blame(timed_out=timed_out, hindered=hindered, status=status)
        return False

    def _store(self, message: bytes) -> bool:
        """File one results message; whether the process asks to be replaced."""
        first, verdicts, retiring = pickle.loads(message)
        self.state.finish(self.tasks[first : first + len(verdicts)], verdicts)
        self.done += len(verdicts)
        self.left = self.tasks[self.done :]
        return bool(retiring)

    def _blame(self, *, timed_out: bool, hindered: bool, status: int) -> None:
        """Give the item in hand of a dead process its verdict, or a second try; what is left is graded elsewhere.

        Args:
            hindered: the item did not have the processor for most of its time.
            status: exit status of the process, of our own kill where it timed out.
        """
        stamp = read_stamp(self.process.page)
        seconds, deadline = time.monotonic() - stamp.start, self.state.deadline_seconds
        self.began = stamp.position >= 0
        is_overdue = timed_out and seconds >= deadline  # else it had moved on just before the kill
        has_crashed = self.began and not timed_out and not self.state.closed
        if not (is_overdue or has_crashed):
            return
        task = self.tasks[max(int(stamp.position), self.done)]
        others = [other for other in self.left if other is not task]
        is_innocent = hindered if timed_out else status in FROM_OUTSIDE
        if is_innocent and not task.is_second_try:
            task.is_second_try = True
            self.state.count("retried")
            self.left = [task, *others]
            return
        if is_overdue:
            detail = f"no verdict within {deadline:g} s; the grading process was killed"
            verdict = Verdict(Outcome.TIMEOUT, 0.0, detail=detail, seconds=seconds)
        else:
            cause = f"signal {-status}" if status < 0 else f"exit status {status}"
            detail = f"the grading process died ({cause})"
            verdict = Verdict(Outcome.ERROR, 0.0, detail=detail, reason=Reason.CRASHED, seconds=seconds)
        self.state.finish([task], [verdict])
        self.left, self.began = others, True

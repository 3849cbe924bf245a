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
    tasks: list[Task] | None = None
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


def _grade_batch(state: PoolState, process: WorkerProcess, tasks: list[Task]) -> tuple[list[Task], bool, bool]:
    """Grade what can be graded of one batch.

    Returns:
        the tasks still to be graded, whether the process may go on, and whether it began any item.
    """
    done = 0
    timed_out = False
    write_stamp(process.page, Stamp(-1, time.monotonic(), 0.0))
    try:
        process.channel.send(pickle.dumps([task.payload for task in tasks]), state.deadline_seconds)
        while done < len(tasks):
            message = process.channel.receive(read_stamp(process.page).start + state.deadline_seconds)
            if message is not None:
                verdicts, retiring = _store(state, tasks, message)
                done += verdicts
                if retiring:
                    return tasks[done:], False, True
            elif time.monotonic() - read_stamp(process.page).start >= state.deadline_seconds:
                timed_out = True  # the item in hand has used its time up, not merely the one that we waited for
                break
        else:
            return [], True, True
    except TimeoutError:
        timed_out = True
    except HungUp:
        pass
    hindered = timed_out and process.was_hindered(state.deadline_seconds)
    process.process.kill()
    status = process.process.wait()
    with suppress(HungUp):  # the expected end of what it had still sent
        while (message := process.channel.receive(time.monotonic())) is not None:
            done += _store(state, tasks, message)[0]
    if done == len(tasks):
        return [], False, True
    return _blame(state, process, tasks, done, timed_out=timed_out, hindered=hindered, status=status)


def _store(state: PoolState, tasks: list[Task], message: bytes) -> tuple[int, bool]:
    """File one results message; how many verdicts it held and whether the process asks to be replaced."""
    first, verdicts, retiring = pickle.loads(message)
    state.finish(tasks[first : first + len(verdicts)], verdicts)
    return len(verdicts), retiring


def _blame(
    state: PoolState,
    process: WorkerProcess,
    tasks: list[Task],
    done: int,
    *,
    timed_out: bool,
    hindered: bool,
    status: int,
) -> tuple[list[Task], bool, bool]:
    """Give the item in hand of a dead process its verdict, or a second try; what remains is graded elsewhere.

    Args:
        hindered: the item did not have the processor for most of its time.
        status: exit status of the process, of our own kill where it timed out.
    """
    stamp = read_stamp(process.page)
    seconds, began = time.monotonic() - stamp.start, stamp.position >= 0
    is_overdue = timed_out and seconds >= state.deadline_seconds  # else it had moved on just before the kill
    has_crashed = began and not timed_out and not state.closed
    if not (is_overdue or has_crashed):
        return tasks[done:], False, began
    culprit = max(int(stamp.position), done)
    task = tasks[culprit]
    is_innocent = hindered if timed_out else status in FROM_OUTSIDE
    if is_innocent and not task.is_second_try:
        task.is_second_try = True
        state.count("retried")
        return [task, *tasks[done:culprit], *tasks[culprit + 1 :]], False, began
    if is_overdue:
        detail = f"no verdict within {state.deadline_seconds:g} s; the grading process was killed"
        verdict = Verdict(Outcome.TIMEOUT, 0.0, detail=detail, seconds=seconds)
    else:
        cause = f"signal {-status}" if status < 0 else f"exit status {status}"
        detail = f"the grading process died ({cause})"
        verdict = Verdict(Outcome.ERROR, 0.0, detail=detail, reason=Reason.CRASHED, seconds=seconds)
    state.finish([task], [verdict])
    return tasks[done:culprit] + tasks[culprit + 1 :], False, True

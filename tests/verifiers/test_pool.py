"""The pool keeps its promises whatever an item does: order, deadline, memory, replacement, no leaks."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pool_graders import DiesEarly, SlowToStart, obey

from verifiers.pool.process import WorkerProcess
from verifiers.pool.verifier_pool import VerifierPool
from verifiers.types import Outcome, Reason

DEADLINE = 1.0
MEMORY = 1 << 26
SLACK = 0.2  # what the pool promises on top of the deadline
REPLACEMENT = 2.0  # starting a new process on a loaded machine; not part of the promise


@pytest.fixture(scope="module")
def pool() -> Iterator[VerifierPool]:
    with VerifierPool(obey, workers=2, deadline_seconds=DEADLINE, memory_bytes=MEMORY) as pool:
        pool.grade([0])
        yield pool


def worker_pids(pool: VerifierPool) -> list[int]:
    return [verdict.info["pid"] for verdict in pool.grade([("pid",)])]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def wait_until_dead(pid: int, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not is_alive(pid)


def test_verdicts_come_back_in_the_order_of_the_items(pool: VerifierPool) -> None:
    items = list(range(3000))
    assert [verdict.answer for verdict in pool.grade(items)] == [str(item) for item in items]


def test_no_items_give_no_verdicts(pool: VerifierPool) -> None:
    assert pool.grade([]) == []


@pytest.mark.parametrize(
    ("command", "outcome", "reason", "says"),
    [
        ("loop", Outcome.TIMEOUT, None, "1 s"),
        ("stop", Outcome.TIMEOUT, None, "1 s"),
        ("exit", Outcome.ERROR, Reason.CRASHED, "exit status 7"),
        ("segfault", Outcome.ERROR, Reason.CRASHED, "signal 11"),
        ("grow", Outcome.ERROR, Reason.OUT_OF_MEMORY, "MemoryError"),
        ("raise", Outcome.ERROR, None, "LookupError: no such rule"),
        ("sys.exit", Outcome.ERROR, None, "SystemExit: 3"),
        ("recurse", Outcome.ERROR, None, "RecursionError"),
        ("not a verdict", Outcome.ERROR, None, "NoneType"),
        ("unpicklable", Outcome.ERROR, None, "lambda"),
    ],
)
def test_a_bad_item_gets_its_own_verdict_and_its_neighbours_theirs(
    pool: VerifierPool, command: str, outcome: Outcome, reason: Reason | None, says: str
) -> None:
    begin = time.monotonic()
    verdicts = pool.grade([*range(40), (command,), *range(40, 80)])
    seconds = time.monotonic() - begin
    bad = verdicts.pop(40)
    assert (bad.outcome, bad.reason, bad.score) == (outcome, reason, 0.0)
    assert says in bad.detail
    assert [verdict.answer for verdict in verdicts] == [str(n) for n in range(80)]
    assert seconds < DEADLINE + SLACK + REPLACEMENT


@pytest.mark.parametrize("command", ["loop", "stop"])
def test_the_deadline_holds_within_its_slack(pool: VerifierPool, command: str) -> None:
    pool.grade([0] * 64)
    (verdict,) = pool.grade([(command,)])
    assert verdict.outcome is Outcome.TIMEOUT
    assert DEADLINE <= verdict.seconds <= DEADLINE + SLACK


def test_every_item_has_a_deadline_of_its_own(pool: VerifierPool) -> None:
    # 4 x 0.6 s on two workers is more than one deadline of 1 s, and each is within it
    assert all(verdict.is_correct for verdict in pool.grade([("sleep", 0.6)] * 4))


def test_a_stopped_idle_worker_cannot_hold_an_item_past_its_deadline() -> None:
    with VerifierPool(obey, deadline_seconds=DEADLINE) as pool:
        (pid,) = worker_pids(pool)
        os.kill(pid, signal.SIGSTOP)
        begin = time.monotonic()
        (verdict,) = pool.grade(["x"])
        assert verdict.answer == "x"  # by a fresh process: the item is not to blame
        assert time.monotonic() - begin <= DEADLINE + SLACK + REPLACEMENT
        assert pool.stats["retried"] == 1
        assert wait_until_dead(pid)


def test_a_worker_killed_while_idle_costs_no_verdict() -> None:
    with VerifierPool(obey) as pool:
        (pid,) = worker_pids(pool)
        os.kill(pid, signal.SIGKILL)
        assert all(verdict.is_correct for verdict in pool.grade([1, 2, 3]))
        assert pool.stats["crashes"] == 0
        assert pool.stats["restarts"] == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_killed_or_stopped_at_work_changes_no_verdict(number: int) -> None:
    with VerifierPool(obey, deadline_seconds=DEADLINE) as pool:
        (pid,) = worker_pids(pool)
        future = pool.submit([("sleep", 0.7), 1, 2])
        time.sleep(0.2)
        os.kill(pid, number)
        assert [verdict.answer for verdict in future.result(timeout=10)] == ["0.7", "1", "2"]
        assert (pool.stats["retried"], pool.stats["restarts"]) == (1, 1)


def test_an_item_that_has_its_process_killed_each_time_is_a_crash_of_that_item_only(pool: VerifierPool) -> None:
    first, *others = pool.grade([("kill itself",), 1, 2])
    assert (first.outcome, first.reason) == (Outcome.ERROR, Reason.CRASHED)
    assert "signal 9" in first.detail
    assert [verdict.answer for verdict in others] == ["1", "2"]


def test_an_item_that_only_sleeps_has_no_second_try() -> None:
    with VerifierPool(obey, deadline_seconds=0.3) as pool:
        assert pool.grade([("sleep", 60)])[0].outcome is Outcome.TIMEOUT
        assert pool.stats["retried"] == 0


def test_an_item_that_is_kept_from_the_processor_is_graded_again() -> None:
    with VerifierPool(obey, deadline_seconds=0.5) as pool:
        (pid,) = worker_pids(pool)
        future = pool.submit([("loop",)])
        for _ in range(30):  # two thirds of the time it is not let run, as on a machine with too much to do
            try:
                os.kill(pid, signal.SIGSTOP)
                time.sleep(0.01)
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:  # its deadline is over
                break
            time.sleep(0.005)
        assert future.result(timeout=10)[0].outcome is Outcome.TIMEOUT
        assert pool.stats["retried"] == 1


def test_memory_is_granted_up_to_the_limit(pool: VerifierPool) -> None:
    within, beyond = pool.grade([("allocate", MEMORY // 4), ("allocate", 4 * MEMORY)])
    assert within.is_correct
    assert beyond.reason is Reason.OUT_OF_MEMORY


def test_large_items_and_large_answers_travel_whole() -> None:
    texts = [letter * 1_000_000 for letter in "abc"]
    with VerifierPool(obey, deadline_seconds=10.0) as pool:
        assert [verdict.answer for verdict in pool.grade(texts)] == texts


def test_it_serves_many_threads_at_once(pool: VerifierPool) -> None:
    def grade(first: int) -> list[str | None]:
        return [verdict.answer for verdict in pool.grade(range(first, first + 50))]

    with ThreadPoolExecutor(8) as threads:
        for first, answers in zip(range(0, 800, 50), threads.map(grade, range(0, 800, 50)), strict=True):
            assert answers == [str(n) for n in range(first, first + 50)]


def test_asyncio_goes_on_while_items_are_graded(pool: VerifierPool) -> None:
    async def main() -> tuple[int, list[str | None]]:
        grading = asyncio.ensure_future(pool.grade_async([("sleep", 0.3), 1]))
        ticks = 0
        while not grading.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return ticks, [verdict.answer for verdict in await grading]

    ticks, answers = asyncio.run(main())
    assert ticks >= 5
    assert answers == ["0.3", "1"]


def test_workers_are_light_and_not_forks() -> None:
    with VerifierPool(obey) as pool:
        (verdict,) = pool.grade([("pid",)])
    assert not {"torch", "ray", "transformers", "sympy", "numpy"} & set(verdict.info["modules"])


def test_getting_ready_counts_against_no_deadline() -> None:
    with VerifierPool(SlowToStart(), deadline_seconds=0.3) as pool:
        assert pool.grade([1])[0].is_correct


def test_printing_graders_do_not_disturb_the_channel(pool: VerifierPool) -> None:
    assert pool.grade([("print", "said")])[0].answer == "said"


def test_equal_keys_are_graded_once_and_remembered() -> None:
    with VerifierPool(obey, key=lambda item: item, cache_size=2) as pool:
        assert [verdict.answer for verdict in pool.grade(["a", "b", "a", "a"])] == ["a", "b", "a", "a"]
        assert (pool.stats["graded"], pool.stats["cache_hits"]) == (2, 2)
        pool.grade(["a", "c"])  # a is used again, so c pushes b out
        pool.grade(["a", "b"])
        assert (pool.stats["graded"], pool.stats["cache_hits"]) == (4, 4)


def test_failures_are_not_remembered() -> None:
    with VerifierPool(obey, key=lambda item: item) as pool:
        pool.grade([("raise",)])
        pool.grade([("raise",)])
        assert pool.stats["graded"] == pool.stats["errors"] == 2


def test_stats_count_each_kind_of_failure_apart() -> None:
    with VerifierPool(obey, deadline_seconds=DEADLINE, memory_bytes=MEMORY) as pool:
        pool.grade([1, ("loop",), ("exit",), ("grow",), ("raise",), 2])
        stats = pool.stats
    assert {name: stats[name] for name in ("graded", "timeouts", "crashes", "out_of_memory", "errors")} == {
        "graded": 6,
        "timeouts": 1,
        "crashes": 1,
        "out_of_memory": 1,
        "errors": 3,
    }


def test_a_grader_that_cannot_be_loaded_is_an_exception_for_every_caller() -> None:
    with VerifierPool(FromNowhere()) as pool:
        for _ in range(2):
            with pytest.raises(RuntimeError, match=r"cannot be loaded.*this module is absent"):
                pool.grade([1])


class FromNowhere:
    """Pickles, and cannot be unpickled."""

    def __call__(self, item: object) -> None:
        """Never reached."""

    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("raise ImportError('this module is absent')",)


def test_workers_that_die_before_any_item_end_the_waiting() -> None:
    with VerifierPool(DiesEarly()) as pool:
        future = pool.submit([1] * 10)
        with pytest.raises(RuntimeError, match="3 grading processes in a row died"):
            future.result(timeout=30)


@pytest.mark.parametrize("deaths", [1, 2, 3])
def test_a_worker_killed_while_it_starts_is_started_again(monkeypatch: pytest.MonkeyPatch, deaths: int) -> None:
    greet, killed = WorkerProcess._greet, []

    def killed_first(self: WorkerProcess, grader: bytes) -> None:
        if len(killed) < deaths:
            killed.append(self.process.pid)
            self.process.kill()
        greet(self, grader)

    monkeypatch.setattr(WorkerProcess, "_greet", killed_first)
    with VerifierPool(obey, deadline_seconds=DEADLINE) as pool:
        if deaths < 3:
            assert [verdict.answer for verdict in pool.grade([1, 2])] == ["1", "2"]
            assert pool.stats["restarts"] == deaths
        else:  # the fault is not one kill's
            with pytest.raises(RuntimeError, match=r"ended while it started \(exit status -9\)"):
                pool.grade([1])
    assert all(wait_until_dead(pid) for pid in killed)


def test_a_process_that_cannot_be_started_is_an_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with VerifierPool(obey) as pool, pytest.raises(RuntimeError, match="the verifier pool failed: FileNotFoundError"):
        pool.submit([1]).result(timeout=10)


def test_unpicklable_graders_and_items_are_the_callers_mistake(pool: VerifierPool) -> None:
    with pytest.raises(TypeError, match="grader must pickle"):
        VerifierPool(lambda item: item)
    with pytest.raises(TypeError, match="items must pickle"):
        pool.grade([threading.Lock()])


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        VerifierPool(obey, deadline_seconds=0)


def test_closing_fails_what_is_unfinished_and_leaves_no_process() -> None:
    pool = VerifierPool(obey, deadline_seconds=60.0)
    (pid,) = worker_pids(pool)
    future = pool.submit([("sleep", 30.0), *range(100)])
    time.sleep(0.1)
    begin = time.monotonic()
    pool.close()
    pool.close()
    assert time.monotonic() - begin < 2.0
    assert not is_alive(pid)
    with pytest.raises(RuntimeError, match="closed before"):
        future.result(timeout=1)
    with pytest.raises(RuntimeError, match="is closed"):
        pool.grade([1])


def test_a_forgotten_pool_closes_itself() -> None:
    pool = VerifierPool(obey)
    (pid,) = worker_pids(pool)
    del pool
    gc.collect()
    assert wait_until_dead(pid)


def test_descriptors_threads_and_children_do_not_pile_up() -> None:
    def once() -> None:
        with VerifierPool(obey, workers=2, deadline_seconds=0.1) as pool:
            pool.grade([1, ("loop",), ("exit",), 2])

    once()
    gc.collect()
    before = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(3):
        once()
    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == before
    children = subprocess.run(["ps", "--no-headers", "-o", "stat", "--ppid", str(os.getpid())], capture_output=True)
    assert b"Z" not in children.stdout


SCRIPT = """
import os, sys, time
sys.path[:0] = {path!r}
from pool_graders import DiesEarly, SlowToStart, obey
from verifiers.pool.verifier_pool import VerifierPool
pool = VerifierPool(obey, deadline_seconds=60.0)
print(pool.grade([("pid",)])[0].info["pid"], flush=True)
pool.submit([("loop",)])
"""


@pytest.mark.parametrize("ending", ["", "time.sleep(0.2); os.kill(os.getpid(), 9)", "raise SystemExit(0)"])
def test_workers_end_with_their_parent_however_it_ends(ending: str) -> None:
    here = Path(__file__).resolve().parent
    script = textwrap.dedent(SCRIPT).format(path=[str(here), str(here.parent.parent)]) + ending
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.stderr == ""
    assert wait_until_dead(int(done.stdout))

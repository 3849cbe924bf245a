"""The process that grades: one item at a time, stamped so that the parent can hold it to a deadline.

Started by `verifier_pool.py` as a fresh interpreter (never a fork of a process that holds torch or Ray).
"""

from __future__ import annotations

import ctypes
import gc
import mmap
import os
import pickle
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from verifiers.pool.channel import PAGE_BYTES, Channel, HungUp, Stamp, write_stamp
from verifiers.types import Outcome, Reason, Verdict

if sys.platform != "win32":  # there nothing is graded in processes, and everything else can still be imported
    import resource

FLUSH_SECONDS = 0.002  # finished verdicts wait at most this long (plus one item) before they are sent
PR_SET_PDEATHSIG = 1  # linux/prctl.h
MAX_DETAIL = 500  # characters of an exception's text that a verdict keeps


def error_verdict(error: BaseException, seconds: float = 0.0) -> Verdict:
    """The verdict for a grader that raised: the verifier's failure, not a statement about the answer."""
    text = f"{type(error).__name__}: {error}"[:MAX_DETAIL]
    reason = Reason.OUT_OF_MEMORY if isinstance(error, MemoryError) else None
    return Verdict(Outcome.ERROR, 0.0, detail=f"the grader raised {text}", reason=reason, seconds=seconds)


def grade_one(grader: Callable[[Any], Verdict], payload: bytes) -> Verdict:
    """The verdict on one pickled item; whatever the grader raises becomes an ERROR verdict."""
    start = time.perf_counter()
    try:
        verdict = grader(pickle.loads(payload))
    except (Exception, SystemExit) as error:  # any bug of any grader: reported as ERROR, with its text
        return error_verdict(error, time.perf_counter() - start)
    if not isinstance(verdict, Verdict):
        return error_verdict(TypeError(f"expected a Verdict, the grader returned {type(verdict).__name__}"))
    if verdict.seconds == 0.0:
        verdict = replace(verdict, seconds=time.perf_counter() - start)
    return verdict


def _pickle_results(first: int, verdicts: Sequence[Verdict], retiring: bool) -> bytes:
    """One results message. A verdict that cannot travel is replaced by an ERROR saying so."""
    try:
        return pickle.dumps((first, list(verdicts), retiring), protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # pickling runs arbitrary __reduce__ of what the grader put into the verdict
        if len(verdicts) == 1:
            return pickle.dumps((first, [error_verdict(error)], retiring), protocol=pickle.HIGHEST_PROTOCOL)
        safe = [pickle.loads(_pickle_results(0, [verdict], False))[1][0] for verdict in verdicts]
        return pickle.dumps((first, safe, retiring), protocol=pickle.HIGHEST_PROTOCOL)


def _address_space_bytes() -> int:
    """Bytes of address space in use now; 0 where the system does not say (then growth is not checked)."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * mmap.PAGESIZE
    except FileNotFoundError:  # not Linux
        return 0


class _Worker:
    """One grading process: reads batches, writes verdicts, retires when its memory is half used up."""

    def __init__(self, channel: Channel, page: mmap.mmap, memory_bytes: int) -> None:
        self.channel = channel
        self.page = page
        self.memory_bytes = memory_bytes
        self.baseline = 0
        self.grader: Callable[[Any], Verdict]

    def load_grader(self) -> bool:
        """Unpickle and warm up the grader and report; False when it cannot be loaded (the parent says why)."""
        payload: Any = self.channel.receive()
        try:
            self.grader = pickle.loads(payload)
            # imports and caches that no item should pay for with its deadline
            getattr(self.grader, "warm_up", lambda: None)()
            gc.collect()
            gc.freeze()  # what is loaded stays, and no later collection walks it
        except Exception as error:  # importing the grader's module may raise anything: the parent raises it to the user
            self.channel.send(pickle.dumps(f"{type(error).__name__}: {error}"))
            return False
        self.baseline = _address_space_bytes()
        if self.baseline:
            limit = self.baseline + self.memory_bytes
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        self.channel.send(pickle.dumps(None))
        return True

    def run(self) -> None:
        """Grade batches until the parent hangs up or this process should be replaced."""
        while (payload := self.channel.receive()) is not None:
            if not self.grade_batch(pickle.loads(payload)):
                return

    def grade_batch(self, items: Sequence[bytes]) -> bool:
        """Grade one batch, sending verdicts as they come; False when the process should be replaced."""
        sent, done = 0, list[Verdict]()
        flushed = time.monotonic()
        for index, item in enumerate(items):
            now = time.monotonic()
            if done and now - flushed > FLUSH_SECONDS:
                self.channel.send(_pickle_results(sent, done, False))
                sent, done = index, []
                flushed = now = time.monotonic()
            write_stamp(self.page, Stamp(index, now, time.process_time()))
            verdict = grade_one(self.grader, item)
            done.append(verdict)
            if verdict.reason is Reason.OUT_OF_MEMORY:
                # the heap may be in pieces: nobody else is graded here
                self.channel.send(_pickle_results(sent, done, True))
                return False
        grown = _address_space_bytes() - self.baseline
        retiring = grown > self.memory_bytes // 2  # leaked or cached: a later, innocent item would pay for it
        self.channel.send(_pickle_results(sent, done, retiring))
        return not retiring


def _die_with_parent(parent: int) -> None:
    """Ask Linux to kill this process when the thread that started it ends; elsewhere the closed channel ends it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the request above
        sys.exit(0)


def main(channel_fd: int, page_fd: int, parent: int, memory_bytes: int) -> None:
    """Serve one parent until it hangs up."""
    _die_with_parent(parent)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is a verdict, not a file
    os.dup2(2, 1)  # what a grader prints goes to stderr
    for fd in (channel_fd, page_fd):
        os.set_inheritable(fd, False)
    page = mmap.mmap(page_fd, PAGE_BYTES)
    os.close(page_fd)
    with socket.socket(fileno=channel_fd) as channel:
        worker = _Worker(Channel(channel), page, memory_bytes)
        with suppress(HungUp):  # the parent closed the pool
            if worker.load_grader():
                worker.run()

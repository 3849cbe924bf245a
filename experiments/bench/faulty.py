"""Rollout workers and graders that break down on request: for measuring how the house copes, and for its tests."""

from __future__ import annotations

import contextlib
import os
import random
import re
import resource
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rl.workers import WorkerState
from rl.workers.actor import RolloutActor
from rl.workers.supervisor import SupervisedWorkers
from verifiers.types import Outcome, Verdict


def kill() -> None:
    """Ends the process, as the kernel does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def stop() -> None:
    """Stops the process: it holds everything and answers nothing."""
    os.kill(os.getpid(), signal.SIGSTOP)


def fail() -> None:
    """An exception."""
    raise RuntimeError("broken on request")


def loop() -> None:
    """An infinite loop that lets other threads run."""
    while True:
        pass


def seize() -> None:
    """An endless call that does not: a regular expression with exponentially many ways to fail."""
    re.fullmatch(r"(a+)+b", "a" * 64)


def grow() -> None:
    """Takes memory until there is none, under a limit of a quarter GiB more than now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 28), resource.getrlimit(resource.RLIMIT_AS)[1]))
    kept = []
    while True:
        kept.append(bytearray(1 << 24))


FAULTS: dict[str, Callable[[], None]] = {
    "kill": kill,
    "stop": stop,
    "exception": fail,
    "loop": loop,
    "seize": seize,
    "memory": grow,
}

SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}  # those that are done from outside


class FaultyActor(RolloutActor):
    """A rollout worker that breaks down in the middle of its next forward passes."""

    def break_down(self, how: str) -> float:
        """Has the sampler do `how` at its next pass; when that was asked for, by the clock of this machine."""
        assert self.engine is not None
        sampler: Any = self.engine.sampler
        count = sampler._count

        def broken() -> None:
            """Stands in for the sampler's counter once, so that the fault strikes within a pass."""
            sampler._count = count  # once
            FAULTS[how]()

        sampler._count = broken
        return time.monotonic()


def grade(item: tuple[str, ...]) -> Verdict:
    """A grader that does what the item says, and calls everything else correct."""
    if item[0] in FAULTS:
        FAULTS[item[0]]()
    elif item[0] == "busy":
        end = time.monotonic() + float(item[1])
        while time.monotonic() < end:
            pass
    return Verdict(Outcome.CORRECT, 1.0, answer=item[0])


class Saboteur:
    """A thread that breaks workers, spares and their verifier processes down at random moments. A context manager.

    Args:
        rng: decides when, what and whom.
        pause_seconds: least and greatest time between two breakdowns.
        faults: of FAULTS, what is done to workers and spares; verifier processes are killed or stopped.
        verifier_share: of the breakdowns, those of a verifier process.

    Attributes:
        done: how often each thing was done.
    """

    def __init__(
        self,
        workers: SupervisedWorkers,
        rng: random.Random,
        *,
        pause_seconds: tuple[float, float] = (0.2, 1.0),
        faults: Sequence[str] = ("kill", "stop", "loop", "seize"),
        verifier_share: float = 0.25,
    ) -> None:
        self.workers, self.rng, self.pause_seconds = workers, rng, pause_seconds
        self.faults, self.verifier_share = tuple(faults), verifier_share
        self.done: Counter[str] = Counter()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="saboteur", daemon=True)

    def __enter__(self) -> Saboteur:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self.rng.uniform(*self.pause_seconds)):
            slot = self.rng.choice([*self.workers.slots, *self.workers.spares])
            remote = slot.remote
            if remote is None or not slot.is_up:
                continue
            graders = verifier_processes(remote.pid)
            if graders and self.rng.random() < self.verifier_share:
                self._signal(self.rng.choice(graders), self.rng.choice(list(SIGNALS)), "verifier")
                continue
            fault = self.rng.choice(self.faults)
            if fault in SIGNALS:
                self._signal(remote.pid, fault, "worker")
            elif slot.state is WorkerState.HEALTHY:
                remote.call("break_down", fault)
                self.done[f"worker {fault}"] += 1

    def _signal(self, pid: int, fault: str, whom: str) -> None:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself meanwhile
            os.kill(pid, SIGNALS[fault])
            self.done[f"{whom} {fault}"] += 1


def verifier_processes(pid: int) -> list[int]:
    """The verifier processes that a rollout worker started."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread or the child ended while we looked
            for child in map(int, path.read_text().split()):
                if b"verifiers.pool.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(child)
    return found

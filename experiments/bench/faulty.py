"""Rollout workers and graders that break down on request: for measuring how the house copes, and for its tests."""

from __future__ import annotations

import os
import re
import resource
import signal
import time
from collections.abc import Callable
from typing import Any

from rl.workers.actor import RolloutActor
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


class FaultyActor(RolloutActor):
    """A rollout worker that breaks down in the middle of its next forward passes."""

    def break_down(self, how: str) -> float:
        """Has the sampler do `how` at its next pass; when that was asked for, by the clock of this machine."""
        assert self.engine is not None
        sampler: Any = self.engine.sampler
        count = sampler._count

        def broken() -> None:
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

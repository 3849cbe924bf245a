"""What the benchmarks share: clocks that count child processes, and what they say of the machine."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch

from experiments.run.folders import write_json
from experiments.study.provenance import processor, provenance


@dataclass(frozen=True)
class Timing:
    """One measured piece of work, done for `amount` of something (tokens, steps ...)."""

    cpu_seconds: float
    wall_seconds: float
    amount: float = 0.0


class Clock:
    """CPU time of this process and its children, and wall time, since it was started; it may be paused."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self.start()

    def start(self) -> None:
        """Starts again from zero."""
        self._cpu_before = self._wall_before = 0.0
        self.resume()

    def pause(self) -> None:
        """What follows does not count, until `resume`."""
        self._cpu_before += self._read() - self._cpu
        self._wall_before += time.perf_counter() - self._wall

    def resume(self) -> None:
        """Counts again."""
        self._cpu, self._wall = self._read(), time.perf_counter()

    def paused(self, amount: float = 0.0) -> Timing:
        """The time up to the last `pause`."""
        return Timing(self._cpu_before, self._wall_before, amount)

    def elapsed(self, amount: float = 0.0) -> Timing:
        """The time since the start."""
        return Timing(
            self._cpu_before + self._read() - self._cpu,
            self._wall_before + time.perf_counter() - self._wall,
            amount,
        )

    def _read(self) -> float:
        seconds = time.process_time()  # of this process, finer than what psutil reads
        seconds += sum(self._process.cpu_times()[2:4])  # of children that ended
        for child in self._process.children(recursive=True):
            try:
                seconds += sum(child.cpu_times()[:4])
            except psutil.NoSuchProcess:  # ended since it was listed
                continue
        return seconds


def machine() -> dict[str, Any]:
    """Processor, its number, how busy it is, and torch's version."""
    return {
        "processor": processor(),
        "cpus": os.cpu_count(),
        "load": [round(x, 2) for x in os.getloadavg()],
        "torch": torch.__version__,
    }


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Writes JSON, with the machine, the versions and the command beside the figures, and says where."""
    command = ["python", *sys.orig_argv[1:]]
    if "--out" in command:  # where a report lies is no part of what was measured
        place = command.index("--out")
        del command[place : place + 2]
    write_json(path, {"machine": machine()} | report | {"provenance": provenance(command)})
    print(f"wrote {path}")

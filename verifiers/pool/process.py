"""One grading process, as its parent sees it: started as a fresh interpreter, fed over a socket, killed if need be."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from verifiers.pool.channel import PAGE_BYTES, Channel, HungUp, read_stamp

STARTUP_SECONDS = 120.0  # importing a grader (sympy, environments) on a loaded machine
HINDERED_SHARE = 0.8  # of its deadline that a runnable item must have had the processor for
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
BOOTSTRAP = """\
import json, sys
path, channel, page, parent, memory = json.loads(sys.argv[1])
sys.path[:] = path
from verifiers.pool.worker import main
main(channel, page, parent, memory)
"""


class DiedStarting(RuntimeError):
    """The process ended before it had loaded its grader: killed from outside (want of memory), or by its grader."""


class WorkerProcess:
    """One worker process and its two channels: a socket for batches, a shared page for the item in hand."""

    def __init__(self, grader: bytes, memory_bytes: int) -> None:
        if sys.platform == "win32":
            raise RuntimeError(
                "verification under a deadline needs processes of Linux or macOS; on Windows run in WSL2 "
                "(docs/installing.md), or use verifiers.verify, which grades in this process without a hard deadline"
            )
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        with theirs, tempfile.TemporaryFile() as file:
            file.truncate(PAGE_BYTES)
            self.page = mmap.mmap(file.fileno(), PAGE_BYTES)
            settings = [_import_path(), theirs.fileno(), file.fileno(), os.getpid(), memory_bytes]
            self.process = subprocess.Popen(
                [sys.executable, "-c", BOOTSTRAP, json.dumps(settings)],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), file.fileno()),
                env=os.environ | dict.fromkeys(THREAD_VARIABLES, "1") | {"PYTHONHASHSEED": "0"},
                start_new_session=True,  # its own group: no Ctrl-C from the terminal, and a kill takes its children too
            )
        self._greet(grader)

    def _greet(self, grader: bytes) -> None:
        """Hand the grader over and wait until it is loaded."""
        try:
            self.channel.send(grader, STARTUP_SECONDS)
            message = self.channel.receive(time.monotonic() + STARTUP_SECONDS)
        except (OSError, HungUp) as error:
            status = self.kill()
            raise DiedStarting(f"a grading process ended while it started (exit status {status})") from error
        if message is None:
            self.kill()
            raise RuntimeError(f"a grading process did not load its grader within {STARTUP_SECONDS:.0f} s")
        problem = pickle.loads(message)
        if problem is not None:
            self.kill()
            raise RuntimeError(
                f"the grader cannot be loaded in a grading process: {problem} "
                "(it must be defined in an importable module, not in __main__ or inside a function)"
            )

    def was_hindered(self, seconds: float) -> bool:
        """Whether the item in hand did not have the processor for most of `seconds`, though it wanted it.

        True for a stopped process, and for one that is runnable (or waits for the disk) and has used little processor
        time. One that sleeps has nobody to blame but its item. False where the system does not say.
        """
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:  # not Linux
            return False
        stamp = read_stamp(self.page)
        if fields[0] == "T" or stamp.position < 0:
            return True
        ticks = int(fields[11]) + int(fields[12])  # utime and stime, fields 14 and 15 of proc(5)
        used = ticks / os.sysconf("SC_CLK_TCK") - stamp.cpu_seconds
        return fields[0] in "RD" and used < HINDERED_SHARE * seconds

    def kill(self) -> int:
        """End the process and whatever it started, reap it, close its channels; its exit status."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()  # in case it had not reached setsid yet
        status = self.process.wait()
        self.channel.socket.close()
        self.page.close()
        return status


def _import_path() -> list[str]:
    """The parent's import path, with this package's root in it however the parent found it."""
    root = str(Path(__file__).resolve().parents[2])
    path = [os.path.abspath(entry) for entry in sys.path]
    return path if root in path else [*path, root]

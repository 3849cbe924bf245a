"""Studies in processes of their own, each forked from this one: what all of them import is imported once.

That is most of what a small study costs. From there on a process is as one that was started by a shell: a session, a
working directory and an output of its own, and an end that runs what was asked for at the end.
"""

from __future__ import annotations

import atexit
import functools
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import torch

from experiments.__main__ import load_verb, main

ROOT = Path(__file__).resolve().parents[3]
GRAIN_SECONDS = 0.01
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}  # of what it starts itself


class Started:
    """A process that runs `beyond ARGUMENTS`.

    Args:
        folder: its working directory.

    Attributes:
        returncode: as of `subprocess.Popen`, -9 where SIGKILL ended it; None until it was seen to end.
    """

    def __init__(self, arguments: Sequence[str], folder: Path) -> None:
        _import_all()
        self.returncode: int | None = None
        # no pipe: that would end only with the last process that it started
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this object
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _be(arguments, folder, self._output.fileno())

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float = float("inf")) -> int:
        """Its exit code, once it has ended.

        Raises:
            TimeoutError: it goes on after `timeout` seconds; it is killed.
        """
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                self.send_signal(signal.SIGKILL)
                raise TimeoutError(f"no end within {timeout:.0f} s: {self.output()[-2000:]}")
            time.sleep(GRAIN_SECONDS)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Sends it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def output(self) -> str:
        """All that it and its processes have printed by now."""
        size = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), size, 0).decode(errors="replace")  # the position is where they write


@functools.cache
def _import_all() -> None:
    """Imports what a study does."""
    import trl  # some seconds

    for name in ("DPOTrainer", "DPOConfig", "KTOTrainer", "KTOConfig", "RewardTrainer", "RewardConfig"):
        getattr(trl, name)  # imported when they are named
    load_verb("study")


def _be(arguments: Sequence[str], folder: Path, output: int) -> NoReturn:
    """What the forked process does; it returns to nothing of this one."""
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in (1, 2):
            os.dup2(output, number)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, encoding="utf-8") for number in (1, 2))
        os.environ.update(ENVIRONMENT)
        torch.set_num_threads(1)
        os.chdir(folder)
        sys.argv = ["beyond", *arguments]
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except BaseException:  # as an interpreter ends: what a user would see is looked for in the output
            traceback.print_exc()
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
    finally:
        os._exit(code)

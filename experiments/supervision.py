"""The command watches itself where a config names somebody's own code, which may hang, crash or end the process.

Before the first own code is loaded the process forks: the child goes on with the command, the parent waits for it. When
the child dies or a call takes longer than it may, the parent says which part it was, in one sentence, and ends with the
exit code of a mistake. Where only built-in parts are named nothing of this happens, unless the run is on Ray, which
ends its process without a word when the machine's Ray node dies.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from mmap import mmap
from pathlib import Path
from typing import NoReturn

from experiments.run.errors import EXIT_RUN_FAILED, EXIT_USAGE
from experiments.run.stop import EXIT_INTERRUPTED
from experiments.run.terminal import printable
from verifiers.watching import (
    ENDED,
    PAGE_BYTES,
    PATIENCE,
    RUNNING,
    begin_now,
    begin_watching_with,
    patience,
    read_stamp,
)

LOOK_EVERY = 0.1  # seconds between looks at the page
PR_SET_PDEATHSIG = 1
FROM_ABOVE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RAYS_WAY = ": Ray ends it so when the Ray node of this machine has died (out of memory, or killed)"
_on_ray: list[bool] = []  # not empty: the process that is watched uses Ray
SI_USER = 0  # code of a signal that a process sent; the terminal's reach the child by themselves


def supervise_own_code(*, is_the_process: bool = False) -> None:
    """Has this process fork before it loads own code, if it is the command itself and nobody who imported it.

    Args:
        is_the_process: the caller knows that the process is its own.
    """
    if is_the_process or _is_the_command():
        begin_watching_with(_fork)


def supervise_ray() -> None:
    """Has this process fork now, where `supervise_own_code` would have it fork later: a run on Ray begins."""
    _on_ray.append(True)
    begin_now()


def _is_the_command() -> bool:
    file = getattr(sys.modules["__main__"], "__file__", None)
    if file is None:
        return False
    path = Path(file).resolve()
    return path.stem == "beyond" or path == Path(__file__).resolve().parent / "__main__.py"


def _fork() -> mmap:
    """The page, in the child, which goes on; the parent never returns."""
    page = mmap(-1, PAGE_BYTES)  # shared with the child
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    child = os.fork()
    if child:
        _wait(child, page)
    _end_with(parent)
    return page


def _end_with(parent: int) -> None:
    """Has this process end when its parent is killed: nobody would be left to stop it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before that was said
            os._exit(EXIT_RUN_FAILED)
        return

    def look() -> None:
        """Ends this process once it has another parent."""
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=look, daemon=True).start()


def _wait(child: int, page: mmap) -> NoReturn:
    """Waits for the child and ends as it did; says what own code did to it where it did not end by itself."""
    _pass_signals_on(child)
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        until, phase, what = read_stamp(page)
        if ended:
            _end_like(status, phase, what)
        if what and until and time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            hint = "" if phase == RUNNING else f" (with {PATIENCE}=SECONDS before the command it may take longer)"
            limit = "the time that a call may take" if phase == RUNNING else f"{patience():g} seconds"
            _say(f"{what}: it did not return within {limit}, and was ended{hint}", phase)
        time.sleep(LOOK_EVERY)


def _end_like(status: int, phase: int, what: str) -> NoReturn:
    code = os.waitstatus_to_exitcode(status)
    if phase == ENDED or code == EXIT_INTERRUPTED or -code in FROM_ABOVE:
        if code < 0:
            signal.signal(-code, signal.SIG_DFL)
            os.kill(os.getpid(), -code)
        os._exit(code)
    how = f"by signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"with exit code {code}, without a word"
    if _on_ray and not what:
        _say(
            f"the process ended {how}{RAYS_WAY if code == 1 else ''}; --resume goes on from the last checkpoint", phase
        )
    _say(f"{what or 'code of your own'}: it ended the process {how}", phase)


def _say(sentence: str, phase: int) -> NoReturn:
    print(f"error: {printable(sentence)}", file=sys.stderr, flush=True)
    os._exit(EXIT_RUN_FAILED if phase == RUNNING else EXIT_USAGE)


def _pass_signals_on(child: int) -> None:
    """Signals that are meant for the command reach the child, each once: the terminal tells both of Ctrl-C."""

    def forward(number: int, frame: object) -> None:
        """Hands a signal on."""
        os.kill(child, number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, forward)
    if not hasattr(signal, "sigwaitinfo"):  # macOS
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])

    def listen() -> None:
        """Waits for Ctrl-C, and for one that a process sent to this one alone."""
        while True:
            told = signal.sigwaitinfo([signal.SIGINT])
            if told.si_code <= SI_USER:
                os.kill(child, signal.SIGINT)

    threading.Thread(target=listen, daemon=True).start()

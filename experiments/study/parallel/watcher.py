"""A process beside one on a cluster: it watches own code there, as the command line watches itself on this machine.

A process of Ray may not fork. So a second one on the same machine reads its page: it ends the first where a call of own
code takes too long, and writes down which part it was, also where that part ended the process by itself. The note lies
in the study's folder, on the disk that every machine reads.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from mmap import mmap
from pathlib import Path

from rl.files import write_whole
from verifiers.watching import ENDED, PAGE_BYTES, RUNNING, begin_watching_with, read_stamp, tell_phase

LOOK_EVERY = 0.1  # seconds between looks at the page
NOTE_PATIENCE = 2.0  # seconds that whoever gave out the job waits for a note once the process is gone


def note_of(folder: Path, seed: int) -> Path:
    """Where it is written what own code did to the process of a seed."""
    return folder / f"seed-{seed}.own-code.txt"


@contextmanager
def watched_from_beside(note: Path) -> Iterator[None]:
    """Inside, the calls of own code in this thread are watched; nothing is started where there are none."""
    watchers: list[subprocess.Popen[bytes]] = []

    def begin() -> mmap:
        """The page, which the watcher maps too."""
        descriptor, name = tempfile.mkstemp(prefix="own-code-")
        os.ftruncate(descriptor, PAGE_BYTES)
        page = mmap(descriptor, PAGE_BYTES)
        os.close(descriptor)
        command = [sys.executable, "-m", __name__, name, str(os.getpid()), str(note)]
        path = os.pathsep.join(entry for entry in sys.path if entry)
        env = {**os.environ, "PYTHONPATH": path}
        watcher = subprocess.Popen(command, stdin=subprocess.PIPE, env=env, start_new_session=True)
        watchers.append(watcher)
        return page

    note.unlink(missing_ok=True)
    begin_watching_with(begin)
    tell_phase(RUNNING)  # the checks were made where the job was given out
    try:
        yield
    finally:
        tell_phase(ENDED)
        for watcher in watchers:
            assert watcher.stdin is not None
            watcher.stdin.close()  # it reads that nobody is there any more, and ends
            watcher.wait()


def read_note(note: Path) -> str:
    """What own code did to the process that is gone; empty where it did nothing."""
    ends = time.monotonic() + NOTE_PATIENCE
    while not note.exists() and time.monotonic() < ends:
        time.sleep(LOOK_EVERY)
    if not note.exists():
        return ""
    told = note.read_text(encoding="utf-8")
    note.unlink()
    return told


def watch(page: mmap, is_gone: threading.Event) -> str:
    """Waits until the process is gone or a call takes too long; what own code did, empty where it did nothing."""
    while True:
        was_gone = is_gone.wait(LOOK_EVERY)  # before the look: the page then says what ran at the end
        until, phase, what = read_stamp(page)
        if phase == ENDED or (was_gone and not what):
            return ""
        if was_gone:
            return f"{what}: it ended its process without a word"
        if what and until and time.monotonic() > until:
            return f"{what}: it did not return within the time that a call may take, and was ended"


def main() -> None:
    """The watcher; its input ends when the process that it watches is gone."""
    name, process, note = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    with open(name, "r+b") as file:
        page = mmap(file.fileno(), PAGE_BYTES)
    os.unlink(name)
    is_gone = threading.Event()

    def listen() -> None:
        """Reads until the other end of the pipe is closed."""
        sys.stdin.read()
        is_gone.set()

    threading.Thread(target=listen, daemon=True).start()
    if told := watch(page, is_gone):
        write_whole(note, told.encode())
        if not is_gone.is_set():
            os.kill(process, signal.SIGKILL)


if __name__ == "__main__":
    main()

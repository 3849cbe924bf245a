"""Whether the Ray node of this process still runs.

Ray ends a driver whose node is gone without a word, the next time that it needs the node. So its death must be seen
before anything is asked of it: then the loop can still write a checkpoint and say what happened.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from pathlib import Path

HEAD_SECONDS = 20.0  # without an answer of the cluster's head; Ray itself gives up, and ends the process, after 60
PAUSE_SECONDS = 2.0  # between two calls of the head


class NodeWatch:
    """Watches the local node's daemon, by its process, and the cluster's head, by its port.

    Args:
        raylet_socket: path of the unix socket on which the node's daemon listens.
        head: host:port of the cluster's control service.
    """

    def __init__(self, raylet_socket: str, head: str, *, head_seconds: float = HEAD_SECONDS) -> None:
        self.pid = listener(raylet_socket)
        self.head, self.head_seconds = head, head_seconds
        self._answered = time.monotonic()
        self._closed = threading.Event()
        threading.Thread(target=self._call_head, name="node-watch", daemon=True).start()

    def lost(self) -> str:
        """Why no more is to be had of Ray; empty while all is well."""
        if self.pid is not None and not is_running(self.pid):
            return "the Ray node of this machine has died (its raylet is gone: out of memory, or killed)"
        silent = time.monotonic() - self._answered
        if silent > self.head_seconds:
            return f"the head of the Ray cluster at {self.head} has not answered for {silent:.0f} s"
        return ""

    def close(self) -> None:
        """Stops watching."""
        self._closed.set()

    def _call_head(self) -> None:
        host, _, port = self.head.rpartition(":")
        while not self._closed.wait(PAUSE_SECONDS):
            with contextlib.suppress(OSError):  # not answered: the time since the last answer goes on
                socket.create_connection((host.strip("[]"), int(port)), timeout=self.head_seconds).close()
                self._answered = time.monotonic()


def is_running(pid: int) -> bool:
    """Whether a process exists and is not only waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def listener(path: str) -> int | None:
    """The process that listens on a unix socket, as the kernel lists it; None: not to be found out."""
    with contextlib.suppress(OSError):
        rows = (line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:])
        inodes = {f"socket:[{row[6]}]" for row in rows if len(row) > 7 and row[7] == path}
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # somebody else's, or gone meanwhile
                if any(os.readlink(handle) in inodes for handle in process.glob("fd/*")):
                    return int(process.name)
    return None

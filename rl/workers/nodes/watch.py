"""Whether the Ray node of this process still runs, and answers.

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

SILENT_SECONDS = 20.0  # without an answer of a daemon; Ray itself gives up on the head, and ends the process, after 60
CALL_SECONDS = 5.0  # for one answer
PAUSE_SECONDS = 2.0  # between two calls
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # RFC 9113, 3.4: its answer is due
SETTINGS = bytes([4])  # the type of the frame that answers it, its fourth byte


class NodeWatch:
    """Watches the local node's daemon, by its process and its port, and the cluster's head, by its port.

    Args:
        raylet_socket: path of the unix socket on which the node's daemon listens.
        head: host:port of the cluster's control service.
        node: host:port of the node's daemon; empty: only its process is watched.
    """

    def __init__(
        self, raylet_socket: str, head: str, node: str = "", *, silent_seconds: float = SILENT_SECONDS
    ) -> None:
        self.pid = listener(raylet_socket)
        self.silent_seconds = silent_seconds
        self._called = [_Called(f"the head of the Ray cluster at {head}", head)]
        if node:
            self._called.append(_Called("the Ray node of this machine (its raylet)", node))
        self._closed = threading.Event()
        for called in self._called:
            threading.Thread(target=self._call, args=(called,), name="node-watch", daemon=True).start()

    def lost(self) -> str:
        """Why no more is to be had of Ray; empty while all is well."""
        if self.pid is not None and not is_running(self.pid):
            return "the Ray node of this machine has died (its raylet is gone: out of memory, or killed)"
        for called in self._called:
            if called.silent > self.silent_seconds:
                return f"{called.name} has not answered for {called.silent:.0f} s"
        return ""

    def close(self) -> None:
        """Stops watching."""
        self._closed.set()

    def _call(self, called: _Called) -> None:
        while not self._closed.wait(PAUSE_SECONDS):
            called.call()


class _Called:
    """A daemon, and for how long its calls have been without an answer.

    Time in which nobody called counts for nothing: this process itself may have been stopped, or starved.
    """

    def __init__(self, name: str, address: str) -> None:
        self.name, self.silent = name, 0.0
        host, _, port = address.rpartition(":")
        self._address = host.strip("[]"), int(port)

    def call(self) -> None:
        """Calls once."""
        began = time.monotonic()
        if answers(self._address):
            self.silent = 0.0
        else:
            self.silent += min(time.monotonic() - began, CALL_SECONDS) + PAUSE_SECONDS


def answers(address: tuple[str, int]) -> bool:
    """Whether the server at an address says something, or hangs up, when it is greeted as Ray's daemons greet.

    That a connection is accepted says nothing: the kernel does it, for a stopped process too.
    """
    try:
        greeting(address, CALL_SECONDS)
    except ConnectionResetError:
        return True
    except OSError:
        return False
    return True


def greeting(address: tuple[str, int], seconds: float) -> bytes:
    """The first bytes that the server at an address answers with; none where it hangs up.

    Raises:
        OSError: nobody listens there, or says anything within `seconds`.
    """
    with socket.create_connection(address, timeout=seconds) as connection:
        connection.sendall(HELLO)
        return connection.recv(9)


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

"""What a grading process shares with its parent: messages over a socket, and a page that says which item is in hand.

The page needs no message per item: the parent knows which item is to blame when the process hangs, is stopped or dies.
"""

from __future__ import annotations

import math
import mmap
import select
import socket
import struct
import time
from typing import NamedTuple

LENGTH = struct.Struct("<Q")  # every message is its length, then a pickle
STAMP, FIELD = struct.Struct("<3d"), struct.Struct("<d")  # what the page holds, and each of it
PAGE_BYTES = mmap.PAGESIZE


class HungUp(Exception):
    """The other side has gone: killed, dead, or done."""


class Channel:
    """One end of the socket."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self.buffer = bytearray()
        self.poll = select.poll()
        self.poll.register(end, select.POLLIN)

    def send(self, payload: bytes, seconds: float | None = None) -> None:
        """Write one message; TimeoutError when the other side does not read it in time. Raises HungUp."""
        self.socket.settimeout(seconds)
        try:
            self.socket.sendall(LENGTH.pack(len(payload)) + payload)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise HungUp from error

    def receive(self, until: float = math.inf) -> bytes | None:
        """The next message; None at time `until` (time.monotonic()). Raises HungUp when there will be none."""
        while True:
            if len(self.buffer) >= LENGTH.size:
                end = LENGTH.size + LENGTH.unpack_from(self.buffer)[0]
                if len(self.buffer) >= end:
                    message = bytes(self.buffer[LENGTH.size : end])
                    del self.buffer[:end]
                    return message
            if not self.poll.poll(None if until == math.inf else max(0.0, until - time.monotonic()) * 1000):
                return None
            try:
                part = self.socket.recv(1 << 20)
            except ConnectionResetError:
                part = b""
            if not part:
                raise HungUp
            self.buffer += part


class Stamp(NamedTuple):
    """The item in hand.

    `position`: in its batch, -1 before the first; `start`: time.monotonic() when it began; `cpu_seconds`:
    time.process_time() of the grading process then.
    """

    position: float
    start: float
    cpu_seconds: float


def write_stamp(page: mmap.mmap, stamp: Stamp) -> None:
    """Publish which item is in hand. The times go first: a reader that sees the new position sees its times too."""
    for place in (2, 1, 0):
        FIELD.pack_into(page, place * FIELD.size, stamp[place])


def read_stamp(page: mmap.mmap) -> Stamp:
    """The item in hand: the counterpart of `write_stamp`."""
    return Stamp(*STAMP.unpack_from(page))

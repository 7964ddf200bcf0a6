"""When requests came, by the kernel's note of their packets: a server that is late to look must not blame who sent."""

from __future__ import annotations

import re
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

__all__ = ["HAS_STAMPS", "RequestReader", "StampedSocket", "await_stamps", "receive", "stamp_arrivals"]

HAS_STAMPS = sys.platform == "linux"
"""The kernel notes when data came; elsewhere the time is that of looking."""
_TIMESTAMP = 29
"""SO_TIMESTAMP of Linux."""
_LENGTH = re.compile(rb"(?i)\r\ncontent-length:\s*(\d+)")


def stamp_arrivals(listening: socket.socket) -> None:
    """Let the kernel note when data comes: what is accepted has it from its first byte on."""
    if HAS_STAMPS:
        listening.setsockopt(socket.SOL_SOCKET, _TIMESTAMP, 1)


def await_stamps() -> None:
    """Wait until the kernel notes when data comes: it begins some time after the first socket has asked for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        stamp_arrivals(line)
        noted, sent = 1.0, 0.0
        while noted > sent:
            line.sendto(b"?", line.getsockname())
            sent = time.time()
            time.sleep(0.001)
            noted = receive(line)[1]


def receive(line: socket.socket, size: int = 65536) -> tuple[bytes, float]:
    """Return data, none at the end of the line, and when it came, by the wall clock."""
    data, notes, _, _ = line.recvmsg(size, 256)
    for level, kind, value in notes:
        if (level, kind) == (socket.SOL_SOCKET, _TIMESTAMP):
            seconds, microseconds = struct.unpack("qq", value[:16])
            return data, seconds + microseconds / 1_000_000
    return data, time.time()


class RequestReader:
    """The requests of one line: what came of them so far. No more of HTTP than that."""

    def __init__(self) -> None:
        self._got = b""
        self._since = 0.0

    def feed(self, data: bytes, at: float) -> list[tuple[bytes, float]]:
        """Return each request that is whole now, with when its first byte came."""
        if not self._got:
            self._since = at
        self._got += data
        found = []
        while (end := self._got.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._got, 0, end)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._got) < whole:
                break
            found.append((self._got[:whole], self._since))
            self._got, self._since = self._got[whole:], at
        return found


class StampedSocket(socket.socket):
    """A socket for any server: each request that its lines bring is noted, before the server has seen it."""

    note: Callable[[bytes, float], Any]
    """Takes a request, and when its first byte came."""

    @classmethod
    def instead_of(cls, listening: socket.socket, note: Callable[[bytes, float], Any]) -> StampedSocket:
        """Return a socket in the place of one that listens already."""
        stamped = cls(fileno=listening.detach())
        stamped.note = note
        stamp_arrivals(stamped)
        return stamped

    def accept(self) -> tuple[socket.socket, Any]:
        number, address = self._accept()  # type: ignore[attr-defined] # as socket.socket does it
        line = StampedSocket(self.family, self.type, self.proto, fileno=number)
        line.note, line.requests = self.note, RequestReader()
        return line, address

    def recv(self, size: int, flags: int = 0) -> bytes:
        data, at = receive(self, size)
        for request, since in self.requests.feed(data, at):
            self.note(request, since)
        return data

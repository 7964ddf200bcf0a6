"""A bare server in a process of its own, that notes when each request came: what a run's pace is judged by."""

from __future__ import annotations

import contextlib
import heapq
import json
import multiprocessing
import os
import re
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from arrival_times import RequestReader, receive, stamp_arrivals

__all__ = ["Arrivals", "arrivals_of"]

_PHONE = re.compile(rb'"wa_contact_id":\s*"\+?\d*?(\d{8})"')


@dataclass(frozen=True)
class Arrivals:
    """A server that runs."""

    port: int
    _pipe: Connection

    def arrivals(self) -> dict[int, float]:
        """End it; when the request came for each phone (its last eight digits), by the wall clock."""
        self._pipe.send("end")
        found: dict[int, float] = self._pipe.recv()
        return found


@contextlib.contextmanager
def arrivals_of(latency: float) -> Iterator[Arrivals]:
    """A server that answers every POST with a new chat after so many seconds."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve, args=(theirs, latency), daemon=True)
    process.start()
    try:
        yield Arrivals(ours.recv(), ours)
    finally:
        process.join(timeout=10)
        process.terminate()


def _serve(pipe: Connection, latency: float) -> None:
    if hasattr(os, "sched_setaffinity") and len(cores := sorted(os.sched_getaffinity(0))) > 1:
        os.sched_setaffinity(0, set(cores[1:]))  # the first is for a program that may have one only
    server = _Server(latency)
    pipe.send(server.port)
    server.serve(pipe)
    pipe.recv()
    pipe.send(server.arrivals)


class _Server:
    """Answers every POST with a new chat after a while, and notes when each came. No more of HTTP than that."""

    def __init__(self, latency: float) -> None:
        self.arrivals: dict[int, float] = {}
        self._latency = latency
        self._selector = selectors.DefaultSelector()
        self._answers: list[tuple[float, int, socket.socket]] = []
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1000)
        stamp_arrivals(self._listening)
        self._selector.register(self._listening, selectors.EVENT_READ)
        self.port = self._listening.getsockname()[1]

    def serve(self, pipe: Connection) -> None:
        """Until something comes through the pipe."""
        self._selector.register(pipe, selectors.EVENT_READ)
        while True:
            wait = max(0.0, self._answers[0][0] - time.monotonic()) if self._answers else None
            for key, _ in self._selector.select(wait):
                if key.fileobj is pipe:
                    return
                self._accept() if key.data is None else self._read(key.fileobj, key.data)
            self._answer()

    def _accept(self) -> None:
        line, _ = self._listening.accept()
        self._selector.register(line, selectors.EVENT_READ, RequestReader())

    def _read(self, line: socket.socket, requests: RequestReader) -> None:
        data, came = b"", 0.0
        with contextlib.suppress(ConnectionError):
            data, came = receive(line)
        if not data:
            self._selector.unregister(line)
            line.close()
            return
        for request, at in requests.feed(data, came):
            phone = _PHONE.search(request)
            if phone is None:
                raise SystemExit(f"a request without a phone: {request!r}")
            self.arrivals[int(phone[1])] = at
            heapq.heappush(self._answers, (time.monotonic() + self._latency, len(self.arrivals), line))

    def _answer(self) -> None:
        while self._answers and self._answers[0][0] <= time.monotonic():
            _, number, line = heapq.heappop(self._answers)
            body = json.dumps({"id": f"0b28ee57-7a57-4407-a9c5-{number:012}", "status": "OPEN"}).encode()
            head = f"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            with contextlib.suppress(OSError):
                line.sendall(head.encode() + body)

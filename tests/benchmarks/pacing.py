"""How truly a run keeps the rate that was asked for, from the sheet to the answer, over real sockets.

    python tests/benchmarks/pacing.py                    10, 50 and 500 a second, for some seconds each
    python tests/benchmarks/pacing.py --rates 1000 --seconds 20

A bare server in a process of its own answers after 100 ms; when each request arrived is noted by the kernel (on Linux;
elsewhere by the server, which may be late to look). The whole program runs
as a person runs it: sheet, ledger on disk with full durability, report. Told are the rate of the report, the rate of
what arrived, and the most that any moving second held on arrival, with what it may hold. Ends with 1 when a rate was
reached to less than 97 %, or a moving second held too many.
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import json
import math
import multiprocessing
import os
import selectors
import socket
import struct
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

LATENCY = 0.1
_TIMESTAMP = 29
"""SO_TIMESTAMP of Linux: the kernel notes when data came."""
ENOUGH = 0.97
CAMPAIGN = """
[campaign]
name = "pacing"
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "t"
language = "pt_BR"
[columns]
wa_contact_id = "Telefone"
[throttle]
concurrency = 256
"""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run at one rate."""

    wanted: float
    reported: float
    arrived: float
    """Starts a second as the server saw them."""
    most: int
    """Requests that arrived within one moving second."""
    allowed: int
    outcomes: int

    @property
    def holds(self) -> bool:
        return min(self.reported, self.arrived) >= ENOUGH * self.wanted and self.most <= self.allowed


class _Line:
    """One connection: what came of a request so far."""

    def __init__(self, line: socket.socket) -> None:
        self.socket = line
        self._got = b""

    def arrived(self) -> list[float] | None:
        """When each request came whole, by the kernel's clock where it tells; None when the connection is closed."""
        data, notes, _, _ = self.socket.recvmsg(65536, 256)
        if not data:
            return None
        at = _stamp(notes)
        self._got += data
        found = []
        while (end := self._got.find(b"\r\n\r\n")) >= 0:
            length = int(self._got[:end].lower().split(b"content-length:")[1].split(b"\r\n")[0])
            if len(self._got) < end + 4 + length:
                break
            self._got = self._got[end + 4 + length :]
            found.append(at)
        return found


def _stamp(notes: list[tuple[int, int, bytes]]) -> float:
    """The kernel's note of when the data came, else now: a server that is late to look must not blame who sent."""
    for level, kind, value in notes:
        if (level, kind) == (socket.SOL_SOCKET, _TIMESTAMP):
            seconds, microseconds = struct.unpack("qq", value[:16])
            return float(seconds + microseconds / 1_000_000)
    return time.time()


class _Server:
    """Answers every POST with a new chat after a while, and notes when each came. No more of HTTP than that."""

    def __init__(self) -> None:
        self.arrivals: list[float] = []
        self._selector = selectors.DefaultSelector()
        self._answers: list[tuple[float, int, socket.socket]] = []
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1000)
        if sys.platform == "linux":  # what is accepted has it from its first byte on
            self._listening.setsockopt(socket.SOL_SOCKET, _TIMESTAMP, 1)
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
                self._accept() if key.fileobj is self._listening else self._read(key.data)
            self._answer()

    def _accept(self) -> None:
        line, _ = self._listening.accept()
        self._selector.register(line, selectors.EVENT_READ, _Line(line))

    def _read(self, line: _Line) -> None:
        try:
            found = line.arrived()
        except ConnectionError:
            found = None
        if found is None:
            self._selector.unregister(line.socket)
            line.socket.close()
            return
        for at in found:
            self.arrivals.append(at)
            heapq.heappush(self._answers, (time.monotonic() + LATENCY, len(self.arrivals), line.socket))

    def _answer(self) -> None:
        while self._answers and self._answers[0][0] <= time.monotonic():
            _, number, line = heapq.heappop(self._answers)
            body = json.dumps({"id": f"0b28ee57-7a57-4407-a9c5-{number:012}", "status": "OPEN"}).encode()
            head = f"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            with contextlib.suppress(OSError):
                line.sendall(head.encode() + body)


def _serve(pipe: Connection) -> None:
    server = _Server()
    pipe.send(server.port)
    server.serve(pipe)
    pipe.recv()
    pipe.send(server.arrivals)


def measure(rate: float, seconds: float) -> Measured:
    """Run the program at `rate` starts a second for about so many seconds."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    try:
        port = ours.recv()
        count = max(20, round(rate * seconds))
        with tempfile.TemporaryDirectory() as name:
            summary = _run(Path(name), port, rate, count)
        ours.send("end")
        arrivals: list[float] = sorted(ours.recv())
    finally:
        server.join(timeout=10)
    this_run = summary["this_run"]
    most = max(bisect_left(arrivals, at + 1) - number for number, at in enumerate(arrivals))
    return Measured(
        wanted=rate,
        reported=this_run["achieved_rate"],
        arrived=(len(arrivals) - 1) / (arrivals[-1] - arrivals[0]),
        most=most,
        allowed=math.floor(max(rate + 1, rate * 1.01)),
        outcomes=int(summary["counts"]["success"]),
    )


def _run(folder: Path, port: int, rate: float, count: int) -> dict[str, dict[str, float]]:
    sheet = "Telefone\n" + "".join(f"119{90000000 + number}\n" for number in range(count))
    (folder / "sheet.csv").write_text(sheet)
    (folder / "campaign.toml").write_text(CAMPAIGN)
    words = ["run", "sheet.csv", "-c", "campaign.toml", "--yes", "--json", "--rate", f"{rate}/s"]
    words += ["--base-url", f"http://127.0.0.1:{port}", "--ledger", f"sqlite:///{folder / 'ledger.sqlite3'}"]
    environment = {**os.environ, "WEGLY_TOKEN": "benchmark"}
    done = subprocess.run(
        [sys.executable, "-m", "batch", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"the run ended with {done.returncode}: {done.stderr}")
    found: dict[str, dict[str, float]] = json.loads(done.stdout)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=float, nargs="+", default=[10.0, 50.0, 500.0])
    parser.add_argument("--seconds", type=float, default=10.0)
    words = parser.parse_args()
    sys.stdout.write("| wanted /s | reported | arrived | most in a moving second | allowed | holds |\n")
    sys.stdout.write("|---|---|---|---|---|---|\n")
    all_hold = True
    for rate in words.rates:
        found = measure(rate, words.seconds)
        all_hold &= found.holds
        sys.stdout.write(
            f"| {found.wanted:g} | {found.reported:.1f} | {found.arrived:.1f} | {found.most} | {found.allowed} "
            f"| {'yes' if found.holds else 'NO'} |\n"
        )
        sys.stdout.flush()
    return 0 if all_hold else 1


if __name__ == "__main__":
    sys.exit(main())

"""How truly a run keeps the rate that was asked for, from the sheet to the answer, over real sockets.

    python tests/benchmarks/pacing.py                    10, 50 and 500 a second, for some seconds each
    python tests/benchmarks/pacing.py --rates 1000 --seconds 20

A bare server in a process of its own answers after 100 ms and notes when each request arrives. The whole program runs
as a person runs it: sheet, ledger on disk with full durability, report. Told are the rate of the report, the rate of
what arrived, and the most that any moving second held on arrival, with what it may hold. Ends with 1 when a rate was
reached to less than 97 %, or a moving second held too many.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import math
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

LATENCY = 0.1
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


class _Server(asyncio.Protocol):
    """Answers every POST with a new chat after a while. No more of HTTP than that."""

    def __init__(self, arrivals: list[float], numbers: itertools.count[int]) -> None:
        self._arrivals = arrivals
        self._numbers = numbers
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        while (end := self._got.find(b"\r\n\r\n")) >= 0:
            head = self._got[:end].lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            if len(self._got) < end + 4 + length:
                return
            self._got = self._got[end + 4 + length :]
            self._arrivals.append(time.monotonic())
            asyncio.get_running_loop().call_later(LATENCY, self._answer, next(self._numbers))

    def _answer(self, number: int) -> None:
        body = json.dumps({"id": f"0b28ee57-7a57-4407-a9c5-{number:012}", "status": "OPEN"}).encode()
        head = f"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        if not self._transport.is_closing() and isinstance(self._transport, asyncio.Transport):
            self._transport.write(head.encode() + body)


def _serve(pipe: Connection) -> None:
    arrivals: list[float] = []
    numbers = itertools.count()

    async def work() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Server(arrivals, numbers), "127.0.0.1", 0, backlog=1000)
        pipe.send(server.sockets[0].getsockname()[1])
        await loop.run_in_executor(None, pipe.recv)
        pipe.send(arrivals)
        server.close()

    asyncio.run(work())


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

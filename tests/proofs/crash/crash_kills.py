"""Killing the program: at the n-th call of a system call (strace does it, before the call is made), or at a moment."""

from __future__ import annotations

import random
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from crash_scene import Ended, Scene, scene

__all__ = ["CALLS", "AtCall", "AtMoment", "AtRandom", "Kill", "Measured", "carry_out", "measure"]

CALLS: Mapping[str, tuple[str, ...]] = {
    "fdatasync": ("fdatasync",),
    "fsync": ("fsync",),
    "pwrite64": ("pwrite64",),
    "write": ("write",),
    "sendto": ("sendto",),
    "recvfrom": ("recvfrom",),
    "connect": ("connect",),
    "rename": ("rename", "renameat", "renameat2"),
    "unlink": ("unlink", "unlinkat"),
    "mkdir": ("mkdir",),
    "flock": ("flock",),
    "ftruncate": ("ftruncate",),
    "openat (ledger)": ("openat",),
}
"""The system calls that matter, by their name in the table. SQLite flushes by fdatasync, the reports by fsync; sendto
carries the POSTs and wakes the event loop when a write is durable; recvfrom takes the answers."""

_AFTER = 0.4
"""Seconds after the first POST within which a run of this size sends everything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AtCall:
    """Before the `number`-th call (from 1) of `call` that any one thread makes."""

    call: str
    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AtMoment:
    """`seconds` after the program was started."""

    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class AtRandom:
    """`seconds` after the server received a new POST, or after `latest` seconds when none comes."""

    seconds: float
    latest: float


Kill = AtCall | AtMoment | AtRandom


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A run that nobody kills: the most calls of each kind that one thread makes, and the seconds it takes."""

    calls: Mapping[str, int]
    seconds: float

    def at_call(self, call: str, share: float) -> AtCall:
        """The kill at that share (0 to 1) of the calls."""
        return AtCall(call=call, number=1 + min(int(share * self.calls[call]), self.calls[call] - 1))

    def at_random(self, dice: random.Random) -> Kill:
        """Twice of three times while attempts are in flight, else at any time from start to end."""
        if dice.random() < 1 / 3:
            return AtMoment(seconds=dice.uniform(0, self.seconds))
        return AtRandom(seconds=dice.uniform(0, _AFTER), latest=self.seconds)


def measure(folder: Path, *, servers: Iterator[str] | None = None) -> Measured:
    """Count what a run that nobody kills calls, and time it. `servers`: URLs of new ledgers; None: files."""
    with scene(folder / "counted", server=next(servers) if servers else "") as counted:
        trace = folder / "calls.txt"
        names = sorted({name for names in CALLS.values() for name in names})
        counted.run_traced("-o", str(trace), "-e", "trace=" + ",".join(names))
        calls = _most_of_a_thread(trace.read_text(encoding="utf-8", errors="replace"), counted.ledger)
    with scene(folder / "timed", server=next(servers) if servers else "") as timed:
        begin = time.monotonic()
        timed.run()
        return Measured(calls=calls, seconds=time.monotonic() - begin)


def _most_of_a_thread(trace: str, ledger: Path) -> Mapping[str, int]:
    by_thread: Counter[tuple[str, str]] = Counter()
    titles = {name: title for title, names in CALLS.items() for name in names}
    for thread, name, rest in re.findall(r"^(\d+) +(\w+)\((.*)$", trace, re.MULTILINE):
        if name != "openat" or f'"{ledger}' in rest:
            by_thread[titles[name], thread] += 1
    most: dict[str, int] = {}
    for (title, _), count in by_thread.items():
        most[title] = max(count, most.get(title, 0))
    return most


def carry_out(kill: Kill, on: Scene) -> Ended:
    """Run the scene's command and kill it so; it may end before it comes to that."""
    match kill:
        case AtCall():
            return on.run_traced(*_killing(kill, on.ledger))
        case AtMoment(seconds=seconds):
            process = on.start()
            time.sleep(seconds)
        case AtRandom(seconds=seconds, latest=latest):
            before, end = len(on.log.received), time.monotonic() + latest
            process = on.start()
            while len(on.log.received) == before and time.monotonic() < end and process.poll() is None:
                time.sleep(0.002)
            time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    return on.finish(process)


def _killing(kill: AtCall, ledger: Path) -> list[str]:
    calls = ",".join(CALLS[kill.call])
    paths = []
    if kill.call.startswith("openat"):
        paths = [option for end in ("", "-wal", "-shm", "-journal") for option in ("-P", f"{ledger}{end}")]
    inject = f"inject={calls}:signal=SIGKILL:when={kill.number}"
    return ["-o", "/dev/null", *paths, "-e", f"trace={calls}", "-e", inject]

"""The proof by losing workers: workers, sessions and the server are killed while many workers send one run.

python tests/proofs/fleet/fleet_events.py --workers 8 --senders 100 --events 100 --seed 1

The sandbox's own log says what was applied. Exits with 1 when anything breaks the promise.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))
from arrival_times import HAS_STAMPS
from broken_line import TO_CLIENT, TO_SERVER, Line, broken_line
from postgres import Cluster, NoServer

from batch.ledger.send.lane_queue import LEASE

EVENTS = ("kill", "stop", "term", "sessions", "restart", "partition", "clock")
_WEIGHTS = (5, 4, 3, 3, 1, 4, 2)
_LONGEST_STOP = 2 * LEASE
_LONGEST_PARTITION = 3 * LEASE
_MOST_SECONDS_OFF = 5
_LATENCY = 0.1
_ON_ITS_WAY = 0.05
"""Seconds after an event within which what was posted before it may come."""
_PATIENCE = 600.0
_AHEAD = 8
"""Claims that a lane has ready or in flight at the rates of this proof (`batch.pool.sender`), at most."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker that runs, and its line to the ledger."""

    process: subprocess.Popen[str]
    line: Line


@dataclass(frozen=True, kw_only=True)
class Event:
    """A thing that happened, and the lanes of the worker to which it did."""

    at: float
    kind: str
    senders: frozenset[str]
    seconds: float = 0.0
    """How long a pause, or a partition, was."""


@dataclass(kw_only=True)
class Scene:
    """What a trial is made of: servers, the sheet, and the workers that are running."""

    home: Path
    cluster: Cluster
    environment: Mapping[str, str]
    senders: int
    rows: int
    rate: float
    lines: ExitStack
    workers: list[Worker] = field(default_factory=list)
    lost: int = 0
    """Lanes that were held by what was killed, paused or cut off."""
    happened: list[Event] = field(default_factory=list)
    accepted: list[float] = field(default_factory=list)
    """Seconds by which the clocks of workers were off that had to be refused, and were not."""

    def start(
        self, *words: str, output: Any = subprocess.PIPE, line: Line | None = None, off: float = 0.0
    ) -> subprocess.Popen[str]:
        """Start the program. `line`: to the ledger; None: a straight one. `off`: its clock, in seconds."""
        # Not by the program `faketime`, which starts another process, and is the one that would be killed.
        values = {"LD_PRELOAD": find_faketime(), "FAKETIME": f"{off:+.1f}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        clock, program = (values, ["-c", _WITH_ANOTHER_CLOCK]) if off else ({}, ["-m", "batch"])
        ledger = {"WEGLY_BATCH_LEDGER": line.url} if line else {}
        return subprocess.Popen(
            [sys.executable, *program, *words],
            cwd=self.home,
            env={**os.environ, **self.environment, **ledger, **clock},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words: str) -> tuple[int, str]:
        process = self.start(*words)
        output = process.communicate(timeout=_PATIENCE)[0]
        return process.returncode, output

    def add_worker(self, off: float = 0.0) -> Worker:
        """Start a worker, with a line of its own to the ledger."""
        number, line = len(list(self.home.glob("worker-*.log"))), self.lines.enter_context(self.line())
        with (self.home / f"worker-{number}.log").open("w") as output:
            words = ("worker", "-v", "--lanes", str(self.senders))
            added = Worker(process=self.start(*words, output=output, line=line, off=off), line=line)
        self.workers.append(added)
        return added

    def line(self) -> AbstractContextManager[Line]:
        return broken_line(self.cluster.folder)

    def applied(self) -> list[Mapping[str, Any]]:
        return [line for line in _read_lines(self.home / "sandbox.jsonl") if line["event"] == "applied"]

    def arrived(self) -> list[Mapping[str, Any]]:
        """Each request: its sender, and when it came, by the wall clock."""
        return _read_lines(self.home / "arrivals.jsonl")


def _read_lines(log: Path) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


@contextmanager
def scene(*, senders: int, rows: int, rate: float, durable: bool = True) -> Iterator[Scene]:
    """Start a server of PostgreSQL and a sandbox, and write the sheet, for one trial.

    Raises NoServer where a server is lacking, or a kernel that notes when requests come.
    """
    if not HAS_STAMPS:
        raise NoServer(
            "The times at which requests come, by which pace is judged, are noted by the kernel of Linux alone."
        )
    home, data = (Path(tempfile.mkdtemp(prefix=f"wegly-{name}-", dir="/tmp")) for name in ("fleet", "pg"))
    cluster = Cluster(data, durable=durable, max_connections=str(120 + 2 * senders))
    ids = [f"0b28ee57-7a57-4407-a9c5-5cd4e5a5{number:04x}" for number in range(senders)]
    lines = [f"N{row};+55{11 + row // 10000}9{row % 10000:04d}7001;{ids[row % senders]}" for row in range(rows)]
    (home / "s.csv").write_text("\n".join(["Nome;Telefone;Quem", *lines, ""]))
    (home / "c.toml").write_text(_CAMPAIGN.format(rate=f"{round(rate * 3600)}/h"))
    cluster.create()
    cluster.start()
    program = [sys.executable, str(Path(__file__).parents[2] / "support/stamped_sandbox.py"), "arrivals.jsonl"]
    sandbox = subprocess.Popen(
        [*program, "sandbox", "--latency", str(_LATENCY), "--log", "sandbox.jsonl"],
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert sandbox.stdout is not None
    url = sandbox.stdout.readline().strip()
    environment = {"WEGLY_TOKEN": "anything", "WEGLY_BASE_URL": url, "WEGLY_BATCH_LEDGER": cluster.url}
    lines = ExitStack()
    made = Scene(
        home=home, cluster=cluster, environment=environment, senders=senders, rows=rows, rate=rate, lines=lines
    )
    try:
        yield made
    finally:
        lines.close()
        for process in (*(worker.process for worker in made.workers), sandbox):
            with suppress(ProcessLookupError):
                process.kill()
            process.wait()
        sandbox.stdout.close()
        cluster.stop()
        shutil.rmtree(data, ignore_errors=True)


_WITH_ANOTHER_CLOCK = """
import runpy, threading, time
# The system call under Python's own fails whatever the time, once libfaketime is loaded.
time.sleep = lambda seconds: threading.Event().wait(seconds) and None
runpy.run_module("batch", run_name="__main__", alter_sys=True)
"""
_CAMPAIGN = """[campaign]
name = "frota"
timezone = "America/Sao_Paulo"
language = "en"
[sender]
whatsapp_phone_id = {{ column = "Quem" }}
[template]
name = "saudacao"
language = "pt_BR"
[columns]
wa_contact_id = "Telefone"
remote_profile_name = "Nome"
[throttle]
rate = "{rate}"
[stop]
unknowns = 1000
"""


def possible_events() -> tuple[str, ...]:
    """Return the kinds of events for which this machine has the programs."""
    return tuple(kind for kind in EVENTS if kind != "clock" or find_faketime())


def find_faketime() -> str:
    """Return the library by which a program sees another time (Debian: faketime); empty where it is not installed."""
    return next(map(str, Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), "")


def make_event(place: Scene, kind: str, draw: random.Random) -> None:
    """Let one thing happen, and put a new worker in the place of one that has gone."""
    victim = draw.choice(place.workers)
    process, held, seconds, off = victim.process, lanes_of(place), 0.0, 0.0
    of_victim, at = held[process.pid], time.time()
    if kind == "kill":
        process.kill()
        process.wait()
    elif kind == "term":
        process.terminate()
        process.wait(timeout=_PATIENCE)
    elif kind == "stop":
        seconds = draw.uniform(0.5, _LONGEST_STOP)
        process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        process.send_signal(signal.SIGCONT)
    elif kind == "partition":
        seconds = _part(victim.line, draw)
    elif kind == "clock":
        off = _draw_clock(place, draw)
        process.terminate()
        process.wait(timeout=_PATIENCE)
    elif kind == "sessions":
        of_victim = _end_sessions(place, draw)
    else:
        of_victim = set().union(*held.values())
        place.cluster.stop()
        place.cluster.start()
    place.happened.append(Event(at=at, kind=kind, senders=frozenset(of_victim), seconds=seconds))
    if kind not in ("term", "clock"):
        place.lost += len(of_victim)
    if process.poll() is not None:
        place.workers.remove(victim)
        place.add_worker(off)


def _part(line: Line, draw: random.Random) -> float:
    """Part a worker from the ledger for a while, in one direction or both; then all goes on, or is cut."""
    ways = draw.choice([(TO_SERVER,), (TO_CLIENT,), (TO_SERVER, TO_CLIENT)])
    seconds, is_cut = draw.uniform(0.5, _LONGEST_PARTITION), draw.random() < 0.5
    line.hold(*ways)
    if draw.random() < 0.3:  # half open: the server's end is gone, and the worker does not hear of it
        line.cut(TO_SERVER)
    time.sleep(seconds)
    if is_cut:
        line.cut()
    line.heal()
    return seconds


def _end_sessions(place: Scene, draw: random.Random) -> set[str]:
    """End three sessions that hold lanes; return the senders of these."""
    query = (
        "SELECT DISTINCT pg_locks.pid, sender FROM pg_locks JOIN wegly.lanes"
        " ON lock = (classid::bigint << 32) | objid::bigint"
        " WHERE locktype = 'advisory' AND objsubid = 1 AND granted ORDER BY sender"
    )
    with psycopg.connect(place.cluster.url, autocommit=True) as connection:
        found = connection.execute(query).fetchall()
        chosen = draw.sample(found, min(len(found), 3))
        for pid, _sender in chosen:
            connection.execute("SELECT pg_terminate_backend(%s)", [pid])
    return {sender for _pid, sender in chosen}


def _draw_clock(place: Scene, draw: random.Random) -> float:
    """Start a worker whose clock is so far off that it must be refused; return by how much one may be off."""
    way = draw.choice((-1, 1))
    refused = way * draw.uniform(_MOST_SECONDS_OFF + 1, 60)
    process = place.start("worker", "-v", "--lanes", "1", off=refused)
    try:
        output = process.communicate(timeout=30)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        output = process.communicate()[0]
    # On a machine that is starved it may not have come to look at the clock.
    if "worker_begun" in output or process.returncode not in (2, -signal.SIGKILL):
        place.accepted.append(refused)
    return -way * draw.uniform(1, _MOST_SECONDS_OFF - 2)


def lanes_of(place: Scene) -> Mapping[int, set[str]]:
    """Return the senders whose lane each worker has, by its process."""
    held: dict[int, set[str]] = defaultdict(set)
    with suppress(psycopg.Error), psycopg.connect(place.cluster.url) as connection:
        for pid, sender in connection.execute("SELECT pid, sender FROM wegly.lanes WHERE state = 'sending'"):
            held[pid].add(sender)
    return held


def trial(place: Scene, *, workers: int, events: int, seed: int, kinds: tuple[str, ...] = EVENTS) -> dict[str, Any]:
    """Submit, start workers, let things happen until the run has ended, and return what was found."""
    draw = random.Random(seed)  # noqa: S311 - the same events for the same seed
    code, output = place.run("submit", "s.csv", "-c", "c.toml", "--yes")
    assert code == 0, output
    with psycopg.connect(place.cluster.url) as connection:
        (run,) = connection.execute("SELECT run FROM wegly.submissions").fetchone() or ("",)
    for _each in range(workers):
        place.add_worker()
    _until(lambda: len(place.applied()) > place.senders)
    began, left = time.monotonic(), place.rows / (place.senders * place.rate)
    weights = [_WEIGHTS[EVENTS.index(kind)] for kind in kinds]
    for number in range(events):
        due = began + 0.9 * left * number / events
        time.sleep(max(0.0, due - time.monotonic()))
        if is_closed(place):
            break
        make_event(place, draw.choices(kinds, weights)[0], draw)
    code, output = place.run("watch", run, "--json")
    results = place.home / "reports" / run / "results.csv"
    return judge(place, code, output, results)


def is_closed(place: Scene) -> bool:
    with suppress(psycopg.Error), psycopg.connect(place.cluster.url) as connection:
        return connection.execute("SELECT closed IS NOT NULL FROM wegly.submissions").fetchone() == (True,)
    return False


def _until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.1)


def judge(place: Scene, code: int, output: str, results: Path) -> dict[str, Any]:
    """Compare the ledger's rows with the sandbox's log."""
    applied, arrived = place.applied(), place.arrived()
    assert len(arrived) >= len(applied), "the times of some requests were not noted"
    people = Counter(line["person"] for line in applied)
    with psycopg.connect(place.cluster.url) as connection:
        rows = connection.execute("SELECT person, state, sender, findings FROM wegly.messages").fetchall()
    states = Counter(state for _person, state, _sender, _findings in rows)
    died = sum(state == "unknown" and "run_died" in (findings or "") for _person, state, _sender, findings in rows)
    untrue = [
        (person, state)
        for person, state, _sender, _findings in rows
        if (state in ("success", "reused") and people[person] != 1)
        or (state in ("error", "pending", "claimed", "skipped") and people[person])
    ]
    return {
        "events": Counter(event.kind for event in place.happened),
        "exit_code": code,
        "rows": len(rows),
        "states": dict(states),
        "duplicates": sum(count > 1 for count in people.values()),
        "lost": states["pending"] + states["claimed"] + (place.rows - len(rows)),
        "untrue": untrue[:5],
        "died": died,
        "died_at_most": place.lost * _AHEAD,
        "too_fast": too_fast(arrived, place.rate),
        "clocks_accepted": place.accepted,
        "longest_silence": round(longest_silence(arrived), 2),
        "silences": silences(arrived, place.happened),
        "output": output[-300:] if not results.exists() else "",
    }


Times = Mapping[str, Sequence[float]]


def _by_sender(arrived: list[Mapping[str, Any]]) -> Times:
    times = defaultdict(list)
    for request in arrived:
        times[request["sender"]].append(request["at"])
    return {sender: sorted(found) for sender, found in times.items()}


def too_fast(arrived: list[Mapping[str, Any]], rate: float) -> list[tuple[str, int]]:
    """Return the senders with more requests in a moving second than the rate plus 1 %, and how many."""
    most = int(max(rate + 1, rate * 1.01))
    found = []
    for sender, times in _by_sender(arrived).items():
        worst = max(bisect_left(times, at + 1) - number for number, at in enumerate(times))
        if worst > most:
            found.append((sender[-4:], worst))
    return found


def longest_silence(arrived: list[Mapping[str, Any]]) -> float:
    """Return the longest time between two requests of one sender, in seconds."""
    return max((later - at for times in _by_sender(arrived).values() for at, later in pairwise(times)), default=0.0)


def silences(arrived: list[Mapping[str, Any]], happened: list[Event]) -> dict[str, tuple[int, float, float]]:
    """Return, by kind of event, of how many lanes that it hit there were requests after it, and the time until the next
    one of each: median and worst, in seconds. Of pauses and partitions those that lasted longer than the lease."""
    times, waits = _by_sender(arrived), defaultdict(list)
    for event in happened:
        if event.seconds and event.seconds <= LEASE:
            continue
        for sender in event.senders:
            after = [at - event.at for at in times.get(sender, ()) if at > event.at + _ON_ITS_WAY]
            if after:
                waits[event.kind].append(min(after))
    return {
        kind: (len(found), round(statistics.median(found), 2), round(max(found), 2)) for kind, found in waits.items()
    }


def is_kept(found: Mapping[str, Any]) -> bool:
    """Return whether the promise was kept."""
    broken = any(found[name] for name in ("duplicates", "lost", "untrue", "too_fast", "clocks_accepted"))
    return not broken and found["died"] <= found["died_at_most"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--senders", type=int, default=6)
    parser.add_argument("--events", type=int, default=6)
    parser.add_argument("--rows", type=int, default=0, help="of the sheet; 0: for two seconds an event")
    parser.add_argument("--rate", type=float, default=3.0, help="of each sender, a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default=",".join(possible_events()))
    given = parser.parse_args()
    seconds = 6 + 2.5 * given.events
    rows = given.rows or round(seconds * given.senders * given.rate)
    with scene(senders=given.senders, rows=rows, rate=given.rate) as place:
        found = trial(
            place, workers=given.workers, events=given.events, seed=given.seed, kinds=tuple(given.kinds.split(","))
        )
        print(json.dumps({name: str(value) for name, value in found.items()}, indent=1), place.home)  # noqa: T201
    return 0 if is_kept(found) else 1


if __name__ == "__main__":
    sys.exit(main())

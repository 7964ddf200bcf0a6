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
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))
from postgres import Cluster

from batch.ledger.send.lane_queue import LEASE

EVENTS = ("kill", "stop", "term", "sessions", "restart")
_WEIGHTS = (5, 4, 3, 3, 1)
_LONGEST_STOP = 2 * LEASE
_PATIENCE = 600.0
_AHEAD = 8
"""Claims that a lane has ready or in flight at the rates of this proof (`batch.pool.sender`), at most."""


@dataclass(kw_only=True)
class Scene:
    """What a trial is made of: servers, the sheet, and the workers that are running."""

    home: Path
    cluster: Cluster
    environment: Mapping[str, str]
    senders: int
    rows: int
    rate: float
    workers: list[subprocess.Popen[str]] = field(default_factory=list)
    lost: int = 0
    """Lanes that were held by what was killed, paused or cut off."""
    happened: list[tuple[float, str]] = field(default_factory=list)

    def start(self, *words: str, output: Any = subprocess.PIPE) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "batch", *words]
        return subprocess.Popen(
            command,
            cwd=self.home,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words: str) -> tuple[int, str]:
        process = self.start(*words)
        output = process.communicate(timeout=_PATIENCE)[0]
        return process.returncode, output

    def add_worker(self) -> None:
        number = len(list(self.home.glob("worker-*.log")))
        with (self.home / f"worker-{number}.log").open("w") as output:
            self.workers.append(self.start("worker", "-v", "--lanes", str(self.senders), output=output))

    def applied(self) -> list[Mapping[str, Any]]:
        log = self.home / "sandbox.jsonl"
        lines = log.read_text().splitlines() if log.exists() else []
        return [found for found in map(json.loads, lines) if found["event"] == "applied"]


@contextmanager
def scene(*, senders: int, rows: int, rate: float, durable: bool = True) -> Iterator[Scene]:
    """Start a server of PostgreSQL and a sandbox, and write the sheet, for one trial."""
    home, data = (Path(tempfile.mkdtemp(prefix=f"wegly-{name}-", dir="/tmp")) for name in ("fleet", "pg"))
    cluster = Cluster(data, durable=durable, max_connections=str(120 + 2 * senders))
    ids = [f"0b28ee57-7a57-4407-a9c5-5cd4e5a5{number:04x}" for number in range(senders)]
    lines = [f"N{row};+55119{80000000 + row * 7:08d};{ids[row % senders]}" for row in range(rows)]
    (home / "s.csv").write_text("\n".join(["Nome;Telefone;Quem", *lines, ""]))
    (home / "c.toml").write_text(_CAMPAIGN.format(rate=f"{round(rate * 3600)}/h"))
    cluster.create()
    cluster.start()
    log = home / "sandbox.jsonl"
    sandbox = subprocess.Popen(
        [sys.executable, "-m", "batch", "sandbox", "--latency", "0.1", "--log", str(log)],
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert sandbox.stdout is not None
    url = sandbox.stdout.readline().strip()
    environment = {"WEGLY_TOKEN": "anything", "WEGLY_BASE_URL": url, "WEGLY_BATCH_LEDGER": cluster.url}
    made = Scene(home=home, cluster=cluster, environment=environment, senders=senders, rows=rows, rate=rate)
    try:
        yield made
    finally:
        for process in (*made.workers, sandbox):
            with suppress(ProcessLookupError):
                process.kill()
            process.wait()
        sandbox.stdout.close()
        cluster.stop()
        shutil.rmtree(data, ignore_errors=True)


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


def make_event(place: Scene, kind: str, draw: random.Random) -> None:
    """Let one thing happen, and put a new worker in the place of one that has gone."""
    at, victim = time.monotonic(), draw.choice(place.workers)
    held = lanes_of(place)
    place.happened.append((at, kind))
    if kind == "kill":
        place.lost += held.get(victim.pid, 0)
        victim.kill()
        victim.wait()
    elif kind == "term":
        victim.terminate()
        victim.wait(timeout=60)
    elif kind == "stop":
        seconds = draw.uniform(0.5, _LONGEST_STOP)
        place.lost += held.get(victim.pid, 0)
        victim.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        victim.send_signal(signal.SIGCONT)
    elif kind == "sessions":
        with psycopg.connect(place.cluster.url, autocommit=True) as connection:
            pids = "SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted"
            found = [pid for (pid,) in connection.execute(pids)]
            chosen = draw.sample(found, min(len(found), 3))
            place.lost += len(chosen)
            for pid in chosen:
                connection.execute("SELECT pg_terminate_backend(%s)", [pid])
    else:
        place.lost += sum(held.values())
        place.cluster.stop()
        place.cluster.start()
    if victim.poll() is not None:
        place.workers.remove(victim)
        place.add_worker()


def lanes_of(place: Scene) -> Counter[int]:
    """Count the lanes that each worker has, by its process."""
    try:
        with psycopg.connect(place.cluster.url) as connection:
            query = "SELECT pid, count(*) FROM wegly.lanes WHERE state = 'sending' GROUP BY pid"
            return Counter(dict(connection.execute(query).fetchall()))
    except psycopg.Error:
        return Counter()


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
    applied = place.applied()
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
        "events": Counter(kind for _at, kind in place.happened),
        "exit_code": code,
        "rows": len(rows),
        "states": dict(states),
        "duplicates": sum(count > 1 for count in people.values()),
        "lost": states["pending"] + states["claimed"] + (place.rows - len(rows)),
        "untrue": untrue[:5],
        "died": died,
        "died_at_most": place.lost * _AHEAD,
        "too_fast": too_fast(applied, place.rate),
        "longest_silence": round(longest_silence(applied), 2),
        "output": output[-300:] if not results.exists() else "",
    }


def too_fast(applied: list[Mapping[str, Any]], rate: float) -> list[tuple[str, int]]:
    """Return the senders with more messages in a moving second than the rate plus 1 %, and how many."""
    most = int(max(rate + 1, rate * 1.01))
    by_sender: dict[str, list[float]] = defaultdict(list)
    for line in applied:
        by_sender[line["sender"]].append(line["monotonic"])
    found = []
    for sender, times in by_sender.items():
        times.sort()
        worst = max(
            sum(at <= other < at + 1 for other in times[number : number + 100]) for number, at in enumerate(times)
        )
        if worst > most:
            found.append((sender[-4:], worst))
    return found


def longest_silence(applied: list[Mapping[str, Any]]) -> float:
    """Return the longest time between two messages of one sender, in seconds."""
    by_sender: dict[str, list[float]] = defaultdict(list)
    for line in applied:
        by_sender[line["sender"]].append(line["monotonic"])
    pairs = [
        (later - at)
        for times in by_sender.values()
        for at, later in zip(sorted(times), sorted(times)[1:], strict=False)
    ]
    return max(pairs, default=0.0)


def is_kept(found: Mapping[str, Any]) -> bool:
    """Return whether the promise was kept."""
    broken = found["duplicates"] or found["lost"] or found["untrue"] or found["too_fast"]
    return not broken and found["died"] <= found["died_at_most"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--senders", type=int, default=6)
    parser.add_argument("--events", type=int, default=6)
    parser.add_argument("--rows", type=int, default=0, help="of the sheet; 0: for two seconds an event")
    parser.add_argument("--rate", type=float, default=3.0, help="of each sender, a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default=",".join(EVENTS))
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

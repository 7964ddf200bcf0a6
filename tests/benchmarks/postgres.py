"""What a ledger on PostgreSQL costs beside one in a file: claims and records in groups, a second plan, several workers.

    python tests/benchmarks/postgres.py                         all of it, some ten minutes
    python tests/benchmarks/postgres.py --only groups --messages 4000 --sent 0

Needs an installed PostgreSQL (Debian: `apt-get install postgresql`), of which it starts one of its own, that waits for
the disk. Both ledgers are measured in turn: read the ratios. A message is its claim and its record; a transaction has
the claims of one group and the records of the one before, as those of a run.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from statistics import median
from subprocess import DEVNULL
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).parents[1] / "proofs" / "fleet"))
from fleet_events import Scene, scene
from postgres import Cluster, new_ledger, serving

from batch.ledger import Ledger, Owner, StagedRow, sender_lock
from batch.ledger.send.claims import Claim, Ended, Wanted, claim, record
from batch.ledger.storage.engine import database_of, pages
from batch.model.contact_limits import ContactLimits
from batch.model.messages import Job
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Run, Traits
from batch.model.verdicts import ChatSigns, Verdict

API, SENDER = "http://127.0.0.1:9", "0b28ee57-7a57-4407-a9c5-5cd4e5a50001"
TRAITS = Traits(unique_by=(), region="BR", phone_rule=1, template="saudacao (pt_BR)")
PAYLOAD = '{"name": "Ana", "text": "' + "x" * 200 + '"}'
SIZES = (1, 8, 32, 128)
_NAMES = (f"20261103T120000Z-banco-{number:04x}" for number in count())
_CHATS = count()
_SENT = """
INSERT INTO messages (key, endpoint, campaign, person, sender, state, request_hash, findings, attempts, run, chat_id,
  http_status, sent_at, duration_ms)
SELECT {hash} || '-sent', '{api}', 'before', '+5521' || (900000000 + n), '{sender}', 'success', 'h',
  '[["created", {{}}]]', 1, 'before', 'chat-' || {hash}, 200, 1760000000000000 + n * 1000, 180 FROM {numbers}
"""
_NUMBERS = "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {messages}) SELECT n FROM s)"


class Speed(NamedTuple):
    """Messages a second, and microseconds of this process's CPU for each."""

    rate: float
    cpu: float


@contextmanager
def ledgers() -> Iterator[tuple[Cluster, str, str]]:
    """Give a server, and the URLs of a ledger in a file and of one on it."""
    with tempfile.TemporaryDirectory(prefix="wegly-batch-bench-") as folder, serving(durable=True) as cluster:
        yield cluster, f"sqlite:///{folder}/ledger.sqlite3", new_ledger(cluster)


def plan(ledger: Ledger, first: int, rows: int, campaign: str = "c") -> tuple[str, float]:
    """Plan rows of people from a number on; return the run's name and the seconds that it took, staging left out."""
    name = next(_NAMES)
    about = Run(run=name, campaign=campaign, endpoint=API, sheet_path="s", sheet_sha256="0", version="0", started=now())
    with ledger.stage() as staging:
        for some in pages(range(first, first + rows), 1000):
            staging.add(_row(number, campaign) for number in some)
        began = time.monotonic()
        staging.judge(endpoint=API)
        staging.plan(about, Owner.here(name), TRAITS)
        return name, time.monotonic() - began


def _row(number: int, campaign: str) -> StagedRow:
    return StagedRow(
        row=number + 2,
        key=sha256(f"{campaign} {number}".encode()).hexdigest(),
        person=f"+55119{number:08d}",
        sender=SENDER,
        payload=PAYLOAD,
        request_hash=sha256(b"%d" % number).hexdigest(),
    )


def now() -> datetime:
    return datetime.now(UTC)


def add_sent(url: str, messages: int, cluster: Cluster) -> None:
    """Add messages that were sent before; on the server with the statistics of an empty ledger."""
    if url.startswith("sqlite"):
        numbers = _NUMBERS.format(messages=messages)
        statement = _SENT.format(hash="hex(randomblob(16))", numbers=numbers, api=API, sender=SENDER)
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database, database:
            database.execute(statement)
        return
    schema = url.rpartition("=")[2]
    table, numbers = f"{schema}.messages", f"generate_series(1, {messages}) AS n"
    statement = _SENT.format(hash="md5(n::text)", numbers=numbers, api=API, sender=SENDER)
    cluster.ask(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    cluster.ask(statement.replace("INTO messages", f"INTO {table}"))
    cluster.ask(f"DELETE FROM pg_statistic WHERE starelid = '{table}'::regclass")  # noqa: S608 - ours
    cluster.ask(f"UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE oid = '{table}'::regclass")  # noqa: S608 - ours


def send(ledger: Ledger, run: str, size: int, messages: int) -> Speed:
    """Claim and record messages of a run in groups, as the writer of a run does, without API and event loop."""
    owner = Owner.here(run)
    engine, limits = ledger._engine, ledger.make_limiter(ContactLimits(), endpoint=API)
    with ledger.open_queue(owner, endpoint=API) as queue:
        jobs = [job for job, _n in zip(queue.jobs(), range(messages), strict=False)]
    database = database_of(engine)
    with ledger.hold([sender_lock(SENDER, API)], owner):
        connection = database.connect_to_claim(engine)
        began, cpu = time.monotonic(), time.process_time()
        held: list[Claim] = []
        for group in (*pages(jobs, size), []):
            with connection.begin():
                record(connection, [_ended(each) for each in held], rules=limits) if held else None
                held = _claimed(connection, group, owner, limits) if group else []
            database.confirm_commit(connection)
        spent, cpu = time.monotonic() - began, time.process_time() - cpu
        database.give_back(connection)
    return Speed(len(jobs) / spent, 1e6 * cpu / len(jobs))


def _claimed(connection: object, group: Sequence[Job], owner: Owner, limits: object) -> list[Claim]:
    found = claim(connection, [Wanted(job, now()) for job in group], owner=owner, rules=limits)  # type: ignore[arg-type]
    held = [each for each in found if isinstance(each, Claim)]
    assert len(held) == len(group)
    return held


def _ended(held: Claim) -> Ended:
    signs = ChatSigns(chat_id=f"chat {next(_CHATS)}", chat_status="OPEN", message_id="m", message_status="SENT")
    verdict = Verdict(outcome=Outcome.SUCCESS, finding=Finding(Reason.CREATED), http_status=200, signs=signs)
    return Ended(held, verdict, 180, now() - timedelta(milliseconds=180))


def measure_groups(messages: int, sent: int, rounds: int) -> None:
    """Print messages a second by the size of a group, on both, beside messages that were sent before."""
    with ledgers() as (cluster, file, server), Ledger.open(file) as near, Ledger.open(server) as far:
        needed = messages * len(SIZES) * rounds
        runs = {ledger: plan(ledger, 0, needed)[0] for ledger in (near, far)}
        if sent:
            for url in (file, server):
                add_sent(url, sent, cluster)
        for size in SIZES:
            found: dict[Ledger, list[Speed]] = {near: [], far: []}
            for _round in range(rounds):
                for ledger, speeds in found.items():
                    speeds.append(send(ledger, runs[ledger], size, messages if size > 1 else messages // 4))
            ours, theirs = (_middle(found[ledger]) for ledger in (far, near))
            say(
                f"groups of {size}, {sent:,} sent before: PostgreSQL {ours.rate:,.0f}/s, {ours.cpu:.0f} us of CPU;"
                f" SQLite {theirs.rate:,.0f}/s, {theirs.cpu:.0f} us; ratio {ours.rate / theirs.rate:.2f}"
            )


def _middle(speeds: Sequence[Speed]) -> Speed:
    return Speed(median(each.rate for each in speeds), median(each.cpu for each in speeds))


def measure_known(rows: int) -> None:
    """Print what planning rows takes that the ledger knows already, on both."""
    with ledgers() as (_cluster, file, server), Ledger.open(file) as near, Ledger.open(server) as far:
        first = [plan(ledger, 0, rows)[1] for ledger in (near, far)]
        again = [plan(ledger, 0, rows)[1] for ledger in (near, far)]
        for words, (sqlite, postgres) in (("new", first), ("known", again)):
            say(
                f"plan of {rows:,} {words} rows: PostgreSQL {postgres:.1f} s, SQLite {sqlite:.1f} s;"
                f" x {postgres / sqlite:.1f}"
            )


def measure_workers(seconds: float, rate: float = 25.0, lanes: int = 4) -> None:
    """Print what three workers send, beside what one does, each with so many lanes."""
    one, three = (_fleet(workers, seconds, rate, lanes) for workers in (1, 3))
    say(
        f"one worker with {lanes} lanes at {rate:.0f}/s: {one:.0f}/s; three: {three:.0f}/s,"
        f" {three / one / 3:.2f} of three times"
    )


def _fleet(workers: int, seconds: float, rate: float, lanes: int) -> float:
    senders = workers * lanes
    with scene(senders=senders, rows=round(senders * rate * (seconds + 10)), rate=rate) as place:
        code, output = place.run("submit", "s.csv", "-c", "c.toml", "--yes")
        assert code == 0, output
        started = [place.start("worker", "--lanes", str(lanes), output=DEVNULL) for _worker in range(workers)]
        try:
            _wait(lambda: len({each["sender"] for each in place.applied()}) == senders)
            time.sleep(2.0)
            return _steady(place, seconds)
        finally:
            for worker in started:
                worker.kill()
                worker.wait()


def _steady(place: Scene, seconds: float) -> float:
    before, began = len(place.applied()), time.monotonic()
    time.sleep(seconds)
    return (len(place.applied()) - before) / (time.monotonic() - began)


def _wait(until: Callable[[], bool]) -> None:
    for _look in range(600):
        if until():
            return
        time.sleep(0.2)
    raise TimeoutError


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Print a line for each measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", nargs="+", choices=["groups", "known", "workers"], default=["groups", "known", "workers"]
    )
    parser.add_argument("--messages", type=int, default=8000, help="for each size of a group")
    parser.add_argument("--sent", type=int, nargs="+", default=[0, 300_000], help="messages that were sent before")
    parser.add_argument("--rows", type=int, default=400_000, help="of the second plan")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each fleet")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if "groups" in options.only:
        for sent in options.sent:
            measure_groups(options.messages, sent, options.rounds)
    if "known" in options.only:
        measure_known(options.rows)
    if "workers" in options.only:
        measure_workers(options.seconds)


if __name__ == "__main__":
    main()

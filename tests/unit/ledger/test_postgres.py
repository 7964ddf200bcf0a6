"""A ledger on PostgreSQL: what is refused before anything is sent, and what a lost or slow server leaves."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
import sqlalchemy as sa
from postgres import Cluster, find_programs, new_ledger, until_it_waits, waiting_for_a_standby

from batch.errors import Busy, LedgerFailed, LedgerUnusable
from batch.ledger import Ledger, Owner, StagedRow, database_at
from batch.ledger.send.claims import Claim, Wanted, claim
from batch.ledger.send.queue import SendQueue
from batch.ledger.storage.engine import database_of, execute_by_driver
from batch.ledger.storage.schema import messages, meta
from batch.ledger.storage.writer import Kind, Writer
from batch.model.contact_limits import ContactLimits
from batch.model.messages import message_key
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Run, Traits
from batch.model.verdicts import Verdict

T = TypeVar("T")
NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
API = "http://127.0.0.1:9"
OWNER = Owner.here("r1")
SENDER = f"sender s1 ({API})"
SENT = Verdict(outcome=Outcome.SUCCESS, finding=Finding(Reason.CREATED), http_status=200)


@pytest.fixture
def url(postgres: Cluster) -> str:
    """A ledger that is not there yet."""
    return new_ledger(postgres)


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with Ledger.open(url) as opened:
        yield opened


def plan(ledger: Ledger, rows: int = 3, run: str = "r1") -> None:
    people = [f"+55119888870{number:02d}" for number in range(rows)]
    staged = [
        StagedRow(
            row=number,
            key=message_key(endpoint=API, campaign="c", person=person),
            person=person,
            sender="s1",
            payload="{}",
            request_hash="h",
        )
        for number, person in enumerate(people, 2)
    ]
    about = Run(run=run, campaign="c", endpoint=API, sheet_path="s", sheet_sha256="0", version="0", started=NOON)
    with ledger.stage() as staging:
        staging.add(staged)
        staging.judge()
        staging.plan(about, OWNER, Traits(unique_by=(), region="BR", phone_rule=1, template="t"))


def end_claiming_session(postgres: Cluster) -> None:
    """As an operator, or a server that is shut down, does."""
    postgres.ask("SELECT pg_terminate_backend(pid, 9000) FROM pg_locks WHERE locktype = 'advisory' AND granted")


def test_reading_makes_no_ledger(url: str) -> None:
    """A command that only reads leaves the database as it was, and says that there is none."""
    with Ledger.for_reading(url) as ledger:
        assert ledger.runs() == []
    assert not database_at(url).exists()


def test_its_address_is_shown_without_secrets() -> None:
    """Neither in errors nor in reports."""
    shown = database_at("postgresql://ana:hidden@db.example:5433/wegly?sslpassword=hidden&sslmode=require").location
    assert shown == "postgresql://ana@db.example:5433/wegly?sslmode=require"


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the words of the driver, and what to look after."""
    with pytest.raises(LedgerUnusable, match=r"cannot be used: connection .*See that the ledger's server runs"):
        Ledger.open(f"postgresql://wegly@/postgres?host={tmp_path}")


@pytest.mark.parametrize(("good", "bad"), [("wegly@", "nobody@"), ("/postgres?", "/nothing?")])
def test_a_server_that_refuses_the_connection_is_not_called_away(url: str, good: str, bad: str) -> None:
    """User, password or database are wrong, for which the driver has no code; the server's words say which."""
    with pytest.raises(LedgerUnusable, match=r"does not exist\. The server answers, and refuses the connection"):
        Ledger.open(url.replace(good, bad))


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_of_another_encoding_is_refused(postgres: Cluster, encoding: str) -> None:
    """A server that is set up in the locale C has the first one: names would come back as bytes, or not be taken."""
    name = f"in_{encoding.lower()}"
    postgres.ask(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'")
    url = postgres.url.replace("/postgres?", f"/{name}?")
    for use in (Ledger.open, Ledger.for_reading, lambda url: database_at(url).awaits_tables()):
        with pytest.raises(LedgerUnusable, match=encoding) as raised:
            use(url)
        assert "createdb --encoding=UTF8" in raised.value.remedy


def test_an_address_may_begin_as_many_providers_write_it(url: str) -> None:
    """It is the same ledger."""
    short = url.replace("postgresql://", "postgres://")
    Ledger.open(short).close()
    assert (database_at(url).exists(), database_at(short).location) == (True, database_at(url).location)


@pytest.mark.parametrize("schema", ["Wegly", "a b", "x,public"])
def test_a_schema_has_a_plain_name(schema: str) -> None:
    """It is a part of each session's options."""
    with pytest.raises(LedgerUnusable, match="small letters"):
        database_at(f"postgresql://h/d?schema={schema}")


def test_a_ledger_of_a_newer_version_is_left_alone(ledger: Ledger, url: str) -> None:
    """As a file of SQLite is."""
    with ledger._engine.begin() as connection:
        connection.execute(sa.update(meta).where(meta.c.name == "schema_version").values(value="999"))
    with pytest.raises(LedgerUnusable, match="newer wegly-batch"):
        Ledger.open(url)


def test_a_ledger_of_version_9_gets_the_indexes_of_a_new_one(ledger: Ledger, url: str) -> None:
    """As a file of SQLite does; once, and its people stay known."""
    plan(ledger)
    indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY indexname"
    with ledger._engine.begin() as connection:
        new = connection.exec_driver_sql(indexes).scalars().all()
        connection.execute(sa.update(meta).where(meta.c.name == "schema_version").values(value="9"))
        connection.exec_driver_sql("CREATE INDEX messages_by_moment ON messages (sent_at) WHERE sent_at IS NOT NULL")
        for name, column in (("chat", "chat_id"), ("run", "run")):
            connection.exec_driver_sql(f"DROP INDEX messages_by_{name}")
            connection.exec_driver_sql(f"CREATE INDEX messages_by_{name} ON messages ({column})")
    for _ in range(2):
        with Ledger.open(url) as opened, opened._engine.connect() as connection:
            assert connection.exec_driver_sql(indexes).scalars().all() == new
            assert connection.scalar(sa.select(meta.c.value).where(meta.c.name == "schema_version")) == "10"
            assert len(list(opened.results("r1"))) == 3


def test_locks_name_their_holder_and_end_with_the_session(ledger: Ledger, url: str, postgres: Cluster) -> None:
    """Of another program as of this one; a session that was ended holds nothing."""
    with Ledger.open(url) as other, ledger.hold([SENDER], OWNER):
        for second in (ledger, other):
            with pytest.raises(Busy, match="run r1, process"), second.hold([SENDER], Owner.here("r2")):
                pytest.fail("both hold it")
        end_claiming_session(postgres)
        with other.hold([SENDER], Owner.here("r2")):
            pass
    with Ledger.open(url) as other, other.hold([SENDER], OWNER):
        pass


def test_after_its_session_was_lost_a_run_claims_nothing(ledger: Ledger, url: str, postgres: Cluster) -> None:
    """Another may have its locks by now. What it has sent is recorded all the same."""
    plan(ledger)

    async def work(sending: SendQueue) -> None:
        first, second, third = sending.jobs()
        held = await sending.claim(first, NOON)
        assert isinstance(held, Claim)
        end_claiming_session(postgres)
        for job in (second, third):
            with pytest.raises(LedgerFailed):
                await sending.claim(job, NOON)
        assert await sending.record(held, SENT, duration_ms=5) is Outcome.SUCCESS

    with ledger.hold([SENDER], OWNER), ledger.open_queue(OWNER, endpoint=API) as sending:
        asyncio.run(work(sending))
        with Ledger.open(url) as other, other.hold([SENDER], Owner.here("r2")):
            pass
    assert [result.outcome for result in ledger.results("r1")] == [Outcome.SUCCESS, Outcome.PENDING, Outcome.PENDING]


def test_after_its_session_was_lost_a_run_holds_nothing_more(ledger: Ledger, postgres: Cluster) -> None:
    """A sender's lock beside a campaign's that is lost would guard nothing."""
    with ledger.hold(["campaign c"], OWNER):
        end_claiming_session(postgres)
        for _ in range(2):
            with pytest.raises(LedgerFailed), ledger.hold([SENDER], OWNER):
                pytest.fail("it holds it")


def test_a_plan_leaves_statistics(ledger: Ledger) -> None:
    """Without them the server believes that a new run has a few rows, and reads all of them for each page of jobs."""
    plan(ledger, rows=40)
    known = "SELECT tablename, n_distinct FROM pg_stats WHERE attname = 'key' AND schemaname = current_schema()"
    with ledger._engine.connect() as connection:
        found = dict(map(tuple, connection.exec_driver_sql(known)))
    assert {name: found[name] for name in ("messages", "rows")} == {"messages": -1, "rows": -1}


def test_statistics_are_gathered_again_of_a_table_that_has_grown(ledger: Ledger) -> None:
    """Each plan would look through all messages, also one of a sheet that is given again."""
    query = "SELECT reltuples FROM pg_class WHERE oid = to_regclass('messages')"

    def counted() -> float:
        with ledger._engine.connect() as connection:
            return float(connection.exec_driver_sql(query).scalar_one())

    plan(ledger, rows=40)
    assert counted() == 40
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE pg_class SET reltuples = 77 WHERE oid = to_regclass('messages')")
    plan(ledger, rows=40, run="r2")
    assert counted() == 77
    plan(ledger, rows=400, run="r3")
    assert counted() == 400


@pytest.mark.parametrize(
    "limits",
    [
        ContactLimits(),
        ContactLimits(not_within=timedelta(days=9)),
        ContactLimits(not_within=timedelta(days=9), skip_unreachable=timedelta(days=9)),
    ],
)
def test_a_claim_looks_people_up_whatever_was_sent_since_the_plan(
    ledger: Ledger, limits: ContactLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the plan's statistics nothing was sent: all that was would be read for each group of claims."""
    plan(ledger, rows=99)
    asked: list[tuple[str, Any]] = []

    def note(connection: sa.Connection, text: str, values: Any = ()) -> Any:
        asked.append((text, values))
        return execute_by_driver(connection, text, values)

    with ledger.open_queue(OWNER, endpoint=API) as queue:
        wanted = [Wanted(job, NOON) for job in queue.jobs()]
    monkeypatch.setattr("batch.ledger.storage.engine.execute_by_driver", note)
    with ledger.hold([SENDER], OWNER):
        connection = database_of(ledger._engine).connect_to_claim(ledger._engine)
        with connection.begin():
            claim(connection, wanted, owner=OWNER, rules=ledger.make_limiter(limits, endpoint=API))
            (found,) = [each for each in asked if each[0].startswith("UPDATE messages SET state=%(state)s")]
            driver: Any = connection.connection.dbapi_connection
            explained = driver.execute("EXPLAIN " + psycopg.ClientCursor(driver).mogrify(*found)).fetchall()
        database_of(ledger._engine).give_back(connection)
    lines = [line.strip() for (line,) in explained]
    assert not [line for line in lines if "Seq Scan" in line or "Materialize" in line or "messages_by_time" in line]
    scans = [at for at, line in enumerate(lines) if "Scan" in line and "messages_by_person" in line]
    assert len(scans) >= 1 + (limits.not_within is not None) + (limits.skip_unreachable is not None)
    assert all("Index Cond: (" in lines[at + 1] and "person = " in lines[at + 1] for at in scans)


def test_a_group_is_written_again_after_a_deadlock(ledger: Ledger) -> None:
    """The server ends one of two transactions that wait for each other; nobody has to know."""
    tries: list[int] = []

    def write(connection: sa.Connection, values: list[int]) -> list[int]:
        tries.append(len(values))
        if len(tries) < 3:
            connection.exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END $$")
        return values

    async def work() -> int:
        future = asyncio.get_running_loop().create_future()
        writer.submit(Kind(0, write), 7, future)
        return int(await future)

    with Writer(ledger._engine) as writer:
        assert asyncio.run(work()) == 7
    assert tries == [1, 1, 1]


def test_a_standby_that_may_lack_claims_is_refused(ledger: Ledger, url: str, postgres: Cluster, tmp_path: Path) -> None:
    """Before anything is sent; who takes that risk says so in the address."""
    receiver = tmp_path / "wal"
    receiver.mkdir()
    command = [find_programs() / "pg_receivewal", "-D", receiver, "-h", postgres.folder, "-U", "wegly"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as standby:
        try:
            while not postgres.ask("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"):
                assert standby.poll() is None
            with (
                pytest.raises(LedgerUnusable, match="standby that may lack the last claims: pg_receivewal"),
                ledger.hold([SENDER], OWNER),
            ):
                pytest.fail("it holds it")
            with Ledger.open(f"{url}&accept_async_replica=yes") as bold, bold.hold([SENDER], OWNER):
                pass
        finally:
            standby.terminate()


def test_a_clock_that_is_not_the_servers_is_refused(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hours, caps and spacing would not be kept. A worker does not even begin: it would be in the others' way."""
    off = timedelta(minutes=2)
    monkeypatch.setattr("batch.ledger.storage.postgres_locks.now", lambda: datetime.now(UTC) - off)
    with pytest.raises(LedgerUnusable, match="120 seconds apart"), ledger.hold([SENDER], OWNER):
        pytest.fail("it holds it")
    with pytest.raises(LedgerUnusable, match="120 seconds apart"):
        ledger.lanes.prepare()
    off = timedelta(seconds=4)
    with ledger.hold([SENDER], OWNER):
        ledger.lanes.prepare()


def test_a_commit_that_did_not_reach_its_standby_is_doubtful(ledger: Ledger, postgres: Cluster) -> None:
    """Though the server says that it has committed: the claim is not posted, and may be taken back."""
    plan(ledger)

    async def work(sending: SendQueue) -> None:
        job = next(sending.jobs())
        with waiting_for_a_standby(postgres):
            claim = sending.claim(job, NOON)
            await asyncio.to_thread(lambda: postgres.ask(f"SELECT pg_cancel_backend({until_it_waits(postgres)})"))
            with pytest.raises(LedgerFailed, match="standby"):
                await claim
        assert await sending.withdraw(job.key)
        assert next(sending.jobs()).key == job.key

    with ledger.hold([SENDER], OWNER), ledger.open_queue(OWNER, endpoint=API) as sending:
        asyncio.run(work(sending))


def test_a_claim_is_withdrawn_whose_commit_still_waits(ledger: Ledger, url: str, postgres: Cluster) -> None:
    """Who asks meanwhile waits for it: an answer by what was before it would leave the row claimed for ever."""
    plan(ledger)

    def work(write: Callable[[SendQueue], Awaitable[T]]) -> T:
        async def written() -> T:
            return await write(sending)

        with Ledger.open(url) as mine, mine.open_queue(OWNER, endpoint=API) as sending:
            return asyncio.run(written())

    with ledger._engine.connect() as connection:
        key = connection.scalar(sa.select(messages.c.key).order_by(messages.c.person))
    with ThreadPoolExecutor(2) as threads:
        with waiting_for_a_standby(postgres):
            claimed = threads.submit(work, lambda sending: sending.claim(next(sending.jobs()), NOON))
            until_it_waits(postgres)
            withdrawn = threads.submit(work, lambda sending: sending.withdraw(str(key)))
            while not postgres.ask("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
                assert not withdrawn.done()
        assert isinstance(claimed.result(60), Claim)
        assert withdrawn.result(60) is True


def test_a_pooled_connection_that_was_lost_is_replaced(ledger: Ledger, postgres: Cluster) -> None:
    """A server that was restarted meanwhile is no failure of the next command of a program that lasts."""
    assert ledger.runs() == []
    postgres.ask(
        "SELECT pg_terminate_backend(pid, 9000) FROM pg_stat_activity WHERE application_name = 'wegly-batch' AND"
        " pid <> pg_backend_pid()"
    )
    assert ledger.runs() == []

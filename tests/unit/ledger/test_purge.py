"""Purging the ledger: what goes, what stays, and what still finds it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, union

from batch.errors import LedgerFailed
from batch.ledger import Ledger, Owner, PurgeCounts, Scope, StagedRow, SuppressionEntry
from batch.ledger.admin.purge import Retention
from batch.ledger.send.claims import Claim
from batch.ledger.storage.pseudonyms import Hashes, clear_value, read_hashes
from batch.ledger.storage.schema import messages, rows
from batch.model.messages import message_key
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Run, Traits
from batch.model.verdicts import Verdict

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
OLD = NOW - timedelta(days=200)
BEFORE = NOW - timedelta(days=180)
ENDPOINT = "http://127.0.0.1:9"
SCOPE = Scope(endpoint=ENDPOINT, campaign="c")
TRAITS = Traits(unique_by=(), region="BR", phone_rule=1, template="t")
SENT = Verdict(outcome=Outcome.SUCCESS, finding=Finding(Reason.CREATED), http_status=200)
PEOPLE = [f"+551198888700{n}" for n in range(5)]


def planned(
    ledger: Ledger,
    run: str,
    people: list[str],
    *,
    at: datetime,
    campaign: str = "C",
    unique: str = "",
    sent: bool = True,
    verdict: Verdict | None = None,
) -> None:
    """A run that began and ended then; it sends all it may."""
    of = Run(run=run, campaign=campaign, endpoint=ENDPOINT, sheet_path="s", sheet_sha256="0", version="0", started=at)
    with ledger.stage() as staging:
        keys = [
            message_key(endpoint=ENDPOINT, campaign=campaign, person=each, unique=(unique,) if unique else ())
            for each in people
        ]
        staging.add(
            StagedRow(
                row=row,
                key=staging.hashes.key(key),
                person=person,
                sender="s1",
                payload=f"to {person}",
                request_hash="h",
            )
            for row, (key, person) in enumerate(zip(keys, people, strict=True), start=2)
        )
        staging.judge()
        staging.plan(of, Owner.here(run), TRAITS)
    if sent:
        asyncio.run(send(ledger, run, at, verdict or SENT))
        ledger.finish_run(run, finished=at, attempts=0, achieved_rate=None, pending=None)


async def send(ledger: Ledger, run: str, at: datetime, verdict: Verdict) -> None:
    with ledger.open_queue(Owner.here(run), endpoint=ENDPOINT) as sending:
        for job in sending.jobs():
            held = await sending.claim(job, at)
            assert isinstance(held, Claim)
            await sending.record(held, verdict, duration_ms=5, began=at)


def purge(ledger: Ledger, scope: Scope = SCOPE) -> PurgeCounts:
    return ledger.retention.purge(scope, BEFORE, now=NOW)


def people_in(ledger: Ledger) -> set[str]:
    """Who can be read in the ledger's tables."""
    query = union(select(messages.c.person), select(rows.c.person))
    with ledger._engine.connect() as connection:
        return set(connection.execute(query).scalars()) & set(PEOPLE)


def test_the_age_of_a_message_is_that_of_its_last_use(ledger: Ledger) -> None:
    """Sent long ago and in no younger sheet: purged. In a younger run's sheet: kept, though the old run forgets it."""
    planned(ledger, "r1", PEOPLE[:3], at=OLD)
    planned(ledger, "r2", PEOPLE[2:4], at=NOW - timedelta(days=3))
    assert purge(ledger) == PurgeCounts(scope=SCOPE, runs=("r1",), messages=2, kept=1, senders=("s1",))
    assert people_in(ledger) == {PEOPLE[2], PEOPLE[3]}
    assert [result.person for result in ledger.results("r1")] == [None] * 3
    assert [result.person for result in ledger.results("r2")] == PEOPLE[2:4]
    assert [run.purged for run in ledger.runs()] == [None, NOW]
    assert purge(ledger) == PurgeCounts(scope=SCOPE, kept=1)


def test_what_was_never_attempted_is_not_old(ledger: Ledger) -> None:
    """A row that waits in a young run has no age of its own: it is no old message that stays."""
    planned(ledger, "r1", PEOPLE[:1], at=NOW - timedelta(days=3), sent=False)
    assert purge(ledger) == PurgeCounts(scope=SCOPE)


def test_a_purged_refusal_stands_until_its_request_changes(ledger: Ledger) -> None:
    """The request is known by its hash, so that a purge makes no one be sent to again."""
    refused = Verdict(outcome=Outcome.ERROR, finding=Finding(Reason.API_REFUSED), http_status=400)
    planned(ledger, "r1", PEOPLE[:1], at=OLD, verdict=refused)
    assert purge(ledger).messages == 1
    planned(ledger, "r2", PEOPLE[:1], at=NOW)
    assert ledger.tally("r2").counts[Outcome.ERROR] == 1


def test_a_waiting_message_of_a_dead_run_loses_its_values(ledger: Ledger) -> None:
    """It waits on, has nothing to send, and a later plan of its row sends it."""
    planned(ledger, "r1", PEOPLE[:1], at=OLD, sent=False)
    found = purge(ledger)
    assert (found.messages, found.pending) == (1, 1)
    with ledger.open_queue(Owner.here("r1"), endpoint=ENDPOINT) as sending:
        assert list(sending.jobs()) == []
    assert ledger.tally("r1").counts[Outcome.PENDING] == 1
    planned(ledger, "r2", PEOPLE[:1], at=NOW)
    assert [result.outcome for result in ledger.results("r2")] == [Outcome.SUCCESS]
    assert people_in(ledger) == {PEOPLE[0]}


def test_an_open_claim_is_left_alone(ledger: Ledger) -> None:
    """Who holds the campaign's lock makes it unknown first; a purge by itself never touches what may be in flight."""
    planned(ledger, "r1", PEOPLE[:1], at=OLD, sent=False)

    async def claim() -> None:
        with ledger.open_queue(Owner.here("r1"), endpoint=ENDPOINT) as sending:
            (job,) = sending.jobs()
            await sending.claim(job, OLD)

    asyncio.run(claim())
    assert purge(ledger).unknown == 1
    assert people_in(ledger) == {PEOPLE[0]}
    assert ledger.settle_dead_claims(endpoint=ENDPOINT, campaign="c", before=NOW) == 1
    assert purge(ledger).unknown == 1
    assert people_in(ledger) == set()
    assert [result.outcome for result in ledger.results("r1")] == [Outcome.UNKNOWN]


def test_suppression_holds_for_a_message_that_waits_again(ledger: Ledger) -> None:
    """Purged while it waited, planned anew, and its person opts out before the claim."""
    planned(ledger, "r1", PEOPLE[:1], at=OLD, sent=False)
    purge(ledger)
    planned(ledger, "r2", PEOPLE[:1], at=NOW, sent=False)
    ledger.suppression.add([SuppressionEntry(person=PEOPLE[0], reason="asked", source="ana", added=NOW)])

    async def claim() -> object:
        with ledger.open_queue(Owner.here("r2"), endpoint=ENDPOINT) as sending:
            (job,) = sending.jobs()
            return await sending.claim(job, NOW)

    assert not isinstance(asyncio.run(claim()), Claim)


def test_people_with_several_messages_count_once(ledger: Ledger) -> None:
    """Also when only one of the messages was purged."""
    planned(ledger, "r1", PEOPLE[:3], at=OLD, unique="1")
    planned(ledger, "r2", PEOPLE[:2], at=NOW, unique="2")
    before = ledger.count_recipients("c")
    assert purge(ledger).messages == 3
    assert ledger.count_recipients("c") == before == {ENDPOINT: 3}


def test_a_step_that_fails_leaves_what_the_next_purge_does(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full in the middle: what was done is whole, and nobody is new."""
    monkeypatch.setattr("batch.ledger.admin.purge._MESSAGES_PER_STEP", 2)
    planned(ledger, "r1", PEOPLE, at=OLD)
    purging = Retention(ledger._engine)
    steps = iter(range(1))

    def write(now: datetime, *step: Any) -> None:
        if next(steps, None) is None:
            raise LedgerFailed("The disk is full.")
        real(now, *step)

    real = purging._write
    monkeypatch.setattr(purging, "_write", write)
    with pytest.raises(LedgerFailed):
        purging.purge(SCOPE, BEFORE, now=NOW)
    assert len(people_in(ledger)) == 5  # the rows are still there
    assert ledger.retention.needs_wipe
    planned(ledger, "r2", PEOPLE, at=OLD)
    assert ledger.tally("r2").this_run.attempts == 0
    assert ledger.tally("r2").counts[Outcome.SUCCESS] == 5
    assert purge(ledger).messages == 3
    assert people_in(ledger) == set()


def test_a_file_that_is_being_read_is_not_clean_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, noted, and done by the next purge; then nothing is left in the log either."""
    monkeypatch.setattr("batch.ledger.storage.sqlite.BUSY_SECONDS", 0)
    with Ledger.open(f"sqlite:///{tmp_path / 'other.sqlite3'}") as ledger:
        planned(ledger, "r1", PEOPLE, at=OLD)
        purge(ledger)
        with closing(sqlite3.connect(ledger.location)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM runs").fetchone()
            assert ledger.retention.wipe() == "another program is reading it"
        with closing(sqlite3.connect(ledger.location)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            assert ledger.retention.wipe() == "database is locked"
        assert ledger.retention.needs_wipe
        assert ledger.retention.wipe() is None
        assert not ledger.retention.needs_wipe
        files = [file for file in tmp_path.glob("other.sqlite3*") if file.is_file()]
        assert [person for person in PEOPLE for file in files if person.encode() in file.read_bytes()] == []


def test_keys_tell_nothing_without_the_secret(ledger: Ledger, tmp_path: Path) -> None:
    """Two ledgers give the same message different keys, and neither has the plain hash of it."""
    planned(ledger, "r1", PEOPLE[:1], at=OLD)
    plain = message_key(endpoint=ENDPOINT, campaign="c", person=PEOPLE[0])
    with Ledger.open(f"sqlite:///{tmp_path / 'other.sqlite3'}") as other:
        assert other.hashes.key(plain) != ledger.hashes.key(plain) == ledger.hashes.key(plain)
    with ledger._engine.connect() as connection:
        assert connection.execute(select(messages.c.key)).scalars().all() == [ledger.hashes.key(plain)]


def test_a_hash_fits_where_a_value_was() -> None:
    """In as many characters as a phone number may have, with a mark that no value begins with."""
    hashes = Hashes(b"s" * 32)
    found = {hashes.person("+5511988887000"), hashes.chat("+5511988887000"), hashes.request("+5511988887000")}
    assert len(found) == 3
    assert {len(each) for each in found} == {20}
    assert {clear_value(each) for each in found} == {None}
    assert clear_value("+5511988887000") == "+5511988887000"
    assert clear_value(None) is None


@pytest.fixture(autouse=True)
def _secret_is_read(ledger: Ledger) -> Iterator[None]:
    """The ledger's secret is made with it and never changes."""
    with ledger._engine.connect() as connection:
        before = read_hashes(connection).key("k")
    yield
    with ledger._engine.connect() as connection:
        assert read_hashes(connection).key("k") == before


def test_other_campaigns_are_left_alone(ledger: Ledger) -> None:
    """And other endpoints: each is purged by itself."""
    planned(ledger, "r1", PEOPLE[:1], at=OLD)
    planned(ledger, "r2", PEOPLE[1:2], at=OLD, campaign="D")
    assert ledger.retention.scopes() == [SCOPE, replace(SCOPE, campaign="d")]
    assert ledger.retention.scopes(" d") == [replace(SCOPE, campaign="d")]
    purge(ledger)
    assert people_in(ledger) == {PEOPLE[1]}

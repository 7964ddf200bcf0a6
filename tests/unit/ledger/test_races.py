"""Two programs on one ledger at the same moment: what the second decides rests on what the first has committed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import sqlalchemy as sa

from batch.ledger import Ledger, Owner, StagedRow, SuppressionEntry
from batch.ledger.send.claims import Claim, Wanted, claim
from batch.ledger.send.contact_limits import ContactLimiter
from batch.ledger.send.queue import SendQueue
from batch.ledger.storage.engine import connect_to_read
from batch.ledger.storage.schema import suppressed
from batch.ledger.storage.suppression import suppress
from batch.model.contact_limits import ContactLimits
from batch.model.messages import message_key
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Run, Traits
from batch.model.verdicts import ClaimRefusal, Verdict

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
API = "http://127.0.0.1:9"
SENT = Verdict(outcome=Outcome.SUCCESS, finding=Finding(Reason.CREATED), http_status=200)
TRAITS = Traits(unique_by=(), region="BR", phone_rule=1, template="t")
ANA, BIA = "+5511988887001", "+5511988887002"
Transaction = Callable[[sa.Connection], Any]


def plan(ledger: Ledger, run: str, person: str, *, together: Barrier | None = None) -> int:
    """Plan one row, of a campaign and a sender of the run's name; at the same moment as others."""
    row = StagedRow(
        row=2,
        key=message_key(endpoint=API, campaign=run, person=person),
        person=person,
        sender=run,
        payload="{}",
        request_hash="h",
    )
    about = Run(run=run, campaign=run, endpoint=API, sheet_path="s", sheet_sha256="0", version="0", started=NOON)
    with ledger.stage() as staging:
        staging.add([row])
        staging.judge()
        if together:
            together.wait()
        return staging.plan(about, Owner.here(run), TRAITS)


def claiming(ledger: Ledger, run: str, rules: ContactLimits) -> Transaction:
    """The claim of the run's message, within a transaction."""
    with ledger.open_queue(Owner.here(run), endpoint=API) as sending:
        (job,) = sending.jobs()
    limiter = ContactLimiter(rules, endpoint=API, hashes=ledger.hashes)
    for _ in range(2):  # a cap of which it has a count already, in memory
        with ledger._engine.begin() as connection:
            assert limiter.cap_refuses(connection, job, NOON) is None
    return lambda connection: claim(connection, [Wanted(job, NOON)], owner=Owner.here(run), rules=limiter)[0]


def meet(url: str, first: Transaction, second: Transaction) -> tuple[Any, Any]:
    """Run both, each on a connection of its own: the first is committed once the second waits for it, or has ended."""
    begun = Barrier(2)

    def follow(other: Ledger) -> Any:
        begun.wait()
        with other._engine.begin() as connection:
            return second(connection)

    with Ledger.open(url) as one, Ledger.open(url) as other, ThreadPoolExecutor(1) as thread:
        with one._engine.begin() as connection:
            done = first(connection)
            following = thread.submit(follow, other)
            begun.wait()
            wait_until_it_waits(one, following)
        return done, following.result(timeout=60)


def wait_until_it_waits(ledger: Ledger, following: Future[Any]) -> None:
    """Return when a session waits for another's lock, or the work has ended. SQLite has one writer: it does wait."""
    query = sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    while ledger._engine.dialect.name == "postgresql" and not following.done():
        with connect_to_read(ledger._engine) as connection:
            if connection.scalar(query):
                return


def test_one_person_is_claimed_by_one_of_two_senders(ledger: Ledger, ledger_url: str) -> None:
    """Two campaigns, two senders, one person at the same moment: the second is kept apart from the first."""
    for run in ("r1", "r2"):
        plan(ledger, run, ANA)
    limits = ContactLimits()
    won, other = meet(ledger_url, claiming(ledger, "r1", limits), claiming(ledger, "r2", limits))
    assert isinstance(won, Claim)
    assert isinstance(other, ClaimRefusal)
    assert other.finding.reason is Reason.SPACING


def test_a_shared_cap_holds_for_two_senders_at_once(ledger: Ledger, ledger_url: str) -> None:
    """Each counts the other's person, whom it had not seen when it read its count for the first time."""
    for run, person in (("r1", ANA), ("r2", BIA)):
        plan(ledger, run, person)
    one = ContactLimits(per_24h=1, shared_cap=True)
    won, other = meet(ledger_url, claiming(ledger, "r1", one), claiming(ledger, "r2", one))
    assert isinstance(won, Claim)
    assert isinstance(other, ClaimRefusal)
    assert other.finding.reason is Reason.CAP


def test_a_doubtful_claim_is_not_taken_back_from_the_next_holder(ledger: Ledger) -> None:
    """Two workers of one run: what the first claimed without learning of it may be what the second is posting now."""
    plan(ledger, "r1", ANA)
    first, second = (replace(Owner.here("r1"), epoch=epoch) for epoch in (1, 2))

    async def work(one: SendQueue, other: SendQueue) -> None:
        (job,) = one.jobs()
        before = await one.claim(job, NOON)
        assert isinstance(before, Claim)
        assert await one.withdraw(job.key)
        after = await other.claim(job, NOON)
        assert isinstance(after, Claim)
        assert before.attempt == after.attempt
        assert not await one.withdraw(job.key)
        assert not await one.release(before, None)
        assert await one.record(before, SENT, duration_ms=5) is None
        assert await other.record(after, SENT, duration_ms=5) is Outcome.SUCCESS

    with ledger.open_queue(first, endpoint=API) as one, ledger.open_queue(second, endpoint=API) as other:
        asyncio.run(work(one, other))


def test_a_person_gets_on_the_list_once(ledger: Ledger, ledger_url: str) -> None:
    """The second answer of the kind changes nothing, and its transaction, with what others wrote in it, stands."""
    first, second = (SuppressionEntry(person=ANA, reason="r", source=source, added=NOON) for source in ("a", "b"))

    def both(connection: sa.Connection) -> list[bool]:
        return [suppress(connection, entry) for entry in (second, replace(second, person=BIA))]

    assert meet(ledger_url, lambda connection: suppress(connection, first), both) == (True, [False, True])
    assert sorted((entry.person, entry.source) for entry in ledger.suppression.entries()) == [(ANA, "a"), (BIA, "b")]


def test_each_of_several_plans_at_once_counts(ledger_url: str) -> None:
    """The counter tells an older copy of a ledger from the newest: two plans never count one."""
    Ledger.open(ledger_url).close()
    together = Barrier(4)

    def work(number: int) -> int:
        with Ledger.open(ledger_url) as mine:
            return plan(mine, f"r{number}", f"+551198888700{number}", together=together)

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(work, range(4))) == [1, 2, 3, 4]


def test_a_new_ledger_is_made_once(ledger_url: str) -> None:
    """Several programs that find none at the same moment open one and the same."""
    together = Barrier(4)

    def work(_number: int) -> str:
        together.wait()
        with Ledger.open(ledger_url) as mine:
            return mine.ledger_id

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(work, range(4)))) == 1


def test_a_reader_sees_one_moment(ledger: Ledger) -> None:
    """Counts within one read agree, whatever is committed meanwhile."""
    count = sa.select(sa.func.count()).select_from(suppressed)
    with connect_to_read(ledger._engine) as connection:
        before = connection.scalar(count)
        ledger.suppression.add([SuppressionEntry(person=ANA, reason="r", source="s", added=NOON)])
        assert connection.scalar(count) == before == 0
        connection.rollback()
        assert connection.scalar(count) == 1

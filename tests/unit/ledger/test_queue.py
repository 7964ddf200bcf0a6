"""What a run has to send is found where it is, however much of its sheet was sent before."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from scripted_api import BEGIN, World, staged
from sqlalchemy import event, text

from batch.ledger import Ledger, Owner
from batch.ledger.send.claims import Claim
from batch.ledger.send.queue import SendQueue
from batch.model.reasons import Finding, Reason


def test_a_page_reads_only_rows_that_are_jobs(world: World, ledger: Ledger) -> None:
    """Of a sheet whose rows were sent before but for the last three, nothing else is looked up."""
    world.plan(range(1, 1201))
    with ledger._engine.begin() as connection:
        connection.execute(text("UPDATE messages SET state = 'success', payload = NULL"))
    world.name = "r2"
    world.plan(range(1, 1204))
    asked: list[Any] = []
    event.listen(ledger._engine, "before_cursor_execute", lambda *given: asked.append(_values(given[3])))
    with ledger.open_queue(Owner.here("r2"), endpoint="e") as sending:
        assert sending.senders() == ["s1"]
        assert [job.row for job in sending.jobs("s1")] == [1201, 1202, 1203]
    pages = [values for values in asked if 1201 in values]
    assert len(pages) == 1
    assert not [values for values in asked if 1200 in values]


def _values(parameters: Any) -> Collection[Any]:
    return list(parameters.values()) if isinstance(parameters, dict) else parameters


def test_jobs_of_all_senders_come_in_the_sheets_order(world: World, ledger: Ledger, ledger_url: str) -> None:
    """Also no further than a row, and over several pages; who planned them and who looks for them find the same."""
    world.plan(staged(row, sender=f"s{row % 3}") for row in range(1, 1101))
    owner = Owner.here("r1")
    with (
        ledger.open_queue(owner, endpoint="e") as planned,
        Ledger.open(ledger_url) as again,
        again.open_queue(owner, endpoint="e") as found,
    ):
        for sending in (planned, found):
            assert sending.senders() == ["s0", "s1", "s2"]
            assert [job.row for job in sending.jobs()] == list(range(1, 1101))
            assert [job.row for job in sending.jobs(upto=700)] == list(range(1, 701))
            assert [job.row for job in sending.jobs("s2", upto=1000)] == list(range(2, 1001, 3))
            assert list(sending.jobs("nobody")) == []
        assert list(planned.jobs()) == list(found.jobs())


def test_a_claim_that_is_given_back_is_a_job_again(world: World, ledger: Ledger, ledger_url: str) -> None:
    """Also for who looked for jobs while it was claimed."""
    world.plan([1, 2])
    owner = Owner.here("r1")

    async def work(sending: SendQueue) -> None:
        held = await sending.claim(next(sending.jobs()), BEGIN)
        assert isinstance(held, Claim)
        with Ledger.open(ledger_url) as again, again.open_queue(owner, endpoint="e") as other:
            assert [job.row for job in other.jobs()] == [2]
            assert await sending.release(held, Finding(Reason.INTERRUPTED))
            assert [job.row for job in other.jobs()] == [1, 2]
        assert [job.row for job in sending.jobs()] == [1, 2]

    with ledger.open_queue(owner, endpoint="e") as sending:
        asyncio.run(work(sending))


def test_a_message_that_a_later_plan_gave_to_another_sender_is_no_job_of_the_first(
    world: World, ledger: Ledger
) -> None:
    """Where two runs meet in spite of the locks, a sender posts in no other's name, past its rate or concurrency."""
    world.plan([1, staged(2, sender="s1")])
    with ledger.open_queue(Owner.here("r1"), endpoint="e") as sending:
        world.name = "r2"
        world.plan([1, staged(2, sender="s2")])
        assert [job.row for job in sending.jobs("s1")] == [1]
    with ledger.open_queue(Owner.here("r2"), endpoint="e") as later:
        assert [(job.row, job.sender) for job in later.jobs("s2")] == [(2, "s2")]

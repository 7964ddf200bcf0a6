"""A submitted run, and processes that have, or try to get, its lanes; on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from postgres import Cluster

from batch.errors import LedgerFailed
from batch.ledger import Ledger, Owner, RetryOptions, StagedRow, sender_lock
from batch.ledger.plan.rules import History
from batch.ledger.send.claims import Claim
from batch.ledger.send.lane_queue import LaneQueue
from batch.model.contact_limits import ContactLimits
from batch.model.lanes import LaneStarts, LaneState, TakenLane
from batch.model.messages import message_key
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Run, SenderRun, Traits
from batch.model.verdicts import ChatSigns, Verdict

ENDPOINT, SENDER, NAME = "http://127.0.0.1:9", "s1", "20261103T120000Z-teste-0001"
TRAITS = Traits(unique_by=(), region="BR", phone_rule=1, template="saudacao (pt_BR)")
ACCEPTED = Verdict(
    outcome=Outcome.SUCCESS, finding=Finding(Reason.CREATED), http_status=200, signs=ChatSigns(chat_id="chat-1")
)
NOTHING = SenderRun(sender=SENDER, attempts=0, achieved_rate=None)
NO_STARTS = LaneStarts()


def run_named(name: str) -> Run:
    return Run(
        run=name,
        campaign="teste",
        endpoint=ENDPOINT,
        sheet_path="/sheets/contatos.csv",
        sheet_sha256="0" * 64,
        version="0",
        started=datetime.now(UTC),
    )


def submit(
    ledger: Ledger,
    name: str,
    people: Iterable[str],
    *,
    limit: int | None = None,
    first: int | None = None,
    senders: Sequence[str] = (SENDER,),
    retries: RetryOptions | None = None,
) -> list[int]:
    """Submit a run, and return the rows that go. `senders`: of the rows, in turn."""
    rows = [
        StagedRow(
            row=row,
            key=message_key(endpoint=ENDPOINT, campaign="teste", person=person),
            person=person,
            payload="{}",
            request_hash=person,
            sender=senders[row % len(senders)],
        )
        for row, person in enumerate(people, 2)
    ]

    def also(connection: Any, jobs: Any) -> None:
        of_run = {"queue": "q", "form": 1, "settings": "{}", "jobs": jobs, "total": len(rows), "limit": limit}
        of_run["first"] = first
        ledger.lanes.submit(connection, run_named(name), **of_run)  # type: ignore[arg-type]

    with ledger.stage(retries) as staging:
        staging.add(rows)
        history = History(rules=ContactLimits(), endpoint=ENDPOINT, campaign="teste", now=datetime.now(UTC))
        staging.judge(history, endpoint=ENDPOINT)
        going = [row for row, _job in staging.to_send()]
        staging.plan(run_named(name), Owner.here(name), TRAITS, also)
    return going


class Holder:
    """A process that has, or tries to get, the lane."""

    def __init__(self, ledger: Ledger, sender: str = SENDER) -> None:
        self.sender, self.run = sender, NAME
        self.ledger = ledger.for_lane()
        self.held = ExitStack()

    def take(self) -> TakenLane | None:
        owner = Owner.here(self.run)
        self.held.enter_context(self.ledger.hold([sender_lock(self.sender, ENDPOINT)], owner))
        taken = self.ledger.lanes.take(run_named(self.run), self.sender, owner)
        if taken is not None:
            self.owner, self.rows = replace(owner, epoch=taken.epoch), taken.rows
        return taken

    def sending(self, work: Callable[[LaneQueue], Awaitable[Any]]) -> Any:
        """Do something with the lane's queue."""

        async def with_queue() -> Any:
            limiter = self.ledger.make_limiter(ContactLimits(), endpoint=ENDPOINT)
            with self.ledger.lanes.open_queue(self.owner, limiter, self.rows) as queue:
                return await work(queue)

        return asyncio.run(with_queue())

    def claim(self, row: int = 2, *, ahead: float = 0.0) -> Claim:
        """`ahead`: seconds by which the claim's time is ahead of the clock."""

        async def work(queue: LaneQueue) -> Any:
            (job,) = [job for job in queue.jobs(self.sender) if job.row == row]
            return await queue.claim(job, datetime.now(UTC) + timedelta(seconds=ahead))

        claim: Claim = self.sending(work)
        assert isinstance(claim, Claim)
        return claim

    def meet_the_loss(self) -> None:
        with pytest.raises(LedgerFailed):
            self.sending(lambda queue: queue.beat(SENDER, None, None, LaneStarts()))

    def leave(self, state: LaneState = LaneState.WAITING, starts: LaneStarts = NO_STARTS) -> LaneState | None:
        return self.ledger.lanes.leave((self.run, self.sender), self.owner.epoch, state, NOTHING, starts)

    def send(self, row: int) -> None:
        held = self.claim(row)
        self.sending(lambda queue: queue.record(held, ACCEPTED, duration_ms=5))

    def judges(self) -> bool:
        return bool(self.sending(lambda queue: queue.judges(self.sender)))


def end_sessions(postgres: Cluster) -> None:
    """What a server that restarts, or a lost connection, does to all sessions that hold locks."""
    with closing(psycopg.connect(postgres.url, autocommit=True)) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 9000) FROM pg_locks"
            " WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        )


def outcomes(ledger: Ledger) -> list[str]:
    return [result.outcome.value for result in ledger.results(NAME)]


@contextmanager
def holders(ledger: Ledger) -> Iterator[Callable[[], Holder]]:
    """Give a maker of holders, whose locks are freed at the end."""
    made: list[Holder] = []

    def make() -> Holder:
        made.append(Holder(ledger))
        return made[-1]

    yield make
    for each in made:
        each.held.close()

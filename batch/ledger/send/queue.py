"""The queue of a run: its jobs in the sheet's order, and the writes of claims and outcomes."""

import asyncio
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any

import sqlalchemy as sa

from batch.ledger.send import claims
from batch.ledger.send.claims import Claim, Ended, Unsent, Wanted
from batch.ledger.send.contact_limits import ContactLimiter
from batch.ledger.storage.engine import connect_to_read, database_of, pages
from batch.ledger.storage.locks import Owner
from batch.ledger.storage.schema import State, messages, rows
from batch.ledger.storage.writer import Kind, R, V, Writer
from batch.model.messages import Job
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding
from batch.model.verdicts import ClaimRefusal, Verdict

_PAGE = 500  # jobs read at a time
JOBS = rows.join(messages, messages.c.key == rows.c.key)
JobRows = Mapping[str, "array[int]"]
"""Sender to the rows of a run that are its jobs, or may become so again, ascending. Only a plan makes a message pending
that was not: no other row becomes a job while the run sends. Four bytes for each."""
_OPEN = (State.PENDING.value, State.CLAIMED.value)
"""The states of messages of a run that it may be about to send: a claim may be given back."""


class SendQueue:
    """The ledger while a run sends: jobs out, claims and outcomes in. Every write is durable when its future resolves.

    All methods raise LedgerFailed when the ledger takes no writes; then nothing may be posted on the strength of the
    call. A caller that is cancelled while it waits does not undo the write.
    """

    def __init__(
        self, engine: sa.Engine, writer: Writer, owner: Owner, limiter: ContactLimiter, planned: JobRows | None = None
    ) -> None:
        """`planned`: the run's jobs, from its plan in this process; None: they are looked up."""
        self._engine = engine
        self._writer = writer
        self._owner = owner
        self._limiter = limiter
        self._job_rows = planned
        self._confirmed = database_of(engine).confirmed
        # What has ended is written first: it may free a place under a cap. A claim is withdrawn after it was made.
        self._records = Kind(0, partial(claims.record, rules=limiter))
        self._releases = Kind(1, partial(claims.release, rules=limiter))
        self._claims = Kind(2, partial(claims.claim, owner=owner, rules=limiter))
        self._withdrawals = Kind(3, partial(claims.withdraw, owner=owner, rules=limiter))
        self._given_up = Kind(7, claims.give_up)

    def senders(self) -> list[str]:
        """Return the senders of the run's jobs, sorted."""
        return sorted(self._rows())

    def _rows(self) -> JobRows:
        if self._job_rows is None:
            with connect_to_read(self._engine) as connection:
                self._job_rows = _read_job_rows(connection, self._owner.run)
        return self._job_rows

    def row_of(self, count: int) -> int | None:
        """Return the row of the run's `count`-th job (from 1) in the sheet's order; None when there are fewer."""
        with connect_to_read(self._engine) as connection:
            return nth_job(connection, self._owner.run, count)

    def jobs(self, sender: str | None = None, *, upto: int | None = None) -> Iterator[Job]:
        """Yield the run's pending messages in the sheet's order. `sender`: None: of all; `upto`: the last row, or None.

        Reads in pages, in no transaction, and only where jobs are: a page takes no longer because most of the sheet was
        sent before.
        """
        by_sender = self._rows()
        found = by_sender.get(sender, ()) if sender is not None else sorted(chain(*by_sender.values()))
        wanted = found if upto is None else found[: bisect_right(found, upto)]
        columns = (messages.c.key, rows.c.row, messages.c.sender, messages.c.payload, messages.c.person)
        query = sa.select(*columns).select_from(JOBS).where(*are_pending(self._owner.run)).order_by(rows.c.row)
        if sender is not None:  # a later plan may have given the message to another sender, whose limits are not ours
            query = query.where(messages.c.sender == sender)
        for some in pages(wanted, _PAGE):
            with connect_to_read(self._engine) as connection:
                page = connection.execute(query.where(rows.c.row.in_(some))).all()
            for key, row, of, payload, person in page:
                yield Job(key=key, row=row, sender=of, payload=payload, person=person)

    def full_until(self, job: Job, now: datetime) -> ClaimRefusal | None:
        """Return the refusal of a message that a cap keeps back, by what is known without reading the ledger."""
        return self._limiter.full_until(job, now)

    def claim(self, job: Job, now: datetime) -> asyncio.Future[Claim | ClaimRefusal | None]:
        """Take a pending message; ClaimRefusal when a contact limit keeps it back, None when it cannot be had."""
        future = self._write(self._claims, Wanted(job, now))
        if self._confirmed is not None:
            future.add_done_callback(partial(self._note_confirmed, now))
        return future

    def _note_confirmed(self, now: datetime, future: asyncio.Future[Claim | ClaimRefusal | None]) -> None:
        held = None if future.cancelled() or future.exception() else future.result()
        if isinstance(held, Claim):
            self._confirmed.add(held.key, held.owner, held.attempt, now)

    def withdraw(self, key: str) -> asyncio.Future[bool]:
        """Take back a claim whose commit was doubtful, and which was not posted. True when it had taken effect."""
        self._forget(key)
        return self._write(self._withdrawals, key)

    def give_up(self, key: str) -> asyncio.Future[bool]:
        """Give up a message that was to replace a failed one: its row shows that one again. False: it was none."""
        return self._write(self._given_up, key)

    def release(self, held: Claim, finding: Finding | None, *, status: int | None = None) -> asyncio.Future[bool]:
        """Give back a claim that certainly sent nothing. Arguments as of `claims.Unsent`, result as of `release`."""
        self._forget(held.key)
        return self._write(self._releases, Unsent(held, finding, status))

    def record(
        self, held: Claim, verdict: Verdict, *, duration_ms: int, began: datetime | None = None
    ) -> asyncio.Future[Outcome | None]:
        """Write the outcome of an attempt. Arguments as of `claims.Ended`, result as of `claims.record`."""
        return self._write(self._records, Ended(held, verdict, duration_ms, began))

    def _forget(self, key: str) -> None:
        if self._confirmed is not None:
            self._confirmed.forget(key)

    def _write(self, kind: Kind[V, R], value: V) -> asyncio.Future[R]:
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._writer.submit(kind, value, future)
        return future


def nth_job(connection: sa.Connection, run: str, count: int) -> int | None:
    """Return the row of a run's `count`-th job (from 1) in the sheet's order; None when there are fewer."""
    query = sa.select(rows.c.row).select_from(JOBS).where(*are_pending(run)).order_by(rows.c.row)
    found: int | None = connection.execute(query.offset(count - 1).limit(1)).scalar()
    return found


def are_pending(run: str) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions of a run's jobs, on `JOBS`."""
    return (*_of_run(run), messages.c.state == State.PENDING.value)


def _of_run(run: str) -> tuple[sa.ColumnElement[bool], ...]:
    """Rows of `run` whose messages it may send."""
    return (
        rows.c.run == run,
        rows.c.outcome.is_(None),
        rows.c.findings.is_(None),  # else it is not for this run
        messages.c.payload.is_not(None),  # settled as not sent, and not planned again yet
    )


def rows_by_sender(found: Iterable[Any]) -> JobRows:
    """Return the rows of each sender, from (row, sender) by ascending rows."""
    job_rows: dict[str, array[int]] = {}
    for row, sender in found:
        job_rows.setdefault(sender, array("I")).append(row)
    return job_rows


def planned_rows(connection: sa.Connection, run: str, sender: str | None, upto: int | None) -> JobRows:
    """Look up the jobs of a sender (None: of each) in a planned run. `upto`: the last row, or None."""
    which = [] if sender is None else [messages.c.sender == sender]
    return _read_job_rows(connection, run, *which, *([] if upto is None else [rows.c.row <= upto]))


def _read_job_rows(connection: sa.Connection, run: str, *which: sa.ColumnElement[bool]) -> JobRows:
    """Look up the jobs of a run that another process has planned."""
    query = sa.select(rows.c.row, messages.c.sender).select_from(JOBS).order_by(rows.c.row)
    query = query.where(*_of_run(run), messages.c.state.in_(_OPEN), *which)
    with closing(connection.execute(query.execution_options(yield_per=1000))) as found:
        return rows_by_sender(found)

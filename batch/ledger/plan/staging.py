"""Staging: a sheet's rows are staged, judged against each other and the ledger, and planned in one transaction.

Staging writes only temporary tables, so a run that is sending is never kept waiting by another sheet's check, and
`check` and `run` share every rule: `check` reads the same judgement and throws it away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, MutableMapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from batch.i18n import N_, _
from batch.ledger.plan import rules
from batch.ledger.plan.commit import write_plan
from batch.ledger.plan.row_stager import Encode, OnBatch, RowStager
from batch.ledger.plan.rules import History, RetryOptions, RowSelection
from batch.ledger.plan.undelivered import DueLooks, count_due, read_due_looks
from batch.ledger.read.corrections import read_corrected, read_staged_corrections, show_corrections
from batch.ledger.read.deliveries import ACCEPTED
from batch.ledger.read.runs import select_runs
from batch.ledger.send.queue import JobRows, rows_by_sender
from batch.ledger.send.rolling_quota import read_contact_times
from batch.ledger.storage.engine import READ, connect_to_read, database_of, translate_write_failures
from batch.ledger.storage.locks import Owner
from batch.ledger.storage.pseudonyms import has_purged_data, read_hashes
from batch.ledger.storage.results import (
    MESSAGE_COLUMNS,
    OUTCOME_COLUMNS,
    StoredRow,
    count_groups,
    result_of,
    row_columns,
    row_ranges,
    select_groups,
)
from batch.ledger.storage.schema import State, messages, runs, sent_between
from batch.ledger.storage.schema import rows as run_rows
from batch.ledger.storage.staged_tables import (
    ALLOWED,
    STAGED_WITH_KNOWN,
    SUPPRESSED,
    MessageLookup,
    StagedRow,
    known,
    listed,
    new_suppressions,
    put_on_list,
    several,
    staged,
    staging_metadata,
    undelivered,
)
from batch.model.outcomes import Outcome
from batch.model.phrases import Value
from batch.model.reasons import Reason
from batch.model.runs import Result, Run, Traits

_PAGE = 1000


class Staging:
    """One sheet on its way into the ledger. Use as a context manager; leaving it forgets what was not planned.

    `add` as needed, `judge` once, then read (`tally`, `to_send`, `results`) or `plan`, which alone is durable.
    """

    def __init__(
        self,
        engine: sa.Engine,
        retries: RetryOptions,
        planned: MutableMapping[str, JobRows] | None = None,
        encode: Encode = str,
    ) -> None:
        """`planned`: receives the rows that a plan is about to send, by its run. `encode`: of rows with `values`."""
        self._encode = encode
        self._engine = engine
        self._retries = retries
        self._only: str | None = None
        self._sheet = ""
        self._lookup = MessageLookup()
        self._planned = {} if planned is None else planned
        self._is_lasting = engine.dialect.name != "sqlite" or bool(engine.url.database)
        """True when the connection may end with the staging; a ledger in memory would go with it."""

    def __enter__(self) -> Staging:
        self._connection = connect_to_read(self._engine)
        if self._is_lasting:
            self._connection.detach()
        else:  # its one connection may have staged a sheet before
            for table in staging_metadata.tables.values():
                self._connection.execute(sa.schema.DropTable(table, if_exists=True))
        database = database_of(self._connection)
        database.tables(staging_metadata).create_all(self._connection, checkfirst=False)
        self.hashes = read_hashes(self._connection)
        self._stager = RowStager(
            self._connection,
            self.hashes,
            self._lookup,
            self._encode,
            repeats=self._retries.resend_unknown or self._retries.retry_undelivered,
        )
        self._connection.commit()
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.rollback()
        if self._is_lasting:
            # The tables go with the connection: to drop them would read them all. Another connection stays open
            # meanwhile, since with the last one SQLite would write all of its log back.
            with self._engine.connect():
                self._connection.close()
        else:
            self._connection.close()

    def add(self, rows: Iterable[StagedRow], on_batch: OnBatch | None = None) -> None:
        """Stage rows, of new numbers. `on_batch`: takes them as they are read, some thousands at a time."""
        self._stager.add(rows, on_batch)

    def count_undelivered(self) -> int:
        """Count the failed messages that would be sent once more."""
        again = staged.c.row.in_(sa.select(undelivered.c.row))
        return int(self._connection.execute(self._sendable(sa.func.count()).where(again)).scalar_one())

    def count_due(self, now: datetime) -> int:
        """Count the accepted messages of the sheet that may have failed: due for a look, and not known to have."""
        return count_due(self._connection, now)

    def suppress(self, people: Iterable[tuple[str, Value]]) -> None:
        """Suppress people in this sheet besides the ledger's list: (person, file or column). Before `judge`."""
        put_on_list(self._connection, SUPPRESSED, people)

    def allow_only(self, people: Iterable[tuple[str, str]], where: str) -> None:
        """Keep this sheet to the people of an allow list. `where`: the list's name for people. Before `judge`."""
        self._only = where
        put_on_list(self._connection, ALLOWED, people)

    def judge(self, history: History | None = None, *, endpoint: str = "", sheet: str = "") -> None:
        """Judge the whole sheet by the rules of the plan. Once, after all rows and lists were added.

        `endpoint`: where the run sends; empty: only entries of the suppression list that hold everywhere count.
        `sheet`: its key (`Run.sheet_key`), by which corrections of its rows are found; empty: there are none.
        """
        self._sheet = sheet
        database_of(self._connection).analyze(self._connection, staged, known)
        if has_purged_data(self._connection):
            rules.recognise_requests(self._connection, self.hashes)
        rules.judge(self._connection, self._retries, endpoint=endpoint, only=self._only, history=history, sheet=sheet)
        self._connection.commit()

    def choose(self, selection: RowSelection) -> None:
        """Keep this run to some of the sendable rows; the others stay pending, with their reason. After `judge`."""
        rules.choose(self._connection, self._retries, selection)
        self._connection.commit()

    def has_rows(self, first: int, last: int) -> bool:
        """Return whether the sheet has any row from `first` to `last`."""
        inside = sa.select(staged.c.row).where(staged.c.row.between(first, last)).limit(1)
        return self._connection.execute(inside).scalar() is not None

    def pause(self) -> None:
        """End what was being read, which would keep the database from cleaning up. Before a person is asked."""
        self._connection.commit()

    def find_run(self, sha256: str) -> Run | None:
        """Return the newest run of the judged sheet, to whose rows corrections may lead back. `sha256`: of its file."""
        same = (runs.c.sheet_sha256 == sha256, runs.c.trial.is_(False), runs.c.purged.is_(None))
        return next((run for run in select_runs(self._connection, *same) if run.sheet_key == self._sheet), None)

    # What a run would send

    def _sendable(self, *columns: Any) -> Any:
        return sa.select(*columns).select_from(STAGED_WITH_KNOWN).where(rules.sendable(self._retries))

    def recipients(self) -> Generator[tuple[str, str]]:
        """Yield (sender, person) of each message, in the sheet's order. Close it when leaving early."""
        yield from self._stream(self._sendable(staged.c.sender, staged.c.person).order_by(staged.c.row))

    def requests(self) -> Generator[tuple[int, str, str, str]]:
        """Yield (row, person, request's hash, payload) of each message, in the sheet's order."""
        columns = (staged.c.row, staged.c.person, staged.c.request_hash, staged.c.payload)
        yield from self._stream(self._sendable(*columns).order_by(staged.c.row))

    def to_send(self, limit: int | None = None) -> list[tuple[int, str]]:
        """Return (row, payload) of the messages, in the sheet's order, at most `limit`."""
        query = self._sendable(staged.c.row, staged.c.payload).order_by(staged.c.row).limit(limit)
        return [(row, payload) for row, payload in self._connection.execute(query)]

    def due_looks(self, endpoint: str, since: datetime, now: datetime, *, limit: int | None) -> DueLooks:
        """Return the due looks at people whom the first `limit` messages would go to, at what was sent since then."""
        here = sa.func.coalesce(messages.c.endpoint, "") == endpoint  # no plain column: SQLite would read all of it
        sent = (messages.c.sent_at >= since, ACCEPTED, here)
        self._connection.commit()  # to see the looks that were made since
        if not self._connection.scalar(sa.select(sa.exists().where(*sent_between(self._connection, since), *sent))):
            return DueLooks(people=0)
        chosen = self._sendable(staged.c.person).order_by(staged.c.row).limit(limit)
        return read_due_looks(self._connection, now, *sent, messages.c.person.in_(chosen))

    def count_by_sender(self) -> dict[str, int]:
        """Count the messages by sender, in the order of each sender's first row."""
        query = self._sendable(staged.c.sender, sa.func.count()).group_by(staged.c.sender)
        found = self._connection.execute(query.order_by(sa.func.min(staged.c.row)))
        return {sender: count for sender, count in found}  # noqa: C416 - rows are no pairs for mypy

    def contact_times(self, *, endpoint: str, sender: str | None, since: datetime) -> list[datetime]:
        """Return when each person was last contacted since a moment, sorted. `sender` None: by all senders."""
        found, _certain = read_contact_times(self._connection, endpoint=endpoint, sender=sender, since=since)
        return [at for _person, at in found]

    # The rows as a report would show them if the run began now

    def tally(self) -> Counter[tuple[Outcome, str]]:
        """Count the rows by outcome and reason code. Only corrected rows are read one by one."""
        query = select_groups(staged, *(known.c[column.name] for column in OUTCOME_COLUMNS), self._is_sendable)
        query = query.select_from(STAGED_WITH_KNOWN)
        groups = (group for part in row_ranges(self._connection, staged) for group in self._stream(query.where(part)))
        tally = count_groups(groups, lambda stored, group: _result(stored, is_sendable=group.is_sendable))
        found = read_staged_corrections(self._connection, self._sheet)
        for own, shown in read_corrected(found, self._own_results):
            tally[own.outcome, own.reason] -= 1
            tally[shown.outcome, shown.reason] += 1
        return +tally

    def results(self, *, remarkable: int | None = None) -> Iterator[Result]:
        """Yield every row, in the sheet's order.

        `remarkable`: rows without an error or a note may be left out, and errors behind the first so many.
        """
        corrections = list(read_staged_corrections(self._connection, self._sheet))
        yield from show_corrections(self._own_results(remarkable=None if corrections else remarkable), corrections)

    def _own_results(self, among: Sequence[int] | None = None, *, remarkable: int | None = None) -> Iterator[Result]:
        joined = STAGED_WITH_KNOWN.outerjoin(messages, messages.c.key == staged.c.key)
        query = sa.select(*row_columns(staged), *MESSAGE_COLUMNS, self._is_sendable).select_from(joined)
        if remarkable is not None:
            refused = sa.or_(known.c.state == State.ERROR.value, known.c.again_state == State.ERROR.value)
            wrong = sa.select(staged.c.row).where(staged.c.outcome == Outcome.ERROR.value).order_by(staged.c.row)
            query = query.where(sa.or_(staged.c.row.in_(wrong.limit(remarkable)), staged.c.notes.is_not(None), refused))
        if among is not None:
            query = query.where(staged.c.row.in_(among))
        for *stored, is_sendable in self._stream(query.order_by(staged.c.row)):
            yield _result(StoredRow._make(stored), is_sendable=is_sendable)

    @property
    def _is_sendable(self) -> sa.Label[int]:
        return sa.cast(rules.sendable(self._retries), sa.Integer).label("is_sendable")

    def _stream(self, query: Any) -> Iterator[Any]:
        """Yield the rows of a query; a cursor left open would keep the plan from being written."""
        found = self._connection.execute(query.execution_options(yield_per=_PAGE))
        try:
            yield from found
        finally:
            if not self._connection.closed:  # as it is when an error ended the run meanwhile
                found.close()

    # Counts of people and rows for messages before the run

    def count_excluded_people(self, reason: Reason) -> int:
        """Count the people whom a column of the sheet leaves out for a reason."""
        query = sa.select(sa.func.count()).select_from(listed).where(listed.c.list == reason.value)
        return int(self._connection.execute(query).scalar_one())

    def count_new_suppressions(self, endpoint: str) -> int:
        """Count the people whom a plan for this endpoint would put on the suppression list."""
        query = sa.select(sa.func.count()).select_from(listed).where(*new_suppressions(sa.literal(endpoint)))
        return int(self._connection.execute(query).scalar_one())

    def find_differing_duplicates(self, limit: int) -> tuple[int, list[tuple[int, int]]]:
        """Find duplicates that would have got another message than the row that is sent for their person.

        Returns how many there are, and of the first `limit` the row and the one that stands for it.
        """
        if self._connection.execute(sa.select(several.c.key).limit(1)).first() is None:
            return 0, []
        first = staged.alias("first")
        differ = (first.c.row == staged.c.duplicate_of, first.c.request_hash != staged.c.request_hash)
        query = sa.select(staged.c.row, staged.c.duplicate_of).join(first, sa.and_(*differ)).order_by(staged.c.row)
        count = self._connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one()
        return int(count), [(row, kept) for row, kept in self._connection.execute(query.limit(limit))]

    def count_recent_contacts(self, history: History, since: datetime) -> tuple[str, int] | None:
        """Return the other campaign that messaged most people of this sheet since a moment, and how many; or None."""
        return rules.count_recent_contacts(self._connection, self._retries, history, since)

    def plan(self, run: Run, owner: Owner, traits: Traits, also: Callable[..., None] | None = None) -> int:
        """Write the run, its rows and its messages in one transaction, durable on return; return the ledger's counter.

        `also`: writes more in it, given its connection and the run's jobs. LedgerFailed: nothing of it was written.
        """
        self._connection.rollback()
        connection = self._connection.execution_options(wegly_read=False)
        doing, remedy = N_("planning the run"), _("Nothing was sent. Check the disk, then run again.")
        try:
            with translate_write_failures(doing, remedy), connection.begin():
                self._lookup.refresh(connection, endpoint=run.endpoint, campaign=run.campaign)
                counter = write_plan(connection, self._retries, run, owner, traits)
                if also is not None:
                    also(connection, self._note_jobs(run.run))
        finally:
            self._connection.execution_options(**READ)
        database_of(self._connection).analyze(self._connection, messages, run_rows)
        self._connection.commit()  # else its statistics go with the staging
        if also is None:  # after the commit: it takes a second, for which others would wait
            self._note_jobs(run.run)
        return counter

    def _note_jobs(self, run: str) -> JobRows:
        jobs = self._sendable(staged.c.row, staged.c.sender).order_by(staged.c.row)
        return self._planned.setdefault(run, rows_by_sender(self._stream(jobs)))


def _result(stored: StoredRow, *, is_sendable: int | None) -> Result:
    """Return a staged row's result: pending where it is sendable or its message is new, whatever was before."""
    if is_sendable or stored.state is None:
        stored = stored._replace(state=State.PENDING.value, message_findings=None, again_state=None)
    return result_of(stored)

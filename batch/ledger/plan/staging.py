"""The plan: a sheet's rows are staged aside, judged against each other and the ledger, and enter it in one transaction.

Staging writes only temporary tables, so a run that is sending is never kept waiting by another sheet's check, and
`check` and `run` share every rule: `check` reads the same judgement and throws it away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, MutableMapping
from datetime import datetime
from types import TracebackType
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Integer, Label, cast, func, insert, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import DropTable

from batch.errors import LedgerFailed
from batch.i18n import N_, _
from batch.ledger.plan import rules as judging
from batch.ledger.plan import rules as listing
from batch.ledger.plan.commit import KEPT, write_plan
from batch.ledger.plan.rules import History, RetryOptions, RowSelection
from batch.ledger.read.corrections import correction_of, corrections_of_staged, with_corrections
from batch.ledger.send.queue import JobRows, by_sender
from batch.ledger.send.rolling_quota import reached
from batch.ledger.storage.engine import READ, describe_write_failure
from batch.ledger.storage.locks import Owner
from batch.ledger.storage.pseudonyms import Hashes, has_purged_data, read_hashes
from batch.ledger.storage.results import RESULT_COLUMNS, count_alike, result_of
from batch.ledger.storage.schema import State, messages
from batch.ledger.storage.staged_tables import STAGED_WITH_KNOWN, MessageLookup, known, staged, staging_metadata
from batch.model.messages import Origin
from batch.model.outcomes import Outcome
from batch.model.phrases import Phrase, Value
from batch.model.reasons import Finding, findings_to_json
from batch.model.runs import Result, Run, Traits

_AT_ONCE = 1000
_TELLING = (known.c.state, known.c.message_findings, known.c.again_state, known.c.again_findings)
"""What is known of a message by which its outcome and reason are told."""


class StagedRow(NamedTuple):  # not a dataclass: one is made for each row, and a tuple takes a quarter of the time
    """A checked row on its way into the ledger. `outcome` is None for a row that may be sent."""

    row: int
    key: str | None = None
    """As `keyed` gives it."""
    person: str | None = None
    sender: str | None = None
    outcome: Outcome | None = None
    """ERROR or SKIPPED when the row itself decides it."""
    findings: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()
    request_hash: str | None = None
    payload: str | None = None
    stands: bool = False
    """The row stands for its key though it is not sent: another ledger has sent it."""
    opted_out: bool = False
    """The sheet says that the person wants no messages: none of the person's rows is sent."""
    origin: Origin | None = None
    """Where the row was wrong before, in the sheet of a run of the same campaign and endpoint."""
    origin_sheet: str | None = None
    """That sheet's key (`Run.sheet_key`)."""


class Staging:
    """One sheet on its way into the ledger. Use as a context manager; leaving it forgets what was not planned.

    `add` as often as needed, then `judge` once, then read (`counts`, `to_send`, `results`) or `plan`.
    """

    def __init__(
        self, engine: Engine, again: RetryOptions, planned: MutableMapping[str, JobRows] | None = None
    ) -> None:
        """`planned`: gets what a plan is about to send, by its run."""
        self._engine = engine
        self._judging = again
        self._only: str | None = None
        self._sheet = ""
        self._notes = MessageLookup()
        self._planned = {} if planned is None else planned
        self._of_its_own = bool(engine.url.database)
        """Whether the connection ends with the staging; a ledger in memory would go with it."""

    def __enter__(self) -> Staging:
        self._connection = self._engine.connect().execution_options(**READ)
        if self._of_its_own:
            self._connection.detach()
        else:
            _forget_staged(self._connection)
        staging_metadata.create_all(self._connection, checkfirst=False)
        self._hashes = read_hashes(self._connection)
        self._purged = has_purged_data(self._connection)
        self._connection.commit()
        self._insert = _insert_text(self._connection, _STAGED)
        self._insert_usual = _insert_text(self._connection, _USUAL)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.rollback()
        if self._of_its_own:
            # Its tables go with it: to drop them would read them all. Another connection stays open, since with the
            # last one SQLite would write all of its log back.
            with self._engine.connect():
                self._connection.close()
        else:  # a ledger in memory goes soon itself, and what was staged with it
            self._connection.close()

    def hash_key(self, key: str) -> str:
        """The ledger's own form of a `message_key`, as its rows must have it: else everybody would be new."""
        return self._hashes.key(key)

    def add(self, batch: Iterable[StagedRow]) -> None:
        """Stage rows. Row numbers must be new."""
        hashes = self._hashes if self._purged else None
        usual: list[tuple[Any, ...]] = []
        others: list[tuple[Any, ...]] = []
        out: list[tuple[str, Value]] = []
        for each in batch:
            values = None if hashes else _usual_values(each)
            if values is None:
                others.append(_staged_values(each, hashes))
            else:
                usual.append(values)
            if each.opted_out and each.person:
                out.append((each.person, Phrase(N_("row {row} of the sheet"), {"row": str(each.row)})))
        for statement, given in ((self._insert_usual, usual), (self._insert, others)):
            if given:
                self._connection.exec_driver_sql(statement, given)
        if out:
            self.suppress(out)

    def suppress(self, people: Iterable[tuple[str, Value]]) -> None:
        """For this sheet, suppress people besides the list: (person, where it says so). Before `judge`."""
        listing.put_on_list(self._connection, listing.SUPPRESS, people)

    def allow_only(self, people: Iterable[tuple[str, str]], where: str) -> None:
        """For this sheet, leave out everybody but these people. `where`: the list, as a person calls it."""
        self._only = where
        listing.put_on_list(self._connection, listing.ONLY, people)

    def judge(self, history: History | None = None, *, sheet: str = "") -> None:
        """Judge the whole sheet by the rules of the plan. Once, after all rows and lists were added.

        `sheet`: its key (`sheet_key`), by which corrections of its rows are found; empty: there are none.
        """
        self._sheet = sheet
        self._notes.take(self._connection)
        if self._purged:
            judging.recognise_requests(self._connection, self._hashes)
        judging.judge(self._connection, self._judging, only=self._only, history=history, sheet=sheet)
        self._connection.commit()

    def choose(self, chosen: RowSelection) -> None:
        """Keep this run to some of the rows that may be sent; the others stay pending and say why. After `judge`."""
        judging.choose(self._connection, self._judging, chosen)
        self._connection.commit()

    def has_rows(self, first: int, last: int) -> bool:
        """Whether the sheet has any row from `first` to `last`."""
        inside = select(staged.c.row).where(staged.c.row.between(first, last)).limit(1)
        return self._connection.execute(inside).scalar() is not None

    def recipients(self) -> Generator[tuple[str, str]]:
        """(sender, person) of each message that a run would send, in the sheet's order. Close it when leaving early."""
        query = _joined(staged.c.sender, staged.c.person).where(judging.sendable(self._judging)).order_by(staged.c.row)
        yield from self._stream(query)

    def count_by_sender(self) -> dict[str, int]:
        """How many messages a run would send, by sender; who sends the first of them in the sheet stands first."""
        query = _joined(staged.c.sender, func.count()).where(judging.sendable(self._judging))
        by_sender = query.group_by(staged.c.sender).order_by(func.min(staged.c.row))
        return {each.sender: each[1] for each in self._connection.execute(by_sender)}

    def contact_times(self, *, endpoint: str, sender: str | None, since: datetime) -> list[datetime]:
        """When each person was last messaged who has, or may have, a message since; None: of all senders. Sorted."""
        return [at for _person, at in reached(self._connection, endpoint=endpoint, sender=sender, since=since)]

    def requests(self) -> Generator[tuple[int, str, str, str]]:
        """(row, person, request's hash, payload) of each message that a run would send, in the sheet's order."""
        columns = (staged.c.row, staged.c.person, staged.c.request_hash, staged.c.payload)
        query = _joined(*columns).where(judging.sendable(self._judging)).order_by(staged.c.row)
        yield from self._stream(query)

    def _stream(self, query: Any) -> Iterator[Any]:
        """Rows of a query; a cursor that is left open would keep the plan from being written."""
        found = self._connection.execute(query.execution_options(yield_per=_AT_ONCE))
        try:
            yield from found
        finally:
            found.close()

    def counts(self) -> Mapping[Outcome, int]:
        """All six outcomes as they would stand if the run began now."""
        counts: Counter[Outcome] = Counter()
        for (outcome, _reason), rows in self.tally().items():
            counts[outcome] += rows
        return {outcome: counts[outcome] for outcome in Outcome}

    def to_send(self, limit: int | None = None) -> list[tuple[int, str]]:
        """(row, payload) of what a run would send, in the sheet's order, at most `limit`."""
        query = (
            _joined(staged.c.row, staged.c.payload)
            .where(judging.sendable(self._judging))
            .order_by(staged.c.row)
            .limit(limit)
        )
        return [(row, payload) for row, payload in self._connection.execute(query)]

    def count_to_send(self) -> int:
        """How many messages a run would send."""
        return int(self._connection.execute(_joined(func.count()).where(judging.sendable(self._judging))).scalar_one())

    def senders(self) -> tuple[str, ...]:
        """The senders of what a run would send, sorted."""
        return tuple(sorted(self.count_by_sender()))

    def tally(self) -> Counter[tuple[Outcome, str]]:
        """(outcome, reason code) to rows, as `results` would count to, without going through all of them."""
        if self._corrections():
            return Counter((result.outcome, result.reason) for result in self.results())
        alike = (
            staged.c.outcome,
            staged.c.findings,
            staged.c.duplicate_of.is_(None).label("first"),
            self._sendable,
            *_TELLING,
        )
        query = _joined(*alike, func.min(staged.c.row).label("row"), func.count().label("rows")).group_by(*alike)
        return count_alike(self._stream(query.order_by(func.min(staged.c.row))), self._result)

    def results(self, *, remarkable: bool = False) -> Iterator[Result]:
        """Every row as a report would show it if the run began now, in the sheet's order.

        `remarkable`: only those among which all in error are, and all with notes.
        """
        corrections = self._corrections()
        own = self._own_results(remarkable=remarkable and not corrections)
        yield from with_corrections(own, map(correction_of, corrections)) if corrections else own

    def _corrections(self) -> list[Any]:
        return list(corrections_of_staged(self._connection, self._sheet))

    def _own_results(self, *, remarkable: bool) -> Iterator[Result]:
        columns = (*(staged.c[name] for name in KEPT), *RESULT_COLUMNS, self._sendable)
        joined = STAGED_WITH_KNOWN.outerjoin(messages, messages.c.key == staged.c.key)
        query = select(*columns).select_from(joined).order_by(staged.c.row)
        if remarkable:
            refused = or_(known.c.state == State.ERROR.value, known.c.again_state == State.ERROR.value)
            query = query.where(or_(staged.c.outcome == Outcome.ERROR.value, staged.c.notes.is_not(None), refused))
        for found in self._stream(query):
            yield self._result(found._mapping)

    def _result(self, found: Mapping[Any, Any]) -> Result:
        fresh = found["sendable"] or found["state"] is None
        waits = {"state": State.PENDING.value, "message_findings": None, "again_state": None}
        return result_of({**found, **waits} if fresh else found)

    @property
    def _sendable(self) -> Label[int]:
        return cast(judging.sendable(self._judging), Integer).label("sendable")

    def plan(self, run: Run, owner: Owner, traits: Traits) -> int:
        """Write the run, its rows and its messages into the ledger in one transaction; return the ledger's counter.

        Durable when it returns. Raises LedgerFailed when it could not be written; then nothing of it was.
        """
        self._connection.rollback()
        connection = self._connection.execution_options(wegly_read=False)
        try:
            with connection.begin():
                self._notes.renew(connection, endpoint=run.endpoint, campaign=run.campaign)
                counter = write_plan(connection, self._judging, run, owner, traits)
        except SQLAlchemyError as error:
            raise LedgerFailed(
                describe_write_failure(error, N_("planning the run")),
                _("Nothing was sent. Check the disk, then run again."),
            ) from error
        finally:
            self._connection.execution_options(**READ)
        jobs = _joined(staged.c.row, staged.c.sender).where(judging.sendable(self._judging)).order_by(staged.c.row)
        self._planned[run.run] = by_sender(self._stream(jobs))
        return counter


def _forget_staged(connection: Connection) -> None:
    """A ledger in memory has one connection, which may have staged a sheet before."""
    for table in staging_metadata.tables.values():
        connection.execute(DropTable(table, if_exists=True))


def _joined(*columns: Any) -> Any:
    return select(*columns).select_from(STAGED_WITH_KNOWN)


_STAGED = (
    "row", "key", "person", "hashed", "sender", "outcome", "stands", "findings", "notes", "request_hash", "payload",
    "origin_run", "origin_sheet", "origin_row",
)  # fmt: skip


_USUAL = ("row", "key", "person", "sender", "stands", "request_hash", "payload")
"""What a row has with which nothing is wrong: the driver takes a value in a tenth of the time of a None or a bool."""


def _insert_text(connection: Connection, columns: tuple[str, ...]) -> str:
    """The insert of a staged row as the driver takes it: SQLAlchemy's own way costs as much as the insert itself."""
    return str(insert(staged).compile(dialect=connection.dialect, column_keys=columns))


def _usual_values(each: StagedRow) -> tuple[Any, ...] | None:
    """In the order of `_USUAL`; None for a row that has anything else."""
    row, key, person, sender, outcome, findings, notes, digest, payload, stands, _out, origin, sheet = each
    if outcome is not None or findings or notes or stands or origin or sheet:
        return None
    return row, key, person, sender, 0, digest, payload


def _staged_values(each: StagedRow, hashes: Hashes | None) -> tuple[Any, ...]:
    """In the order of the table's columns."""
    row, key, person, sender, outcome, findings, notes, digest, payload, stands, _out, origin, sheet = each
    return (
        row,
        key,
        person,
        hashes.person(person) if hashes and person else None,
        sender,
        outcome,
        stands,
        findings_to_json(findings) if findings else None,
        findings_to_json(notes) if notes else None,
        digest,
        payload,
        origin.run if origin else None,
        sheet,
        origin.row if origin else None,
    )

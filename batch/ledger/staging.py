"""The plan: a sheet's rows are staged aside, judged against each other and the ledger, and enter it in one transaction.

Staging writes only temporary tables, so a run that is sending is never kept waiting by another sheet's check, and
`check` and `run` share every rule: `check` reads the same judgement and throws it away.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Integer,
    and_,
    cast,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from batch.errors import LedgerFailed
from batch.ledger.campaigns import note_traits
from batch.ledger.engine import READ, translate
from batch.ledger.owner import Owner
from batch.ledger.reading import RESULT_COLUMNS, result_of
from batch.ledger.schema import State, messages, meta, rows, runs, staged, staging_metadata, winners
from batch.model.campaign_traits import Traits
from batch.model.message import campaign_scope
from batch.model.outcome import Outcome
from batch.model.reason import Finding, findings_to_json
from batch.model.run import Result, Run

__all__ = ["Judging", "StagedRow", "Staging"]

_DONE = (State.SUCCESS.value, State.REUSED.value, State.UNKNOWN.value, State.CLAIMED.value)
_KEPT = ("row", "key", "person", "outcome", "findings", "notes", "duplicate_of")


@dataclass(frozen=True, kw_only=True, slots=True)
class StagedRow:
    """A checked row on its way into the ledger. `outcome` is None for a row that may be sent."""

    row: int
    key: str | None = None
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Judging:
    """What of earlier outcomes a run may try again."""

    retry_errors: bool = False
    """Rows in error, though their request did not change."""
    resend_unknown: bool = False
    """Unknown rows, though they may have been sent: somebody may get a second message."""


class Staging:
    """One sheet on its way into the ledger. Use as a context manager; leaving it forgets what was not planned.

    `add` as often as needed, then `judge` once, then read (`counts`, `to_send`, `results`) or `plan`.
    """

    def __init__(self, engine: Engine, judging: Judging) -> None:
        self._engine = engine
        self._judging = judging

    def __enter__(self) -> Staging:
        self._connection = self._engine.connect().execution_options(**READ)
        staging_metadata.create_all(self._connection, checkfirst=False)
        self._connection.commit()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.rollback()
        staging_metadata.drop_all(self._connection, checkfirst=False)
        self._connection.commit()
        self._connection.close()

    def add(self, batch: Iterable[StagedRow]) -> None:
        """Stage rows. Row numbers must be new."""
        values = [_staged_values(row) for row in batch]
        if values:
            self._connection.execute(insert(staged), values)

    def judge(self) -> None:
        """Decide for each key which row stands for it; the others become `skipped` as its duplicates."""
        run = self._connection.execute
        first = select(staged.c.key, func.min(staged.c.row)).where(staged.c.key.is_not(None)).group_by(staged.c.key)
        run(insert(winners).from_select(["key", "row"], first.where(staged.c.stands)))
        has_winner = exists().where(winners.c.key == staged.c.key)
        run(insert(winners).from_select(["key", "row"], first.where(staged.c.outcome.is_(None), ~has_winner)))
        # A row that could not be sent today still shows what an earlier run sent to this key.
        sent_before = exists().where(messages.c.key == staged.c.key, messages.c.state.in_(_DONE))
        run(insert(winners).from_select(["key", "row"], first.where(sent_before, ~has_winner)))
        stands = select(winners.c.row).where(winners.c.key == staged.c.key).scalar_subquery()
        shows = (sent_before, staged.c.row == stands)
        run(update(staged).where(*shows).values(outcome=None, findings=None))
        twin = and_(staged.c.outcome.is_(None), staged.c.key.is_not(None), staged.c.row != stands)
        run(update(staged).where(twin).values(outcome=Outcome.SKIPPED.value, duplicate_of=stands))
        self._connection.commit()

    def counts(self) -> Mapping[Outcome, int]:
        """All six outcomes as they would stand if the run began now."""
        tally = Counter(result.outcome for result in self.results())
        return {outcome: tally[outcome] for outcome in Outcome}

    def to_send(self, limit: int | None = None) -> list[tuple[int, str]]:
        """(row, payload) of what a run would send, in the sheet's order, at most `limit`."""
        query = _joined(staged.c.row, staged.c.payload).where(self._sendable()).order_by(staged.c.row).limit(limit)
        return [(row, payload) for row, payload in self._connection.execute(query)]

    def count_to_send(self) -> int:
        """How many messages a run would send."""
        return int(self._connection.execute(_joined(func.count()).where(self._sendable())).scalar_one())

    def senders(self) -> tuple[str, ...]:
        """The senders of what a run would send, sorted."""
        query = _joined(staged.c.sender).where(self._sendable()).distinct().order_by(staged.c.sender)
        return tuple(self._connection.execute(query).scalars())

    def results(self) -> Iterator[Result]:
        """Every row as a report would show it if the run began now, in the sheet's order."""
        sendable = cast(self._sendable(), Integer).label("sendable")
        query = _joined(*(staged.c[name] for name in _KEPT), *RESULT_COLUMNS, sendable).order_by(staged.c.row)
        for found in self._connection.execute(query).mappings():
            fresh = {**found, "state": State.PENDING.value, "message_findings": None, "again_state": None}
            yield result_of(fresh if found["sendable"] else found)

    def plan(self, run: Run, owner: Owner, traits: Traits) -> int:
        """Write the run, its rows and its messages into the ledger in one transaction; return the ledger's counter.

        Durable when it returns. Raises LedgerFailed when it could not be written; then nothing of it was.
        """
        self._connection.rollback()
        connection = self._connection.execution_options(wegly_read=False)
        try:
            with connection.begin():
                connection.execute(insert(runs).values(_run_values(run, owner)))
                note_traits(connection, traits, endpoint=run.endpoint, campaign=run.campaign)
                self._write_messages(connection, run)
                kept = select(staged.c.row, *(staged.c[name] for name in _KEPT[1:]))
                with_run = kept.add_columns(literal(run.run))
                connection.execute(insert(rows).from_select([*_KEPT, "run"], with_run))
                return _count_up(connection)
        except SQLAlchemyError as error:
            raise LedgerFailed(
                translate(error, "planning the run"), "Nothing was sent. Check the disk, then run again."
            ) from error
        finally:
            self._connection.execution_options(**READ)

    def _sendable(self) -> ColumnElement[bool]:
        """The one rule of what a run sends: good rows whose message is new, waiting, or an error worth another try."""
        changed = messages.c.request_hash != staged.c.request_hash
        again = messages.c.state == State.ERROR.value
        if not self._judging.retry_errors:
            again = and_(again, changed)
        waiting = or_(messages.c.key.is_(None), messages.c.state == State.PENDING.value, again)
        if self._judging.resend_unknown:
            waiting = or_(waiting, messages.c.state == State.UNKNOWN.value)
        return and_(staged.c.outcome.is_(None), staged.c.payload.is_not(None), waiting)

    def _write_messages(self, connection: Connection, run: Run) -> None:
        fresh = {
            "sender": staged.c.sender,
            "request_hash": staged.c.request_hash,
            "payload": staged.c.payload,
        }
        same_key = messages.c.key == staged.c.key
        again = update(messages).where(same_key, self._sendable())
        unchanged = messages.c.request_hash == staged.c.request_hash
        chosen = or_(messages.c.state == State.UNKNOWN.value, and_(messages.c.state == State.ERROR.value, unchanged))
        before = {"again_state": messages.c.state, "again_findings": messages.c.findings}
        waiting = {**fresh, "state": State.PENDING.value, "findings": None}
        connection.execute(again.where(~chosen).values(waiting))
        connection.execute(again.where(chosen).values(before | waiting))
        known = exists().where(same_key)
        new = select(
            staged.c.key,
            staged.c.person,
            *fresh.values(),
            literal(run.endpoint),
            literal(campaign_scope(run.campaign)),
            literal(State.PENDING.value),
            literal(0),
        ).where(staged.c.outcome.is_(None), staged.c.payload.is_not(None), ~known)
        columns = ["key", "person", *fresh, "endpoint", "campaign", "state", "attempts"]
        connection.execute(insert(messages).from_select(columns, new))


def _joined(*columns: Any) -> Any:
    return select(*columns).select_from(staged.outerjoin(messages, messages.c.key == staged.c.key))


def _staged_values(row: StagedRow) -> dict[str, Any]:
    return {
        "row": row.row,
        "key": row.key,
        "person": row.person,
        "sender": row.sender,
        "outcome": row.outcome,
        "findings": findings_to_json(row.findings) if row.findings else None,
        "notes": findings_to_json(row.notes) if row.notes else None,
        "stands": row.stands,
        "duplicate_of": None,
        "request_hash": row.request_hash,
        "payload": row.payload,
    }


def _run_values(run: Run, owner: Owner) -> dict[str, Any]:
    return {
        "run": run.run,
        "campaign": run.campaign,
        "endpoint": run.endpoint,
        "sheet_path": run.sheet_path,
        "sheet_sha256": run.sheet_sha256,
        "sheet_options": json.dumps(dict(run.sheet_options), ensure_ascii=False),
        "version": run.version,
        "timezone": run.timezone,
        "language": run.language,
        "report_dir": run.report_dir,
        "host": owner.host,
        "pid": owner.pid,
        "started": run.started,
        "wanted_rate": run.wanted_rate,
    }


def _count_up(connection: Connection) -> int:
    counter = int(connection.execute(select(meta.c.value).where(meta.c.name == "counter")).scalar_one()) + 1
    connection.execute(update(meta).where(meta.c.name == "counter").values(value=str(counter)))
    return counter

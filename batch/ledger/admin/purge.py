"""Retention: people's data that nobody has used for long leave the ledger, and what the promise needs stays.

A message is purged when its last attempt is older than a moment and no run since then has a row with it, a run's rows
when the run ended before. What stays of a message: its key, state, times and counts, a reason without the words that
may name somebody, and keyed hashes of person, chat and request. So whoever was messaged is never new, and what a
person has had still counts for `[history]`. An unknown message stays unknown.

All of it is done in small steps, so that a run of another campaign is never kept waiting, and may be ended at any of
them: a second purge does the rest.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    bindparam,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from batch.errors import LedgerFailed
from batch.i18n import N_, _
from batch.ledger.read.runs import read_runs
from batch.ledger.storage.engine import READ, describe_write_failure
from batch.ledger.storage.pseudonyms import MARK, PURGED, Hashes, clear_value, read_hashes
from batch.ledger.storage.schema import (
    State,
    corrections,
    messages,
    meta,
    purge_metadata,
    purge_old,
    purge_runs,
    rows,
    runs,
)
from batch.model.messages import TRIAL, campaign_scope
from batch.model.reasons import findings_from_json, findings_to_json
from batch.model.redaction import mask_finding, mask_status
from batch.model.runs import Run

UNCLEAN = "unclean"


def overwrite_freed(connection: Connection) -> None:
    """From now on what this connection deletes or replaces is overwritten with zeros."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")


def unclean_since(engine: Engine) -> str | None:
    """Since when purged data may lie in the file's free space (ISO 8601); None when it was rewritten since."""
    with engine.connect().execution_options(**READ) as connection:
        found: str | None = connection.execute(select(meta.c.value).where(meta.c.name == UNCLEAN)).scalar()
    return found


def wipe(engine: Engine) -> str | None:
    """Write the file anew without its free space, and empty its log. May be called again.

    Gives why it could not be done, without a full stop; None when nothing of what was purged is in the file any more.
    Who wants to write waits meanwhile, so nobody should be sending. It takes twice the ledger's size of disk.
    """
    said = _rewrite(engine) if engine.dialect.name == "sqlite" else None
    if said is None:
        try:
            with engine.begin() as connection:
                connection.execute(delete(meta).where(meta.c.name == UNCLEAN))
        except (SQLAlchemyError, LedgerFailed) as error:
            return str(error)
    return said


def _rewrite(engine: Engine) -> str | None:
    try:
        with closing(engine.raw_connection()) as raw:
            connection = raw.driver_connection
            if not isinstance(connection, sqlite3.Connection):
                return None
            connection.execute("VACUUM")
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.Error as error:
        return str(error)
    return _("another program is reading it") if busy else None


_MESSAGES_AT_ONCE = 10_000
_ROWS_AT_ONCE = 5000
_Row = Row[*tuple[Any, ...]]
_Page = Sequence[_Row]
_DOUBTFUL = (State.UNKNOWN.value, State.CLAIMED.value)


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Scope:
    """A campaign at an endpoint."""

    endpoint: str
    campaign: str
    """As it counts (`campaign_scope`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PurgeCounts:
    """What a purge removes from a campaign, or has removed."""

    scope: Scope
    runs: tuple[str, ...] = ()
    """Runs whose rows still name people."""
    messages: int = 0
    unknown: int = 0
    """Of these messages: nobody knows whether they were sent, and without its number a row can hardly be looked up."""
    pending: int = 0
    """Of these messages: they were never sent."""
    kept: int = 0
    """Messages as old that stay as they are: a younger run has rows with them."""
    senders: tuple[str, ...] = ()
    """Of the messages."""

    @property
    def empty(self) -> bool:
        return not self.runs and not self.messages


class Retention:
    """What the ledger offers for purging. All raise LedgerFailed when the ledger takes no writes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def scopes(self, campaign: str | None = None) -> list[Scope]:
        """The campaigns that have runs, their trials too; of one name (and its trials), or all. Sorted."""
        named = None if campaign is None else {campaign_scope(campaign), campaign_scope(campaign) + TRIAL}
        found = {Scope(endpoint=where, campaign=campaign_scope(name)) for where, name in self._campaigns()}
        return sorted(scope for scope in found if named is None or scope.campaign in named)

    def _campaigns(self) -> list[tuple[str, str]]:
        """(endpoint, campaign) of all runs, as they were named."""
        with self._engine.connect().execution_options(**READ) as connection:
            query = select(runs.c.endpoint, runs.c.campaign).distinct()
            return [(where, name) for where, name in connection.execute(query)]

    def _runs(self, scope: Scope) -> list[Run]:
        names = [
            name
            for where, name in self._campaigns()
            if (where, campaign_scope(name)) == (scope.endpoint, scope.campaign)
        ]
        return read_runs(self._engine, runs.c.endpoint == scope.endpoint, runs.c.campaign.in_(names))

    def old_runs(self, scope: Scope, before: datetime) -> list[Run]:
        """The campaign's runs that ended before, whether purged or not, the newest first."""
        return [run for run in self._runs(scope) if _ended(run) < before]

    def look(self, scope: Scope, before: datetime) -> PurgeCounts:
        """What would be purged now. Changes nothing."""
        with self._old(scope, before) as (connection, old):
            return _found(connection, scope, before, old)

    def purge(self, scope: Scope, before: datetime, *, now: datetime) -> PurgeCounts:
        """Purge, and give what was. Only for who holds the campaign's and the senders' locks. Durable on return.

        What is freed in the file is overwritten there, but what was freed in it before is not: see `cleaning.py`.
        """
        try:
            with self._old(scope, before) as (connection, old):
                found = _found(connection, scope, before, old)
                hashes = read_hashes(connection)
                for page in _pages(connection):
                    self._write(now, _purge_messages(page, hashes))
                for run in found.runs:
                    self._purge_rows(connection, run, now)
        except SQLAlchemyError as error:
            raise LedgerFailed(
                describe_write_failure(error, N_("purging")),
                _("Check the disk, then give the same command again: it does the rest."),
            ) from error
        return found

    def _purge_rows(self, connection: Connection, run: str, now: datetime) -> None:
        after = -1
        columns = (rows.c.row, rows.c.findings, rows.c.notes)
        while True:
            query = select(*columns).where(rows.c.run == run, rows.c.row > after).order_by(rows.c.row)
            page = connection.execute(query.limit(_ROWS_AT_ONCE)).all()
            connection.commit()
            if not page:
                break
            self._write(now, _purge_page(run, page))
            after = page[-1].row
        self._write(now, lambda write: write.execute(update(runs).where(runs.c.run == run).values(purged=now)))

    def _write(self, now: datetime, work: Callable[[Connection], object]) -> None:
        with self._engine.begin() as connection:
            overwrite_freed(connection)
            for name in (PURGED, UNCLEAN):
                connection.execute(delete(meta).where(meta.c.name == name))
                connection.execute(insert(meta).values(name=name, value=now.isoformat(timespec="seconds")))
            work(connection)

    @contextmanager
    def _old(self, scope: Scope, before: datetime) -> Iterator[tuple[Connection, Sequence[Run]]]:
        """A connection whose temporary table `purge_old` has the messages to purge; and the runs that ended before."""
        everyone = self._runs(scope)
        old = [run for run in everyone if _ended(run) < before]
        young = [{"run": run.run, "sheet": run.sheet_key} for run in everyone if _ended(run) >= before]
        with self._engine.connect().execution_options(**READ) as connection:
            purge_metadata.create_all(connection, checkfirst=False)
            try:
                if young:
                    connection.execute(insert(purge_runs), young)
                _gather(connection, scope, before)
                connection.commit()
                yield connection, old
            finally:
                connection.rollback()
                purge_metadata.drop_all(connection, checkfirst=False)
                connection.commit()


def _ended(run: Run) -> datetime:
    """When it did; of a run that died, or goes on, when it began."""
    return run.finished or run.started


def _older(scope: Scope, before: datetime) -> tuple[ColumnElement[bool], ...]:
    """Messages of a campaign that were not attempted since, and of which anything is left to purge."""
    times = [or_(column.is_(None), column < before) for column in (messages.c.sent_at, messages.c.again_sent_at)]
    in_clear_ = or_(~messages.c.person.startswith(MARK, autoescape=True), messages.c.payload.is_not(None))
    return (messages.c.endpoint == scope.endpoint, messages.c.campaign == scope.campaign, *times, in_clear_)


def _gather(connection: Connection, scope: Scope, before: datetime) -> None:
    used = select(rows.c.key).join(purge_runs, purge_runs.c.run == rows.c.run).where(rows.c.key.is_not(None))
    of_sheet = purge_runs.c.sheet == corrections.c.origin_sheet
    shown = select(corrections.c.key).join(purge_runs, of_sheet).where(corrections.c.key.is_not(None))
    columns = (messages.c.key, messages.c.sender, messages.c.state)
    unused = (messages.c.key.not_in(used), messages.c.key.not_in(shown))
    query = select(*columns).where(*_older(scope, before), *unused)
    connection.execute(insert(purge_old).from_select([column.name for column in columns], query))


def _found(connection: Connection, scope: Scope, before: datetime, old: Sequence[Run]) -> PurgeCounts:
    by_state = select(purge_old.c.state, func.count()).group_by(purge_old.c.state)
    states: dict[str, int] = {state: count for state, count in connection.execute(by_state)}  # noqa: C416
    older = connection.execute(select(func.count()).select_from(messages).where(*_older(scope, before))).scalar_one()
    senders = connection.execute(select(purge_old.c.sender).distinct().order_by(purge_old.c.sender)).scalars().all()
    connection.commit()
    return PurgeCounts(
        scope=scope,
        runs=tuple(run.run for run in old if run.purged is None),
        messages=sum(states.values()),
        unknown=sum(states.get(state, 0) for state in _DOUBTFUL),
        pending=states.get(State.PENDING.value, 0),
        kept=older - sum(states.values()),
        senders=tuple(senders),
    )


def _pages(connection: Connection) -> Iterator[_Page]:
    columns = (messages.c.person, messages.c.chat_id, messages.c.chat_status, messages.c.request_hash, messages.c.state)
    words = (messages.c.findings, messages.c.again_findings)
    joined = purge_old.join(messages, messages.c.key == purge_old.c.key)
    after = 0
    while True:
        query = select(purge_old.c.number, messages.c.key, *columns, *words).select_from(joined)
        # An open claim is left alone: it can only be younger, or its campaign's lock is not held.
        which = (purge_old.c.number > after, messages.c.state != State.CLAIMED.value)
        page = connection.execute(query.where(*which).order_by(purge_old.c.number).limit(_MESSAGES_AT_ONCE)).all()
        connection.commit()
        if not page:
            return
        yield page
        after = page[-1].number


_PURGE = (
    update(messages)
    .where(messages.c.key == bindparam("of"), messages.c.state == bindparam("still"))
    .values(
        person=bindparam("who"),
        chat_id=bindparam("chat"),
        chat_status=bindparam("status"),
        request_hash=bindparam("request"),
        payload=None,
        findings=bindparam("said"),
        again_findings=bindparam("said_before"),
    )
)


def _purge_messages(page: _Page, hashes: Hashes) -> Callable[[Connection], object]:
    values = [_purged(each, hashes) for each in page]
    return lambda connection: connection.execute(_PURGE, values)


def _purged(message: _Row, hashes: Hashes) -> Mapping[str, Any]:
    person, chat = clear_value(message.person), clear_value(message.chat_id)
    return {
        "of": message.key,
        "still": message.state,
        "who": message.person if person is None else hashes.person(person),
        "status": mask_status(message.chat_status),
        "chat": message.chat_id if chat is None else hashes.chat(chat),
        "request": _purged_request(message, hashes),
        "said": _without_people(message.findings),
        "said_before": _without_people(message.again_findings),
    }


def _purged_request(message: _Row, hashes: Hashes) -> str:
    """Only an error is sent again when its request has changed; of the others it is never asked."""
    request = clear_value(message.request_hash)
    if message.state != State.ERROR.value:
        return ""
    return str(message.request_hash) if request is None else hashes.request(request)


def _purge_page(run: str, page: _Page) -> Callable[[Connection], object]:
    these = (rows.c.run == run, rows.c.row.between(page[0].row, page[-1].row))
    said = [
        {"at": each.row, "said": _without_people(each.findings), "noted": _without_people(each.notes)}
        for each in page
        if each.findings or each.notes
    ]
    again = update(rows).where(rows.c.run == literal(run), rows.c.row == bindparam("at"))

    def write(connection: Connection) -> None:
        connection.execute(update(rows).where(*these).values(person=None))
        if said:
            connection.execute(again.values(findings=bindparam("said"), notes=bindparam("noted")), said)

    return write


@lru_cache(maxsize=4096)
def _without_people(findings: str | None) -> str | None:
    return None if findings is None else findings_to_json(map(mask_finding, findings_from_json(findings)))

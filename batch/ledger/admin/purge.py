"""Purging: people's data that are older than the retention period leave the ledger; what the promise needs stays.

A message is purged when its last attempt is older than a moment and no run since then has a row with it, a run's rows
when the run ended before. What stays of a message: its key, state, times and counts, a reason without the words that
may name a person, and keyed hashes of person, chat and request. So people who were messaged are never new, and what a
person has had still counts for `[history]`. An unknown message stays unknown.

All of it is done in small steps, so that a run of another campaign is never kept waiting, and may be ended at any of
them: a second purge does the rest.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from batch.errors import LedgerFailed
from batch.i18n import N_, _
from batch.ledger.read.runs import select_runs
from batch.ledger.storage.engine import LedgerPart, connect_to_read, database_of, translate_write_failures
from batch.ledger.storage.pseudonyms import MARK, PURGED, Hashes, clear_value, read_hashes
from batch.ledger.storage.schema import State, corrections, deliveries, messages, meta, removals, rows, runs
from batch.model.messages import TRIAL, campaign_scope
from batch.model.reasons import findings_from_json, findings_to_json
from batch.model.redaction import mask_file_name, mask_finding, mask_status
from batch.model.runs import Run

UNCLEAN = "unclean"
_MESSAGES_PER_STEP = 10_000
_ROWS_PER_STEP = 5000
_Page = Sequence[sa.Row[*tuple[Any, ...]]]
_DOUBTFUL = (State.UNKNOWN.value, State.CLAIMED.value)

_TABLES = sa.MetaData()

_YOUNG = sa.Table(
    "purge_runs",
    _TABLES,
    sa.Column("run", sa.String(200), primary_key=True),
    sa.Column("sheet", sa.String(64), nullable=False),
    prefixes=["TEMPORARY"],
)
"""The runs whose messages stay as they are; `sheet`: the key of the run's sheet, as `corrections` name it."""

_OLD = sa.Table(
    "purge_old",
    _TABLES,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("sender", sa.Text, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("is_attempted", sa.Boolean, nullable=False),
    prefixes=["TEMPORARY"],
)
"""The messages to purge, numbered."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Scope:
    """A campaign at an endpoint."""

    endpoint: str
    campaign: str
    """In the form that identifies it (`campaign_scope`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PurgeCounts:
    """The data of one campaign that a purge removes, or has removed."""

    scope: Scope
    runs: tuple[str, ...] = ()
    """Runs whose rows still name people."""
    messages: int = 0
    unknown: int = 0
    """Messages among them that may have been sent; without its number such a row can hardly be looked up."""
    pending: int = 0
    """Messages among them that were never sent."""
    kept: int = 0
    """Messages attempted as long ago that stay as they are: a younger run has rows with them."""
    senders: tuple[str, ...] = ()
    """The senders of the messages."""

    @property
    def empty(self) -> bool:
        return not self.runs and not self.messages


class Retention(LedgerPart):
    """Removal of old data from the ledger. All methods raise LedgerFailed when the ledger takes no writes."""

    def scopes(self, campaign: str | None = None) -> list[Scope]:
        """Return the campaigns that have runs, their trials too; of one name (and its trials), or all. Sorted."""
        named = None if campaign is None else {campaign_scope(campaign), campaign_scope(campaign) + TRIAL}
        with connect_to_read(self._engine) as connection:
            campaigns = connection.execute(sa.select(runs.c.endpoint, runs.c.campaign).distinct()).all()
        found = {Scope(endpoint=where, campaign=campaign_scope(name)) for where, name in campaigns}
        return sorted(scope for scope in found if named is None or scope.campaign in named)

    def _runs(self, scope: Scope) -> list[Run]:
        with connect_to_read(self._engine) as connection:
            there = select_runs(connection, runs.c.endpoint == scope.endpoint)
        return [run for run in there if campaign_scope(run.campaign) == scope.campaign]

    def old_runs(self, scope: Scope, before: datetime) -> list[Run]:
        """Return the campaign's runs that ended before, whether purged or not, the newest first."""
        return [run for run in self._runs(scope) if _ended(run) < before]

    def preview(self, scope: Scope, before: datetime) -> PurgeCounts:
        """Count what `purge` would remove. Changes nothing."""
        with self._old(scope, before) as (connection, old):
            return _count(connection, scope, before, old)

    def purge(self, scope: Scope, before: datetime, *, now: datetime) -> PurgeCounts:
        """Purge, and return what was removed. Durable on return.

        Only for the holder of the campaign's and the senders' locks. What is freed in the file is overwritten there,
        but what was freed in it before is not: `wipe` does that.
        """
        remedy = _("Check the disk, then give the same command again: it does the rest.")
        with translate_write_failures(N_("purging"), remedy), self._old(scope, before) as (connection, old):
            found = _count(connection, scope, before, old)
            hashes = read_hashes(connection)
            for page in _message_pages(connection):
                self._write(now, PURGE_MESSAGE, [purged_values(each, hashes) for each in page])
                self._write(now, PURGE_LOOK, [{"of": each.key} for each in page])
            for run in (run for run in old if run.purged is None):
                for page in _row_pages(connection, run.run):
                    self._write(now, PURGE_ROW, [purged_row(run.run, each) for each in page])
                values = {"purged": now, "sheet_path": mask_file_name(run.sheet_path)}
                self._write(now, sa.update(runs).where(runs.c.run == run.run).values(values))
            has_message = sa.exists().where(messages.c.person == removals.c.person)
            self._write(now, sa.delete(removals).where(removals.c.removed < before, ~has_message))
        return found

    @property
    def needs_wipe(self) -> bool:
        """True while purged data may still lie in the file's free space."""
        with connect_to_read(self._engine) as connection:
            return connection.execute(sa.select(meta.c.value).where(meta.c.name == UNCLEAN)).scalar() is not None

    def wipe(self) -> str | None:
        """Rewrite the file without its free space, and empty its log. May be called again.

        Returns why it could not be done, without a full stop; None when nothing of the purged data is in the file any
        more. Writers wait meanwhile, so no run should be sending. It takes twice the ledger's size of disk.
        """
        try:
            if database_of(self._engine).rewrite(self._engine):
                with self._engine.begin() as connection:
                    connection.execute(sa.delete(meta).where(meta.c.name == UNCLEAN))
                return None
        except (sqlite3.Error, sa.exc.SQLAlchemyError, LedgerFailed) as error:
            return str(error)
        return _("another program is reading it")

    def _write(
        self, now: datetime, statement: sa.Executable, values: Sequence[Mapping[str, Any]] | None = None
    ) -> None:
        """Run one step of a purge, in a transaction of its own."""
        with self._engine.begin() as connection:
            begin_purge(connection, now)
            connection.execute(statement, values)

    @contextmanager
    def _old(self, scope: Scope, before: datetime) -> Iterator[tuple[sa.Connection, Sequence[Run]]]:
        """A connection whose temporary table `_OLD` has the messages to purge; and the runs that ended before."""
        all_runs = self._runs(scope)
        old = [run for run in all_runs if _ended(run) < before]
        young = [{"run": run.run, "sheet": run.sheet_key} for run in all_runs if _ended(run) >= before]
        with connect_to_read(self._engine) as connection:
            _TABLES.create_all(connection, checkfirst=False)
            try:
                if young:
                    connection.execute(sa.insert(_YOUNG), young)
                _gather(connection, scope, before)
                connection.commit()
                yield connection, old
            finally:
                connection.rollback()
                _TABLES.drop_all(connection, checkfirst=False)
                connection.commit()


def begin_purge(connection: sa.Connection, now: datetime) -> None:
    """Note that data leave in this transaction, and that they may lie in the file's free space after it."""
    database_of(connection).overwrite_freed(connection)
    for name in (PURGED, UNCLEAN):
        connection.execute(sa.delete(meta).where(meta.c.name == name))
        connection.execute(sa.insert(meta).values(name=name, value=now.isoformat(timespec="seconds")))


def _ended(run: Run) -> datetime:
    """The run's end; its start where it died, or goes on."""
    return run.finished or run.started


def _older(scope: Scope, before: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """Messages of a campaign that were not attempted since, and of which anything is left to purge."""
    times = [sa.or_(column.is_(None), column < before) for column in (messages.c.sent_at, messages.c.again_sent_at)]
    has_data = sa.or_(~messages.c.person.startswith(MARK, autoescape=True), messages.c.payload.is_not(None))
    return (messages.c.endpoint == scope.endpoint, messages.c.campaign == scope.campaign, *times, has_data)


_IS_ATTEMPTED = sa.or_(messages.c.sent_at.is_not(None), messages.c.again_sent_at.is_not(None))
"""What was never attempted has no age of its own: it is as old as the last run that has it."""


def _gather(connection: sa.Connection, scope: Scope, before: datetime) -> None:
    """Fill `_OLD`: messages as old that no young run has rows with, nor shows as a correction."""
    used = sa.select(rows.c.key).join(_YOUNG, _YOUNG.c.run == rows.c.run).where(rows.c.key.is_not(None))
    of_sheet = _YOUNG.c.sheet == corrections.c.origin_sheet
    shown = sa.select(corrections.c.key).join(_YOUNG, of_sheet).where(corrections.c.key.is_not(None))
    columns = (messages.c.key, messages.c.sender, messages.c.state, _IS_ATTEMPTED.label("is_attempted"))
    held = sa.union(used, shown).subquery()  # joined: NOT IN is quick for few keys alone, NOT EXISTS lacks an index
    query = sa.select(*columns).select_from(messages.outerjoin(held, held.c.key == messages.c.key))
    query = query.where(*_older(scope, before), held.c.key.is_(None))
    connection.execute(sa.insert(_OLD).from_select([column.name for column in columns], query))


def _count(connection: sa.Connection, scope: Scope, before: datetime, old: Sequence[Run]) -> PurgeCounts:
    by_state = sa.select(_OLD.c.state, sa.func.count()).group_by(_OLD.c.state)
    states: dict[str, int] = {state: count for state, count in connection.execute(by_state)}  # noqa: C416
    counting = sa.select(sa.func.count())
    older = connection.execute(counting.where(*_older(scope, before), _IS_ATTEMPTED)).scalar_one()
    attempted = connection.execute(counting.where(_OLD.c.is_attempted)).scalar_one()
    senders = connection.execute(sa.select(_OLD.c.sender).distinct().order_by(_OLD.c.sender)).scalars().all()
    connection.commit()
    return PurgeCounts(
        scope=scope,
        runs=tuple(run.run for run in old if run.purged is None),
        messages=sum(states.values()),
        unknown=sum(states.get(state, 0) for state in _DOUBTFUL),
        pending=states.get(State.PENDING.value, 0),
        kept=older - attempted,
        senders=tuple(senders),
    )


def _message_pages(connection: sa.Connection) -> Iterator[_Page]:
    columns = (messages.c.person, messages.c.chat_id, messages.c.chat_status, messages.c.request_hash, messages.c.state)
    texts = (messages.c.findings, messages.c.again_findings)
    query = (
        sa.select(_OLD.c.number, messages.c.key, *columns, *texts)
        .select_from(_OLD.join(messages, messages.c.key == _OLD.c.key))
        # An open claim is left alone: it can only be younger, or its campaign's lock is not held.
        .where(messages.c.state != State.CLAIMED.value)
        .order_by(_OLD.c.number)
    )
    yield from _pages(connection, query, _OLD.c.number, _MESSAGES_PER_STEP)


def _row_pages(connection: sa.Connection, run: str) -> Iterator[_Page]:
    query = sa.select(rows.c.row, rows.c.findings, rows.c.notes).where(rows.c.run == run).order_by(rows.c.row)
    yield from _pages(connection, query, rows.c.row, _ROWS_PER_STEP)


def _pages(
    connection: sa.Connection, query: sa.Select[Any], number: sa.ColumnElement[int], size: int
) -> Iterator[_Page]:
    """Pages of a query whose first column is `number`, each read in a transaction of its own."""
    after = -1
    while page := connection.execute(query.where(number > after).limit(size)).all():
        connection.commit()
        yield page
        after = page[-1][0]
    connection.commit()


_AS_READ = (messages.c.key == sa.bindparam("of"), messages.c.state == sa.bindparam("still"))
PURGE_MESSAGE = sa.update(messages).where(*_AS_READ).values(payload=None, message_id=None, message_status=None)
"""Sets the columns of its parameters, too."""


PURGE_LOOK = (
    sa.update(deliveries).where(deliveries.c.key == sa.bindparam("of")).values(word=None, words="", next_look=None)
)


def purged_values(message: Any, hashes: Hashes) -> Mapping[str, Any]:
    """Return the values of `PURGE_MESSAGE` for one message."""
    person, chat, request = map(clear_value, (message.person, message.chat_id, message.request_hash))
    request_hash = message.request_hash if request is None else hashes.request(request)
    return {
        "of": message.key,
        "still": message.state,
        "person": message.person if person is None else hashes.person(person),
        "chat_status": mask_status(message.chat_status),
        "chat_id": message.chat_id if chat is None else hashes.chat(chat),
        # Only an error is sent again when its request has changed; of the others it is never asked.
        "request_hash": request_hash if message.state == State.ERROR.value else "",
        "findings": _mask(message.findings),
        "again_findings": _mask(message.again_findings),
    }


_THIS_ROW = (rows.c.run == sa.bindparam("of_run"), rows.c.row == sa.bindparam("at"))
PURGE_ROW = sa.update(rows).where(*_THIS_ROW).values(person=None)
"""Likewise."""


def purged_row(run: str, row: Any) -> Mapping[str, Any]:
    """Return the values of `PURGE_ROW` for one row."""
    return {"of_run": run, "at": row.row, "findings": _mask(row.findings), "notes": _mask(row.notes)}


@lru_cache(maxsize=4096)
def _mask(findings: str | None) -> str | None:
    return None if findings is None else findings_to_json(map(mask_finding, findings_from_json(findings)))

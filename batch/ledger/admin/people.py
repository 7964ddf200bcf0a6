"""One person: everything the ledger knows of them, and its removal as they may ask for it.

What a removal leaves is what a purge leaves (`purge.py`), whatever its age, and the suppression list.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from batch.i18n import N_, _
from batch.ledger.admin.purge import PURGE_LOOK, PURGE_MESSAGE, PURGE_ROW, begin_purge, purged_row, purged_values
from batch.ledger.storage.engine import LedgerPart, connect_to_read, translate_write_failures
from batch.ledger.storage.pseudonyms import MARK, clear_value, read_hashes
from batch.ledger.storage.results import (
    LOOKED_AT,
    MESSAGE_COLUMNS,
    StoredRow,
    delivery_of,
    file_name,
    result_of,
    row_columns,
)
from batch.ledger.storage.schema import (
    State,
    corrections,
    decisions,
    deliveries,
    messages,
    removals,
    rows,
    runs,
    suppressed,
)
from batch.ledger.storage.suppression import SuppressionEntry, entry_of, read_removal
from batch.model.delivery import Delivery
from batch.model.messages import campaign_scope
from batch.model.phone.digits import twin_of
from batch.model.runs import Result


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonMessage:
    """A message of a person, or one that is to be sent."""

    key: str
    endpoint: str
    campaign: str
    sender: str
    state: State
    attempts: int
    sent_at: datetime | None
    run: str | None
    chat_id: str | None
    message_id: str | None
    payload: str | None
    """The values to send, only while it waits for that."""
    erased: bool
    """Only a keyed hash leads from the person to it."""
    delivery: Delivery | None
    decisions: tuple[tuple[datetime, str, str], ...] = ()
    """When and by whom it was settled, and as what."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonRow:
    """A row of a run's sheet with the person."""

    run: str
    sheet: str
    endpoint: str
    campaign: str
    timezone: str
    report_dir: str | None
    key: str | None
    result: Result


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonRecord:
    """Everything that a ledger knows of a person."""

    person: str
    messages: tuple[PersonMessage, ...]
    """The earliest first; those that were never sent last."""
    rows: tuple[PersonRow, ...]
    """The earliest run first."""
    suppressed: tuple[SuppressionEntry, ...]
    removed: datetime | None = None
    """When the person was last taken off the suppression list."""

    @property
    def erasable(self) -> bool:
        """True when anything of it names the person, besides the suppression list."""
        named = any(not each.erased for each in self.messages) or any(each.result.person for each in self.rows)
        return named or self.removed is not None

    @property
    def scopes(self) -> set[tuple[str, str]]:
        """The campaigns with their endpoints, trials under their own name."""
        found = {(each.campaign, each.endpoint) for each in self.messages}
        return found | {(campaign_scope(each.campaign), each.endpoint) for each in self.rows}


class People(LedgerPart):
    """Records of single people, and their removal."""

    def find(self, person: str) -> PersonRecord:
        """Return everything that is known of a person (E.164), also what only a keyed hash leads to."""
        with connect_to_read(self._engine) as connection:
            forms = _forms(connection, person)
            found = tuple(_messages(connection, forms))
            listed = connection.execute(
                sa.select(suppressed).where(suppressed.c.person.in_(forms)).order_by(suppressed.c.endpoint)
            )
            return PersonRecord(
                person=person,
                messages=found,
                rows=tuple(_rows(connection, forms, [each.key for each in found])),
                suppressed=tuple(map(entry_of, listed.mappings())),
                removed=read_removal(connection, *forms),
            )

    def forget(self, record: PersonRecord, now: datetime) -> int | None:
        """Remove what names the person but for the suppression list, all or nothing; return how many messages lost it.

        None: a message is being sent at this moment, and nothing was removed. Durable on return. Only for the holder
        of the campaigns' locks. What is freed is overwritten; `Retention.wipe` does the rest of the file.
        """
        remedy = _("Nothing was removed. Check the disk, then give the same command again.")
        with translate_write_failures(N_("removing a person"), remedy), self._engine.begin() as connection:
            forms = _forms(connection, record.person)
            hashes = read_hashes(connection)
            begin_purge(connection, now)
            held = connection.execute(sa.select(messages).where(messages.c.person.in_(forms))).all()
            if any(each.state == State.CLAIMED.value for each in held):
                connection.rollback()
                return None
            named = [each for each in held if not each.person.startswith(MARK)]
            keys = [each.key for each in held]
            their = connection.execute(_select_rows(forms, keys, rows.c.run, rows.c.row, rows.c.findings, rows.c.notes))
            of_origin = sa.and_(corrections.c.origin_run == rows.c.run, corrections.c.origin_row == rows.c.row)
            origins = sa.select(rows.c.run, rows.c.row, rows.c.findings, rows.c.notes).join(corrections, of_origin)
            wrong = connection.execute(origins.where(corrections.c.key.in_(keys)))
            _write(connection, PURGE_ROW, [purged_row(each.run, each) for each in (*their, *wrong)])
            _write(connection, PURGE_MESSAGE, [purged_values(each, hashes) for each in named])
            _write(connection, PURGE_LOOK, [{"of": each.key} for each in named])
            connection.execute(sa.delete(removals).where(removals.c.person.in_(forms)))
        return len(named)


def _write(connection: sa.Connection, statement: sa.Executable, values: Sequence[Mapping[str, Any]]) -> None:
    if values:
        connection.execute(statement, values)


def _forms(connection: sa.Connection, person: str) -> list[str]:
    """Return what may stand for the person in a column: both forms of the number, and their pseudonyms."""
    known = [person, *filter(None, [twin_of(person)])]
    return [*known, *map(read_hashes(connection).person, known)]


def _messages(connection: sa.Connection, forms: Sequence[str]) -> Iterable[PersonMessage]:
    own = ("key", "endpoint", "campaign", "person", "sender", "state", "attempts", "sent_at", "run", "chat_id")
    of_message = sa.and_(deliveries.c.key == messages.c.key, deliveries.c.attempts == messages.c.attempts)
    query = sa.select(*(messages.c[name] for name in (*own, "message_id", "payload")), *LOOKED_AT)
    query = query.select_from(messages.outerjoin(deliveries, of_message)).where(messages.c.person.in_(forms))
    for found in connection.execute(query.order_by(messages.c.sent_at.is_(None), messages.c.sent_at)).mappings().all():
        settled = sa.select(decisions.c.decided_at, decisions.c.who, decisions.c.to_state).order_by(decisions.c.number)
        taken = connection.execute(settled.where(decisions.c.key == found["key"]))
        values = {name: found[name] for name in (*own, "message_id", "payload") if name != "person"}
        yield PersonMessage(
            **values
            | {
                "state": State(found["state"]),
                "chat_id": clear_value(found["chat_id"]),
                "erased": found["person"].startswith(MARK),
                "delivery": delivery_of(found) if found["look_state"] is not None else None,
                "decisions": tuple((at, who, state) for at, who, state in taken),
            }
        )


def _select_rows(forms: Sequence[str], keys: Sequence[str], *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    return sa.select(*columns).where(sa.or_(rows.c.person.in_(forms), rows.c.key.in_(keys)))


def _rows(connection: sa.Connection, forms: Sequence[str], keys: Sequence[str]) -> Iterable[PersonRow]:
    of_run = (runs.c.run, runs.c.sheet_path, runs.c.endpoint, runs.c.campaign, runs.c.timezone, runs.c.report_dir)
    query = _select_rows(forms, keys, *row_columns(rows), *MESSAGE_COLUMNS, rows.c.key, *of_run)
    joined = rows.join(runs, runs.c.run == rows.c.run).outerjoin(messages, messages.c.key == rows.c.key)
    for found in connection.execute(query.select_from(joined).order_by(runs.c.started, runs.c.run, rows.c.row)):
        *stored, key, run, path, endpoint, campaign, timezone, folder = found
        yield PersonRow(
            run=run,
            sheet=file_name(path),
            endpoint=endpoint,
            campaign=campaign,
            timezone=timezone,
            report_dir=folder,
            key=key,
            result=result_of(StoredRow._make(stored)),
        )

"""The suppression list: people whom no campaign of any endpoint messages. Consent can be withdrawn at any time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection, Engine, RowMapping, bindparam, delete, exists, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from batch.errors import LedgerFailed
from batch.i18n import N_, _
from batch.ledger.storage.engine import READ, describe_write_failure
from batch.ledger.storage.schema import suppressed
from batch.model.phrases import Value, value_from_text, value_to_text

_AT_ONCE = 1000
"""People of one statement, and of one transaction of `add`."""
_ADD = insert(suppressed).from_select(
    ["person", "reason", "source", "added"],
    select(
        bindparam("who", type_=suppressed.c.person.type),
        bindparam("why", type_=suppressed.c.reason.type),
        bindparam("whence", type_=suppressed.c.source.type),
        bindparam("at", type_=suppressed.c.added.type),
    ).where(~exists().where(suppressed.c.person == bindparam("who", type_=suppressed.c.person.type))),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SuppressionEntry:
    """An entry of the list."""

    person: str
    """E.164."""
    reason: Value
    source: Value
    """Who or what put the person on the list: a file, a name, WhatsApp."""
    added: datetime
    """UTC, aware."""


def suppress(connection: Connection, entry: SuppressionEntry) -> bool:
    """Put a person on the list within somebody else's transaction; False when the person was on it already.

    Who is on it stays as first noted.
    """
    stored = _values(entry)
    values = {"who": stored["person"], "why": stored["reason"], "whence": stored["source"], "at": stored["added"]}
    return connection.execute(_ADD, values).rowcount == 1


class SuppressionList:
    """The list. What a method did is durable when it returns; raises LedgerFailed when it could not be written."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, entries: Iterable[SuppressionEntry]) -> int:
        """Put people on the list; returns how many are new on it. Who is on it already stays as first noted.

        In steps, so that a long list keeps no run from its claims: when it raises (or `entries` does), those of the
        steps before are on the list, and doing it again adds the rest.
        """
        everyone, new = iter(entries), 0
        while some := list(islice(everyone, _AT_ONCE)):
            new += self._add(some)
        return new

    def _add(self, some: Sequence[SuppressionEntry]) -> int:
        first = {entry.person: entry for entry in reversed(some)}
        try:
            with self._engine.begin() as connection:
                listed = select(suppressed.c.person).where(suppressed.c.person.in_(first))
                known = set(connection.execute(listed).scalars())
                new = [_values(entry) for person, entry in first.items() if person not in known]
                if new:
                    connection.execute(insert(suppressed), new)
        except SQLAlchemyError as error:
            raise _failed(error, _("Not everybody is on it now. Check the disk, then do it again.")) from error
        return len(new)

    def remove(self, people: Iterable[str]) -> list[SuppressionEntry]:
        """Take people off the list, all or none; returns those who were on it."""
        everyone = iter(people)
        gone: list[SuppressionEntry] = []
        try:
            with self._engine.begin() as connection:
                while some := list(islice(everyone, _AT_ONCE)):
                    these = suppressed.c.person.in_(some)
                    gone += map(_entry, connection.execute(select(suppressed).where(these)).mappings())
                    connection.execute(delete(suppressed).where(these))
        except SQLAlchemyError as error:
            raise _failed(error, _("Nobody was taken off it. Check the disk, then try again.")) from error
        return gone

    def entries(self) -> Iterator[SuppressionEntry]:
        """Everybody on the list, by date, then by number."""
        query = select(suppressed).order_by(suppressed.c.added, suppressed.c.person)
        with self._engine.connect().execution_options(**READ) as connection:
            for row in connection.execute(query.execution_options(yield_per=_AT_ONCE)).mappings():
                yield _entry(row)

    def find(self, person: str) -> SuppressionEntry | None:
        """The entry of a person, or None."""
        with self._engine.connect().execution_options(**READ) as connection:
            row = connection.execute(select(suppressed).where(suppressed.c.person == person)).mappings().first()
        return _entry(row) if row else None

    def count(self) -> int:
        """How many people are on the list."""
        with self._engine.connect().execution_options(**READ) as connection:
            return int(connection.execute(select(func.count()).select_from(suppressed)).scalar_one())


def _values(entry: SuppressionEntry) -> dict[str, object]:
    return {
        "person": entry.person,
        "reason": value_to_text(entry.reason),
        "source": value_to_text(entry.source),
        "added": entry.added,
    }


def _entry(row: RowMapping) -> SuppressionEntry:
    return SuppressionEntry(
        person=row["person"],
        reason=value_from_text(row["reason"]),
        source=value_from_text(row["source"]),
        added=row["added"],
    )


def _failed(error: SQLAlchemyError, remedy: str) -> LedgerFailed:
    return LedgerFailed(describe_write_failure(error, N_("changing the suppression list")), remedy)

"""The suppression list: people whom no campaign messages. Consent can be withdrawn at any time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from batch.i18n import N_, _
from batch.ledger.storage.damage import check_types
from batch.ledger.storage.engine import LedgerPart, connect_to_read, pages, translate_write_failures
from batch.ledger.storage.schema import insert_new, is_suppressed, removals, suppressed
from batch.model.phrases import Phrase, Value

_CHANGING = N_("changing the suppression list")
_PAGE = 1000
"""People of one statement, and of one transaction of `add`."""
_GIVEN = {column.name: sa.bindparam(column.name, type_=column.type) for column in suppressed.columns}
_ADD = (
    insert_new(suppressed)
    .from_select(
        list(_GIVEN),
        sa.select(*_GIVEN.values()).where(~sa.exists().where(is_suppressed(_GIVEN["person"], _GIVEN["endpoint"]))),
    )
    .returning(suppressed.c.person)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SuppressionEntry:
    """A person on the list."""

    person: str
    """E.164."""
    reason: Value
    source: Value
    """Who or what put the person on the list: a file, a name, WhatsApp."""
    added: datetime
    """UTC, aware."""
    endpoint: str = ""
    """The one endpoint at which it holds, as of a rehearsal; empty: everywhere."""


def _values(entry: SuppressionEntry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in _GIVEN}


def entry_of(stored: Mapping[Any, Any]) -> SuppressionEntry:
    """Return the entry of a row of `suppressed`. Raises LedgerFailed for values that no run wrote."""
    check_types(suppressed, stored)
    return SuppressionEntry(**stored)


def suppress(connection: sa.Connection, entry: SuppressionEntry) -> bool:
    """Put a person on the list; False when an entry that holds there exists, which stays. The caller commits."""
    return connection.execute(_ADD, _values(entry)).first() is not None


def suppress_by_code(
    connection: sa.Connection, person: str, code: str, *, run: str, added: datetime, endpoint: str
) -> bool:
    """Put a person on the list who has stopped marketing messages, as WhatsApp's code says; else as `suppress`."""
    reason = Phrase(N_("stopped marketing messages ({code})"), {"code": code})
    source = Phrase(N_("WhatsApp, run {run}"), {"run": run})
    entry = SuppressionEntry(person=person, reason=reason, source=source, added=added, endpoint=endpoint)
    return suppress(connection, entry)


def read_removal(connection: sa.Connection, *people: str) -> datetime | None:
    """Return when any of these, as forms of one person, was last taken off the list; None when none ever was."""
    found = connection.execute(sa.select(removals).where(removals.c.person.in_(people))).mappings().all()
    for each in found:
        check_types(removals, each)
    return max((each["removed"] for each in found), default=None)


class SuppressionList(LedgerPart):
    """The list. Changes are durable on return. Raises LedgerFailed when one could not be written."""

    def add(self, entries: Iterable[SuppressionEntry]) -> int:
        """Put people on the list; return how many are new on it. Entries that exist stay as they are.

        In steps, so that a long list keeps no run from its claims: when it raises (or `entries` does), those of the
        steps before are on the list, and doing it again adds the rest.
        """
        return sum(map(self._add, pages(entries, _PAGE)))

    def _add(self, page: Sequence[SuppressionEntry]) -> int:
        first = {(entry.person, entry.endpoint): entry for entry in reversed(page)}
        remedy = _("Not everybody is on it now. Check the disk, then do it again.")
        with translate_write_failures(_CHANGING, remedy), self._engine.begin() as connection:
            new = insert_new(suppressed).returning(suppressed.c.person)
            return len(connection.execute(new, list(map(_values, first.values()))).all())

    def remove(self, people: Iterable[str], now: datetime) -> list[SuppressionEntry]:
        """Take people off the list, all or none; return the entries of those who were on it.

        Replies from before `now` put them on it no more.
        """
        removed: list[SuppressionEntry] = []
        remedy = _("Nobody was taken off it. Check the disk, then try again.")
        with translate_write_failures(_CHANGING, remedy), self._engine.begin() as connection:
            for page in pages(people, _PAGE):
                these = suppressed.c.person.in_(page)
                found = [*map(entry_of, connection.execute(sa.select(suppressed).where(these)).mappings())]
                connection.execute(sa.delete(suppressed).where(these))
                off = sorted({each.person for each in found})
                connection.execute(sa.delete(removals).where(removals.c.person.in_(off)))
                if off:
                    connection.execute(sa.insert(removals), [{"person": each, "removed": now} for each in off])
                removed += found
        return removed

    def entries(self) -> Iterator[SuppressionEntry]:
        """Yield all entries, by date, then by number."""
        query = sa.select(suppressed).order_by(suppressed.c.added, suppressed.c.person, suppressed.c.endpoint)
        query = query.execution_options(yield_per=_PAGE)
        with connect_to_read(self._engine) as connection, closing(connection.execute(query)) as found:
            yield from map(entry_of, found.mappings())

    def find(self, person: str) -> SuppressionEntry | None:
        """Return the entry of a person, or None. One that holds everywhere comes before those of an endpoint."""
        with connect_to_read(self._engine) as connection:
            query = sa.select(suppressed).where(suppressed.c.person == person).order_by(suppressed.c.endpoint)
            entry = connection.execute(query).mappings().first()
        return entry_of(entry) if entry else None

    def count(self) -> int:
        """Count the people on the list."""
        with connect_to_read(self._engine) as connection:
            return int(connection.execute(sa.select(sa.func.count(suppressed.c.person.distinct()))).scalar_one())

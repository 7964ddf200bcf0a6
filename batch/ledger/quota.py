"""Unique people of a moving 24 hours, counted in memory and never too low.

The holder of a sender's lock is the only one who sends with it, so its own count stays true once it was read. Where the
cap is shared by all senders, others may send meanwhile: the count is read anew whenever the database has changed under
us. Reading costs as much as people were reached; asking costs nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import Connection, func, select

from batch.ledger.schema import SENT_STATES, messages
from batch.model.outreach import DAY

__all__ = ["Quota", "reached"]

MARGIN = timedelta(seconds=1)
"""A message counts so much longer than a day: its post began a little after the claim that is counted."""


def reached(
    connection: Connection, *, endpoint: str, sender: str | None, since: datetime
) -> list[tuple[str, datetime]]:
    """(person, when last) of who has, or may have, a message since; None: of all senders. The oldest first."""
    last = func.max(messages.c.sent_at, type_=messages.c.sent_at.type).label("last")
    query = select(messages.c.person, last).where(
        messages.c.endpoint == endpoint, messages.c.state.in_(SENT_STATES), messages.c.sent_at > since
    )
    if sender is not None:
        query = query.where(messages.c.sender == sender)
    found = connection.execute(query.group_by(messages.c.person).order_by(last))
    return [(person, at) for person, at in found]


class Quota:
    """The people of one sender, or of all (`sender` None), against a cap.

    Used by one thread, but for `certainly_full` and `doubt`.
    """

    def __init__(self, people: int, *, endpoint: str, sender: str | None) -> None:
        self._most = people
        self._endpoint = endpoint
        self._sender = sender
        self._last: OrderedDict[str, datetime] = OrderedDict()
        self._read = False
        self._version: tuple[int, int] | None = None
        self._doubtful = False

    def refuses(self, connection: Connection, person: str, now: datetime) -> datetime | None:
        """When somebody new can be reached, if this person cannot be now; None when the person can."""
        if not self._read or (self._sender is None and self._others_wrote(connection)):
            self._count(connection, now)
        self._expire(now)
        if self.free_at(person, now) is not None and self._doubtful:
            self._count(connection, now)
        return self.free_at(person, now)

    def free_at(self, person: str, now: datetime) -> datetime | None:
        """As `refuses`, by what was read and noted so far."""
        last = self._last
        if person in last or len(last) < self._most:
            return None
        free = next(islice(last.values(), len(last) - self._most, None), None)
        return free + DAY + MARGIN if free is not None and free + DAY + MARGIN > now else None

    def certainly_full(self, person: str, now: datetime) -> datetime | None:
        """As `free_at`, but None in doubt as well. Any thread may ask.

        Nothing is taken out here: the thread that claims may be at it, and one person too few would break the cap.
        """
        return None if self._doubtful else self.free_at(person, now)

    def note(self, person: str, now: datetime) -> None:
        """A message to the person was claimed."""
        self._last[person] = now
        self._last.move_to_end(person)

    def doubt(self) -> None:
        """A claim turned out not to have sent: the count may be too high until it is read again."""
        self._doubtful = True

    def _expire(self, now: datetime) -> None:
        while self._last and next(iter(self._last.values())) + DAY + MARGIN <= now:
            self._last.popitem(last=False)

    def _count(self, connection: Connection, now: datetime) -> None:
        since = now - DAY - MARGIN
        self._last = OrderedDict(reached(connection, endpoint=self._endpoint, sender=self._sender, since=since))
        self._read, self._doubtful = True, False

    def _others_wrote(self, connection: Connection) -> bool:
        """Whether another connection has changed the database since this was asked last; yes, where nobody can tell."""
        if connection.dialect.name != "sqlite":
            return True
        changes = int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())
        before, self._version = self._version, (id(connection.connection.dbapi_connection), changes)
        return before != self._version

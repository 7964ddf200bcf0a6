"""Unique people of a moving 24 hours, counted in memory and never too low.

The holder of a sender's lock is the only one who sends with it, so its own count stays true once it was read. Where the
cap is shared by all senders, others may send meanwhile: the count is read anew whenever the database has changed under
us. Reading costs as much as people were reached; asking costs nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from itertools import islice
from threading import Lock

from sqlalchemy import Connection, select

from batch.ledger.storage.engine import read_data_version
from batch.ledger.storage.schema import SENT_STATES, State, is_one_of, messages
from batch.model.contact_limits import DAY

MARGIN = timedelta(seconds=1)
"""A person counts so much longer than a day: clocks are a little uneven."""
_LONGEST = timedelta(hours=1)
"""No attempt takes longer."""
_LATE = timedelta(seconds=30)
"""How long after its claim an attempt may have been posted whose end nobody noted, because its run died."""


def reached(
    connection: Connection, *, endpoint: str, sender: str | None, since: datetime
) -> list[tuple[str, datetime]]:
    """(person, when last) of who has, or may have, a message since; None: of all senders. The oldest first.

    An attempt counts from its end: by then it was posted at the latest. Conditions on the endpoint would lead SQLite
    to an index that reads every message, so it is looked at here.
    """
    columns = (messages.c.endpoint, messages.c.person)
    now = select(*columns, messages.c.sent_at, messages.c.duration_ms).where(
        is_one_of(messages.c.state, SENT_STATES), messages.c.sent_at > since - _LONGEST
    )
    again = select(*columns, messages.c.again_sent_at, messages.c.again_duration_ms).where(
        messages.c.again_state == State.UNKNOWN.value, messages.c.again_sent_at > since - _LONGEST
    )
    if sender is not None:
        now, again = now.where(messages.c.sender == sender), again.where(messages.c.again_sender == sender)
    last: dict[str, datetime] = {}
    for query in (now, again):
        for where, person, began, took in connection.execute(query):
            ended = began + (_LATE if took is None else timedelta(milliseconds=took))
            if where == endpoint and ended > since and ended > last.get(person, since):
                last[person] = ended
    return sorted(last.items(), key=lambda each: each[1])


class Quota:
    """The people of one sender, or of all (`sender` None), against a cap.

    The ledger's writer asks and notes; any thread may ask `certainly_full`.
    """

    def __init__(self, people: int, *, endpoint: str, sender: str | None) -> None:
        self._most = people
        self._endpoint = endpoint
        self._sender = sender
        self._last: OrderedDict[str, datetime] = OrderedDict()
        self._read = False
        self._version: tuple[int, int] | None = None
        self._doubtful = False
        self._lock = Lock()

    def refuses(self, connection: Connection, person: str, now: datetime) -> datetime | None:
        """When somebody new can be reached, if this person cannot be now; None when the person can."""
        with self._lock:
            if not self._read or (self._sender is None and self._others_wrote(connection)):
                self._count(connection, now)
            self._expire(now)
            if self.free_at(person, now) is not None and self._doubtful:
                self._count(connection, now)
            return self.free_at(person, now)

    def free_at(self, person: str, now: datetime) -> datetime | None:
        """As `refuses`, by what was read and noted so far. The lock is held."""
        last = self._last
        if person in last or len(last) < self._most:
            return None
        free = next(islice(last.values(), len(last) - self._most, None), None)
        return free + DAY + MARGIN if free is not None and free + DAY + MARGIN > now else None

    def certainly_full(self, person: str, now: datetime) -> datetime | None:
        """As `refuses`, without asking the ledger, and None in doubt as well. Any thread may ask."""
        with self._lock:
            return None if self._doubtful else self.free_at(person, now)

    def note(self, person: str, now: datetime) -> None:
        """A message to the person was claimed, or came to its end, then."""
        with self._lock:
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
        before, self._version = self._version, read_data_version(connection)
        return self._version is None or before != self._version

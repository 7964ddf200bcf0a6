"""The cap on unique people in a moving 24 hours, counted in memory and never too low.

The holder of a sender's lock is the only one who sends with it, so its own count stays true once it was read. Where the
cap is shared by all senders, others may send meanwhile: the count is read anew whenever the database has changed under
us. Reading costs as much as people were reached; asking costs nothing.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from itertools import islice
from threading import Lock

import sqlalchemy as sa

from batch.ledger.storage.engine import database_of
from batch.ledger.storage.schema import ACCEPTED_STATES, SENT_STATES, State, is_one_of, messages, sent_between
from batch.model.contact_limits import DAY

MARGIN = timedelta(seconds=1)
"""A person counts so much longer than a day: clocks are a little uneven."""
LATE_POST = timedelta(seconds=30)
"""How long after its claim an attempt may have been posted whose end was never noted, because its run died."""
_CLOSE = timedelta(minutes=2)
"""So near to the end of its day a person counts as a new one as well: WhatsApp counts from the post, which lies before
the end of the attempt, and this attempt is posted after its claim."""
_LONGEST = timedelta(hours=1)
"""No attempt takes longer."""


def read_contact_times(
    connection: sa.Connection, *, endpoint: str, sender: str | None, since: datetime
) -> tuple[list[tuple[str, datetime]], dict[str, datetime]]:
    """Return (person, last contact) of people who have, or may have, a message since a moment, the oldest first.

    Beside them the last contact of those who certainly have one. `sender` None: of all senders. An attempt counts from
    its end: by then it was posted at the latest.
    """
    columns = (messages.c.endpoint, messages.c.person, messages.c.state)
    now = sa.select(*columns, messages.c.sent_at, messages.c.duration_ms).where(
        is_one_of(messages.c.state, SENT_STATES), *sent_between(connection, since - _LONGEST, sender=sender)
    )
    again = sa.select(*columns, messages.c.again_sent_at, messages.c.again_duration_ms).where(
        messages.c.again_state == State.UNKNOWN.value, messages.c.again_sent_at > since - _LONGEST
    )
    if sender is not None:
        again = again.where(messages.c.again_sender == sender)
    last: dict[str, datetime] = {}
    certain: dict[str, datetime] = {}
    for query, states in ((now, ACCEPTED_STATES), (again, ())):
        for where, person, state, began, took in connection.execute(query):
            ended = began + (LATE_POST if took is None else timedelta(milliseconds=took))
            # Compared here: a condition on the endpoint would lead SQLite to an index that reads every message.
            if where == endpoint and ended > last.get(person, since):
                last[person] = ended
            if where == endpoint and state in states and ended > certain.get(person, since):
                certain[person] = ended
    return sorted(last.items(), key=lambda each: each[1]), certain


class Quota:
    """The people of one sender, or of all (`sender` None), against a cap.

    Used by the ledger's writer alone, but for `full_until`, which any thread may call.
    """

    def __init__(self, people: int, *, endpoint: str, sender: str | None) -> None:
        self._most = people
        self._endpoint = endpoint
        self._sender = sender
        self._last: OrderedDict[str, datetime] = OrderedDict()
        self._certain: dict[str, datetime] = {}
        self._read = False
        self._version: tuple[int, int] | None = None
        self._doubtful = False
        self._lock = Lock()

    def refuses(self, connection: sa.Connection, person: str, now: datetime) -> datetime | None:
        """Return when a new person can be reached, if this one cannot be now; None when this one can."""
        with self._lock:
            if not self._read or (self._sender is None and self._others_wrote(connection)):
                self._count(connection, now)
            while self._last and next(iter(self._last.values())) + DAY + MARGIN <= now:
                self._certain.pop(self._last.popitem(last=False)[0], None)
            if self._free_at(person, now) is not None and self._doubtful:
                self._count(connection, now)
            return self._free_at(person, now)

    def full_until(self, person: str, now: datetime) -> datetime | None:
        """Return the same without reading the ledger; None also when in doubt."""
        with self._lock:
            return None if self._doubtful else self._free_at(person, now)

    def _free_at(self, person: str, now: datetime) -> datetime | None:
        known = self._last.get(person)
        # Beyond the cap, where another campaign has left it, one whose message is in doubt might be one more.
        counted = known if len(self._last) <= self._most else self._certain.get(person)
        if counted is not None and now < counted + DAY - _CLOSE:
            return None
        others = self._last.values() if known is None else [at for each, at in self._last.items() if each != person]
        if len(others) < self._most:
            return None
        free = next(islice(others, len(others) - self._most, None), None)
        return free + DAY + MARGIN if free is not None and free + DAY + MARGIN > now else None

    def note(self, person: str, now: datetime, *, is_certain: bool = True) -> None:
        """Count a person whose message was claimed, or came to its end, at that time; `is_certain`: was accepted."""
        with self._lock:
            if is_certain:
                self._certain[person] = now
            self._last[person] = now
            self._last.move_to_end(person)

    def doubt(self) -> None:
        """Let the next refusal read the count anew: a claim turned out not to have sent, so it may be too high."""
        self._doubtful = True

    def _count(self, connection: sa.Connection, now: datetime) -> None:
        since = now - DAY - MARGIN
        of_all = read_contact_times(connection, endpoint=self._endpoint, sender=self._sender, since=since)
        self._last, self._certain = OrderedDict(of_all[0]), of_all[1]
        self._read, self._doubtful = True, False

    def _others_wrote(self, connection: sa.Connection) -> bool:
        """Return whether another connection may have changed the database since the last call."""
        before, self._version = self._version, database_of(connection).read_data_version(connection)
        return self._version is None or before != self._version

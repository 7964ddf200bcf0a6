"""Looks at accepted messages: those that are due, and the record of one, with the opt-out that it shows.

Each look is one transaction, so that a pass that is ended anywhere has lost none, and repeats at most the last one.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from batch.formatting import format_moment
from batch.i18n import N_, _
from batch.ledger.read.deliveries import ACCEPTED, count_deliveries
from batch.ledger.read.runs import sheet_of, shown_by
from batch.ledger.storage.engine import LedgerPart, connect_to_read, pages, translate_write_failures
from batch.ledger.storage.pseudonyms import MARK
from batch.ledger.storage.results import LOOKED_AT, OF_MESSAGE, delivery_of
from batch.ledger.storage.schema import SENT_STATES, canaries, deliveries, is_one_of, messages, rows, runs, sent_between
from batch.ledger.storage.suppression import SuppressionEntry, read_removal, suppress, suppress_by_code
from batch.model.delivery import LOOKS, STOPPED_MARKETING, Delivery, DeliveryCounts, Sighting, add_sighting, next_look
from batch.model.messages import is_loopback
from batch.model.phrases import Phrase
from batch.model.replies import OptOutWords, Reply


@dataclass(frozen=True, kw_only=True, slots=True)
class FollowScope:
    """Accepted messages to follow, at one endpoint."""

    endpoint: str
    runs: tuple[str, ...] = ()
    """Those that the reports of these runs show; empty: by time."""
    since: datetime | None = None
    """Those that were sent since; None: whenever."""

    def conditions(self, connection: sa.Connection) -> list[sa.ColumnElement[bool]]:
        """Return the conditions for a message to be of them."""
        found = [messages.c.endpoint == self.endpoint, ACCEPTED]
        if self.runs:
            found.append(sa.or_(*(shown_by(connection, run, sheet_of(connection, run)) for run in self.runs)))
        if self.since is not None:
            found.append(messages.c.sent_at >= self.since)
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class FollowedMessage:
    """A message that the API accepted."""

    key: str
    endpoint: str
    person: str
    sender: str
    run: str
    timezone: str
    """Of its run."""
    chat_id: str
    message_id: str | None
    """As its answer, or a look, has shown it; None where none has."""
    sent_at: datetime
    duration_ms: int | None
    attempts: int
    delivery: Delivery | None
    """What looks have shown so far; None when there was none."""
    opt_outs: OptOutWords
    """Replies that opt its person out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherAttempt:
    """An attempt at a person in whose chat a message is looked for."""

    key: str
    person: str
    sender: str
    message_id: str | None
    sent_at: datetime
    duration_ms: int | None


class Deliveries(LedgerPart):
    """Accepted messages as looks have shown them. Methods that write raise LedgerFailed when the ledger takes none."""

    def due(self, scope: FollowScope, now: datetime) -> list[FollowedMessage]:
        """Return the messages that are due for a look, the longest due first."""
        with connect_to_read(self._engine) as connection:
            return read_due(connection, now, *scope.conditions(connection))

    def next_due(self, scope: FollowScope) -> datetime | None:
        """Return when the first message of a scope is due for a look; None when all are settled."""
        sent = sa.func.min(sa.case((deliveries.c.key.is_(None), messages.c.sent_at)))
        with connect_to_read(self._engine) as connection:
            query: Any = _select_messages(*scope.conditions(connection))
            query = query.with_only_columns(sa.func.min(deliveries.c.next_look), sent)
            planned, first = connection.execute(query).one()
        return min(filter(None, (planned, first and first + LOOKS[0])), default=None)

    def find_others(self, endpoint: str, people: Iterable[str]) -> Mapping[str, Sequence[OtherAttempt]]:
        """Return every message that these people have, or may have, at the endpoint, by person."""
        query = sa.select(*(messages.c[field.name] for field in fields(OtherAttempt)))
        sent = (messages.c.endpoint == endpoint, is_one_of(messages.c.state, SENT_STATES), messages.c.attempts > 0)
        found: dict[str, list[OtherAttempt]] = {}
        with connect_to_read(self._engine) as connection:
            for some in pages(sorted(set(people))):
                for each in connection.execute(query.where(messages.c.person.in_(some), *sent)).mappings():
                    other = OtherAttempt(**each)
                    found.setdefault(other.person, []).append(other)
        return found

    def record(self, message: FollowedMessage, seen: Sighting) -> tuple[Delivery, bool] | None:
        """Record a look; return what is known now, and if it has put the person on the suppression list.

        Durable on return. None: the message was sent again, or purged, meanwhile, and the look is not of it any more.
        """
        with translate_write_failures(N_("recording a look"), _(_AGAIN)), self._engine.begin() as connection:
            own = ("key", "attempts", "chat_id")
            same = (*(messages.c[name] == getattr(message, name) for name in own), ACCEPTED)
            if not connection.execute(sa.select(sa.exists().where(*same))).scalar():
                return None
            found = connection.execute(sa.select(*LOOKED_AT).where(deliveries.c.key == message.key)).mappings().first()
            known = delivery_of(found) if found is not None and found["look_attempts"] == message.attempts else None
            now = add_sighting(known, seen)
            connection.execute(sa.delete(deliveries).where(deliveries.c.key == message.key))
            connection.execute(sa.insert(deliveries).values(_values(message, now)))
            if seen.message_id is not None:
                unnamed = (messages.c.key == message.key, messages.c.message_id.is_(None))
                connection.execute(sa.update(messages).where(*unnamed).values(message_id=seen.message_id))
            return now, _suppress(connection, message, known, now, seen)

    def sent_by(self, run: str, since: datetime, *, upto: int | None = None) -> dict[int, FollowedMessage]:
        """Return the accepted messages that a run has sent since a moment, by row. `upto`: the last row, or None."""
        last = [] if upto is None else [rows.c.row <= upto]
        with connect_to_read(self._engine) as connection:
            query = _select_messages(*_sent_by(connection, run, since), *last)
            found = connection.execute(query.join(*_ROW).add_columns(rows.c.row))
            return {each["row"]: _message_of(each) for each in found.mappings()}

    def keys_sent(self, run: str, since: datetime, until: datetime, sender: str | None = None) -> list[str]:
        """Return the keys of those before the end, by time; of a sender, where one is given."""
        query = sa.select(messages.c.key).order_by(messages.c.sent_at, messages.c.key)
        with connect_to_read(self._engine) as connection:
            which = _sent_by(connection, run, since, until, sender)
            return list(connection.execute(query.where(*which)).scalars())

    def read(self, keys: Iterable[str]) -> list[FollowedMessage]:
        """Return accepted messages by their keys, in the order of these."""
        wanted = list(keys)
        with connect_to_read(self._engine) as connection:
            found = connection.execute(_select_messages(messages.c.key.in_(wanted), ACCEPTED)).mappings()
            known = {each["key"]: _message_of(each) for each in found}
        return [known[key] for key in wanted if key in known]

    def looked_at(
        self, run: str, sender: str | None = None, *, since: datetime | None = None, most: int | None = None
    ) -> list[FollowedMessage]:
        """Return the accepted messages of a run that were looked at, in the order in which they were sent.

        `most`: the latest ones. Those of a sender, and of `since`, where these are given.
        """
        query = _select_messages(deliveries.c.key.is_not(None))
        query = query.order_by(messages.c.sent_at.desc(), messages.c.key.desc())
        with connect_to_read(self._engine) as connection:
            which = [messages.c.run == run, ACCEPTED]
            if since is not None:
                which = _sent_by(connection, run, since, sender=sender)
            elif sender is not None:
                which.append(messages.c.sender == sender)
            found = connection.execute(query.where(*which).limit(most)).mappings().all()
            return [_message_of(each) for each in reversed(found)]

    def by_row(self, run: str, found: Iterable[FollowedMessage]) -> dict[int, FollowedMessage]:
        """Return messages of a run by their rows, which are searched for in all of its sheet."""
        known = {message.key: message for message in found}
        query = sa.select(rows.c.row, rows.c.key).where(rows.c.run == run, rows.c.outcome.is_(None))
        with connect_to_read(self._engine) as connection:
            return {row: known[key] for row, key in connection.execute(query.where(rows.c.key.in_(known)))}

    def replaced_by(self, run: str, sender: str | None = None) -> dict[str, FollowedMessage]:
        """Return the failed messages that a run is to replace, by the keys of those that do; of one sender, or all."""
        again = messages.alias("again")
        of_run = sa.select(rows.c.key).where(rows.c.run == run)
        of_sender = [again.c.sender == sender] if sender is not None else []
        query = _select_messages(again.c.retry_of.is_not(None), again.c.key.in_(of_run), *of_sender)
        query = query.join(again, again.c.retry_of == messages.c.key).add_columns(again.c.key.label("by"))
        with connect_to_read(self._engine) as connection:
            return {each["by"]: _message_of(each) for each in connection.execute(query).mappings()}

    def note_canary(self, endpoint: str, senders: Iterable[str], template: str, at: datetime) -> None:
        """Note that the first messages of these senders with a template were sent on. Durable on return."""
        here = {"endpoint": endpoint, "template": template}
        with translate_write_failures(N_("recording a look"), _(_AGAIN)), self._engine.begin() as connection:
            for sender in senders:
                same = (canaries.c[name] == value for name, value in (here | {"sender": sender}).items())
                connection.execute(sa.delete(canaries).where(*same))
                connection.execute(sa.insert(canaries).values(**here, sender=sender, passed=at))

    def canary_senders(self, endpoint: str, template: str, since: datetime) -> set[str]:
        """Return the senders whose first messages with a template were sent on since a moment."""
        here = (canaries.c.endpoint == endpoint, canaries.c.template == template, canaries.c.passed >= since)
        with connect_to_read(self._engine) as connection:
            return set(connection.execute(sa.select(canaries.c.sender).where(*here)).scalars())

    def count(self, scope: FollowScope) -> DeliveryCounts | None:
        """Count the messages of a scope; None when none was looked at."""
        with connect_to_read(self._engine) as connection:
            return count_deliveries(connection, *scope.conditions(connection))


_AGAIN = N_("Check the disk, then give the same command again: it goes on where this one ended.")
_ROW = (rows, sa.and_(rows.c.run == messages.c.run, rows.c.key == messages.c.key, rows.c.outcome.is_(None)))


def _sent_by(
    connection: sa.Connection, run: str, since: datetime, until: datetime | None = None, sender: str | None = None
) -> list[sa.ColumnElement[bool]]:
    of_run = sa.func.coalesce(messages.c.run, "") == run  # no plain column: SQLite would read all of the run each time
    return [of_run, ACCEPTED, *sent_between(connection, since, until, sender=sender)]


def read_due(
    connection: sa.Connection, now: datetime, *which: sa.ColumnElement[bool], most: int | None = None
) -> list[FollowedMessage]:
    """Return the messages that are due for a look, as `Deliveries.due`, at most so many. `which`: of accepted ones."""
    query = select_due(now, *which).order_by(
        deliveries.c.next_look.is_not(None), deliveries.c.next_look, messages.c.sent_at, messages.c.person
    )
    return [_message_of(found) for found in connection.execute(query.limit(most)).mappings()]


def select_due(now: datetime, *which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return the query of messages that are due for a look."""
    never = sa.and_(deliveries.c.key.is_(None), messages.c.sent_at <= now - LOOKS[0])
    return _select_messages(sa.or_(never, deliveries.c.next_look <= now), *which)


_OWN = ("key", "endpoint", "person", "sender", "run", "chat_id", "message_id", "sent_at", "duration_ms", "attempts")
_MESSAGE = (*(messages.c[name] for name in _OWN), runs.c.timezone, runs.c.reply_opt_outs)


def _select_messages(*which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return the query of messages with what looks have shown of them. A purged chat's id is a hash: it has none."""
    has_chat = (messages.c.chat_id.is_not(None), ~messages.c.chat_id.startswith(MARK, autoescape=True))
    joined = messages.join(runs, runs.c.run == messages.c.run).outerjoin(deliveries, OF_MESSAGE)
    return sa.select(*_MESSAGE, *LOOKED_AT).select_from(joined).where(*has_chat, *which)


def _message_of(found: Mapping[Any, Any]) -> FollowedMessage:
    delivery = delivery_of(found) if found["look_state"] is not None else None
    values = {name: found[name] for name in (*_OWN, "timezone")}
    return FollowedMessage(**values, delivery=delivery, opt_outs=_opt_outs(found["reply_opt_outs"]))


@lru_cache(maxsize=64)
def _opt_outs(kept: str | None) -> OptOutWords:
    given = json.loads(kept or "{}")
    return OptOutWords().and_also(given.get("words", ()), given.get("buttons", ()))


def _values(message: FollowedMessage, now: Delivery) -> dict[str, Any]:
    reply = now.reply
    return {
        "key": message.key,
        "attempts": message.attempts,
        "state": now.state.value,
        "word": now.word,
        "seen_at": now.seen_at,
        "looked_at": now.looked_at,
        "looks": now.looks,
        "next_look": next_look(message.sent_at, now),
        "code": now.code,
        "words": now.words,
        "replied_at": reply.at if reply else None,
        "reply": reply.kind if reply else None,
        "reply_tied": reply is not None and reply.tied,
        "reply_undecided": reply is not None and reply.undecided,
    }


def _suppress(
    connection: sa.Connection, message: FollowedMessage, known: Delivery | None, now: Delivery, seen: Sighting
) -> bool:
    """Put a person on the suppression list whose reply, or WhatsApp's code, opts them out.

    A person who was taken off it since stays off it. When a message failed is not known, so its code counts once.
    """
    where, at = message.endpoint if is_loopback(message.endpoint) else "", seen.at
    is_new = known is None or known.code != STOPPED_MARKETING
    if is_new and now.code == STOPPED_MARKETING and not now.state.arrived:
        return suppress_by_code(connection, message.person, str(now.code), run=message.run, added=at, endpoint=where)
    reply: Reply | None = now.reply
    if reply is None or not reply.opts_out:
        return False
    removed, latest = read_removal(connection, message.person), max(reply.at, seen.opted_out_at or reply.at)
    if removed is not None and latest <= removed:
        return False
    values = {"run": message.run, "when": format_moment(latest, message.timezone)}
    entry = SuppressionEntry(
        person=message.person,
        reason=Phrase(N_("answered that they want no more messages")),
        source=Phrase(N_("reply, run {run}, {when}"), values),
        added=at,
        endpoint=where,
    )
    return suppress(connection, entry)

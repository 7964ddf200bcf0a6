"""The tables of a ledger, for every database that SQLAlchemy supports; what differs is in `engine.Database`."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from batch.model.outcomes import Outcome
from batch.model.phrases import value_from_text, value_to_text

SCHEMA_VERSION = 10
"""Raised with every change of the tables; `MIGRATIONS` in `sqlite.py` has the step that leads to it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


def microseconds(at: datetime) -> int:
    """Return an aware time in the form of the tables."""
    return (at - _EPOCH) // _MICROSECOND


def time_of(value: int) -> datetime:
    """Return the time that the tables have in the form of `microseconds`."""
    return _EPOCH + timedelta(microseconds=value)


def microseconds_of(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """Return a time's column as the number that it is kept as."""
    return sa.type_coerce(column, sa.BigInteger)


class UtcTime(sa.TypeDecorator[datetime]):
    """An aware UTC time, kept as whole microseconds since 1970, so that it sorts and compares alike everywhere."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:  # noqa: ARG002 - SQLAlchemy's hook
        return None if value is None else microseconds(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - likewise
        return None if value is None else time_of(value)


def path_of(value: str | bytes | None) -> str | None:
    """Return the path that the tables have as text, or as bytes where it is no UTF-8."""
    return os.fsdecode(value) if isinstance(value, bytes) else value


class PathText(sa.TypeDecorator[str]):
    """A path. The bytes of a name that is no UTF-8 are kept as they are, where a column of texts takes bytes."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> Any:
        return value if value is None or value.isprintable() else _encodable(value, as_bytes=dialect.name == "sqlite")

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> str | None:  # noqa: ARG002 - likewise
        return path_of(value)


class PhraseText(sa.TypeDecorator[Any]):
    """A text of others, or a phrase as JSON."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:  # noqa: ARG002 - SQLAlchemy's hook
        return None if value is None else value_to_text(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:  # noqa: ARG002 - likewise
        return None if value is None else value_from_text(value)


def _encodable(value: str, *, as_bytes: bool) -> str | bytes:
    try:
        value.encode()
    except UnicodeEncodeError:
        return os.fsencode(value) if as_bytes else value.encode(errors="backslashreplace").decode()
    return value


class State(StrEnum):
    """The state of a message: an outcome, or claimed (an attempt is in flight, or its run died)."""

    PENDING = Outcome.PENDING.value
    CLAIMED = "claimed"
    SUCCESS = Outcome.SUCCESS.value
    REUSED = Outcome.REUSED.value
    ERROR = Outcome.ERROR.value
    UNKNOWN = Outcome.UNKNOWN.value


SENT_STATES = (State.SUCCESS.value, State.REUSED.value, State.UNKNOWN.value, State.CLAIMED.value)
"""The states of messages that a person has, or may have."""

ACCEPTED_STATES = (State.SUCCESS.value, State.REUSED.value)
"""The states of messages that the API accepted."""


def is_one_of(column: sa.ColumnElement[Any], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Return `column IN (...)` for statements that run for every message: SQLAlchemy expands a list anew each time."""
    return sa.or_(*(column == value for value in values))


_ATTEMPTED = sa.text("sent_at IS NOT NULL")
_AGAIN = sa.text("again_state IS NOT NULL")

metadata = sa.MetaData()


def _partial(name: str, *columns: str, where: sa.TextClause) -> sa.Index:
    """Return a partial index. `postgres.py` gives PostgreSQL its condition: that dialect takes a while to load."""
    return sa.Index(name, *columns, sqlite_where=where, info={"where": where})


meta = sa.Table(
    "meta", metadata, sa.Column("name", sa.String(40), primary_key=True), sa.Column("value", sa.Text, nullable=False)
)
"""ledger_id, schema_version, counter (runs begun), secret (of the keyed hashes), purged (when people's data were last
removed), unclean (since when they may still be found in the file's free space)."""

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run", sa.String(200), primary_key=True),
    sa.Column("campaign", sa.Text, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("sheet_path", PathText, nullable=False),
    sa.Column("sheet_sha256", sa.String(64), nullable=False),
    sa.Column("sheet_options", sa.Text, nullable=False),
    sa.Column("version", sa.String(40), nullable=False),
    sa.Column("timezone", sa.String(60), nullable=False),
    sa.Column("language", sa.String(10), nullable=False),
    sa.Column("report_dir", PathText),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started", UtcTime, nullable=False),
    sa.Column("finished", UtcTime),
    sa.Column("exit_code", sa.Integer),
    sa.Column("pending_findings", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("wanted_rate", sa.Float),
    sa.Column("achieved_rate", sa.Float),
    sa.Column("trial", sa.Boolean, nullable=False, default=False, server_default=sa.false()),
    sa.Column("purged", UtcTime),
    sa.Column("reply_opt_outs", sa.Text),
)
"""`reply_opt_outs`: replies that opt out of its messages, besides the usual ones (JSON, `Run.reply_opt_outs`).
`pending_findings`: why rows of no sender of `run_senders` were not attempted. `trial`: its rows are no sheet's, but
the phones of `--to`, numbered from 1. `purged`: when the people were removed from its rows."""

run_senders = sa.Table(
    "run_senders",
    metadata,
    sa.Column("run", sa.String(200), sa.ForeignKey("runs.run"), nullable=False),
    sa.Column("sender", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("achieved_rate", sa.Float),
    sa.Column("slowed", sa.Integer, nullable=False),
    sa.Column("cause", sa.String(40)),
    sa.Column("pending_findings", sa.Text),
    sa.PrimaryKeyConstraint("run", "sender"),
)
"""The part of each sender in a run. `slowed`: how often its rate was cut. `cause`: why it stopped before its rows were
done. `pending_findings`: why its pending rows were not attempted."""

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("campaign", sa.Text, nullable=False),
    sa.Column("person", sa.String(20), nullable=False),
    sa.Column("sender", sa.Text, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("request_hash", sa.String(64), nullable=False),
    sa.Column("payload", sa.Text),
    sa.Column("findings", sa.Text),
    sa.Column("again_state", sa.String(10)),
    sa.Column("again_findings", sa.Text),
    sa.Column("again_sender", sa.Text),
    sa.Column("again_sent_at", UtcTime),
    sa.Column("again_duration_ms", sa.Integer),
    sa.Column("again_http_status", sa.Integer),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("claim_run", sa.String(200)),
    sa.Column("claim_host", sa.Text),
    sa.Column("claim_pid", sa.Integer),
    sa.Column("claim_epoch", sa.Integer),
    sa.Column("run", sa.String(200)),
    sa.Column("chat_id", sa.Text),
    sa.Column("chat_status", sa.Text),
    sa.Column("message_id", sa.Text),
    sa.Column("message_status", sa.Text),
    sa.Column("evidence", sa.String(20)),
    sa.Column("http_status", sa.Integer),
    sa.Column("sent_at", UtcTime),
    sa.Column("duration_ms", sa.Integer),
    sa.Column("trial", sa.Boolean, nullable=False, default=False, server_default=sa.false()),
    sa.Column("retry_of", sa.String(64)),
    sa.Index("messages_by_campaign", "endpoint", "campaign", "state"),
    _partial("messages_by_chat", "chat_id", where=sa.text("chat_id IS NOT NULL")),
    _partial("messages_by_run", "run", where=sa.text("run IS NOT NULL")),
    _partial("messages_by_person", "person", "sent_at", where=_ATTEMPTED),
    _partial("messages_by_time", "sender", "sent_at", where=_ATTEMPTED),
    _partial("messages_again", "again_state", where=_AGAIN),
    RETRIES := _partial("messages_retries", "retry_of", where=sa.text("retry_of IS NOT NULL")),
)
"""One per key. `payload` only while it is pending or claimed: the values to send are kept no longer than needed.
`sent_at` is when the last attempt began (it is the claim's time while the claim is open). `message_id` and
`message_status`: of the message that the attempt sent, as its answer showed it; null where that was not certain. The
`again_` columns: the error or unknown outcome of a message that one run is to try again; what it does not send gets it
back, so that the choice holds for one run. `trial`: sent with `--to`, to a number that stands for no row; it counts for
caps and spacing, and not as a message that `[history]` keeps others away from. `claim_epoch`: of workers that
send one run after each other, how many had its lane before (`Owner.epoch`). `retry_of`: the key of a failed message
that this one is to replace; until it is claimed its `again_` columns show the other's outcome, and the end of its run
gives it up. The indexes by time hold attempted messages only, those by chat and run such as have one, so that planning
a sheet does not pay for them. `key` is a keyed hash (`pseudonyms.py`); of a purged message `person`, `chat_id` and
`request_hash` are hashes too, and begin with `#`."""

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("word", sa.String(40)),
    sa.Column("seen_at", UtcTime, nullable=False),
    sa.Column("looked_at", UtcTime, nullable=False),
    sa.Column("looks", sa.Integer, nullable=False),
    sa.Column("next_look", UtcTime),
    sa.Column("code", sa.Integer),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("replied_at", UtcTime),
    sa.Column("reply", sa.Text),
    sa.Column("reply_tied", sa.Boolean, nullable=False),
    sa.Column("reply_undecided", sa.Boolean, nullable=False),
    sa.Index("deliveries_by_next_look", "next_look"),
)
"""What looks into the chat have shown of a message, one row per key (`Delivery`). `attempts`: those that the message
had; with another number the row is of an earlier message, and counts no more. `next_look`: null once it is settled."""

canaries = sa.Table(
    "canaries",
    metadata,
    *(sa.Column(name, sa.Text, primary_key=True) for name in ("endpoint", "sender", "template")),
    sa.Column("passed", UtcTime, nullable=False),
)
"""When the first messages of a sender with a template were last seen to be sent on."""

suppressed = sa.Table(
    "suppressed",
    metadata,
    sa.Column("person", sa.String(20), nullable=False),
    sa.Column("reason", PhraseText, nullable=False),
    sa.Column("source", PhraseText, nullable=False),
    sa.Column("added", UtcTime, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False, server_default=""),
    sa.PrimaryKeyConstraint("person", "endpoint"),
)
"""The suppression list: people whom no campaign messages. `endpoint`: where the entry holds; empty: everywhere. One
that comes from a rehearsal holds at its address only, so that no rehearsal silences a person of the real campaigns."""

removals = sa.Table(
    "removals",
    metadata,
    sa.Column("person", sa.String(20), primary_key=True),
    sa.Column("removed", UtcTime, nullable=False),
)
"""When people were last taken off the suppression list: a reply from before then puts none of them on it again."""

campaigns = sa.Table(
    "campaigns",
    metadata,
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("campaign", sa.Text, nullable=False),
    sa.Column("unique_by", sa.Text, nullable=False),
    sa.Column("region", sa.String(10), nullable=False),
    sa.Column("phone_rule", sa.Integer, nullable=False),
    sa.Column("template", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("endpoint", "campaign"),
)
"""Traits of a campaign's messages: with another one, every person would be new, or no message would go."""

rows = sa.Table(
    "rows",
    metadata,
    sa.Column("run", sa.String(200), sa.ForeignKey("runs.run"), nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    sa.Column("key", sa.String(64)),
    sa.Column("person", sa.String(20)),
    sa.Column("outcome", sa.String(10)),
    sa.Column("findings", sa.Text),
    sa.Column("notes", sa.Text),
    sa.Column("duplicate_of", sa.Integer),
    sa.PrimaryKeyConstraint("run", "row"),
)
"""One per row of a run's sheet. `outcome` is null where the message of `key` decides it."""

corrections = sa.Table(
    "corrections",
    metadata,
    sa.Column("run", sa.String(200), nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    sa.Column("key", sa.String(64)),
    sa.Column("origin_run", sa.String(200), nullable=False),
    sa.Column("origin_sheet", sa.String(64), nullable=False),
    sa.Column("origin_row", sa.Integer, nullable=False),
    sa.PrimaryKeyConstraint("run", "row"),
    sa.Index("corrections_by_origin", "origin_sheet", "origin_row"),
)
"""A row that came into the sheet of `run` to be corrected, and the row of another sheet (`Run.sheet_key`) in which it
was wrong. `key`: its message; null when it has none, being wrong still. Grows only."""

decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("decided_at", UtcTime, nullable=False),
    sa.Column("run", sa.String(200), nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("from_state", sa.String(10), nullable=False),
    sa.Column("to_state", sa.String(10), nullable=False),
    sa.Column("evidence", sa.String(20)),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("how", sa.Text, nullable=False),
    sa.Index("decisions_by_key", "key"),
)
"""Decisions of people, and of `follow`, about unknown messages. Grows only. `row` is of the sheet of
`run`; `attempts` are those the message had when it was decided about."""


AGAIN = {name: f"again_{name}" for name in ("state", "findings", "sender", "sent_at", "duration_ms", "http_status")}
"""Columns of a message to those that keep them while it is to be tried again."""


def insert_new(table: sa.Table) -> sa.Insert:
    """Return an insertion that passes over rows whose key is there already, or comes meanwhile."""
    statement = insert(table).on_conflict_do_nothing()
    statement._post_values_clause.constraint_target = None  # type: ignore[union-attr] # PostgreSQL's compiler asks
    return statement


NO_CLAIM = {"claim_run": None, "claim_host": None, "claim_pid": None, "claim_epoch": None}
"""Values of a message that no attempt is posting."""


def restored_values() -> dict[str, Any]:
    """Return the values that restore a message to its outcome before it was to be tried again."""
    kept: dict[str, Any] = {name: messages.c[again] for name, again in AGAIN.items()}
    return {**kept, "payload": None, **dict.fromkeys(AGAIN.values())}


IS_RETRY = sa.and_(
    messages.c.state == State.PENDING.value,
    messages.c.retry_of.is_not(None),
    is_one_of(messages.c.again_state, ACCEPTED_STATES),
)
"""The condition of a message that is to replace a failed one, and was not claimed yet."""


def is_suppressed(person: sa.ColumnElement[str], endpoint: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Return the condition of the list's entries that hold for a person at an endpoint."""
    return sa.and_(
        suppressed.c.person == person, sa.or_(suppressed.c.endpoint == "", suppressed.c.endpoint == endpoint)
    )


def may_have(message: Any) -> sa.ColumnElement[bool]:
    """Return the condition: the person has the message, or may have it, also one that is to be sent again."""
    return sa.or_(is_one_of(message.c.state, SENT_STATES), message.c.again_state == State.UNKNOWN.value)


_IS_ATTEMPTED = messages.c.sent_at.is_not(None)
_first = sa.select(sa.func.min(messages.c.sender)).where(_IS_ATTEMPTED)
_begin = sa.select(_first.scalar_subquery().label("sender")).cte("senders", recursive=True)
_next = sa.select(_first.where(messages.c.sender > _begin.c.sender).scalar_subquery())
_senders = _begin.union_all(_next.where(_begin.c.sender.is_not(None)))
"""Every sender, each found by the index after the one before; then null."""
_SENDERS = sa.select(_senders.c.sender).where(_senders.c.sender.is_not(None))
_latest = sa.select(sa.func.max(messages.c.sent_at)).where(messages.c.sender == _senders.c.sender, _IS_ATTEMPTED)
LATEST_ATTEMPT = sa.select(sa.func.max(_latest.scalar_subquery())).select_from(_senders)
"""The query of when the last attempt began."""


def thin_indexes(connection: sa.Connection, table: sa.Table = messages) -> None:
    """Drop the index by time alone, and leave messages out of the others that have no chat or run: version 10."""
    for name in ("moment", "chat", "run"):
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS messages_by_{name}")
    for index in table.indexes:
        index.create(connection, checkfirst=True)


def sent_between(
    connection: sa.Connection, since: datetime, until: datetime | None = None, *, sender: str | None = None
) -> list[sa.ColumnElement[bool]]:
    """Return the conditions of messages whose last attempt began in a span of time, its end left out.

    It always has an end: without, PostgreSQL, which has no statistics of these times, would read all messages.
    `sender` None: of all senders, with whom the index begins.
    """
    is_of_sender = messages.c.sender == sender
    if sender is None:
        is_of_sender = messages.c.sender.in_(connection.execute(_SENDERS).scalars().all())
    return [is_of_sender, messages.c.sent_at >= since, messages.c.sent_at < (until or _NEVER)]

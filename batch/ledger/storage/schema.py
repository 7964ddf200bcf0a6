"""The tables of a ledger, for every database that SQLAlchemy supports; only `engine.py` knows which one it is."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TextClause,
    TypeDecorator,
    and_,
    event,
    false,
    or_,
    text,
)

from batch.model.outcomes import Outcome

SCHEMA_VERSION = 6
"""Raised with every change of the tables; `MIGRATIONS` in `engine.py` has the step that leads to it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(at: datetime) -> int:
    """Return an aware time in the form of the tables."""
    return (at - _EPOCH) // timedelta(microseconds=1)


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time, kept as whole microseconds since 1970, so that it sorts and compares alike everywhere."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ARG002 - SQLAlchemy's hook
        return None if value is None else microseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - likewise
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class PathText(TypeDecorator[str]):
    """A path. The bytes of a name that is no UTF-8 are kept as they are."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002 - SQLAlchemy's hook
        return value if value is None or value.isprintable() else _encodable(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002 - likewise
        return os.fsdecode(value) if isinstance(value, bytes) else value


def _encodable(value: str) -> str | bytes:
    try:
        value.encode()
    except UnicodeEncodeError:
        return os.fsencode(value)
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

MESSAGED_STATES = (State.SUCCESS.value, State.REUSED.value)
"""The states of messages that the API accepted."""


def is_one_of(column: Column[str] | ColumnElement[str], states: Sequence[str]) -> ColumnElement[bool]:
    """Return `column IN (...)` for statements that run for every message: SQLAlchemy expands a list anew each time."""
    return or_(*(column == state for state in states))


_ATTEMPTED = text("sent_at IS NOT NULL")
_AGAIN = text("again_state IS NOT NULL")

metadata = MetaData()


def _partial(name: str, *columns: str, where: TextClause) -> Index:
    """Return a partial index. PostgreSQL gets the condition when it is used: its dialect takes a while to load."""
    return Index(name, *columns, sqlite_where=where, info={"where": where})


@event.listens_for(metadata, "before_create")
def _tell_postgresql(_target: MetaData, connection: Connection, **_more: object) -> None:
    if connection.dialect.name == "postgresql":
        for index in (index for table in metadata.tables.values() for index in table.indexes):
            index.dialect_options["postgresql"]["where"] = index.info.get("where")


meta = Table("meta", metadata, Column("name", String(40), primary_key=True), Column("value", Text, nullable=False))
"""ledger_id, schema_version, counter (runs begun), secret (of the keyed hashes), purged (when people's data were last
removed), unclean (since when they may still be found in the file's free space)."""

runs = Table(
    "runs",
    metadata,
    Column("run", String(200), primary_key=True),
    Column("campaign", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("sheet_path", PathText, nullable=False),
    Column("sheet_sha256", String(64), nullable=False),
    Column("sheet_options", Text, nullable=False),
    Column("version", String(40), nullable=False),
    Column("timezone", String(60), nullable=False),
    Column("language", String(10), nullable=False),
    Column("report_dir", PathText),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started", UtcTime, nullable=False),
    Column("finished", UtcTime),
    Column("exit_code", Integer),
    Column("pending_findings", Text),
    Column("attempts", Integer, nullable=False, default=0),
    Column("wanted_rate", Float),
    Column("achieved_rate", Float),
    Column("trial", Boolean, nullable=False, default=False, server_default=false()),
    Column("purged", UtcTime),
)
"""`pending_findings`: why rows of no sender of `run_senders` were not attempted. `trial`: its rows are no sheet's, but
the phones of `--to`, numbered from 1. `purged`: when the people were removed from its rows."""

run_senders = Table(
    "run_senders",
    metadata,
    Column("run", String(200), ForeignKey("runs.run"), nullable=False),
    Column("sender", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("achieved_rate", Float),
    Column("slowed", Integer, nullable=False),
    Column("cause", String(40)),
    Column("pending_findings", Text),
    PrimaryKeyConstraint("run", "sender"),
)
"""The part of each sender in a run. `slowed`: how often its rate was cut. `cause`: why it stopped before its rows were
done. `pending_findings`: why its pending rows were not attempted."""

messages = Table(
    "messages",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("endpoint", Text, nullable=False),
    Column("campaign", Text, nullable=False),
    Column("person", String(20), nullable=False),
    Column("sender", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("request_hash", String(64), nullable=False),
    Column("payload", Text),
    Column("findings", Text),
    Column("again_state", String(10)),
    Column("again_findings", Text),
    Column("again_sender", Text),
    Column("again_sent_at", UtcTime),
    Column("again_duration_ms", Integer),
    Column("again_http_status", Integer),
    Column("attempts", Integer, nullable=False, default=0),
    Column("claim_run", String(200)),
    Column("claim_host", Text),
    Column("claim_pid", Integer),
    Column("run", String(200)),
    Column("chat_id", Text),
    Column("chat_status", Text),
    Column("message_id", Text),
    Column("message_status", Text),
    Column("evidence", String(20)),
    Column("http_status", Integer),
    Column("sent_at", UtcTime),
    Column("duration_ms", Integer),
    Column("trial", Boolean, nullable=False, default=False, server_default=false()),
    Index("messages_by_campaign", "endpoint", "campaign", "state"),
    Index("messages_by_chat", "chat_id"),
    Index("messages_by_run", "run"),
    _partial("messages_by_person", "person", "sent_at", where=_ATTEMPTED),
    _partial("messages_by_time", "sender", "sent_at", where=_ATTEMPTED),
    _partial("messages_by_moment", "sent_at", where=_ATTEMPTED),
    _partial("messages_again", "again_state", where=_AGAIN),
)
"""One per key. `payload` only while it is pending or claimed: the values to send are kept no longer than needed.
`sent_at` is when the last attempt began (it is the claim's time while the claim is open). `message_id` and
`message_status`: of the message that the attempt sent, as its answer showed it; null where that was not certain. The
`again_` columns: the error or unknown outcome of a message that one run is to try again; what it does not send gets it
back, so that the choice holds for one run. `trial`: sent with `--to`, to a number that stands for no row; it counts for
caps and spacing, and not as a message that `[history]` keeps others away from. The indexes by time hold attempted
messages only, so that planning a sheet does not pay for them. `key` is a keyed hash (`pseudonyms.py`); of a purged
message `person`, `chat_id` and `request_hash` are hashes too, and begin with `#`."""

suppressed = Table(
    "suppressed",
    metadata,
    Column("person", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("added", UtcTime, nullable=False),
    Column("endpoint", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("person", "endpoint"),
)
"""The suppression list: people whom no campaign messages. `endpoint`: where the entry holds; empty: everywhere. One
that comes from a rehearsal holds at its address only, so that no rehearsal silences a person of the real campaigns."""

campaigns = Table(
    "campaigns",
    metadata,
    Column("endpoint", Text, nullable=False),
    Column("campaign", Text, nullable=False),
    Column("unique_by", Text, nullable=False),
    Column("region", String(10), nullable=False),
    Column("phone_rule", Integer, nullable=False),
    Column("template", Text, nullable=False),
    PrimaryKeyConstraint("endpoint", "campaign"),
)
"""Traits of a campaign's messages: with another one, every person would be new, or no message would go."""

rows = Table(
    "rows",
    metadata,
    Column("run", String(200), ForeignKey("runs.run"), nullable=False),
    Column("row", Integer, nullable=False),
    Column("key", String(64)),
    Column("person", String(20)),
    Column("outcome", String(10)),
    Column("findings", Text),
    Column("notes", Text),
    Column("duplicate_of", Integer),
    PrimaryKeyConstraint("run", "row"),
)
"""One per row of a run's sheet. `outcome` is null where the message of `key` decides it."""

corrections = Table(
    "corrections",
    metadata,
    Column("run", String(200), nullable=False),
    Column("row", Integer, nullable=False),
    Column("key", String(64)),
    Column("origin_run", String(200), nullable=False),
    Column("origin_sheet", String(64), nullable=False),
    Column("origin_row", Integer, nullable=False),
    PrimaryKeyConstraint("run", "row"),
    Index("corrections_by_origin", "origin_sheet", "origin_row"),
)
"""A row that came into the sheet of `run` to be corrected, and the row of another sheet (`Run.sheet_key`) in which it
was wrong. `key`: its message; null when it has none, being wrong still. Grows only."""

decisions = Table(
    "decisions",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("decided_at", UtcTime, nullable=False),
    Column("run", String(200), nullable=False),
    Column("row", Integer, nullable=False),
    Column("key", String(64), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("from_state", String(10), nullable=False),
    Column("to_state", String(10), nullable=False),
    Column("evidence", String(20)),
    Column("who", Text, nullable=False),
    Column("how", Text, nullable=False),
    Index("decisions_by_key", "key"),
)
"""Decisions of people, and of `reconcile`, about unknown messages. Grows only. `row` is of the sheet of
`run`; `attempts` are those the message had when it was decided about."""

purge_metadata = MetaData()

purge_runs = Table(
    "purge_runs",
    purge_metadata,
    Column("run", String(200), primary_key=True),
    Column("sheet", String(64), nullable=False),
    prefixes=["TEMPORARY"],
)
"""The runs whose messages stay as they are; `sheet`: the key of the run's sheet, as `corrections` name it."""

purge_old = Table(
    "purge_old",
    purge_metadata,
    Column("number", Integer, primary_key=True),
    Column("key", String(64), nullable=False),
    Column("sender", Text, nullable=False),
    Column("state", String(10), nullable=False),
    prefixes=["TEMPORARY"],
)
"""The messages to purge, numbered."""


AGAIN = {
    "state": "again_state",
    "findings": "again_findings",
    "sender": "again_sender",
    "sent_at": "again_sent_at",
    "duration_ms": "again_duration_ms",
    "http_status": "again_http_status",
}
"""Columns of a message to those that keep them while it is to be tried again."""


NO_CLAIM = {"claim_run": None, "claim_host": None, "claim_pid": None}
"""Values of a message that no attempt is posting."""


def restored_values() -> dict[str, Any]:
    """Return the values that restore a message to its outcome before it was to be tried again."""
    kept: dict[str, Any] = {name: messages.c[again] for name, again in AGAIN.items()}
    return {**kept, "payload": None, **dict.fromkeys(AGAIN.values())}


def is_suppressed(person: ColumnElement[str], endpoint: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition of the list's entries that hold for a person at an endpoint."""
    return and_(suppressed.c.person == person, or_(suppressed.c.endpoint == "", suppressed.c.endpoint == endpoint))


def may_have(message: Any) -> ColumnElement[bool]:
    """Return the condition: the person has the message, or may have it, also one that is to be sent again."""
    return or_(is_one_of(message.c.state, SENT_STATES), message.c.again_state == State.UNKNOWN.value)

"""Temporary tables of one sheet on its way into the ledger: private to one connection, gone with it."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from batch.ledger.storage.engine import database_of, pages
from batch.ledger.storage.schema import (
    ACCEPTED_STATES,
    SENT_STATES,
    State,
    insert_new,
    is_one_of,
    is_suppressed,
    messages,
)
from batch.model.messages import Origin, campaign_scope
from batch.model.outcomes import Outcome
from batch.model.phrases import Value, value_to_text
from batch.model.reasons import Finding


class StagedRow(NamedTuple):  # not a dataclass: one is made for each row, and a tuple takes a quarter of the time
    """A checked row on its way into the ledger. `outcome` is None for a row that may be sent."""

    row: int
    key: str | None = None
    """In the ledger's own form (`Hashes.key`)."""
    person: str | None = None
    """E.164, in the one form by which a recipient is known."""
    sender: str | None = None
    outcome: Outcome | None = None
    """ERROR or SKIPPED when the row itself decides it."""
    findings: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()
    request_hash: str | None = None
    payload: str | None = None
    """The request, where it is encoded already."""
    stands: bool = False
    """The row stands for its key though it is not sent: another ledger has sent it."""
    left_out: Finding | None = None
    """Why the sheet leaves out all rows of the person. With a value `source`: a plan puts the person on the suppression
    list."""
    origin: Origin | None = None
    """The row of another sheet, of the same campaign and endpoint, that this one corrects."""
    origin_sheet: str | None = None
    """That sheet's key (`Run.sheet_key`)."""
    twin_key: str | None = None
    """The key under which an older ledger may know the message: of the person's other form (`twin_of`)."""
    values: tuple[str | int | None, ...] | None = None
    """What the request is encoded of, where the ledger has no accepted message of the key."""


staging_metadata = sa.MetaData()

staged = sa.Table(
    "staged",
    staging_metadata,
    sa.Column("row", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", sa.String(64)),
    sa.Column("person", sa.String(20)),
    sa.Column("hashed", sa.String(20)),
    sa.Column("hashed_twin", sa.String(20)),
    sa.Column("sender", sa.Text),
    sa.Column("outcome", sa.String(10)),
    sa.Column("stands", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("findings", sa.Text),
    sa.Column("notes", sa.Text),
    sa.Column("duplicate_of", sa.Integer),
    sa.Column("request_hash", sa.String(64)),
    sa.Column("payload", sa.Text),
    sa.Column("origin_run", sa.String(200)),
    sa.Column("origin_sheet", sa.String(64)),
    sa.Column("origin_row", sa.Integer),
    sa.Index("staged_with_origin", "origin_run", sqlite_where=sa.text("origin_run IS NOT NULL")),
    prefixes=["TEMPORARY"],
)
"""The rows of one sheet before they are planned. `hashed`: the person's pseudonym, under which a purged message has
it, `hashed_twin` that of the number's other form; null while nothing was ever purged. `stands`: the row stands for its
key though it is not sent."""

known = sa.Table(
    "known",
    staging_metadata,
    sa.Column("row", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("message_findings", sa.Text),
    sa.Column("again_state", sa.String(10)),
    sa.Column("again_findings", sa.Text),
    sa.Column("request_hash", sa.String(64)),
    prefixes=["TEMPORARY"],
)
"""The ledger's message of each staged row's key, as `MessageLookup` found it; no entry where the message is new.
`request_hash`: of errors alone, the only ones whose retry depends on it."""

doubtful = sa.Table(
    "doubtful",
    staging_metadata,
    sa.Column("row", sa.Integer, primary_key=True, autoincrement=False),
    prefixes=["TEMPORARY"],
)
"""The rows whose message changed since the look-up."""

undelivered = sa.Table(
    "undelivered",
    staging_metadata,
    sa.Column("row", sa.Integer, primary_key=True, autoincrement=False),
    prefixes=["TEMPORARY"],
)
"""The rows whose accepted message failed, and may be sent once more by choice."""

STAGED_WITH_KNOWN = staged.outerjoin(known, known.c.row == staged.c.row)

several = sa.Table(
    "several", staging_metadata, sa.Column("key", sa.String(64), primary_key=True), prefixes=["TEMPORARY"]
)
"""Keys shared by several staged rows."""

winners = sa.Table(
    "winners",
    staging_metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("row", sa.Integer, nullable=False),
    prefixes=["TEMPORARY"],
)
"""The row that stands for each key of several rows."""

SUPPRESSED, ALLOWED, PLANNED, OPTED_OUT = "suppressed", "allowed", "planned", "opted_out"
"""Lists that hold for one sheet, besides those that are named after a reason (`LEFT_OUT_BY_COLUMN`): people whom a file
suppresses, people of `--only-allowed`, the requests of a frozen plan (`person` is the row's number then, and `where`
the request's hash), and people whom a plan puts on the ledger's suppression list."""

listed = sa.Table(
    "listed",
    staging_metadata,
    sa.Column("person", sa.String(20), nullable=False),
    sa.Column("list", sa.String(30), nullable=False),
    sa.Column("where", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("list", "person"),
    prefixes=["TEMPORARY"],
)
"""The entries of these lists. `where`: the file, column or row that names the person."""

_PAGE = 1000


def new_suppressions(endpoint: sa.ColumnElement[str]) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions of the entries of `listed` that a plan puts on the suppression list."""
    return listed.c.list == OPTED_OUT, ~sa.exists().where(is_suppressed(listed.c.person, endpoint))


def put_on_list(connection: sa.Connection, name: str, entries: Iterable[tuple[str, Value]]) -> None:
    """Put (person, where) on a list of this sheet; the first entry of a person stays."""
    values = ({"list": name, "person": person, "where": value_to_text(where)} for person, where in entries)
    for page in pages(values, _PAGE):
        connection.execute(insert_new(listed), page)


_PLANNABLE = (State.PENDING.value, State.ERROR.value, State.UNKNOWN.value)
"""The states of messages that a plan may make pending."""
_FOUND: Mapping[str, sa.ColumnElement[Any]] = {
    "state": messages.c.state,
    "message_findings": messages.c.findings,
    "again_state": messages.c.again_state,
    "again_findings": messages.c.again_findings,
    "request_hash": sa.case((messages.c.state == State.ERROR.value, messages.c.request_hash)),
}
"""The columns of `known` beside the row, with what they keep of a message."""


class MessageLookup:
    """The look-up of staged keys in the ledger's messages (the table `known`), and of which moment it is."""

    def __init__(self) -> None:
        self._version: tuple[int, int] | None = None

    def note_moment(self, connection: sa.Connection) -> None:
        """Note of which moment it is: that of the transaction in which all keys are looked up."""
        if self._version is None:
            self._version = database_of(connection).read_data_version(connection)

    def add(self, connection: sa.Connection, keys: Mapping[int, str]) -> set[int]:
        """Look up keys, by their rows; return those of the rows whose message was accepted."""
        if not keys:
            return set()
        items = getattr(sa.func, database_of(connection).json_items)(sa.bindparam("keys", type_=sa.JSON))
        table = items.table_valued("key", "value")
        query = sa.select(sa.cast(table.c.key, sa.Integer), *_FOUND.values())
        _look_up(connection, query, table.c.value, keys=keys)
        # One text, and not thousands of rows: these take the interpreter, for which another thread waits.
        rows = sa.func.aggregate_strings(sa.cast(known.c.row, sa.Text), ",")
        accepted = (known.c.row.between(min(keys), max(keys)), is_one_of(known.c.state, ACCEPTED_STATES))
        return {int(row) for row in (connection.scalar(sa.select(rows).where(*accepted)) or "").split(",") if row}

    def refresh(self, connection: sa.Connection, *, endpoint: str, campaign: str) -> None:
        """Bring `known` up to date for a plan of this campaign, unless the ledger certainly did not change.

        Within the writing transaction of the plan, so that nothing changes after it. Messages that were open or are so
        now are compared: a message that was sent can only have become open by a decision, and is open now then. What
        differs is looked up again.
        """
        version = database_of(connection).read_data_version(connection)
        if version is not None and version == self._version:
            return
        scope = (messages.c.endpoint == endpoint, messages.c.campaign == campaign_scope(campaign))
        of_scope = sa.select(messages.c.key).where(*scope, messages.c.state.in_(_PLANNABLE))
        were_open = sa.select(known.c.row).where(known.c.state.in_(_PLANNABLE))
        is_open = sa.or_(staged.c.key.in_(of_scope), staged.c.row.in_(were_open))
        differs = sa.or_(*(known.c[name].is_distinct_from(value) for name, value in _FOUND.items()))
        both = STAGED_WITH_KNOWN.outerjoin(messages, messages.c.key == staged.c.key)
        changed = sa.select(staged.c.row).select_from(both).where(is_open, differs)
        connection.execute(sa.insert(doubtful).from_select(["row"], changed))
        connection.execute(sa.delete(known).where(known.c.row.in_(sa.select(doubtful.c.row))))
        again = sa.select(staged.c.row, *_FOUND.values()).where(staged.c.row.in_(sa.select(doubtful.c.row)))
        _look_up(connection, again, staged.c.key)


def _look_up(connection: sa.Connection, query: sa.Select[Any], key: sa.ColumnElement[Any], **values: object) -> None:
    """Keep what the query, which begins with rows, finds of the messages of their keys. `values`: its parameters."""
    found = query.join(messages, messages.c.key == key)
    connection.execute(sa.insert(known).from_select(["row", *_FOUND], found), values)


def use_known_keys(connection: sa.Connection, rows: list[StagedRow]) -> list[StagedRow]:
    """Give rows the key of their person's other form where the ledger knows the message under that one."""
    twins = {row.twin_key: row.key for row in rows if row.twin_key}
    if not twins:
        return rows
    either = [*twins, *filter(None, twins.values())]
    query = sa.select(messages.c.key, messages.c.state).where(messages.c.key.in_(either))
    states = {key: state for key, state in connection.execute(query)}  # noqa: C416 - rows are no pairs
    sent = {State(state).value for state in SENT_STATES}
    return [
        row._replace(key=row.twin_key) if row.twin_key in states and states.get(row.key or "") not in sent else row
        for row in rows
    ]


def use_keys_of_retries(connection: sa.Connection, rows: list[StagedRow]) -> list[StagedRow]:
    """Give rows the key of the message that replaced theirs, which had failed: it is the one to show.

    One that was settled as not sent waits as any other.
    """
    keys = {row.key for row in rows if row.key}
    waits = sa.and_(messages.c.state == State.PENDING.value, messages.c.again_state.is_(None))
    which = (messages.c.retry_of.in_(keys), sa.or_(is_one_of(messages.c.state, SENT_STATES), waits))
    query = sa.select(messages.c.retry_of, messages.c.key).where(*which)
    found = {of: key for of, key in connection.execute(query)}  # noqa: C416 - rows are no pairs for mypy
    return [row._replace(key=found[row.key]) if row.key in found else row for row in rows]

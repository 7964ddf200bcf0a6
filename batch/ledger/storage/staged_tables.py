"""The temporary tables of one sheet on its way into the ledger: private to one connection, gone with it."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    case,
    delete,
    insert,
    or_,
    select,
)

from batch.ledger.storage.engine import read_data_version
from batch.ledger.storage.schema import State, messages
from batch.model.messages import campaign_scope

staging_metadata = MetaData()

staged = Table(
    "staged",
    staging_metadata,
    Column("row", Integer, primary_key=True),
    Column("key", String(64)),
    Column("person", String(20)),
    Column("hashed", String(20)),
    Column("sender", Text),
    Column("outcome", String(10)),
    Column("stands", Boolean, nullable=False),
    Column("findings", Text),
    Column("notes", Text),
    Column("duplicate_of", Integer),
    Column("request_hash", String(64)),
    Column("payload", Text),
    Column("origin_run", String(200)),
    Column("origin_sheet", String(64)),
    Column("origin_row", Integer),
    prefixes=["TEMPORARY"],
)
"""The rows of one sheet before they are planned. `hashed`: the person as a purged message has it; null while nothing
was ever purged."""

known = Table(
    "known",
    staging_metadata,
    Column("row", Integer, primary_key=True),
    Column("state", String(10), nullable=False),
    Column("message_findings", Text),
    Column("again_state", String(10)),
    Column("again_findings", Text),
    Column("request_hash", String(64)),
    prefixes=["TEMPORARY"],
)
"""What the ledger knows of the message of each staged row's key, as `notes.py` found it; rows whose message is new are
not in it. `request_hash`: of errors alone, of which alone it is asked."""

doubtful = Table("doubtful", staging_metadata, Column("row", Integer, primary_key=True), prefixes=["TEMPORARY"])
"""The rows of `known` that may have changed since they were noted."""

STAGED_WITH_KNOWN = staged.outerjoin(known, known.c.row == staged.c.row)

several = Table(
    "several",
    staging_metadata,
    Column("key", String(64), primary_key=True),
    prefixes=["TEMPORARY"],
)
"""The keys that more than one staged row has."""

winners = Table(
    "winners",
    staging_metadata,
    Column("key", String(64), primary_key=True),
    Column("row", Integer, nullable=False),
    prefixes=["TEMPORARY"],
)
"""Of each key of several rows the row that stands for it."""

listed = Table(
    "listed",
    staging_metadata,
    Column("person", String(20), nullable=False),
    Column("list", String(10), nullable=False),
    Column("where", Text, nullable=False),
    PrimaryKeyConstraint("list", "person"),
    prefixes=["TEMPORARY"],
)
"""People of lists that hold for one run: `suppress` (by a file or a column) and `only` (`--only-allowed`)."""

_OPEN = (State.PENDING.value, State.ERROR.value, State.UNKNOWN.value)
"""The states of messages that a plan may make pending."""
_OF_ERROR = case((messages.c.state == State.ERROR.value, messages.c.request_hash))


class MessageLookup:
    """The notes of one sheet, and of which moment they are."""

    def __init__(self) -> None:
        self._version: tuple[int, int] | None = None

    def take(self, connection: Connection) -> None:
        """Look every staged key up. In a transaction, so that all notes are of one moment."""
        self._version = read_data_version(connection)
        _look_up(connection)

    def renew(self, connection: Connection, *, endpoint: str, campaign: str) -> None:
        """Make them true of what a plan may change in the sheet's campaign, unless certainly nobody has written since
        they were taken. In a transaction that writes, so that nobody does after that.

        Messages that were open or are so now are looked up again: what was sent is open again only where somebody has
        decided so, and then it is open now.
        """
        version = read_data_version(connection)
        if version is not None and version == self._version:
            return
        scope = (messages.c.endpoint == endpoint, messages.c.campaign == campaign_scope(campaign))
        open_now = select(messages.c.key).where(*scope, messages.c.state.in_(_OPEN))
        were_open = select(known.c.row).where(known.c.state.in_(_OPEN))
        again = select(staged.c.row).where(or_(staged.c.key.in_(open_now), staged.c.row.in_(were_open)))
        connection.execute(insert(doubtful).from_select(["row"], again))
        connection.execute(delete(known).where(known.c.row.in_(select(doubtful.c.row))))
        _look_up(connection, staged.c.row.in_(select(doubtful.c.row)))


def _look_up(connection: Connection, *which: ColumnElement[bool]) -> None:
    columns = (messages.c.state, messages.c.findings, messages.c.again_state, messages.c.again_findings)
    found = select(staged.c.row, *columns, _OF_ERROR).join(messages, messages.c.key == staged.c.key).where(*which)
    connection.execute(insert(known).from_select([column.name for column in known.columns], found))

"""The temporary tables of one sheet on its way into the ledger: private to one connection, gone with it."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer, MetaData, PrimaryKeyConstraint, String, Table, Text

__all__ = ["STAGED_WITH_KNOWN", "doubtful", "known", "listed", "several", "staged", "staging_metadata", "winners"]

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

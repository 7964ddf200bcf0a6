"""Tables of a ledger on a server: those of runs that workers send, and the form that the others have there."""

from functools import cache
from typing import Any

import sqlalchemy as sa

from batch.ledger.storage.engine import create_tables
from batch.ledger.storage.schema import SCHEMA_VERSION, UtcTime, messages, meta, metadata, thin_indexes

fleet_metadata = sa.MetaData()
"""A column that a table lacks is added when the ledger is opened: each may be null, or has a default."""

submissions = sa.Table(
    "submissions",
    fleet_metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("queue", sa.Text, nullable=False),
    sa.Column("lock", sa.Text, nullable=False),
    sa.Column("format", sa.Integer, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("upto", sa.Integer),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("cause", sa.Text),
    sa.Column("findings", sa.Text),
    sa.Column("submitted", UtcTime, nullable=False),
    sa.Column("closed", UtcTime),
    sa.Column("canary", sa.Integer),
    sa.Column("judge", sa.Text),
)
"""One per submitted run. `queue`: which workers may send it, those with its token. `lock`: the name of its campaign's
lock, which an open submission stands for. `settings`: what a worker needs of the campaign, in the form `format`.
`upto`: the last row that may be sent. `cause`, `findings`: why all of it stops. `closed`: its end is noted; null while
open. `canary`: the last of the rows that go alone first; null where none do, or once they have passed. `judge`: the
sender whose lane looks at them."""

workers = sa.Table(
    "workers",
    fleet_metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("queue", sa.Text, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("noted", UtcTime, nullable=False),
)
"""What each worker serves. `name`: that of its connection, by which the server tells whether it is there. `queue`: as
of submissions. `noted`: when it began, or came back after the server was away."""

lanes = sa.Table(
    "lanes",
    fleet_metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("submissions.run"), nullable=False),
    sa.Column("sender", sa.Text, nullable=False),
    sa.Column("lock", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_at", UtcTime),
    sa.Column("host", sa.Text),
    sa.Column("pid", sa.Integer),
    sa.Column("since", UtcTime),
    sa.Column("taken_over", sa.Integer, nullable=False, server_default="0"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("gaps", sa.Integer, nullable=False, server_default="0"),
    sa.Column("seconds", sa.Float, nullable=False, server_default="0"),
    sa.Column("latest", UtcTime),
    sa.Column("slowed", sa.Integer, nullable=False, server_default="0"),
    sa.Column("noted", UtcTime),
    sa.Column("rate", sa.Float),
    sa.Column("paused_until", UtcTime),
    sa.Column("begins_within", sa.Float, nullable=False, server_default="0.5"),
    sa.Column("cause", sa.Text),
    sa.Column("findings", sa.Text),
    sa.Column("pending_findings", sa.Text),
    sa.Column("lost", sa.Integer, nullable=False, server_default="0"),
    sa.Column("recorded", sa.Integer, nullable=False, server_default="0"),
    sa.Column("rows", sa.ARRAY(sa.Integer)),
    sa.Column("kept_back", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("remarks", sa.Text),
    sa.PrimaryKeyConstraint("run", "sender"),
)
"""One per sender of a submitted run. `lock`: the number of the sender's lock on the server. `state`: a `LaneState`.
`epoch`: how often it was taken; each of its claims carries it. `next_at`: when a resting one goes on. `host`, `pid`,
`since`: who took it last. `taken_over`: how often from a worker that was lost. `rate`, `paused_until`: the pace that
the API asked for, for who takes it next. `begins_within`: seconds after a claim within which its holder begins to post.
`attempts` to `noted`: as of `LaneStarts`, noted now and then. `cause`,
`pending_findings`: as of `SenderRun`; `findings`: the answer that stopped it. `lost`: workers that were lost one after
the other without an outcome in between; `recorded`: outcomes that there were when it was taken last. `rows`: its jobs,
by their rows in the sheet, ascending; so that who takes it need not look through those of all senders. `kept_back`: it
has none of the canary's rows, or none left, and waits until these have passed. `remarks`: looks that were not made, and
why."""

_NO_STATISTICS = "ALTER TABLE messages ALTER COLUMN sent_at SET STATISTICS 0"
"""By those of a plan nothing was sent, so that a claim's look at a person would read all that was sent since."""


@cache
def tables_on_server(wanted: sa.MetaData) -> sa.MetaData:
    """Return the tables as the server has them: texts sort by their bytes, as on SQLite, and have no longest form."""
    copies = sa.MetaData()
    for table in wanted.sorted_tables:
        copy = table.to_metadata(copies)
        copy._prefixes = table._prefixes  # TEMPORARY, which the copy lacks
        for column in copy.columns:
            kind = column.type.impl_instance if isinstance(column.type, sa.TypeDecorator) else column.type
            if isinstance(kind, sa.String):
                column.type = sa.Text(collation="C")
        conditions = {index.name: index.info.get("where") for index in table.indexes}
        for index in copy.indexes:  # which has its name alone, not what was noted with it
            index.dialect_options["postgresql"]["where"] = conditions[index.name]
    return copies


def create_server_tables(connection: sa.Connection) -> None:
    """Create the tables of a new ledger. The caller commits."""
    create_tables(connection, tables_on_server(metadata), SCHEMA_VERSION)
    tables_on_server(fleet_metadata).create_all(connection)
    connection.exec_driver_sql(_NO_STATISTICS)


def update_server_tables(connection: sa.Connection) -> None:
    """Bring the tables up to date, and add what those of workers lack. The caller commits."""
    connection.exec_driver_sql("ALTER TABLE messages ADD COLUMN IF NOT EXISTS claim_epoch INTEGER")
    connection.exec_driver_sql(_NO_STATISTICS)
    thin_indexes(connection, tables_on_server(metadata).tables[messages.name])
    tables_on_server(fleet_metadata).create_all(connection)
    for column in find_missing_columns(connection):
        words = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f'ALTER TABLE "{column.table.name}" ADD COLUMN {words}')
    named = meta.c.name == "schema_version"
    connection.execute(sa.update(meta).where(named).values(value=str(SCHEMA_VERSION)))


def find_missing_columns(connection: sa.Connection) -> list[sa.Column[Any]]:
    """Return the columns that the tables of workers lack."""
    query = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(:name) AND attnum > 0"
    missing = []
    for table in tables_on_server(fleet_metadata).sorted_tables:
        found = set(connection.execute(sa.text(query), {"name": table.name}).scalars())
        missing += [column for column in table.columns if column.name not in found]
    return missing

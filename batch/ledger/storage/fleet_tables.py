"""The tables of runs that workers send. A ledger on PostgreSQL alone has them."""

import sqlalchemy as sa

from batch.ledger.storage.schema import UtcTime

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

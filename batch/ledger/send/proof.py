"""Proof, after a failover, that the new server has what this process has claimed."""

from __future__ import annotations

import sqlalchemy as sa

from batch.event_log import log
from batch.ledger.storage.engine import database_of
from batch.ledger.storage.fleet_tables import submissions
from batch.ledger.storage.postgres_locks import LockingServer
from batch.model.reasons import Finding, Reason, findings_to_json
from batch.model.runs import StopCause


def prove_claims(engine: sa.Engine) -> Finding | None:
    """Stop all runs of workers where the ledger's server is another now, and lacks claims of this process.

    Returns the reason, durable on return, with those claims marked `unknown`; None where nothing is missing.
    """
    database = database_of(engine)
    if not isinstance(database, LockingServer):
        return None
    with engine.begin() as connection:
        since = database.confirmed.restore(connection)
        if since is None:
            return None
        finding = Finding(Reason.CLAIMS_LOST, {"since": since.isoformat(timespec="seconds")})
        values = {"cause": StopCause.CLAIMS_LOST.value, "findings": findings_to_json([finding])}
        is_open = (submissions.c.closed.is_(None), submissions.c.cause.is_(None))
        connection.execute(sa.update(submissions).where(*is_open).values(values))
    log.error("claims_lost", since=since.isoformat())
    with engine.connect() as connection:
        database.confirmed.accept_timeline(connection)
    return finding

"""Notes of what each worker serves, for `submit`, `status` and other workers."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from batch.ledger.storage.fleet_tables import workers

_KEPT = timedelta(days=1)
"""A worker may be without a connection for a while, and still come back."""


def note_worker(connection: sa.Connection, name: str, *, queue: str, endpoint: str) -> None:
    """Note what a worker serves, and forget those that have not been there for a day. The caller commits.

    `name`: that of its connection.
    """
    now = sa.func.clock_timestamp(type_=sa.DateTime(timezone=True))
    noted: datetime = connection.execute(sa.select(now)).scalar_one()
    values = {"queue": queue, "endpoint": endpoint, "noted": noted}
    note = insert(workers).values(name=name, **values)
    connection.execute(note.on_conflict_do_update(index_elements=["name"], set_=values))
    there: sa.Select[Any] = sa.select(sa.column("application_name")).select_from(sa.table("pg_stat_activity"))
    is_lost = workers.c.name.not_in(there.where(sa.column("application_name").is_not(None)))
    connection.execute(sa.delete(workers).where(workers.c.noted < noted - _KEPT, is_lost))

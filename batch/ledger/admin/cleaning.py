"""What was deleted must leave the file too: SQLite keeps deleted values in free pages and in its log.

Only this module and `engine.py` know which database it is.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from sqlalchemy import Connection, Engine, delete, select
from sqlalchemy.exc import SQLAlchemyError

from batch.errors import LedgerFailed
from batch.i18n import _
from batch.ledger.storage.engine import READ
from batch.ledger.storage.schema import meta

__all__ = ["UNCLEAN", "overwrite_freed", "unclean_since", "wipe"]

UNCLEAN = "unclean"


def overwrite_freed(connection: Connection) -> None:
    """From now on what this connection deletes or replaces is overwritten with zeros."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")


def unclean_since(engine: Engine) -> str | None:
    """Since when purged data may lie in the file's free space (ISO 8601); None when it was rewritten since."""
    with engine.connect().execution_options(**READ) as connection:
        found: str | None = connection.execute(select(meta.c.value).where(meta.c.name == UNCLEAN)).scalar()
    return found


def wipe(engine: Engine) -> str | None:
    """Write the file anew without its free space, and empty its log. May be called again.

    Gives why it could not be done, without a full stop; None when nothing of what was purged is in the file any more.
    Who wants to write waits meanwhile, so nobody should be sending. It takes twice the ledger's size of disk.
    """
    said = _rewrite(engine) if engine.dialect.name == "sqlite" else None
    if said is None:
        try:
            with engine.begin() as connection:
                connection.execute(delete(meta).where(meta.c.name == UNCLEAN))
        except (SQLAlchemyError, LedgerFailed) as error:
            return str(error)
    return said


def _rewrite(engine: Engine) -> str | None:
    try:
        with closing(engine.raw_connection()) as raw:
            connection = raw.driver_connection
            if not isinstance(connection, sqlite3.Connection):
                return None
            connection.execute("VACUUM")
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.Error as error:
        return str(error)
    return _("another program is reading it") if busy else None

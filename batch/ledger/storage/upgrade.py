"""The steps from one version of the ledger's tables to the next. None drops keys, states or times.

A step writes the changes out in SQL: what `schema.py` says today may be another thing when the step runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection

from batch.ledger.storage.pseudonyms import SECRET, Hashes, new_secret

__all__ = ["UPGRADES", "Upgrade"]

Upgrade = Callable[[Connection], None]


def _to_2(connection: Connection) -> None:
    """The suppression list, what each sender of a run did, trials, and finding messages by person and by time."""
    for statement in (
        "ALTER TABLE runs ADD COLUMN trial BOOLEAN DEFAULT 0 NOT NULL",
        "ALTER TABLE messages ADD COLUMN trial BOOLEAN DEFAULT 0 NOT NULL",
        "CREATE INDEX messages_by_person ON messages (person, sent_at) WHERE sent_at IS NOT NULL",
        "CREATE INDEX messages_by_time ON messages (sender, sent_at) WHERE sent_at IS NOT NULL",
        "CREATE INDEX messages_by_moment ON messages (sent_at) WHERE sent_at IS NOT NULL",
        "CREATE INDEX messages_again ON messages (again_state) WHERE again_state IS NOT NULL",
        "ALTER TABLE messages ADD COLUMN again_sender TEXT",
        "ALTER TABLE messages ADD COLUMN again_sent_at BIGINT",
        "ALTER TABLE messages ADD COLUMN again_duration_ms INTEGER",
        "ALTER TABLE messages ADD COLUMN again_http_status INTEGER",
        """CREATE TABLE run_senders (
            run VARCHAR(200) NOT NULL, sender TEXT NOT NULL, attempts INTEGER NOT NULL, achieved_rate FLOAT,
            slowed INTEGER NOT NULL, cause VARCHAR(40), pending_findings TEXT,
            PRIMARY KEY (run, sender), FOREIGN KEY(run) REFERENCES runs (run))""",
        """CREATE TABLE suppressed (
            person VARCHAR(20) NOT NULL, reason TEXT NOT NULL, source TEXT NOT NULL, added BIGINT NOT NULL,
            PRIMARY KEY (person))""",
    ):
        connection.exec_driver_sql(statement)


def _to_3(connection: Connection) -> None:
    """Rows that were corrected in a sheet of their own, each with the row in which it was wrong."""
    for statement in (
        """CREATE TABLE corrections (
            run VARCHAR(200) NOT NULL, "row" INTEGER NOT NULL, "key" VARCHAR(64), origin_run VARCHAR(200) NOT NULL,
            origin_sheet VARCHAR(64) NOT NULL, origin_row INTEGER NOT NULL, PRIMARY KEY (run, "row"))""",
        "CREATE INDEX corrections_by_origin ON corrections (origin_sheet, origin_row)",
    ):
        connection.exec_driver_sql(statement)


def _to_keyed(connection: Connection) -> None:
    """Keys become keyed hashes, so that they still tell who is known when the numbers are purged."""
    secret = new_secret()
    connection.exec_driver_sql("INSERT INTO meta (name, value) VALUES (?, ?)", (SECRET, secret))
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN purged BIGINT")
    keyed = Hashes(bytes.fromhex(secret)).key
    connection.connection.create_function("wegly_keyed", 1, keyed, deterministic=True)  # older ledgers are all SQLite's
    with_keys = (
        "SELECT t.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table' AND c.name = 'key'"
    )
    for table in connection.exec_driver_sql(with_keys).scalars().all():
        connection.exec_driver_sql(f'UPDATE {table} SET "key" = wegly_keyed("key") WHERE "key" IS NOT NULL')  # noqa: S608


UPGRADES: Mapping[int, Upgrade] = {2: _to_2, 3: _to_3, 4: _to_keyed}
"""To version n from n - 1."""

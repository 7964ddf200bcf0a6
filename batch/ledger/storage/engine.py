"""Opening the ledger's database: where it lies, who may read it, how durable a commit is, which version it has."""

from __future__ import annotations

import os
import sqlite3
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs
from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from batch.errors import LedgerUnusable
from batch.i18n import _
from batch.ledger.storage.errors import remedy_for, translate_failures
from batch.ledger.storage.location import refuse_network_folder
from batch.ledger.storage.locks import in_use, locks_folder
from batch.ledger.storage.pseudonyms import SECRET, Hashes, new_secret
from batch.ledger.storage.schema import SCHEMA_VERSION, meta, metadata

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

BUSY_SECONDS = 120
"""How long a statement waits for another process's lock before it fails. The plan of a million new rows holds it for
some 15 seconds, on a slow or busy machine for several times that: a run that is sending meanwhile must outlast it."""

READ: Mapping[str, Any] = {"wegly_read": True}
"""Execution options of a connection that only reads: its transactions take no write lock."""

_CACHE = "PRAGMA cache_size=-65536"  # 64 MB: keys are random, and a large plan touches every page
_SMALL_CACHE = "PRAGMA cache_size=-16384"
_OLDEST_SQLITE = (3, 35, 0)  # RETURNING


def default_url() -> str:
    """One ledger per user, in the user's data folder: people delete reports, and run from other folders."""
    return f"sqlite:///{Path(platformdirs.user_data_dir('wegly-batch', appauthor=False)) / 'ledger.sqlite3'}"


def where(url: str) -> str:
    """The ledger's place as a person may read it: a path, or an address without its password."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        return str(Path(parsed.database).expanduser().absolute())
    return parsed.render_as_string(hide_password=True)


def open_engine(url: str, *, upgrades: Mapping[int, Upgrade] = UPGRADES, version: int = SCHEMA_VERSION) -> Engine:
    """Open the ledger at `url`, creating it when it is not there, and bring its tables to `version`.

    Raises LedgerUnusable when the place cannot be used, the file is no ledger, or a newer version wrote it.
    """
    path = sqlite_path(url)
    refuse_network_folder(path)
    _prepare_file(path)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)
    _listen(engine)
    try:
        if not _is_current(engine, version):
            with engine.begin() as connection:
                _bring_up_to_date(connection, path, upgrades, version)
    except DBAPIError as error:
        engine.dispose()
        raise LedgerUnusable(
            _("The ledger {path} cannot be used: {error}.").format(path=path, error=error.orig),
            remedy_for(error.orig) or _("Check the disk and the file's rights, or name another ledger with --ledger."),
        ) from error
    except LedgerUnusable:
        engine.dispose()
        raise
    translate_failures(engine, str(path))
    return engine


def memory_engine() -> Engine:
    """An empty ledger that is nowhere: for checking a sheet where no ledger is yet."""
    engine = create_engine("sqlite://", hide_parameters=True)
    _listen(engine)
    with engine.begin() as connection:
        _bring_up_to_date(connection, Path(":memory:"), UPGRADES, SCHEMA_VERSION)
    translate_failures(engine, _("in memory"))
    return engine


def sqlite_path(url: str) -> Path:
    """The file that a ledger's URL names, absolute. Raises LedgerUnusable when it names none."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise LedgerUnusable(
            _("{url!r} does not name a ledger.").format(url=url),
            _("Write sqlite:///path/to/ledger.sqlite3 (three slashes, then the path)."),
        ) from None
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise LedgerUnusable(
            _("A ledger on {backend!r} is not possible in this version.").format(backend=parsed.get_backend_name()),
            _("Write sqlite:///path/to/ledger.sqlite3."),
        )
    return Path(parsed.database).expanduser().absolute()


def _prepare_file(path: Path) -> None:
    """Make the folder (0700) and the file (0600) before SQLite would make them readable for others."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise LedgerUnusable(
            _("This Python brings SQLite {found}; the ledger needs 3.35 or newer.").format(
                found=sqlite3.sqlite_version
            ),
            _("Install a newer Python."),
        )
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise LedgerUnusable(
            _("The ledger {path} cannot be opened: {error}.").format(path=path, error=error.strerror),
            _("Name a place you may write to with --ledger."),
        ) from error


def _listen(engine: Engine) -> None:
    """Take transactions into our own hands: sqlite3's own would begin late and commit by themselves."""

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(_CACHE)
        if sys.platform == "darwin":  # fsync does not reach the disk there
            connection.execute("PRAGMA fullfsync=ON")
            connection.execute("PRAGMA checkpoint_fullfsync=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # IMMEDIATE waits for the lock here, where waiting is safe, and not in the middle of a transaction.
        reading = connection.get_execution_options().get("wegly_read")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextmanager
def frugal(connection: Connection) -> Iterator[None]:
    """Less memory while a block reads: going once through a run's rows is no slower for it."""
    small_cache(connection)
    try:
        yield
    finally:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(_CACHE)


def small_cache(connection: Connection) -> None:
    """From here on the connection keeps fewer pages: the system has them at hand as well."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_SMALL_CACHE)


def _is_current(engine: Engine, version: int) -> bool:
    """Whether there is nothing to write: opening a ledger then waits for nobody who writes."""
    with engine.connect().execution_options(**READ) as connection:
        if not inspect(connection).has_table(meta.name):
            return False
        found = connection.execute(select(meta.c.value).where(meta.c.name == "schema_version")).scalar()
        return found == str(version)


def _bring_up_to_date(connection: Connection, path: Path, upgrades: Mapping[int, Upgrade], version: int) -> None:
    if not inspect(connection).has_table(meta.name):
        metadata.create_all(connection)
        first = {"ledger_id": uuid.uuid4().hex, "schema_version": str(version), "counter": "0", SECRET: new_secret()}
        connection.execute(insert(meta), [{"name": name, "value": value} for name, value in first.items()])
        return
    found = int(connection.execute(select(meta.c.value).where(meta.c.name == "schema_version")).scalar_one())
    if found > version:
        raise LedgerUnusable(
            _("The ledger {path} was written by a newer wegly-batch (its version is {found}, ours {version}).").format(
                path=path, found=found, version=version
            ),
            _("Install the newest wegly-batch."),
        )
    if found < version and in_use(locks_folder(path)):
        raise LedgerUnusable(
            _("The ledger {path} must be brought up to date, and another program is using it.").format(path=path),
            _("Wait until it has ended, then run the same command again."),
        )
    for step in range(found + 1, version + 1):
        upgrades[step](connection)
    if found < version:
        connection.execute(update(meta).where(meta.c.name == "schema_version").values(value=str(version)))


def version_of(connection: Connection) -> tuple[int, int] | None:
    """Another value once another connection has changed the database; None where nobody can tell, and in memory, where
    all share one connection. In a transaction it is the version that the transaction sees."""
    if connection.dialect.name != "sqlite" or not connection.engine.url.database:
        return None
    changes = int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())
    return id(connection.connection.dbapi_connection), changes


def translate(error: SQLAlchemyError, doing: str) -> str:
    """The driver's words about a failed write, in one sentence. `doing` is a marked text (`N_`)."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return _("The ledger could not be written while {doing}: {cause}.").format(doing=_(doing), cause=cause)

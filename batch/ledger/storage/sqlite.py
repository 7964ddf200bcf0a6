"""A ledger in an SQLite file: access rights, durability of a commit, copies."""

import os
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path, PurePath
from typing import Any

import platformdirs
import sqlalchemy as sa

from batch.errors import LedgerUnusable
from batch.formatting import from_here
from batch.i18n import _
from batch.ledger.storage.engine import Database, connect_to_read, execute_by_driver, translate_failures
from batch.ledger.storage.errors import remedy_for
from batch.ledger.storage.location import refuse_network_folder
from batch.ledger.storage.locks import Owner, hold, locks_folder
from batch.ledger.storage.migrations import MIGRATIONS, Migration, migrate, read_version
from batch.ledger.storage.schema import SCHEMA_VERSION

BUSY_SECONDS = 120
"""How long a statement waits for another process's lock before it fails. The plan of a million new rows holds it for
some 15 seconds, on a slow or busy machine for several times that: a run that is sending meanwhile must outlast it."""

_CACHE = "PRAGMA cache_size=-65536"  # 64 MB: keys are random, and a large plan touches every page
_CLAIMS_CACHE = "PRAGMA cache_size=-16384"
_SMALL_CACHE = "PRAGMA cache_size=-2000"  # SQLite's own: what it sorts in so much fits in a core's cache
_STAGING_PAGES = "PRAGMA temp.page_size=65536"  # a staged row has half a kB, and all are read again by each rule
_BACKUP_BUSY_SECONDS = 30
_OLDEST_SQLITE = (3, 35, 0)  # RETURNING; its JSON functions are a part since 3.38, and distributions had them before


class SqliteFile(Database):
    """A file of SQLite. Its one connection at a time writes; locks are files beside it."""

    file: Path
    keeps_types = False

    def __init__(self, path: Path) -> None:
        self.file = path
        self.location = str(path)
        self.option = "" if path == default_file() else f"sqlite:///{from_here(path)}"

    def exists(self) -> bool:
        """Return whether there is a file. Raises LedgerUnusable where there is none, and none may be."""
        if not (there := self.file.exists()):
            refuse_network_folder(self.file)
        return there

    def open(self) -> sa.Engine:
        """Open the file as `Database.open`."""
        return open_file(self.file)

    def hold(self, engine: sa.Engine, names: Iterable[str], owner: Owner) -> AbstractContextManager[None]:  # noqa: ARG002 - the files need none
        """Hold the locks of the files beside the ledger."""
        return hold(locks_folder(self.file), names, owner)

    @contextmanager
    def open_read_only(self) -> Iterator[sqlite3.Connection]:
        """Open a connection as `Database.open_read_only`, safe while a run is sending."""
        if not self.file.is_file():
            raise LedgerUnusable(
                _("There is no ledger {path} yet.").format(path=self.file),
                _("The first run makes it; or name another one with --ledger."),
            )
        try:
            uri = read_only_uri(self.file)
            with closing(sqlite3.connect(uri, uri=True, timeout=_BACKUP_BUSY_SECONDS)) as connection:
                connection.execute("PRAGMA query_only=ON")
                yield connection
        except sqlite3.Error as error:
            raise LedgerUnusable(
                _("The ledger {path} cannot be read: {error}.").format(path=self.file, error=error),
                remedy_for(error) or _("Name a ledger of wegly-batch with --ledger."),
            ) from error

    def size(self, connection: Any) -> int:  # noqa: ARG002 - the files have it
        """Return the bytes on the disk, the write-ahead log included."""
        files = (self.file, self.file.with_name(self.file.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def connect_to_claim(self, engine: sa.Engine) -> sa.Connection:
        """Return a connection with a small page cache: the system's own cache holds the same pages."""
        connection = engine.connect()
        connection.exec_driver_sql(_CLAIMS_CACHE)
        connection.rollback()
        return connection

    def read_data_version(self, connection: sa.Connection) -> tuple[int, int] | None:
        """Return the version as `Database.read_data_version`; None in memory, where nothing is shared."""
        if not connection.engine.url.database:
            return None
        changes = int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())
        return id(connection.connection.dbapi_connection), changes

    @contextmanager
    def small_cache(self, connection: sa.Connection) -> Iterator[None]:
        """Shrink the page cache for a block."""
        connection.exec_driver_sql(_SMALL_CACHE)
        try:
            yield
        finally:
            connection.exec_driver_sql(_CACHE)

    def overwrite_freed(self, connection: sa.Connection) -> None:
        """Overwrite with zeros what the transaction frees."""
        connection.exec_driver_sql("PRAGMA secure_delete=ON")

    def rewrite(self, engine: sa.Engine) -> bool:
        """Rewrite the file without its free space, and empty its log; False when a reader kept that from being done."""
        with closing(engine.raw_connection()) as raw:
            raw.cursor().execute("VACUUM")
            return not raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]


def default_file() -> Path:
    """Return the user's own ledger: one per user, since people delete reports and change folders."""
    return Path(platformdirs.user_data_dir("wegly-batch", appauthor=False)) / "ledger.sqlite3"


def read_only_uri(path: PurePath) -> str:
    """Return the URI by which SQLite opens a file to read. A server (UNC) is a part of its path there, not a host."""
    return f"{path.as_uri()}?mode=ro".replace("file://", "file:////" if path.drive.startswith("\\\\") else "file://")


def open_file(
    path: Path, *, migrations: Mapping[int, Migration] = MIGRATIONS, version: int = SCHEMA_VERSION
) -> sa.Engine:
    """Open the ledger in a file, create it when it does not exist, and migrate its tables to `version`.

    What it creates or migrates is durable on return. Raises LedgerUnusable when the location cannot be used, the file
    is no ledger, its version is older than migrations start from, or a newer wegly-batch wrote it.
    """
    refuse_network_folder(path)
    _prepare_file(path)
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)
    configure_connections(engine)
    try:
        if not _is_current(engine, version):
            with engine.begin() as connection:
                migrate(connection, path, migrations, version)
    except sa.exc.DBAPIError as error:
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


def memory_engine() -> sa.Engine:
    """Return an empty ledger in memory, for read-only commands when no ledger file exists.

    Each connection has a copy of its own: of one that they share, only one transaction could be open.
    """
    connect_args = {"check_same_thread": False}
    engine = sa.create_engine("sqlite://", poolclass=sa.QueuePool, connect_args=connect_args, hide_parameters=True)
    configure_connections(engine)
    with engine.begin() as connection:
        migrate(connection, Path(":memory:"), MIGRATIONS, SCHEMA_VERSION)
    with closing(engine.raw_connection()) as raw:
        driver: Any = raw.driver_connection
        contents = "\n".join(driver.iterdump())

    @sa.event.listens_for(engine, "connect")
    def _copy(connection: Any, _record: Any) -> None:
        connection.executescript(contents)

    translate_failures(engine, _("in memory"))
    return engine


def _prepare_file(path: Path) -> None:
    """Create the folder (0700) and the file (0600) before SQLite would make them readable for others."""
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


def configure_connections(engine: sa.Engine) -> None:
    """Set WAL, full synchronisation and our own transactions on every connection of `engine`."""
    engine.update_execution_options(wegly_database=SqliteFile(Path(engine.url.database or ":memory:")))

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # sqlite3's own transactions begin late and commit by themselves
        _switch_to_wal(connection)
        for setting in ("synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF", "cell_size_check=ON"):
            connection.execute(f"PRAGMA {setting}")
        connection.execute(_CACHE)
        connection.execute(_STAGING_PAGES)
        if sys.platform == "darwin":  # fsync does not reach the disk there
            connection.execute("PRAGMA fullfsync=ON")
            connection.execute("PRAGMA checkpoint_fullfsync=ON")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # IMMEDIATE waits for the lock here, where waiting is safe, and not in the middle of a transaction.
        reading = connection.get_execution_options().get("wegly_read")
        execute_by_driver(connection, "BEGIN" if reading else "BEGIN IMMEDIATE")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Switch a file to WAL. While another connection does so SQLite does not wait, so that it is tried again."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _is_current(engine: sa.Engine, version: int) -> bool:
    """Return whether nothing has to be written: opening the ledger then waits for no writer."""
    with connect_to_read(engine) as connection:
        _refuse_views(connection)
        return read_version(connection) == version


def _refuse_views(connection: sa.Connection) -> None:
    """Refuse what could show or write something else than the tables hold: wegly-batch makes no view and no trigger."""
    query = "SELECT type, name FROM sqlite_schema WHERE type IN ('view', 'trigger')"
    if (found := connection.exec_driver_sql(query).first()) is not None:
        raise LedgerUnusable(
            _("The ledger has a {kind} {name!r}, which wegly-batch does not make.").format(
                kind=found.type, name=found.name
            ),
            _("Another program changed it: use a copy from before, or your own ledger."),
        )

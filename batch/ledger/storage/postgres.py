"""A ledger on a server of PostgreSQL: its address and the settings of its sessions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from batch.errors import LedgerUnusable
from batch.i18n import _
from batch.ledger.storage.engine import Values, connect_to_read, translate_failures
from batch.ledger.storage.errors import CREATE_RIGHTS, describe, remedy_for
from batch.ledger.storage.postgres_locks import ACCEPT_ASYNC, LockingServer, locks_table, pooler_refusal, refuse_pooler
from batch.ledger.storage.schema import SCHEMA_VERSION, meta, metadata
from batch.ledger.storage.server_tables import (
    create_server_tables,
    find_missing_columns,
    tables_on_server,
    update_server_tables,
    workers,
)

try:
    import psycopg
    from psycopg.conninfo import make_conninfo
except ImportError:
    raise LedgerUnusable(
        _("A ledger on PostgreSQL needs psycopg, which is not installed."),
        _(
            "Install it beside wegly-batch: pip install 'psycopg[binary]', with pipx: pipx inject wegly-batch "
            "'psycopg[binary]'."
        ),
    ) from None

SCHEMA = "wegly"
_OLDEST_VERSION = 150_000
_KNOWN = (8, 9, SCHEMA_VERSION)
"""Versions of the tables that are brought up to date; this one too, for it may lack columns of workers."""
_LONGEST_NAME = 63
_KEPT_WORKERS = timedelta(days=1)
"""A worker may be without a connection for a while, and still come back."""
_SECRETS = ("password", "sslpassword")
_SETTINGS = {
    "synchronous_commit": "on",
    "lock_timeout": "120s",
    "statement_timeout": "0",
    "idle_session_timeout": "0",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10s",
    "work_mem": "64MB",
    "jit": "off",
}
"""Of every session. Keepalives end the session of a machine that vanished, and with it its locks; where it vanished
with an answer on the way to it, the time-out does, for the system would try for a quarter of an hour."""
_CONNECTING = {
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_HAS_GROWN = sa.text(
    "SELECT reltuples < 0 OR pg_relation_size(oid) > 1.2 * relpages * current_setting('block_size')::int"
    " FROM pg_class WHERE oid = to_regclass(:name)"
)
"""Whether a table has no statistics, or a fifth more pages than when they were gathered."""
_HAS_SCHEMA = sa.text("SELECT to_regnamespace(:schema)::text")
_MAY_CREATE = sa.text(
    "SELECT CASE WHEN to_regnamespace(:schema) IS NULL THEN has_database_privilege(current_database(), 'CREATE')"
    " ELSE has_schema_privilege(:schema, 'CREATE') END"
)
_WITHOUT = {"hide_parameters": True, "pool_pre_ping": True, "use_native_hstore": False}


class PostgresServer(LockingServer):
    """A database on a server of PostgreSQL, in a schema of its own."""

    json_items = "json_each_text"
    takes_sets = True

    def __init__(self, url: sa.URL) -> None:
        query = {name: value for name, value in url.query.items() if name not in _SECRETS and name != ACCEPT_ASYNC}
        self._url = url.set(drivername="postgresql+psycopg").difference_update_query([ACCEPT_ASYNC, "schema"])
        shown = url._replace(drivername="postgresql", password=None).set(query=query)
        schema = str(query.get("schema", SCHEMA))
        if not re.fullmatch("[a-z_][a-z0-9_]*", schema, re.ASCII):
            raise LedgerUnusable(
                _("{name!r} is no name of a schema for the ledger.").format(name=schema),
                _("Write small letters, digits and underscores: ?schema=wegly_2."),
            )
        super().__init__(shown.render_as_string(), schema=schema, accepts_async=ACCEPT_ASYNC in url.query)

    # The ledger as a whole

    def exists(self) -> bool:
        """Return whether the database has the tables of a ledger. Raises LedgerUnusable as `open`."""
        with self._connecting() as engine, connect_to_read(engine) as connection:
            return self._read_version(connection) is not None

    def awaits_tables(self) -> bool:
        """Return whether there are no tables yet. Raises LedgerUnusable where a first run could not begin."""
        with self._connecting() as engine, connect_to_read(engine) as connection:
            if self._read_version(connection) is not None:
                return False
            if not connection.execute(_MAY_CREATE, {"schema": self._schema}).scalar():
                raise LedgerUnusable(
                    _("The ledger {path} has no tables yet, and its user may not make them.").format(
                        path=self.location
                    ),
                    _(CREATE_RIGHTS),
                )
            self.refuse_unsafe(connection)
        return True

    def open(self) -> sa.Engine:
        """Open the ledger as `Database.open`."""
        with self._connecting(lasts=True) as engine:
            with connect_to_read(engine) as connection:
                found = self._read_version(connection)
                is_current = found == SCHEMA_VERSION and not find_missing_columns(connection)
            if found is None:
                self._create(engine)
            elif found not in _KNOWN:
                raise LedgerUnusable(
                    _(
                        "The ledger {path} was written by a newer wegly-batch (its version is {found}, ours {version})."
                    ).format(path=self.location, found=found, version=SCHEMA_VERSION),
                    _("Install the newest wegly-batch."),
                )
            elif not is_current:
                self._update_tables(engine)
        translate_failures(engine, self.location)
        return engine

    @contextmanager
    def _connecting(self, *, lasts: bool = False) -> Iterator[sa.Engine]:
        """Give an engine for a block, and translate its errors. `lasts`: it stays open unless the block fails."""
        more = {"connect_args": self._connect_args(), "execution_options": {"wegly_database": self}}
        engine = sa.create_engine(self._url, **more, **_WITHOUT)
        sa.event.listen(engine, "begin", _begin)
        try:
            yield engine
        except sa.exc.DBAPIError as error:
            engine.dispose()
            if "unsupported startup parameter" in str(error.orig):  # PgBouncer's, as it is configured by default
                raise pooler_refusal() from error
            raise LedgerUnusable(
                _("The ledger {path} cannot be used: {error}.").format(path=self.location, error=describe(error.orig)),
                remedy_for(error.orig) or _("Check the address, the user and their rights, or name another ledger."),
            ) from error
        except BaseException:
            engine.dispose()
            raise
        if not lasts:
            engine.dispose()

    def _connect_args(self) -> dict[str, Any]:
        settings = {**_SETTINGS, "search_path": self._schema}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        given = self._url.query.get("options", "")
        more = {"options": f"{given} {options}".strip(), "application_name": "wegly-batch", "client_encoding": "utf8"}
        return {**_CONNECTING, **more}

    def _read_version(self, connection: sa.Connection) -> int | None:
        """Return the version of the tables; None where there are none. Raises LedgerUnusable for an unfit server."""
        info = connection.connection.dbapi_connection.info  # type: ignore[union-attr] # it is connected
        if info.server_version < _OLDEST_VERSION:
            raise LedgerUnusable(
                _("The ledger {path} is on PostgreSQL {found}; it needs 15 or newer.").format(
                    path=self.location, found=info.server_version // 10_000
                ),
                _("Use a newer server."),
            )
        if (encoding := info.parameter_status("server_encoding")) != "UTF8":  # that of a database made in the locale C
            raise LedgerUnusable(
                _("The ledger {path} is in a database whose encoding is {found}; it needs UTF8.").format(
                    path=self.location, found=encoding
                ),
                _("Make one, and name it with --ledger: createdb --encoding=UTF8 --template=template0 NAME"),
            )
        refuse_pooler(connection)
        if not sa.inspect(connection).has_table(meta.name):
            return None
        return int(connection.execute(sa.select(meta.c.value).where(meta.c.name == "schema_version")).scalar_one())

    def _create(self, engine: sa.Engine) -> None:
        with engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(self.key("tables"))))
            if self._read_version(connection) is None:  # another program may have made them meanwhile
                if connection.execute(_HAS_SCHEMA, {"schema": self._schema}).scalar() is None:
                    # Not "if not exists", which asks for the right also where the schema is there.
                    connection.execute(sa.schema.CreateSchema(self._schema))
                locks_table.create(connection)
                create_server_tables(connection)

    def _update_tables(self, engine: sa.Engine) -> None:
        """Bring the tables up to date, and add what those of workers lack. Once, also where two programs do it."""
        with engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(self.key("tables"))))
            update_server_tables(connection)

    @contextmanager
    def open_read_only(self) -> Iterator[Any]:
        """Open a connection as `Database.open_read_only`."""
        if not self.exists():
            raise LedgerUnusable(
                _("There is no ledger {path} yet.").format(path=self.location),
                _("The first run makes it; or name another one with --ledger."),
            )
        with self._connecting() as engine:
            raw = engine.raw_connection()
            try:
                driver: Any = raw.dbapi_connection
                driver.autocommit = True
                driver.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                yield driver
            except psycopg.Error as error:
                raise LedgerUnusable(
                    _("The ledger {path} cannot be read: {error}.").format(path=self.location, error=describe(error)),
                    remedy_for(error) or _("Name a ledger of wegly-batch with --ledger."),
                ) from error
            finally:
                raw.invalidate()

    def size(self, connection: Any) -> int:
        """Return the bytes of all its tables and their indexes."""
        query = "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class WHERE relkind = 'r'"
        return int(connection.execute(f"{query} AND relnamespace = %s::regnamespace", [self._schema]).fetchone()[0])

    def tables(self, wanted: sa.MetaData) -> sa.MetaData:
        """Return the tables as `Database.tables`."""
        return tables_on_server(wanted)

    # Workers

    def for_lane(self) -> PostgresServer:
        """Return the same database with a claiming session, and locks, of its own."""
        lane = copy(self)
        lane._claiming, lane._held, lane._is_writing, lane._is_doubtful = None, set(), False, False
        return lane

    def worker_name(self, worker: str) -> str:
        """Return the name under which the server lists a worker (`host:process version`), by the ledger's schema.

        The server would cut the end of a long one, which tells it from others: the end of the host goes instead.
        """
        begin = "wegly-batch worker " if self._schema == SCHEMA else f"wegly-batch {self._schema[:16]} worker "
        host, colon, rest = worker.rpartition(":")
        return f"{begin}{host[: _LONGEST_NAME - len(begin) - len(colon) - len(rest)]}{colon}{rest}"

    def note_worker(self, connection: sa.Connection, worker: str, *, queue: str, endpoint: str) -> None:
        """Note what a worker serves, and forget those that have not been there for a day. The caller commits."""
        now = sa.func.clock_timestamp(type_=sa.DateTime(timezone=True))
        noted: datetime = connection.execute(sa.select(now)).scalar_one()
        values = {"queue": queue, "endpoint": endpoint, "noted": noted}
        note = insert(workers).values(name=self.worker_name(worker), **values)
        connection.execute(note.on_conflict_do_update(index_elements=["name"], set_=values))
        there: sa.Select[Any] = sa.select(sa.column("application_name")).select_from(sa.table("pg_stat_activity"))
        is_lost = workers.c.name.not_in(there.where(sa.column("application_name").is_not(None)))
        connection.execute(sa.delete(workers).where(workers.c.noted < noted - _KEPT_WORKERS, is_lost))

    def conninfo(self, name: str) -> str:
        """Return what psycopg connects by, with the settings of this ledger's sessions, and a name for the server."""
        given = self._url.translate_connect_args(database="dbname", username="user") | dict(self._url.query)
        return make_conninfo(**{**given, **self._connect_args(), "application_name": name})

    # Single connections

    def read_data_version(self, connection: sa.Connection) -> tuple[int, int]:
        """Return the transaction: what others commit meanwhile does not show, and its locks keep it from counting."""
        return 0, int(connection.scalar(sa.select(sa.cast(sa.func.pg_current_xact_id(), sa.Text))) or 0)

    def make_stager(
        self, connection: sa.Connection, table: sa.Table, *kinds: Sequence[str]
    ) -> Callable[[*tuple[Values, ...]], None]:
        """Return what copies rows into a temporary table."""
        columns = (", ".join(f'"{name}"' for name in names) for names in kinds)
        copies = [f'COPY "{table.name}" ({names}) FROM STDIN' for names in columns]

        def stage(*rows: Values) -> None:
            if not connection.in_transaction():  # else SQLAlchemy would not know of the one that the copy begins
                connection.begin()
            cursor: Any = connection.connection.cursor()
            for statement, values in zip(copies, rows, strict=True):
                if values:
                    with cursor.copy(statement) as copy:
                        for each in values:
                            copy.write_row(each)

        return stage

    def analyze(self, connection: sa.Connection, *tables: sa.Table) -> None:
        """Gather statistics: of a temporary table the server does not by itself, of the others not so soon.

        Those of a table that has hardly grown since tell the planner the same.
        """
        if grown := [table.name for table in tables if connection.execute(_HAS_GROWN, {"name": table.name}).scalar()]:
            connection.exec_driver_sql("ANALYZE " + ", ".join(f'"{name}"' for name in grown))

    def rewrite(self, engine: sa.Engine) -> bool:
        """Free the old versions of rows for reuse, as far as no transaction still sees them."""
        raw = engine.raw_connection()
        try:
            driver: Any = raw.dbapi_connection
            driver.autocommit = True
            driver.execute("VACUUM " + ", ".join(f'"{table.name}"' for table in metadata.sorted_tables))
        finally:
            raw.invalidate()
        return True


def _begin(connection: sa.Connection) -> None:
    """Let a reader see one moment, and a writer each statement's own: what others have committed until then."""
    level = psycopg.IsolationLevel
    reads = connection.get_execution_options().get("wegly_read")
    driver: Any = connection.connection.dbapi_connection
    driver.isolation_level = level.REPEATABLE_READ if reads else level.READ_COMMITTED

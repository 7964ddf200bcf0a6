"""Connections to a ledger's database, whichever it is, statements on them, and what the ledger's parts ask of it."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from batch.errors import LedgerFailed
from batch.i18n import _
from batch.ledger.storage.errors import describe, translate_failure
from batch.ledger.storage.locks import Owner
from batch.ledger.storage.pseudonyms import SECRET, new_secret
from batch.ledger.storage.schema import meta
from batch.model.reasons import Finding

T = TypeVar("T")
Values = Sequence[tuple[Any, ...]]
READ: Mapping[str, Any] = {"wegly_read": True}
"""Execution options of a connection that only reads: its transactions take no write lock, and are of one moment."""


class Database(ABC):
    """The differences, beside SQL, between the databases on which a ledger can be.

    What a database has no need of, it does not override.
    """

    location: str
    """For messages to people: a path, or a URL without its password."""
    option: str
    """Value of `--ledger` by which a command finds it; empty for the user's own."""
    file: Path | None = None
    """The file that is all of it; None on a server."""
    takes_sets = False
    """Each statement is a round trip: the writes of a group go in one."""
    json_items = "json_each"
    """Function that makes a table of a JSON object: its names (`key`) and values (`value`)."""
    keeps_types = True
    """A column holds values of its own type alone."""
    confirmed: Any = None
    """The last claims of this process (`ConfirmedClaims`); None where no other server can take this one's place."""

    # The ledger as a whole

    @abstractmethod
    def exists(self) -> bool:
        """Return whether there is a ledger, without making one."""

    def awaits_tables(self) -> bool:
        """Return whether it is a database that has no tables of a ledger yet. Raises LedgerUnusable as `open`."""
        return False

    @abstractmethod
    def open(self) -> sa.Engine:
        """Open the ledger, create it when it does not exist, and bring its tables up to date; durable on return.

        Raises LedgerUnusable when the location cannot be used, holds no ledger, or a newer wegly-batch wrote it.
        """

    @abstractmethod
    def hold(self, engine: sa.Engine, names: Iterable[str], owner: Owner) -> AbstractContextManager[None]:
        """Hold the locks of `names` (`campaign ...`, `sender ...`, `follow ...`) while a block runs, all or none.

        Raises Busy, naming the holder, when another run has one of them, and LedgerUnusable when they cannot be made.
        """

    @abstractmethod
    def open_read_only(self) -> AbstractContextManager[Any]:
        """Open a connection of the driver that cannot write, to a ledger of any version, for a block.

        Raises LedgerUnusable when there is no ledger, and for every error of the driver while the block runs.
        """

    @abstractmethod
    def size(self, connection: Any) -> int:
        """Return the bytes on the disk. `connection`: one of `open_read_only`."""

    def tables(self, wanted: sa.MetaData) -> sa.MetaData:
        """Return the tables in the form in which the database has them."""
        return wanted

    # The connection of the claims

    def connect_to_claim(self, engine: sa.Engine) -> sa.Connection:
        """Return the connection on which a run claims and records. Give it back by `give_back`."""
        return engine.connect()

    def give_back(self, connection: sa.Connection) -> None:
        """Take that connection back, whatever state it is in."""
        connection.close()

    def guard_claims(self, connection: sa.Connection, names: Iterable[str]) -> None:
        """Keep others from judging claims by what these name (people, a shared cap) until the transaction ends.

        Raises LedgerFailed when the connection holds the locks no more without which nothing may be claimed.
        """

    def cursor(self, connection: sa.Connection, text: str) -> Any:  # noqa: ARG002 - all are alike
        """Return a cursor of the driver for a statement whose result is read before it runs again."""
        return connection.connection.cursor()

    def confirm_commit(self, connection: sa.Connection) -> None:
        """Raise LedgerFailed when a commit that ended well is doubtful all the same."""

    def prove_claims(self, engine: sa.Engine) -> Finding | None:  # noqa: ARG002 - no other can take its place
        """Return why nothing may be sent, where another server is in this one's place and lacks claims.

        All runs of workers are stopped then. Durable on return; None: none of this process is missing.
        """
        return None

    # Single connections

    def read_data_version(self, connection: sa.Connection) -> tuple[int, int] | None:
        """Return a value that differs once another connection has committed a change; None: it may have.

        Inside a transaction it is the version that the transaction sees.
        """

    def small_cache(self, connection: sa.Connection) -> AbstractContextManager[None]:  # noqa: ARG002 - none
        """Shrink the page cache for sequential reads and for sorting, which are a tenth faster for it."""
        return nullcontext()

    def make_stager(
        self, connection: sa.Connection, table: sa.Table, *kinds: Sequence[str]
    ) -> Callable[[*tuple[Values, ...]], None]:
        """Return what puts rows into a temporary table, those of each kind with its columns, in the table's order."""

        statements = [_insertion(table.name, columns) for columns in kinds]

        def stage(*rows: Values) -> None:
            # As the driver takes them: SQLAlchemy's own way costs as much as the insert.
            for statement, values in zip(statements, rows, strict=True):
                if values:
                    connection.exec_driver_sql(statement, list(values))

        return stage

    def analyze(self, connection: sa.Connection, *tables: sa.Table) -> None:
        """Let the planner know what is in tables of which it cannot know by itself."""

    # Purging

    def overwrite_freed(self, connection: sa.Connection) -> None:
        """Overwrite what the connection's transaction frees."""

    @abstractmethod
    def rewrite(self, engine: sa.Engine) -> bool:
        """Remove what was freed before. False: a reader keeps it from being gone."""


def _insertion(table: str, columns: Sequence[str]) -> str:
    names, places = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
    return f'INSERT INTO "{table}" ({names}) VALUES ({places})'  # noqa: S608 - names of ours


def database_of(opened: sa.Engine | sa.Connection) -> Database:
    """Return the database of an opened ledger, or of a connection to it."""
    found: Database = opened.get_execution_options()["wegly_database"]
    return found


class LedgerPart:
    """A part of a ledger, which opens connections of its own."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine


def connect_to_read(engine: sa.Engine) -> sa.Connection:
    """Return a connection whose transactions take no write lock, and see one moment."""
    return engine.connect().execution_options(**READ)


def create_tables(connection: sa.Connection, tables: sa.MetaData, version: int) -> None:
    """Create the tables of a new ledger, and its entries of `meta`. The caller commits."""
    tables.create_all(connection)
    first = {"ledger_id": uuid.uuid4().hex, "schema_version": str(version), "counter": "0", SECRET: new_secret()}
    connection.execute(sa.insert(meta), [{"name": name, "value": value} for name, value in first.items()])


def translate_failures(engine: sa.Engine, place: str) -> None:
    """Make `engine` raise LedgerFailed where the ledger's location fails: disk full, read-only, damaged.

    For all reads and writes, those of a sheet's staging too. Errors of the statements themselves (a key that exists
    already, wrong SQL) stay SQLAlchemy's own. `place`: the location in messages.
    """
    engine.update_execution_options(wegly_place=place)

    @sa.event.listens_for(engine, "handle_error")
    def _translate(context: sa.engine.ExceptionContext) -> BaseException | None:
        # A pooled connection that was lost meanwhile is replaced.
        return None if context.is_pre_ping else translate_failure(context.original_exception, place)


def pages(values: Iterable[T], size: int = 500) -> Iterator[list[T]]:
    """Yield parts of the values. By default they fit in one IN (...): databases have a limit."""
    following = iter(values)
    while page := list(islice(following, size)):
        yield page


@contextmanager
def translate_write_failures(doing: str, remedy: str) -> Iterator[None]:
    """Raise LedgerFailed in place of SQLAlchemy's errors inside the block. `doing` is a marked text (`N_`)."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise write_failure(error, doing, remedy) from error


def write_failure(error: sa.exc.SQLAlchemyError, doing: str, remedy: str) -> LedgerFailed:
    """Return the LedgerFailed for a failed write, with the driver's words. `doing` is a marked text (`N_`)."""
    cause = describe(error.orig if isinstance(error, sa.exc.DBAPIError) else error)
    problem = _("The ledger could not be written while {doing}: {cause}.").format(doing=_(doing), cause=cause)
    return LedgerFailed(problem, remedy)


class PreparedStatement:
    """A statement with named parameters, compiled by SQLAlchemy once, run by the driver alone, for each message sent.

    The work of SQLAlchemy around each execution (looking up the compiled form, a context, a result) costs eight times
    as much as the statement itself, and while sending it competes with the event loop for the interpreter. No list in
    it is expanded anew.

    An update sets `columns` to the parameters of the same names. Values are converted by the parameters' types; the
    rows that a statement returns are the driver's own.
    """

    def __init__(self, statement: sa.Executable, *columns: str) -> None:
        self._statement = statement
        self._columns = columns
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> Any:
        """Run it in the connection's transaction. Result and errors as of `execute_by_driver`."""
        dialect = connection.dialect
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = _Compiled(self._statement, self._columns, dialect)
        return execute_by_driver(connection, compiled.text, compiled.values(values))


def execute_by_driver(connection: sa.Connection, text: str, values: Any = ()) -> Any:
    """Run a statement by the driver alone, and return its cursor.

    Raises LedgerFailed where the ledger's location fails, and sqlalchemy.exc.DBAPIError for anything else.
    """
    dialect, cursor = connection.dialect, database_of(connection).cursor(connection, text)
    try:
        dialect.do_execute(cursor, text, values)
    except dialect.loaded_dbapi.Error as error:
        failed = translate_failure(error, connection.get_execution_options().get("wegly_place", ""))
        raise failed or sa.exc.DBAPIError.instance(text, None, error, dialect.loaded_dbapi.Error) from error
    return cursor


class _Compiled:
    """A statement in the form that a driver takes."""

    def __init__(self, statement: sa.Executable, columns: Sequence[str], dialect: sa.Dialect) -> None:
        # Every statement can be compiled, which the type does not show.
        compiled = statement.compile(dialect=dialect, column_keys=columns)  # type: ignore[attr-defined]
        self.text = str(compiled)
        # A parameter that is forgotten must not become null: it would switch a rule off.
        self._constants = {
            name: compiled.params[name] for bind, name in compiled.bind_names.items() if not bind.required
        }
        converters: dict[str, Callable[[Any], Any]] = {}
        for bind, name in compiled.bind_names.items():
            if convert := bind.type.dialect_impl(dialect).bind_processor(dialect):
                converters[name] = convert
        self._positional = compiled.positional
        names = list((compiled.positiontup if compiled.positional else compiled.bind_names.values()) or ())
        if compiled.positional:
            names = self._write_constants(names, {name: bind for bind, name in compiled.bind_names.items()}, dialect)
        self._order = [(name, converters.get(name)) for name in names]

    def _write_constants(
        self, names: list[str], binds: Mapping[str, sa.BindParameter[Any]], dialect: sa.Dialect
    ) -> list[str]:
        """Write constants into the text: to bind them each time costs a quarter of a claim. Return the other names."""
        pieces = self.text.split("?")
        if len(pieces) != len(names) + 1:  # a question mark of another kind
            return names
        text, left = pieces[0], []
        for name, piece in zip(names, pieces[1:], strict=True):
            value = self._constants.get(name)
            literal = binds[name].type.dialect_impl(dialect).literal_processor(dialect)
            if name not in self._constants or (value is not None and literal is None):
                left.append(name)
                text += "?" + piece
            else:
                text += ("NULL" if value is None or literal is None else literal(value)) + piece
        self.text, self._constants = text, {name: self._constants[name] for name in left if name in self._constants}
        return left

    def values(self, given: Mapping[str, Any]) -> Any:
        values = {**self._constants, **given}
        if self._positional:
            return [values[name] if convert is None else convert(values[name]) for name, convert in self._order]
        return {name: values[name] if convert is None else convert(values[name]) for name, convert in self._order}

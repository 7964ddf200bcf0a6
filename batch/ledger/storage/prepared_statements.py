"""Prepared statements: compiled by SQLAlchemy once, run by the driver alone, for each message that is sent.

The work of SQLAlchemy around each execution (looking up the compiled form, a context, a result) costs eight times as
much as the statement itself, and while sending it competes with the event loop for the interpreter.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from batch.ledger.storage.errors import translate_failure


class PreparedStatement:
    """A statement with named parameters, for any dialect, with no list that is expanded anew each time.

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
    dialect, cursor = connection.dialect, connection.connection.cursor()
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

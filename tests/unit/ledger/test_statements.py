"""Statements that the driver runs by itself behave as SQLAlchemy's own do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import DBAPIError

from batch.ledger import Ledger
from batch.ledger.storage.engine import PreparedStatement
from batch.ledger.storage.schema import meta, runs

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_values_are_converted_and_constants_kept(ledger: Ledger) -> None:
    """A time becomes the column's own form; what the statement itself holds need not be given."""
    when = bindparam("at", type_=runs.c.started.type)
    statement = PreparedStatement(select(when, meta.c.value).where(meta.c.name == "counter"))
    with ledger._engine.begin() as connection:
        assert statement.run(connection, {"at": AT}).fetchone() == (1772366400000000, "0")
        assert statement.run(connection, {"at": None}).fetchone() == (None, "0")


def test_a_parameter_that_is_forgotten_is_no_null(ledger: Ledger) -> None:
    """It would switch a rule off in silence."""
    statement = PreparedStatement(update(meta).where(meta.c.name == bindparam("which")).values(value=bindparam("new")))
    with ledger._engine.begin() as connection, pytest.raises(KeyError):
        statement.run(connection, {"which": "counter"})


def test_errors_of_a_statement_are_sqlalchemys(ledger: Ledger) -> None:
    """So that the writer's table of failures knows them."""
    statement = PreparedStatement(insert(meta).values(name=bindparam("name"), value="1"))
    with pytest.raises(DBAPIError), ledger._engine.begin() as connection:
        statement.run(connection, {"name": "counter"})


def test_a_constant_is_part_of_the_text(ledger: Ledger) -> None:
    """Quoted as the database has it, wherever it stands; null and numbers too."""
    odd = "it's 50% of ? and :value"
    statement = PreparedStatement(
        insert(meta).values(name=bindparam("name"), value=odd).returning(meta.c.value == odd, meta.c.value)
    )
    with ledger._engine.begin() as connection:
        assert statement.run(connection, {"name": "odd"}).fetchone() == (1, odd)
        found = PreparedStatement(select(meta.c.name, None, 7).where(meta.c.value == odd))
        assert found.run(connection, {}).fetchone() == ("odd", None, 7)

"""The lists of people, as they hold for the staged rows of one sheet: who is suppressed, and who alone is let in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, exists, func, insert, literal, or_, select, update

from batch.ledger.plan.winning import SENT_BEFORE
from batch.ledger.storage.schema import State, suppressed
from batch.ledger.storage.staged_tables import known, listed, staged
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason, findings_to_json

__all__ = ["AT_ROW", "ONLY", "SUPPRESS", "keep_unknown_back", "leave_out_listed", "put_on_list", "skip"]

SUPPRESS, ONLY = "suppress", "only"
"""The lists of people that hold for one sheet."""
_AT_ONCE = 1000

AT_ROW = update(staged).where(staged.c.row == bindparam("at"))
_SKIP = AT_ROW.values(outcome=Outcome.SKIPPED.value, findings=bindparam("said"))
_NOTED = exists().where(suppressed.c.person == staged.c.person)
_HERE = exists().where(listed.c.list == SUPPRESS, listed.c.person == staged.c.person)
_ALLOWED = exists().where(listed.c.list == ONLY, listed.c.person == staged.c.person)
_GOOD = (staged.c.outcome.is_(None), staged.c.person.is_not(None), ~SENT_BEFORE)
"""Rows that are neither wrong nor left out, and show nothing that was sent before."""


def put_on_list(connection: Connection, name: str, people: Iterable[tuple[str, str]]) -> None:
    """Put people (E.164, and where it says so) on a list of this sheet; who is on it already stays as first noted."""
    everyone = iter(people)
    statement = insert(listed).prefix_with("OR IGNORE", dialect="sqlite")
    while some := [{"list": name, "person": person, "where": where} for person, where in islice(everyone, _AT_ONCE)]:
        connection.execute(statement, some)


def leave_out_listed(connection: Connection, only: str | None) -> None:
    """Rows of people on the suppression list, or not on the list of the only ones, become `skipped`."""
    here = select(listed.c.where).where(listed.c.list == SUPPRESS, listed.c.person == staged.c.person)
    noted = select(suppressed.c.source).where(suppressed.c.person == staged.c.person)
    where = func.coalesce(noted.scalar_subquery(), here.scalar_subquery())
    _leave_out(connection, or_(_NOTED, _HERE), where, Reason.SUPPRESSED)
    if only is not None:
        _leave_out(connection, ~_ALLOWED, literal(only), Reason.NOT_ALLOWED)


def keep_unknown_back(connection: Connection, only: str | None) -> None:
    """What may have been sent stays `unknown`, and is not sent again to people whom the rules leave out."""
    out = or_(_NOTED, _HERE, *([~_ALLOWED] if only is not None else []))
    unknown = staged.c.row.in_(select(known.c.row).where(known.c.state == State.UNKNOWN.value))
    connection.execute(update(staged).where(unknown, out).values(payload=None))


def skip(connection: Connection, found: Sequence[tuple[int, Finding]]) -> None:
    """Rows become `skipped`, each with why."""
    if found:
        connection.execute(_SKIP, [{"at": row, "said": findings_to_json([finding])} for row, finding in found])


def _leave_out(connection: Connection, which: ColumnElement[bool], where: ColumnElement[Any], reason: Reason) -> None:
    """`which` stands first in the condition: it is true of few, and SQLite asks in this order."""
    query = select(staged.c.row, where).where(which, *_GOOD).order_by(staged.c.row).limit(_AT_ONCE)
    after = 0
    while found := connection.execute(query.where(staged.c.row > after)).all():
        skip(connection, [(row, Finding(reason, {"where": where})) for row, where in found])
        after = found[-1].row

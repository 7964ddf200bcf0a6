"""Rows that came into a sheet to be corrected, and the rows of other sheets that they come from: one row, one message.

What was sent as corrected is not sent as it stood, and what was sent as it stood is not sent as corrected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, insert, literal, select, update

from batch.ledger.read.corrections import corrections_of_staged, was_sent
from batch.ledger.read.runs import runs_where
from batch.ledger.storage.results import file_name
from batch.ledger.storage.schema import corrections, may_have, messages, rows, runs
from batch.ledger.storage.staged_tables import STAGED_WITH_KNOWN, staged
from batch.model.reasons import Finding, Reason

NO_ORIGIN = {"origin_run": None, "origin_sheet": None, "origin_row": None}
"""Values of a staged row that corrects nothing."""
_AT_ONCE = 500


def keep_known_origins(connection: Connection) -> None:
    """Forget the origins of staged rows that the ledger does not have, or that a row above has: who copies a row to
    make another of it corrects one, and the copy is a row of its own sheet."""
    known = exists().where(rows.c.run == staged.c.origin_run, rows.c.row == staged.c.origin_row)
    same = (staged.c.origin_sheet, staged.c.origin_row)
    first = select(func.min(staged.c.row)).where(staged.c.origin_run.is_not(None)).group_by(*same)
    has_one = staged.c.origin_run.is_not(None)
    for wrong in (~known, staged.c.row.not_in(first)):
        connection.execute(update(staged).where(has_one, wrong).values(NO_ORIGIN))


def write_corrections(connection: Connection, run: str) -> None:
    """Note of the staged rows those that come from another sheet. The caller commits."""
    names = ["row", "key", "origin_run", "origin_sheet", "origin_row"]
    of_others = select(*(staged.c[name] for name in names), literal(run)).where(staged.c.origin_run.is_not(None))
    connection.execute(insert(corrections).from_select([*names, "run"], of_others))


def sent_as_corrected(
    connection: Connection, sendable: ColumnElement[bool], sheet: str
) -> list[tuple[int, Finding, bool]]:
    """(row, why, whether it stands for nothing) of each staged row that is not to be sent as it stands: its correction
    was sent as another message, or may have been.

    A row stands for nothing that would be sent (`sendable`), or that has duplicates to stand for its message.
    """
    found = {each["at"]: each for each in corrections_of_staged(connection, sheet) if was_sent(each)}
    moved = [each for each in _good_rows(connection, sendable, sorted(found)) if each.key != found[each.row]["key"]]
    several = _keys_of_several(connection, {each.key for each in moved})
    return [(row, _corrected(found[row]), bool(sent) or key in several) for row, key, sent in moved]


def _corrected(found: Mapping[Any, Any]) -> Finding:
    where = {"file": file_name(found["sheet_path"]), "row": str(found["row"]), "run": found["in_run"]}
    return Finding(Reason.CORRECTED, where)


def _good_rows(connection: Connection, sendable: ColumnElement[bool], among: Sequence[int]) -> Iterator[Any]:
    """(row, key, whether it would be sent) of those of the rows that are neither wrong nor left out."""
    query = select(staged.c.row, staged.c.key, sendable.label("sent")).select_from(STAGED_WITH_KNOWN)
    good = query.where(staged.c.outcome.is_(None), staged.c.key.is_not(None))
    for start in range(0, len(among), _AT_ONCE):
        yield from connection.execute(good.where(staged.c.row.in_(among[start : start + _AT_ONCE]))).all()


def _keys_of_several(connection: Connection, among: Set[str]) -> Set[str]:
    """Those of the keys that more than one good row has."""
    if not among:
        return among
    good = (staged.c.outcome.is_(None), staged.c.key.is_not(None))
    query = select(staged.c.key).where(*good).group_by(staged.c.key).having(func.count() > 1)
    return {key for key in connection.execute(query).scalars() if key in among}


def sent_in_original(connection: Connection, sendable: ColumnElement[bool]) -> Iterator[tuple[int, Finding]]:
    """(row, why) of each staged row for which `sendable` holds and whose original was sent as it stood, or may have
    been, after it was taken to be corrected: by any run of that sheet."""
    for sheet, names in _runs_by_sheet(connection):
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            yield from _sent_in_runs(connection, sendable, sheet, some)


def _runs_by_sheet(connection: Connection) -> Iterator[tuple[str, list[str]]]:
    """The sheets from which staged rows come, each with its runs; no trials, whose rows are no sheet's."""
    came = select(staged.c.origin_sheet).where(staged.c.origin_run.is_not(None)).distinct()
    sheets = sorted(connection.execute(came).scalars())
    if not sheets:
        return
    files = select(runs.c.sheet_sha256).where(runs.c.run.in_(select(staged.c.origin_run)))
    found = runs_where(connection, runs.c.sheet_sha256.in_(files), runs.c.trial.is_(False))
    for sheet in sheets:
        yield sheet, [run.run for run in found if run.sheet_key == sheet]


def _sent_in_runs(
    connection: Connection, sendable: ColumnElement[bool], sheet: str, names: Sequence[str]
) -> Iterator[tuple[int, Finding]]:
    original = messages.alias("original")
    of_sheet = and_(rows.c.run.in_(names), rows.c.row == staged.c.origin_row, rows.c.outcome.is_(None))
    query = (
        select(staged.c.row, staged.c.origin_row, staged.c.origin_run, runs.c.sheet_path)
        .select_from(STAGED_WITH_KNOWN)
        .join(rows, of_sheet)
        .join(original, original.c.key == rows.c.key)
        .join(runs, runs.c.run == staged.c.origin_run)
        .where(staged.c.origin_sheet == sheet, sendable, may_have(original), original.c.key != staged.c.key)
        .distinct()
    )
    for found in connection.execute(query).all():
        where = {"file": file_name(found.sheet_path), "row": str(found.origin_row), "run": found.origin_run}
        yield found.row, Finding(Reason.SENT_IN_ORIGINAL, where)

"""Corrections in a plan: a row and its correction in another sheet are one row, which gets one message.

What was sent as corrected is not sent as it stood, and what was sent as it stood is not sent as corrected.
"""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from batch.ledger.read.corrections import read_staged_corrections
from batch.ledger.read.runs import select_runs
from batch.ledger.storage.engine import pages
from batch.ledger.storage.results import file_name
from batch.ledger.storage.schema import corrections, may_have, messages, rows, runs
from batch.ledger.storage.staged_tables import STAGED_WITH_KNOWN, staged
from batch.model.reasons import Finding, Reason

NO_ORIGIN = {"origin_run": None, "origin_sheet": None, "origin_row": None}
"""Values of a staged row that corrects nothing."""


def drop_unknown_origins(connection: sa.Connection) -> None:
    """Drop origins that the ledger does not have, and those that a row above has as well.

    Of a row that was copied to make another of it, one is the correction; the copy is a row of its own sheet.
    """
    known = sa.exists().where(rows.c.run == staged.c.origin_run, rows.c.row == staged.c.origin_row)
    same = (staged.c.origin_sheet, staged.c.origin_row)
    first = sa.select(sa.func.min(staged.c.row)).where(staged.c.origin_run.is_not(None)).group_by(*same)
    has_one = staged.c.origin_run.is_not(None)
    for wrong in (~known, staged.c.row.not_in(first)):
        connection.execute(sa.update(staged).where(has_one, wrong).values(NO_ORIGIN))


def write_corrections(connection: sa.Connection, run: str) -> None:
    """Write those of the staged rows that correct a row of another sheet. The caller commits."""
    names = ["row", "key", "origin_run", "origin_sheet", "origin_row"]
    of_others = sa.select(*(staged.c[name] for name in names), sa.literal(run)).where(staged.c.origin_run.is_not(None))
    connection.execute(sa.insert(corrections).from_select([*names, "run"], of_others))


def find_sent_corrections(
    connection: sa.Connection, sendable: sa.ColumnElement[bool], sheet: str
) -> list[tuple[int, Finding, bool]]:
    """Return (row, finding, whether it would be sent) of each good row whose correction was, or may have been, sent.

    Only where the correction was sent as another message. `sheet`: the key of the staged sheet.
    """
    found = {each.at: each for each in read_staged_corrections(connection, sheet) if each.of_original}
    sent = {at: each for at, each in found.items() if each.maybe_sent}
    query = sa.select(staged.c.row, staged.c.key, sendable.label("would_go")).select_from(STAGED_WITH_KNOWN)
    good = query.where(staged.c.outcome.is_(None), staged.c.key.is_not(None))
    return [
        (row, _finding(Reason.CORRECTED, sent[row].file, sent[row].result.row, sent[row].run), bool(would_go))
        for part in pages(sorted(sent))
        for row, key, would_go in connection.execute(good.where(staged.c.row.in_(part)))
        if key != sent[row].message.key
    ]


def find_sent_originals(connection: sa.Connection, sendable: sa.ColumnElement[bool]) -> Iterator[tuple[int, Finding]]:
    """Yield (row, finding) of each sendable row whose original was sent as it stood, or may have been.

    By any run of that sheet after the row was taken to be corrected.
    """
    came = sa.select(staged.c.origin_sheet).where(staged.c.origin_run.is_not(None)).distinct()
    sheets = sorted(connection.execute(came).scalars())
    if not sheets:
        return
    files = sa.select(runs.c.sheet_sha256).where(runs.c.run.in_(sa.select(staged.c.origin_run)))
    # Rows of trials are no sheet's.
    found = select_runs(connection, runs.c.sheet_sha256.in_(files), runs.c.trial.is_(False))
    for sheet in sheets:
        for part in pages([run.run for run in found if run.sheet_key == sheet]):
            yield from _find_sent_in_runs(connection, sendable, sheet, part)


def _find_sent_in_runs(
    connection: sa.Connection, sendable: sa.ColumnElement[bool], sheet: str, names: Sequence[str]
) -> Iterator[tuple[int, Finding]]:
    original = messages.alias("original")
    of_sheet = sa.and_(rows.c.run.in_(names), rows.c.row == staged.c.origin_row, rows.c.outcome.is_(None))
    query = (
        sa.select(staged.c.row, staged.c.origin_row, staged.c.origin_run, runs.c.sheet_path)
        .select_from(STAGED_WITH_KNOWN)
        .join(rows, of_sheet)
        .join(original, original.c.key == rows.c.key)
        .join(runs, runs.c.run == staged.c.origin_run)
        .where(staged.c.origin_sheet == sheet, sendable, may_have(original), original.c.key != staged.c.key)
        .distinct()
    )
    for row, origin_row, origin_run, path in connection.execute(query).all():
        yield row, _finding(Reason.SENT_IN_ORIGINAL, file_name(path), origin_row, origin_run)


def _finding(reason: Reason, file: str, row: int, run: str) -> Finding:
    return Finding(reason, {"file": file, "row": str(row), "run": run})

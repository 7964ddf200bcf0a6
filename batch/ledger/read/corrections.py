"""Corrections: rows in error that were corrected in a sheet of their own (`retry.xlsx`), read back into their sheet.

Of several corrections of one row the one sent last counts, then one that may have been sent, then that of the latest
run. A row that was corrected shows the outcome of that correction: its message's where that was sent, and its row's
where a rule or an error kept it back. A row that has a message by itself shows that instead, unless its own outcome is
unknown and the correction was accepted.

One message is shown by one row of a report: a second row that was corrected into it is a duplicate of the first.
Duplicates of a corrected row stay duplicates of it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import sqlalchemy as sa

from batch.ledger.storage.engine import pages
from batch.ledger.storage.results import LOOKED_AT, MESSAGE_COLUMNS, OF_MESSAGE, WIDTH, StoredRow, file_name, result_of
from batch.ledger.storage.schema import (
    ACCEPTED_STATES,
    SENT_STATES,
    State,
    corrections,
    deliveries,
    is_one_of,
    may_have,
    messages,
    rows,
    runs,
)
from batch.ledger.storage.staged_tables import staged
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Result

_PAGE = 1000
_ACCEPTED, _MAYBE_SENT, _NOT_SENT = 3, 2, 1
"""Rank of a message: how far it got."""
_Branches: TypeAlias = Sequence[tuple[sa.Select[Any], sa.ColumnElement[bool]]]
"""Queries for corrections, each with a condition for any match."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Correction:
    """The correction that counts for one row of a sheet."""

    at: int
    """Number of the corrected row in that sheet."""
    result: Result
    """The correction's own result, numbered as in the sheet in which it was corrected."""
    file: str
    run: str
    """The name of that sheet's file, and its run."""
    of_original: bool
    """False: `at` is a correction itself, of the same original row."""
    maybe_sent: bool
    """Its message was sent, or may have been."""
    same_as: int | None
    """Another row of the sheet that shows the same message; None: no other row does."""
    message: Any
    """A row with key, endpoint, campaign, sender and state of its message; all None: it has none, being wrong still."""


def show_corrections(results: Iterable[Result], found: Iterable[Correction]) -> Iterator[Result]:
    """Yield the results of a sheet, each as its correction left it. Both ascend by rows."""
    following, remaining = iter(found), iter(results)
    correction = next(following, None)
    for result in remaining:
        while correction is not None and correction.at < result.row:
            correction = next(following, None)
        if correction is None:
            yield result
            break
        yield apply_correction(result, correction) if correction.at == result.row else result
    yield from remaining  # nearly all rows of nearly all runs


def apply_correction(own: Result, correction: Correction) -> Result:
    """Return the result that a row shows, from its own and its correction's."""
    if not _counts(own, correction):
        return own
    became = correction.result
    where = {"file": correction.file, "row": str(became.row), "run": correction.run}
    note = Finding(Reason.NOTE_CORRECTED, where)
    if became.outcome is Outcome.ERROR:
        still = Finding(Reason.NOTE_STILL_WRONG, where)
        wrong = own if own.outcome is Outcome.ERROR else replace(became, row=own.row, origin=own.origin)
        return replace(wrong, notes=(*wrong.notes, still))
    if correction.same_as is not None:
        return Result(
            row=own.row,
            outcome=Outcome.SKIPPED,
            findings=(Finding(Reason.DUPLICATE, {"row": str(correction.same_as)}),),
            notes=(note,),
            person=became.person,
            origin=own.origin,
        )
    if became.outcome is Outcome.PENDING:
        waits = (Finding(Reason.CORRECTION_WAITS, where),)
        return replace(became, row=own.row, origin=own.origin, findings=waits)
    return replace(became, row=own.row, origin=own.origin, notes=(*became.notes, note))


def read_corrected(
    found: Iterator[Correction], read_own: Callable[[list[int]], Iterable[Result]]
) -> Iterator[tuple[Result, Result]]:
    """Yield (own result, shown result) of each corrected row. `read_own`: reads the own results of some rows."""
    for page in pages(found):
        at_row = {each.at: each for each in page}
        for own in read_own(list(at_row)):
            yield own, apply_correction(own, at_row[own.row])


def _counts(own: Result, correction: Correction) -> bool:
    """Return whether a row shows its correction: an error always, others when their correction got further."""
    if own.outcome is Outcome.ERROR or own.findings[0].reason is Reason.CORRECTED:
        return True
    became = correction.result.outcome
    got_further = became.is_accepted or (became is Outcome.UNKNOWN and own.outcome is not Outcome.UNKNOWN)
    return correction.of_original and got_further and not own.outcome.is_accepted


def read_corrections(connection: sa.Connection, run: str, sheet: str) -> Iterator[Correction]:
    """Yield the corrections of a run's rows, ascending by row. `sheet`: the key of its sheet. Streams."""
    if (placed := _place(connection, _branches_of(run, sheet))) is not None:
        yield from _best(connection, placed, _own_messages(rows).where(rows.c.run == run))


def select_accepted(connection: sa.Connection, run: str, sheet: str) -> sa.Select[Any] | None:
    """Return a query for the keys of accepted messages that a run's rows show as corrected; None: there are none.

    Arguments as of `read_corrections`.
    """
    placed = _place(connection, _branches_of(run, sheet))
    is_shown = () if placed is None else (placed.c.place == 1, placed.c.rank == _ACCEPTED)
    return None if placed is None else sa.select(placed.c.key).where(*is_shown)


def _branches_of(run: str, sheet: str) -> _Branches:
    own = corrections.alias("own")
    return (
        (_of_original(sheet).where(corrections.c.run != run), corrections.c.origin_sheet == sheet),
        (_of_corrections(own, own.c.row).where(own.c.run == run, corrections.c.run != run), corrections.c.run == run),
    )


def read_staged_corrections(connection: sa.Connection, sheet: str) -> Iterator[Correction]:
    """Yield the corrections of the staged rows, ascending by row. `sheet`: the key of their sheet. Streams."""
    branches = (
        (_of_original(sheet), corrections.c.origin_sheet == sheet),
        (_of_corrections(staged, staged.c.row), staged.c.origin_run.is_not(None)),
    )
    if (placed := _place(connection, branches)) is not None:
        yield from _best(connection, placed, _own_messages(staged))


def _of_original(sheet: str) -> sa.Select[Any]:
    """Corrections of rows of that sheet."""
    at, yes = corrections.c.origin_row.label("at"), sa.literal(1).label("of_original")
    return sa.select(at, corrections.c.run, corrections.c.row, corrections.c.key, yes).where(
        corrections.c.origin_sheet == sheet
    )


def _of_corrections(own: sa.FromClause, at: sa.ColumnElement[int]) -> sa.Select[Any]:
    """Other corrections of the original rows that rows of `own` correct."""
    same = sa.and_(corrections.c.origin_sheet == own.c.origin_sheet, corrections.c.origin_row == own.c.origin_row)
    no = sa.literal(0).label("of_original")
    columns = (at.label("at"), corrections.c.run, corrections.c.row, corrections.c.key, no)
    return sa.select(*columns).select_from(own.join(corrections, same))


def _own_messages(own: sa.FromClause) -> sa.Select[Any]:
    """Rows of a sheet that have a message by themselves, with its key."""
    return sa.select(own.c.row, own.c.key).where(own.c.outcome.is_(None), own.c.key.is_not(None))


def _place(connection: sa.Connection, branches: _Branches) -> sa.FromClause | None:
    """Return the corrections that the branches find, as of `_placed`; None: there are none."""
    # Most ledgers have no corrections, and are not searched for any.
    there = [branch for branch, any_ in branches if connection.execute(sa.select(sa.exists().where(any_))).scalar()]
    return _placed(sa.union_all(*there).subquery("every")).subquery("placed") if there else None


def _best(connection: sa.Connection, placed: sa.FromClause, own: sa.Select[Any]) -> Iterator[Correction]:
    """Yield the correction that counts for each row."""
    same_as = _same_messages(connection, placed, own)
    best = sa.select(placed).where(placed.c.place == 1).order_by(placed.c.at).execution_options(yield_per=_PAGE)
    with closing(connection.execute(best)) as results:
        for found in results:
            yield _correction(found, same_as)


def _placed(every: sa.FromClause) -> sa.Select[Any]:
    """A `StoredRow` of each correction, and its place among those of the same row: 1 counts."""
    of_row = sa.and_(rows.c.run == every.c.run, rows.c.row == every.c.row)
    joined = (
        every.outerjoin(rows, of_row)
        .outerjoin(messages, messages.c.key == every.c.key)
        .outerjoin(deliveries, OF_MESSAGE)
        .outerjoin(runs, runs.c.run == every.c.run)
    )
    by_row = sa.func.coalesce(rows.c.outcome, messages.c.state) == State.ERROR.value
    accepted_at = sa.case((is_one_of(messages.c.state, ACCEPTED_STATES), messages.c.sent_at))
    order = (_RANK.desc(), accepted_at.desc(), every.c.run.desc(), every.c.row)
    decided_by_row = sa.and_(rows.c.outcome.is_not(None), rows.c.duplicate_of.is_(None))
    again = messages.alias("again")
    was_replaced = sa.exists().where(again.c.retry_of == messages.c.key, is_one_of(again.c.state, SENT_STATES))
    person = sa.func.coalesce(rows.c.person, messages.c.person).label("person")
    return (
        sa.select(
            *(every.c.row, person, rows.c.outcome, rows.c.findings, rows.c.notes, rows.c.duplicate_of),
            *MESSAGE_COLUMNS,
            *(every.c.at, every.c.of_original, every.c.run.label("in_run"), runs.c.sheet_path, every.c.key),
            *(messages.c.endpoint, messages.c.campaign, messages.c.sender),
            *LOOKED_AT,
            _RANK.label("rank"),
            sa.case((sa.and_(_RANK == _NOT_SENT, by_row), 1), else_=0).label("is_wrong"),
            sa.func.row_number().over(partition_by=every.c.at, order_by=order).label("place"),
        )
        .select_from(joined)
        .where(sa.or_(decided_by_row, messages.c.key.is_not(None)), ~was_replaced)
    )


_RANK = sa.case(
    (is_one_of(messages.c.state, ACCEPTED_STATES), _ACCEPTED), (may_have(messages), _MAYBE_SENT), else_=_NOT_SENT
)


def _correction(found: Any, same_as: Callable[[Any], int | None]) -> Correction:
    stored = StoredRow._make(found[:WIDTH])
    maybe_sent = found.rank > _NOT_SENT
    if maybe_sent or (stored.duplicate_of is not None and stored.state is not None):
        stored = stored._replace(outcome=None, duplicate_of=None, findings=None)  # its message decides
    return Correction(
        at=found.at,
        result=result_of(stored, look=found._mapping),
        file=file_name(found.sheet_path),
        run=found.in_run,
        of_original=bool(found.of_original),
        maybe_sent=maybe_sent,
        same_as=same_as(found),
        message=found,
    )


def _same_messages(
    connection: sa.Connection, placed: sa.FromClause, own: sa.Select[Any]
) -> Callable[[Any], int | None]:
    """Return a function from a correction to the other row that shows its message; None when no other row does.

    Two passes and a table in memory, which grows with the corrections alone: a join would search the whole sheet for
    every correction.
    """
    columns = (placed.c.at, placed.c.key, placed.c.is_wrong, placed.c.rank, placed.c.of_original)
    best = connection.execute(sa.select(*columns).where(placed.c.place == 1).order_by(placed.c.at)).all()
    own_ranks = _read_own_ranks(connection, own, [found.at for found in best])
    replaced = {found.at for found in best if found.of_original and found.rank > own_ranks.get(found.at, _NOT_SENT)}
    """Rows that show a correction in place of their own message."""
    first: dict[tuple[str, bool], int] = {}
    for found in best:
        if found.key is not None and (found.at in replaced or found.at not in own_ranks):
            first.setdefault((found.key, bool(found.is_wrong)), found.at)
    keys = {found.key for found in best if found.key is not None}
    by_itself = connection.execute(own.execution_options(yield_per=_PAGE))
    shown = {key: row for row, key in by_itself if key in keys and row not in replaced}

    def same_as(found: Any) -> int | None:
        others = (shown.get(found.key), first.get((found.key, bool(found.is_wrong))))
        return next((row for row in others if row is not None and row != found.at), None)

    return same_as


def _read_own_ranks(connection: sa.Connection, own: sa.Select[Any], among: Sequence[int]) -> dict[int, int]:
    """Return the rank of the messages that these rows have by themselves, of those that were or may have been sent."""
    table = own.subquery("own")
    query = sa.select(table.c.row, _RANK).join(messages, messages.c.key == table.c.key).where(may_have(messages))
    ranks: dict[int, int] = {}
    for page in pages(among):
        part = query.where(table.c.row.in_(page))
        ranks |= {row: rank for row, rank in connection.execute(part)}  # noqa: C416 - rows are no pairs
    return ranks

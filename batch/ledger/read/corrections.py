"""Finds the correction that counts for each row of a sheet: of a planned run, or of a sheet that is being staged.

Of several corrections of one row the one sent last counts, then one that may have been sent, then that of the latest
run. Its outcome is its message's where that was sent, and its row's where a rule or an error kept it back. One message
is shown by one row of a report: a second row that was corrected into it is its duplicate. What the first duplicate of a
row shows that was corrected into another message is told by `heirs.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)

from batch.ledger.storage.results import RESULT_COLUMNS, file_name, result_of
from batch.ledger.storage.schema import State, corrections, is_one_of, may_have, messages, rows, runs
from batch.ledger.storage.staged_tables import staged
from batch.model.messages import Origin
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason, findings_to_json
from batch.model.runs import Result


@dataclass(frozen=True, slots=True)
class Heirs:
    """The heirs of the rows of one sheet."""

    first: Mapping[int, int] = field(default_factory=dict)
    """A row that was corrected into another message, to the row that shows its own one."""

    def instead_of(self, row: int) -> int:
        """Which row shows the message that stood in that row."""
        return self.first.get(row, row)

    def as_shown(self, found: Mapping[Any, Any]) -> Mapping[Any, Any]:
        """A row as the ledger has it, for `result_of`, as it is shown with its duplicates."""
        row, same_as = found["row"], found["duplicate_of"]
        if row in self.first:
            # In whose words does not matter: its correction takes its place.
            said = findings_to_json([Finding(Reason.CORRECTED)])
            return {**found, "outcome": Outcome.SKIPPED.value, "findings": said}
        heir = self.first.get(same_as)
        if heir is None:
            return found
        if heir == row:
            return {**found, "outcome": None, "findings": None, "duplicate_of": None}
        return {**found, "duplicate_of": heir}


_MAYBE_SENT = (Outcome.SUCCESS, Outcome.REUSED, Outcome.UNKNOWN)


@dataclass(frozen=True, kw_only=True, slots=True)
class Correction:
    """The correction that counts for a row of the sheet that is looked at."""

    at: int
    """That row."""
    result: Result
    """What became of the corrected row, numbered as in its own sheet."""
    file: str
    run: str
    """The sheet in which it was corrected, and that sheet's run."""
    of_original: bool = True
    """The row is the one that was wrong first; False: it is a correction of that one, as this is."""
    same_as: int | None = None
    """Another row of the sheet looked at that shows the same message; None when there is none."""


def with_corrections(results: Iterable[Result], found: Iterable[Correction]) -> Iterator[Result]:
    """The results of a sheet, each as its correction makes it. Both ascend by rows, and so does what is given."""
    waiting = iter(found)
    correction = next(waiting, None)
    for result in results:
        while correction is not None and correction.at < result.row:
            correction = next(waiting, None)
        yield corrected(result, correction) if correction is not None and correction.at == result.row else result


def corrected(own: Result, correction: Correction) -> Result:
    """A row's result, given what became of its correction."""
    return _joined(own, correction) if _counts(own, correction) else own


def _counts(own: Result, correction: Correction) -> bool:
    """A row that is no error counts by itself, but for an original whose correction got further."""
    became = correction.result.outcome
    if own.outcome is Outcome.ERROR or own.findings[0].reason is Reason.CORRECTED:
        return True
    if own.outcome is Outcome.UNKNOWN:
        return False  # it is to be decided, and can be only where it shows
    further = became in _MAYBE_SENT if own.outcome in (Outcome.PENDING, Outcome.SKIPPED) else became.messaged
    return correction.of_original and further and not own.outcome.messaged


def _joined(own: Result, correction: Correction) -> Result:
    became = correction.result
    where = {"file": correction.file, "row": str(became.row), "run": correction.run}
    note = Finding(Reason.NOTE_CORRECTED, where)
    if became.outcome is Outcome.ERROR:
        still = Finding(Reason.NOTE_STILL_WRONG, where)
        wrong = own if own.outcome is Outcome.ERROR else replace(became, row=own.row, origin=own.origin)
        return replace(wrong, notes=(*wrong.notes, still))
    if correction.same_as is not None:
        same = Finding(Reason.DUPLICATE, {"row": str(correction.same_as)})
        skipped = Outcome.SKIPPED
        person, origin = became.person, own.origin
        return Result(row=own.row, outcome=skipped, findings=(same,), notes=(note,), person=person, origin=origin)
    if became.outcome is Outcome.PENDING:
        waits = (Finding(Reason.CORRECTION_WAITS, where),)
        return replace(became, row=own.row, origin=own.origin, findings=waits)
    return replace(became, row=own.row, origin=own.origin, notes=(*became.notes, note))


_AT_ONCE = 1000
_SENT, _MAYBE, _NOT = 3, 2, 1
"""How far a correction got: messaged, may have been, not."""
_MESSAGED = (State.SUCCESS.value, State.REUSED.value)
_PLACES = (corrections.c.run, corrections.c.row, corrections.c.key)


def any_corrections(connection: Connection, run: str, sheet: str) -> bool:
    """Whether any of the rows of a run, whose sheet has the key `sheet`, may have a correction."""
    return bool(_there(connection, *_of_run(run, sheet)))


def corrections_of_run(connection: Connection, run: str, sheet: str, heirs: Heirs) -> Iterator[Mapping[Any, Any]]:
    """For `correction_of`: those of the rows of a run, whose sheet has the key `sheet`, by ascending rows. Streams."""
    shown = _shown(rows).where(rows.c.run == run)
    yield from _best(connection, _there(connection, *_of_run(run, sheet)), shown, heirs)


def corrections_of_staged(connection: Connection, sheet: str) -> Iterator[Mapping[Any, Any]]:
    """The same of the rows that are staged."""
    branches = (_of_original(sheet), _of_corrections(staged, staged.c.row))
    known = exists().where(corrections.c.origin_sheet == sheet), exists().where(staged.c.origin_sheet.is_not(None))
    # Whoever judged the rows has given the messages of corrected ones to their duplicates.
    yield from _best(connection, _there(connection, branches, known), _shown(staged), Heirs())


def correction_of(found: Mapping[Any, Any]) -> Correction:
    """One of what the functions above give, as a value."""
    values = dict(found)
    if found["rank"] > _NOT or (found["duplicate_of"] is not None and found["state"] is not None):
        values |= {"outcome": None, "duplicate_of": None, "findings": None}
    return Correction(
        at=found["at"],
        result=result_of(values),
        file=file_name(found["sheet_path"]),
        run=found["in_run"],
        of_original=bool(found["of_original"]),
        same_as=found["same_as"],
    )


def was_sent(found: Mapping[Any, Any]) -> bool:
    """Whether one of them corrects the row itself, no other correction, and was sent, or may have been."""
    return bool(found["of_original"]) and int(found["rank"]) > _NOT


def heirs_of_run(connection: Connection, run: str, sheet: str) -> Heirs:
    """The heirs of a run's rows. Grows with the corrections alone.

    A correction of a correction leaves nothing to others: who corrects a row twice may send both.
    """
    (of_original, _), (known, _) = _of_run(run, sheet)
    if not _there(connection, [of_original], [known]):
        return Heirs()
    placed = _placed(of_original.subquery("every")).subquery("placed")
    sent = select(placed.c.at, placed.c.key).where(placed.c.place == 1, placed.c.rank > _NOT)
    moved = {at: key for at, key in connection.execute(sent) if key is not None}
    if not moved:
        return Heirs()
    stands = rows.alias("stands")
    of_good = and_(stands.c.run == run, stands.c.row == rows.c.duplicate_of, stands.c.outcome.is_(None))
    query = select(rows.c.row, rows.c.key, rows.c.duplicate_of).join(stands, of_good).where(rows.c.run == run)
    first: dict[int, int] = {}
    for row, key, same_as in connection.execute(query.order_by(rows.c.row).execution_options(yield_per=_AT_ONCE)):
        if moved.get(same_as, key) != key:
            # A duplicate that was corrected as well shows no more of it than the row itself.
            taken = first.get(same_as)
            if taken is None or (taken in moved and row not in moved):
                first[same_as] = row
    return Heirs(first)


def origins_of(connection: Connection, run: str) -> Callable[[int], Origin | None]:
    """Where a row of the run's sheet was wrong first; None for a row of its own. To be asked by ascending rows."""
    columns = (corrections.c.row, corrections.c.origin_run, corrections.c.origin_row, runs.c.sheet_path)
    joined = corrections.outerjoin(runs, runs.c.run == corrections.c.origin_run)
    query = select(*columns).select_from(joined).where(corrections.c.run == run).order_by(corrections.c.row)
    waiting = iter(connection.execute(query.execution_options(yield_per=_AT_ONCE)))
    following = next(waiting, None)

    def of(row: int) -> Origin | None:
        nonlocal following
        while following is not None and following.row < row:
            following = next(waiting, None)
        if following is None or following.row != row:
            return None
        return Origin(run=following.origin_run, row=following.origin_row, file=file_name(following.sheet_path))

    return of


def _of_run(run: str, sheet: str) -> tuple[Sequence[Select[Any]], Sequence[ColumnElement[bool]]]:
    """The corrections of a run's rows, in branches, and whether each can give anything."""
    own = corrections.alias("own")
    of_original = _of_original(sheet).where(corrections.c.run != run)
    of_corrections = _of_corrections(own, own.c.row).where(own.c.run == run, corrections.c.run != run)
    known = exists().where(corrections.c.origin_sheet == sheet), exists().where(corrections.c.run == run)
    return (of_original, of_corrections), known


def _there(
    connection: Connection, branches: Sequence[Select[Any]], known: Sequence[ColumnElement[bool]]
) -> list[Select[Any]]:
    """The branches that can give anything: most ledgers have no corrections, and are not searched for any."""
    return [branch for branch, any_ in zip(branches, known, strict=True) if connection.execute(select(any_)).scalar()]


def _of_original(sheet: str) -> Select[Any]:
    """The corrections of rows of that sheet."""
    at, yes = corrections.c.origin_row.label("at"), literal(1).label("of_original")
    return select(at, *_PLACES, yes).where(corrections.c.origin_sheet == sheet)


def _of_corrections(own: FromClause, at: ColumnElement[int]) -> Select[Any]:
    """The other corrections of the rows that rows of `own` correct."""
    same = and_(corrections.c.origin_sheet == own.c.origin_sheet, corrections.c.origin_row == own.c.origin_row)
    return select(at.label("at"), *_PLACES, literal(0).label("of_original")).select_from(own.join(corrections, same))


def _shown(own: FromClause) -> Select[Any]:
    """The messages that a sheet shows by itself, each with its row."""
    return select(own.c.row, own.c.key).where(own.c.outcome.is_(None), own.c.key.is_not(None))


def _best(
    connection: Connection, there: Sequence[Select[Any]], shown: Select[Any], heirs: Heirs
) -> Iterator[Mapping[Any, Any]]:
    """Of each row the correction that counts, with `same_as`. `there`: branches; `shown`: as `_shown` gives it."""
    if not there:
        return
    placed = _placed(union_all(*there).subquery("every")).subquery("placed")
    best = select(placed).where(placed.c.place == 1).order_by(placed.c.at).execution_options(yield_per=_AT_ONCE)
    same_as = _same_messages(connection, placed, shown, heirs)
    for found in connection.execute(best).mappings():
        yield {**found, "same_as": same_as(found)}


def _same_messages(
    connection: Connection, placed: FromClause, shown: Select[Any], heirs: Heirs
) -> Callable[[Mapping[Any, Any]], int | None]:
    """Which other row of the sheet shows a correction's message; None when none does.

    By two passes and a table in memory: a join would go through the sheet for every correction. It grows with the
    corrections alone.
    """
    columns = (placed.c.at, placed.c.key, placed.c.wrong, placed.c.rank, placed.c.of_original)
    best = connection.execute(select(*columns).where(placed.c.place == 1).order_by(placed.c.at)).all()
    sent = {found.at for found in best if found.of_original and found.rank > _NOT}
    keys = {found.key for found in best if found.key is not None}
    uncorrected = _messaged(connection, shown, [found.at for found in best if found.at not in heirs.first])
    first: dict[tuple[str, bool], int] = {}
    for found in best:
        if found.key is not None and found.at not in uncorrected:
            first.setdefault((found.key, bool(found.wrong)), found.at)
    by_themselves = connection.execute(shown.execution_options(yield_per=_AT_ONCE))
    own = {key: heirs.instead_of(row) for row, key in by_themselves if key in keys}

    def same_as(found: Mapping[Any, Any]) -> int | None:
        if found["key"] is None:
            return None
        by_itself = own.get(found["key"])
        # A row that was corrected into something sent does not show its own message, if that was not.
        if by_itself in sent and found["rank"] == _NOT:
            by_itself = None
        others = (by_itself, first.get((found["key"], bool(found["wrong"]))))
        return next((each for each in others if each is not None and each != found["at"]), None)

    return same_as


def _messaged(connection: Connection, shown: Select[Any], among: Sequence[int]) -> set[int]:
    """Those of the rows that have, or may have, a message by themselves, which they show whatever was corrected."""
    own = shown.subquery("own")
    query = select(own.c.row).join(messages, messages.c.key == own.c.key).where(may_have(messages))
    parts = (among[start : start + _AT_ONCE] for start in range(0, len(among), _AT_ONCE))
    return {row for part in parts for row in connection.execute(query.where(own.c.row.in_(part))).scalars()}


def _placed(every: FromClause) -> Select[Any]:
    """All that `result_of` reads of each correction, and its place among those of the same row: 1 counts."""
    of_row = and_(rows.c.run == every.c.run, rows.c.row == every.c.row)
    joined = (
        every.outerjoin(rows, of_row)
        .outerjoin(messages, messages.c.key == every.c.key)
        .outerjoin(runs, runs.c.run == every.c.run)
    )
    sent = is_one_of(messages.c.state, _MESSAGED)
    rank = case((sent, _SENT), (may_have(messages), _MAYBE), else_=_NOT)
    by_row = func.coalesce(rows.c.outcome, messages.c.state) == State.ERROR.value
    order = (rank.desc(), case((sent, messages.c.sent_at)).desc(), every.c.run.desc(), every.c.row)
    decided_by_row = and_(rows.c.outcome.is_not(None), rows.c.duplicate_of.is_(None))
    return (
        select(
            *(every.c.at, every.c.of_original, every.c.run.label("in_run"), every.c.row, every.c.key),
            *(rows.c.outcome, rows.c.findings, rows.c.notes, rows.c.duplicate_of, runs.c.sheet_path),
            func.coalesce(rows.c.person, messages.c.person).label("person"),
            *(*RESULT_COLUMNS, messages.c.endpoint, messages.c.campaign, messages.c.sender),
            rank.label("rank"),
            case((and_(rank == _NOT, by_row), 1), else_=0).label("wrong"),
            func.row_number().over(partition_by=every.c.at, order_by=order).label("place"),
        )
        .select_from(joined)
        .where(or_(decided_by_row, messages.c.key.is_not(None)))
    )

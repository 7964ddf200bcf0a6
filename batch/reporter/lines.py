"""The lines of a report: the sheet's rows and the results of the run, joined by row number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from batch.model.outcomes import Outcome
from batch.model.sheets import SheetRow
from batch.reporter.columns import COLUMNS, Value, place
from batch.reporter.rows import Told
from batch.reporter.view import SheetView

__all__ = ["Frame", "Line", "frame", "joined", "lines"]

_ROW = "row"
"""The one column besides the results when the sheet is gone."""


class Line(NamedTuple):
    """One row of the report: its number in the sheet, and a value for each column of its frame."""

    number: int
    cells: tuple[Value, ...]
    outcome: Outcome | None
    """None for a row that the ledger does not know, which no complete run has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """The columns of a report that is made from rows: the sheet's, and the result columns at their places."""

    header: tuple[str, ...]
    places: tuple[tuple[int, ...], ...]
    """For each of `COLUMNS` its indexes in `header`."""
    heading_row: int
    """The line of the header, counted from 1."""
    shift: int = 0
    """How much lower than in the sheet each row is: 1 below a header that the sheet itself lacks."""

    @property
    def ours(self) -> frozenset[int]:
        """The indexes of all result columns."""
        return frozenset(index for indexes in self.places for index in indexes)

    @property
    def first_of_ours(self) -> int | None:
        """The index of the first result column where all of them, in their order, end the line; None elsewhere."""
        first = len(self.header) - len(self.places)
        in_order = tuple((index,) for index in range(first, len(self.header)))
        return first if self.places == in_order else None


def frame(sheet: SheetView) -> Frame:
    """The columns of the report of this sheet; of a sheet that is gone only the row number and the results."""
    columns = sheet.info.columns if sheet.info else (_ROW,)
    places = place(columns)
    header = [*columns, *[""] * (max(max(indexes) for indexes in places) + 1 - len(columns))]
    for name, indexes in zip(COLUMNS, places, strict=True):
        for index in indexes:
            header[index] = name
    bare = sheet.info is not None and not sheet.info.header_row
    heading_row = (sheet.info.header_row if sheet.info else 0) or 1
    return Frame(header=tuple(header), places=places, heading_row=heading_row, shift=1 if bare else 0)


def lines(sheet: SheetView, told: Iterable[Told], framed: Frame) -> Iterator[Line]:
    """The report's lines in ascending order; every row of the sheet and of the run is in exactly one."""
    rows = sheet.rows() if sheet.rows else None
    first = framed.first_of_ours
    for number, row, result in joined(rows, told):
        if row is not None and result is not None and len(row.cells) == first:
            yield Line(number, (*row.cells, *result.values), result.outcome)
            continue
        given: Sequence[Value] = row.cells if row else () if rows is not None else (number,)
        cells: list[Value] = [*given, *[None] * (len(framed.header) - len(given))]
        found: Sequence[Value] = result.values if result else (None,) * len(COLUMNS)
        for value, indexes in zip(found, framed.places, strict=True):
            for index in indexes:
                cells[index] = value
        yield Line(number, tuple(cells), result.outcome if result else None)


def joined(rows: Iterator[SheetRow] | None, told: Iterable[Told]) -> Iterator[tuple[int, SheetRow | None, Told | None]]:
    """Both ascending inputs merged by row number, streaming; what only one of them has comes with None."""
    left, right = rows or iter(()), iter(told)
    row, result = next(left, None), next(right, None)
    while row is not None or result is not None:
        if result is None or (row is not None and row.number < result.row):
            number = row.number if row else 0
        else:
            number = result.row
        here = row if row and row.number == number else None
        there = result if result and result.row == number else None
        yield number, here, there
        row = next(left, None) if here else row
        result = next(right, None) if there else result

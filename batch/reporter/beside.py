"""Result columns beside the user's own, on the user's own worksheet: where they go, and what must make room."""

from __future__ import annotations

from collections.abc import Iterable

from openpyxl.cell.cell import MergedCell
from openpyxl.utils import get_column_letter, range_boundaries
from openpyxl.worksheet.dimensions import ColumnDimension
from openpyxl.worksheet.table import Table, TableColumn
from openpyxl.worksheet.worksheet import Worksheet

from batch.reporter.columns import COLUMNS

__all__ = ["LAST_COLUMN", "carve", "clear_column", "extend_filter", "header_of", "last_row"]

LAST_COLUMN = 16_384
"""XFD, the last column Excel has."""


def header_of(sheet: Worksheet, header_row: int) -> list[str | None]:
    """The header's cells as text, up to the last column that anything at or below the header uses."""
    ends = [column for (row, column), cell in sheet._cells.items() if row >= header_row and _filled(cell.value)]
    ends += [each.max_col for each in sheet.merged_cells.ranges if each.max_row >= header_row]
    ends += [_bounds(table.ref)[2] for table in sheet.tables.values() if _bounds(table.ref)[3] >= header_row]
    known = {column: sheet._cells.get((header_row, column)) for column in range(1, max(ends, default=0) + 1)}
    return [str(cell.value) if cell is not None and _filled(cell.value) else None for cell in known.values()]


def last_row(sheet: Worksheet) -> int:
    """The last row with anything in it; 0 for an empty sheet."""
    return max((row for (row, _), cell in sheet._cells.items() if _filled(cell.value)), default=0)


def clear_column(sheet: Worksheet, column: int, header_row: int) -> None:
    """Take away what an earlier report wrote into a result column, so that nothing stale stays in it."""
    for merged in list(sheet.merged_cells.ranges):
        if merged.min_col <= column <= merged.max_col and merged.max_row >= header_row:
            sheet.unmerge_cells(merged.coord)
    for place, cell in list(sheet._cells.items()):
        if place[1] == column and place[0] > header_row and not isinstance(cell, MergedCell):
            del sheet._cells[place]


def carve(sheet: Worksheet, columns: Iterable[int]) -> None:
    """Free columns from what the user set for a whole range of columns (widths, hidden), leaving the rest of it.

    Excel keeps one record for neighbouring columns that are alike, often to the end of the sheet.
    """
    ours = set(columns)
    for letter, record in list(sheet.column_dimensions.items()):
        record.reindex()
        covered = set(range(record.min or 1, (record.max or 0) + 1))
        if covered.isdisjoint(ours):
            continue
        del sheet.column_dimensions[letter]
        for first, last in _runs(sorted(covered - ours)):
            _keep(sheet, record, first, last)


def extend_filter(sheet: Worksheet, *, header_row: int, first: int, last: int, bottom: int) -> None:
    """Let the filter over the user's table take in the columns up to `last`, or set one from column `first` on.

    A table that ends where the result columns begin grows by them. A filter that the user set elsewhere stays, and
    none is laid over a table: Excel calls such a file damaged.
    """
    for table in sheet.tables.values():
        if _grow(sheet, table, header_row=header_row, last=last):
            return
    present = sheet.auto_filter.ref
    if present:
        left, top, right, low = _bounds(present)
        if top != header_row:
            return
        first, last, bottom = left, max(right, last), max(low, bottom)
    if not any(_overlap(_bounds(table.ref), (first, header_row, last, bottom)) for table in sheet.tables.values()):
        sheet.auto_filter.ref = _reference(first, header_row, last, bottom)


def _grow(sheet: Worksheet, table: Table, *, header_row: int, last: int) -> bool:
    left, top, right, bottom = _bounds(table.ref)
    if top != header_row or table.headerRowCount == 0:
        return False
    added = [sheet.cell(header_row, column).value for column in range(right + 1, last + 1)]
    if not set(added) <= set(COLUMNS):
        return False
    next_id = max((column.id for column in table.tableColumns), default=0) + 1
    for number, name in enumerate(added, start=next_id):
        table.tableColumns.append(TableColumn(id=number, name=str(name)))
    table.ref = _reference(left, top, max(right, last), bottom)
    if table.autoFilter is not None:
        table.autoFilter.ref = _reference(left, top, max(right, last), bottom - (table.totalsRowCount or 0))
    return True


def _keep(sheet: Worksheet, record: ColumnDimension, first: int, last: int) -> None:
    letter = get_column_letter(first)
    kept = ColumnDimension(
        sheet,
        index=letter,
        width=record.width,
        bestFit=record.bestFit,
        hidden=record.hidden,
        outlineLevel=record.outlineLevel,
        collapsed=record.collapsed,
        min=first,
        max=last,
    )
    kept._style = record._style  # type: ignore[attr-defined]  # the stubs leave out the slot that every style has
    sheet.column_dimensions[letter] = kept


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _filled(value: object) -> bool:
    return value is not None and value != ""


def _bounds(reference: str) -> tuple[int, int, int, int]:
    """Left, top, right, bottom; a reference to whole columns or rows reaches to the ends."""
    left, top, right, bottom = range_boundaries(reference)
    return left or 1, top or 1, right or LAST_COLUMN, bottom or 1_048_576


def _reference(left: int, top: int, right: int, bottom: int) -> str:
    return f"{get_column_letter(left)}{top}:{get_column_letter(right)}{bottom}"


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]

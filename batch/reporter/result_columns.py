"""The result columns written onto the user's own worksheet, each result on its own row."""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from batch.model.run import Result
from batch.reporter.beside import LAST_COLUMN, carve, clear_column, extend_filter, header_of, last_row
from batch.reporter.columns import COLUMNS, place, values
from batch.reporter.paint import Brushes, set_cell, width_of

__all__ = ["NoRoom", "write_results"]

Places = tuple[tuple[int, ...], ...]
"""For each of `COLUMNS` its columns in the worksheet, counted from 1."""


class NoRoom(Exception):
    """The result columns do not fit between the sheet's own and the last column that Excel has."""


def write_results(sheet: Worksheet, results: Iterable[Result], *, header_row: int, zone: ZoneInfo) -> int:
    """Write header and results beside the user's columns, or into those of an earlier report. Idempotent.

    `header_row` 0: the sheet has no header; the results go to the right of its cells, without headings.
    Gives the number of cells whose text had to be cut.
    """
    header = header_of(sheet, header_row)
    places = tuple(tuple(index + 1 for index in indexes) for indexes in place(header))
    every = sorted(column for columns in places for column in columns)
    if every[-1] > LAST_COLUMN:
        raise NoRoom
    for column in every:
        clear_column(sheet, column, header_row)
    brushes = _brushes(sheet)
    if header_row:
        _write_header(sheet, header_row, places, brushes)
    new = [column for column in every if column > len(header)]
    _widen(sheet, places, new)
    cut = sum(_write_row(sheet, result, places, zone, brushes) for result in results)
    if not header_row:
        return cut
    first = next((column for column, name in enumerate(header, start=1) if name), 1)
    bottom = max(last_row(sheet), header_row)
    extend_filter(sheet, header_row=header_row, first=min(first, every[0]), last=every[-1], bottom=bottom)
    return cut


def _write_header(sheet: Worksheet, header_row: int, places: Places, brushes: Brushes) -> None:
    for name, columns in zip(COLUMNS, places, strict=True):
        for column in columns:
            set_cell(_cell(sheet, header_row, column), name, brushes.heading)


def _widen(sheet: Worksheet, places: Places, new: list[int]) -> None:
    carve(sheet, new)
    for name, columns in zip(COLUMNS, places, strict=True):
        for column in set(columns) & set(new):
            sheet.column_dimensions[get_column_letter(column)].width = width_of(name)


def _write_row(sheet: Worksheet, result: Result, places: Places, zone: ZoneInfo, brushes: Brushes) -> int:
    cut = 0
    for index, (value, columns) in enumerate(zip(values(result, zone), places, strict=True)):
        for column in columns if value is not None else ():
            cut += set_cell(_cell(sheet, result.row, column), value, brushes.result(index, result.outcome))
    return cut


def _cell(sheet: Worksheet, row: int, column: int) -> Cell:
    cell = sheet.cell(row, column)
    if isinstance(cell, MergedCell):
        raise NoRoom
    return cell


def _brushes(sheet: Worksheet) -> Brushes:
    """In the workbook's own font, so that the new columns look as if they belonged there."""
    font = getattr(sheet.parent, "_fonts", (None,))[0]
    return Brushes(sheet, name=(font and font.name) or "Calibri", size=(font and font.sz) or 11)

"""A clean workbook of the sheet's rows: for text files, for formats that cannot be written, and when the sheet is gone.

Row n of the sheet is row n of the worksheet, so that a sentence that names a row is right in both; below a header that
the sheet lacks it is one lower. Written as it goes (openpyxl's write-only mode): memory does not grow with the rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import chain, islice
from pathlib import PurePath
from typing import BinaryIO

from openpyxl.cell.cell import Cell, WriteOnlyCell
from openpyxl.utils import get_column_letter
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from batch.language import _, number
from batch.reporter.celltext import cut_sentence
from batch.reporter.columns import COLUMNS
from batch.reporter.fuller import LEDGER_ONLY
from batch.reporter.lines import Frame, Line, frame, lines
from batch.reporter.material import Material
from batch.reporter.page import TITLE
from batch.reporter.paint import Brushes, set_cell, width_of
from batch.reporter.summary_sheet import add_summary, free_title

__all__ = ["MOST_ROWS", "position", "write_clean"]

MOST_ROWS = 1_048_576
"""Rows of a worksheet, the header included: Excel's limit."""

_SAMPLE = 200
_LINE_HEIGHT = 15.0
_MOST_LINES = 27
"""Excel's tallest row is 409 points."""
_NARROWEST, _WIDEST = 10, 48
_FORBIDDEN_IN_TITLES = str.maketrans(dict.fromkeys("[]:*?/\\", " "))
_LONGEST_TITLE = 27
"""Excel's 31, with room for ` (2)`."""


def position(number: int, *, most: int) -> tuple[int, int]:
    """The worksheet (from 0) and the line in it of a row of the sheet.

    The first worksheet keeps the row's number; each further one begins with the header and holds `most - 1` rows.
    """
    if number <= most:
        return 0, number
    further, line = divmod(number - most - 1, most - 1)
    return further + 1, line + 2


def write_clean(
    file: BinaryIO, material: Material, *, notes: tuple[str, ...] = (), remarks: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Write the workbook into `file`. Gives the sentences about what did not fit; they are on the summary as well.

    `notes` and `remarks` are sentences for the summary alone.
    """
    framed = frame(material.sheet)
    report = lines(material.sheet, material.results(), framed, material.zone)
    sample = list(islice(report, _SAMPLE))
    book = Workbook(write_only=True)
    book.properties.creator = "wegly-batch"
    if material.sheet.rows is None:
        book.properties.category = LEDGER_ONLY
    sheets = _Sheets(book, framed, _widths(framed, sample), title=_title(material), most=MOST_ROWS)
    for line in chain(sample, report):
        sheets.add(line)
    problems = sheets.finish()
    add_summary(book, material.page((*notes, *problems), remarks), material.figures)
    book.save(file)
    return problems


class _Sheets:
    """The worksheets of rows, begun one after the other as the rows need them."""

    def __init__(self, book: Workbook, framed: Frame, widths: list[float], *, title: str, most: int) -> None:
        self._book, self._framed, self._widths, self._title, self._most = book, framed, widths, title, most
        self._ours = {index: column for column, indexes in enumerate(framed.places) for index in indexes}
        self._index = -1
        self._cut = 0
        self._split: tuple[int, str] | None = None
        self._begin()

    def add(self, line: Line) -> None:
        index, at = position(line.number + self._framed.shift, most=self._most)
        while self._index < index:
            self._end()
            self._begin()
            self._split = self._split or (line.number, self._sheet.title)
        self._blank_until(at)
        tall = max((_lines(value, width) for value, width in zip(line.cells, self._widths, strict=True)), default=1)
        if tall > 1:
            self._sheet.row_dimensions[at].height = min(tall, _MOST_LINES) * _LINE_HEIGHT
        self._sheet.append([self._cell(line, column) for column in range(len(line.cells))])
        self._at = at

    def finish(self) -> tuple[str, ...]:
        """End the last worksheet. Gives the sentences about what did not fit."""
        self._end()
        problems = []
        if self._split:
            row, title = self._split
            problems.append(
                _(
                    "The sheet has more rows than a worksheet can hold: row {row} and what follows are on {title!r}."
                ).format(row=number(row), title=title)
            )
        return (*problems, *cut_sentence(self._cut))

    def _begin(self) -> None:
        self._index += 1
        title = free_title(self._title, [_(TITLE), *self._book.sheetnames])
        sheet: Worksheet = self._book.create_sheet(title)
        header_row = self._framed.heading_row if self._index == 0 else 1
        for column, width in enumerate(self._widths, start=1):
            sheet.column_dimensions[get_column_letter(column)].width = width
        sheet.freeze_panes = f"A{header_row + 1}"
        self._sheet, self._brushes, self._at, self._header_row = sheet, Brushes(sheet, vertical="top"), 0, header_row
        self._blank_until(header_row)
        sheet.append([self._heading(index, name) for index, name in enumerate(self._framed.header)])
        self._at = header_row

    def _end(self) -> None:
        last = get_column_letter(len(self._framed.header))
        self._sheet.auto_filter.ref = f"A{self._header_row}:{last}{self._at}"

    def _blank_until(self, at: int) -> None:
        for _line in range(at - self._at - 1):
            self._sheet.append(())

    def _heading(self, index: int, name: str) -> Cell:
        cell = WriteOnlyCell(self._sheet)
        set_cell(cell, name, self._brushes.heading if index in self._ours else self._brushes.their_heading)
        return cell

    def _cell(self, line: Line, index: int) -> Cell | None:
        value = line.cells[index]
        if value is None:
            return None
        cell = WriteOnlyCell(self._sheet)
        column = self._ours.get(index)
        if column is not None and line.result:
            style = self._brushes.result(column, line.result.outcome)
        else:
            style = self._brushes.theirs
        self._cut += set_cell(cell, value, style)
        return cell


def _lines(value: object, width: float) -> int:
    """The lines that a cell needs; a text without line breaks stays on one."""
    if not isinstance(value, str) or ("\n" not in value and "\r" not in value):
        return 1
    return sum(max(1, math.ceil(len(part) * 1.1 / width)) for part in value.splitlines())


def _title(material: Material) -> str:
    """The worksheet's own name, or the file's without its ending."""
    info = material.sheet.info
    wanted = info.sheet if info and info.sheet else PurePath(material.sheet.name).stem
    clean = wanted.translate(_FORBIDDEN_IN_TITLES).strip(" '")[:_LONGEST_TITLE]
    return "".join(character for character in clean if character.isprintable()) or _("Rows")


def _widths(framed: Frame, sample: Iterable[Line]) -> list[float]:
    widths = [float(len(name) + 4) for name in framed.header]
    for line in sample:
        for index, value in enumerate(line.cells):
            if isinstance(value, str):
                widths[index] = max(widths[index], max(map(len, value.splitlines()), default=0) + 2)
    fitted = [min(max(width, _NARROWEST), _WIDEST) for width in widths]
    for column, indexes in zip(COLUMNS, framed.places, strict=True):
        for index in indexes:
            fitted[index] = width_of(column)
    return fitted

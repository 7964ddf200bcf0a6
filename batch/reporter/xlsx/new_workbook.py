"""A clean workbook of the sheet's rows: for text files, for formats that cannot be written, and when the sheet is gone.

Row n of the sheet is row n of the worksheet, so that a sentence that names a row is right in both; below a header that
the sheet lacks it is one lower. The rows are written as they come (`clean_sheet`); all around them is made by openpyxl,
from a workbook whose worksheets of rows are empty.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import chain, islice
from operator import itemgetter
from pathlib import PurePath
from typing import IO, BinaryIO
from zipfile import ZipFile

from openpyxl.workbook import Workbook

from batch.i18n import _, number
from batch.ooxml.archive import new_zip, write_stream
from batch.ooxml.package import ROOT_RELATIONS
from batch.ooxml.references import Area, column_letters
from batch.reporter.columns import COLUMNS
from batch.reporter.inputs import LEDGER_ONLY, ReportInputs
from batch.reporter.printable_text import cut_sentence
from batch.reporter.rows import TableLayout, TableRow, lay_out_table
from batch.reporter.xlsx.cells import CellWriter, ResultCells
from batch.reporter.xlsx.in_place import saved
from batch.reporter.xlsx.summary_page import TITLE, lay_out_summary
from batch.reporter.xlsx.summary_sheet import add_summary, free_title
from batch.reporter.xlsx.theme import Brushes, Palette, width_of

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetViews>'
    '<sheetView workbookViewId="0"><pane ySplit="{header_row}" topLeftCell="A{below}" activePane="bottomLeft" '
    'state="frozen"/><selection pane="bottomLeft" activeCell="A{below}" sqref="A{below}"/></sheetView></sheetViews>'
    '<sheetFormatPr baseColWidth="8" defaultRowHeight="15"/><cols>{columns}</cols><sheetData>'
)
_TAIL = (
    '</sheetData><autoFilter ref="{filter}"/>'
    '<pageMargins left="0.75" right="0.75" top="1" bottom="1" header="0.5" footer="0.5"/></worksheet>'
)
_PIECE = 256 * 1024
_LINE_HEIGHT = 15
_MOST_LINES = 27
"""Excel's tallest row is 409 points."""


class CleanSheet:
    """A worksheet that is being written into `target`: the header first, then lines from top to bottom."""

    def __init__(
        self,
        target: IO[bytes],
        layout: TableLayout,
        widths: Sequence[float],
        *,
        header_row: int,
        palette: Palette,
        writer: CellWriter,
        results: ResultCells,
    ) -> None:
        self._target, self._widths, self._header_row = target, widths, header_row
        self._palette, self._writer, self._results = palette, writer, results
        self._in_order = min(layout.result_columns) == layout.own
        self._values = itemgetter(*(indexes[0] for indexes in layout.places))
        self._ours = {index: column for column, indexes in enumerate(layout.places) for index in indexes}
        self._own = [index for index in range(len(layout.header)) if index not in self._ours]
        self._starts = [f'<c r="{column_letters(column)}' for column in range(1, len(layout.header) + 1)]
        self._held: list[str] = []
        self._size = 0
        self._at = header_row
        columns = "".join(_column(number, width) for number, width in enumerate(widths, start=1))
        self._put(_HEAD.format(header_row=header_row, below=header_row + 1, columns=columns))
        self._put(_row(header_row, "".join(self._headings(layout.header))))

    @property
    def area(self) -> Area:
        """From the header to the last line so far."""
        return Area(1, self._header_row, len(self._starts), self._at)

    def add(self, line: TableRow, at: int) -> None:
        """Write a line into row `at`, which lies below the one before."""
        cells = self._cells(line, at)
        self._put(_row(at, cells, self._height(line) if "\n" in cells else 0))
        self._at = at

    def finish(self) -> None:
        """Write what follows the rows."""
        self._put(_TAIL.format(filter=self.area))
        self._flush()

    def _headings(self, header: Iterable[str]) -> Iterable[str]:
        theirs, heading = self._palette.their_heading, self._palette.heading
        for index, name in enumerate(header):
            rest = self._writer.rest(name, heading if index in self._ours else theirs)
            yield f'{self._starts[index]}{self._header_row}"{rest}'

    def _cells(self, line: TableRow, at: int) -> str:
        rest, theirs = self._writer.rest, self._palette.theirs
        own = {
            index: f'{self._starts[index]}{at}"{rest(value, theirs)}'
            for index in self._own
            if (value := line.cells[index]) is not None
        }
        if line.outcome is None:
            return "".join(own.values())
        if self._in_order:
            return "".join(own.values()) + self._results.row(at, self._values(line.cells), line.outcome)
        # The sheet has result columns already, in between its own.
        results = {
            index: f'{self._starts[index]}{at}"{self._results.rest(column, value, line.outcome)}'
            for index, column in self._ours.items()
            if (value := line.cells[index]) is not None
        }
        return "".join(markup for _, markup in sorted({**own, **results}.items()))

    def _height(self, line: TableRow) -> int:
        tall = max(_lines(value, width) for value, width in zip(line.cells, self._widths, strict=True))
        return min(tall, _MOST_LINES) * _LINE_HEIGHT if tall > 1 else 0

    def _put(self, markup: str) -> None:
        self._held.append(markup)
        self._size += len(markup)
        if self._size > _PIECE:
            self._flush()

    def _flush(self) -> None:
        self._target.write("".join(self._held).encode())
        self._held.clear()
        self._size = 0


def _column(number: int, width: float) -> str:
    return f'<col min="{number}" max="{number}" width="{width:g}" customWidth="1"/>'


def _row(number: int, cells: str, height: int = 0) -> str:
    tall = f' ht="{height}" customHeight="1"' if height else ""
    return f'<row r="{number}"{tall}>{cells}</row>'


def _lines(value: object, width: float) -> int:
    """The lines that a cell needs; a text without line breaks stays on one."""
    if not isinstance(value, str) or ("\n" not in value and "\r" not in value):
        return 1
    return sum(max(1, math.ceil(len(part) * 1.1 / width)) for part in value.splitlines())


MOST_ROWS = 1_048_576
"""Rows of a worksheet, the header included: Excel's limit."""

_SAMPLE = 200
_NARROWEST, _WIDEST = 10, 48
_FORBIDDEN_IN_TITLES = str.maketrans(dict.fromkeys("[]:*?/\\", " "))
_LONGEST_TITLE = 27
"""Excel's 31, with room for ` (2)`."""
_LINE_BYTES, _CELL_BYTES = 1500, 100
"""Unzipped: what a row's results take at most, and each of its own cells, but for few."""


def position(number: int, *, most: int) -> tuple[int, int]:
    """The worksheet (from 0) and the line in it of a row of the sheet.

    The first worksheet keeps the row's number; each further one begins with the header and holds `most - 1` rows.
    """
    if number <= most:
        return 0, number
    further, line = divmod(number - most - 1, most - 1)
    return further + 1, line + 2


def write_clean(
    file: BinaryIO, material: ReportInputs, *, notes: tuple[str, ...] = (), remarks: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Write the workbook into `file`. Gives the sentences about what did not fit; they are on the summary as well.

    `notes` and `remarks` are sentences for the summary alone.
    """
    layout = lay_out_table(material.sheet.info)
    report = material.table(layout)
    sample = list(islice(report, _SAMPLE))
    with new_zip(file) as copy, _Sheets(copy, material, layout, _widths(layout, sample)) as sheets:
        for line in chain(sample, report):
            sheets.add(line)
        problems = sheets.finish()
        page = lay_out_summary(material, notes=(*notes, *problems), remarks=remarks)
        add_summary(sheets.book, page, material.statistics)
        saved(sheets.book).write(copy, but=sheets.parts)
    return problems


class _Sheets(ExitStack):
    """The worksheets of rows, begun one after the other as the rows need them, and the workbook around them."""

    def __init__(self, copy: ZipFile, material: ReportInputs, layout: TableLayout, widths: list[float]) -> None:
        super().__init__()
        self._copy, self._layout, self._widths, self._title = copy, layout, widths, _title(material)
        self.parts = [ROOT_RELATIONS]
        """What is written already."""
        self.book = _book(material, free_title(self._title, [_(TITLE)]))
        sheet = self.book.worksheets[0]
        self._palette = Palette(sheet, Brushes(sheet, vertical="top"))
        self._writer = CellWriter()
        places = [[index + 1 for index in indexes] for indexes in layout.places]
        self._results = ResultCells(places, self._palette, self._writer)
        self._most_bytes = material.tally.rows * (_LINE_BYTES + _CELL_BYTES * len(layout.header))
        self._most = MOST_ROWS
        self._index = 0
        self._split: tuple[int, str] | None = None
        copy.writestr(ROOT_RELATIONS, saved(self.book).read(ROOT_RELATIONS))
        self._sheet = self._begun()

    def add(self, line: TableRow) -> None:
        """Write a line where its row belongs."""
        index, at = position(line.number + self._layout.shift, most=self._most)
        while self._index < index:
            self._end()
            self._index += 1
            title = free_title(self._title, [_(TITLE), *self.book.sheetnames])
            self.book.create_sheet(title)
            self._split = self._split or (line.number, title)
            self._sheet = self._begun()
        self._sheet.add(line, at)

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
        return (*problems, *cut_sentence(self._writer.cut))

    def _begun(self) -> CleanSheet:
        part = f"xl/worksheets/sheet{self._index + 2}.xml"  # as openpyxl names them, behind the summary
        self.parts.append(part)
        stream = self.enter_context(write_stream(self._copy, part, most=self._most_bytes))
        return CleanSheet(
            stream,
            self._layout,
            self._widths,
            header_row=self._layout.header_row if self._index == 0 else 1,
            palette=self._palette,
            writer=self._writer,
            results=self._results,
        )

    def _end(self) -> None:
        self._sheet.finish()
        self.close()
        self.book.worksheets[self._index].auto_filter.ref = str(self._sheet.area)


def _book(material: ReportInputs, title: str) -> Workbook:
    book = Workbook()
    book.worksheets[0].title = title
    book.properties.creator = "wegly-batch"
    if material.sheet.rows is None:
        book.properties.category = LEDGER_ONLY
    return book


def _title(material: ReportInputs) -> str:
    """The worksheet's own name, or the file's without its ending."""
    info = material.sheet.info
    wanted = info.sheet if info and info.sheet else PurePath(material.sheet.name).stem
    clean = wanted.translate(_FORBIDDEN_IN_TITLES).strip(" '")[:_LONGEST_TITLE]
    return "".join(character for character in clean if character.isprintable()) or _("Rows")


def _widths(layout: TableLayout, sample: Iterable[TableRow]) -> list[float]:
    widths = [float(len(name) + 4) for name in layout.header]
    for line in sample:
        for index, value in enumerate(line.cells):
            if isinstance(value, str):
                widths[index] = max(widths[index], max(map(len, value.splitlines()), default=0) + 2)
    fitted = [min(max(width, _NARROWEST), _WIDEST) for width in widths]
    for column, indexes in zip(COLUMNS, layout.places, strict=True):
        for index in indexes:
            fitted[index] = width_of(column)
    return fitted

"""New workbooks: the writer that report.xlsx and retry.xlsx share, and the report for sheets that cannot be kept.

Text files, other formats and sheets that are gone get such a report. Row n of the sheet is row n of the worksheet, so
that a sentence that names a row is right in both; below a header that the sheet lacks it is one lower.
"""

import io
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import chain, islice
from operator import itemgetter
from pathlib import PurePath
from typing import IO, BinaryIO
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl.workbook import Workbook
from openpyxl.workbook._writer import WorkbookWriter
from openpyxl.writer.excel import ExcelWriter

from batch.i18n import N_, _
from batch.model.phrases import Phrase
from batch.ooxml.archive import new_zip, write_stream
from batch.ooxml.package import ROOT_RELATIONS, Package
from batch.ooxml.references import LAST_ROW, Area, column_letters
from batch.reporter.columns import Value
from batch.reporter.printable_text import cut_sentence
from batch.reporter.rows import LEDGER_ONLY, ReportInputs, SourceSheet, TableLayout, TableRow, lay_out_table
from batch.reporter.xlsx.cells import CellWriter, ResultCells, number_cell
from batch.reporter.xlsx.summary_sheet import TITLE, add_summary, free_title
from batch.reporter.xlsx.theme import GROUPED, Palette, width_of

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetViews>'
    '<sheetView workbookViewId="0"><pane ySplit="{header_row}" topLeftCell="A{below}" activePane="bottomLeft" '
    'state="frozen"/><selection pane="bottomLeft" activeCell="A{below}" sqref="A{below}"/></sheetView></sheetViews>'
    '<sheetFormatPr baseColWidth="8" defaultRowHeight="15"{levels}/><cols>{columns}</cols><sheetData>'
)
_TAIL = (
    '</sheetData><autoFilter ref="{filter}"/>'
    '<pageMargins left="0.75" right="0.75" top="1" bottom="1" header="0.5" footer="0.5"/></worksheet>'
)
_PIECE = 256 * 1024
_LINE_HEIGHT = 15
_MOST_LINES = 27
"""Excel's tallest row is 409 points."""

_SAMPLE = 200
_NARROWEST, _WIDEST = 10, 48
_FORBIDDEN_IN_TITLES = str.maketrans(dict.fromkeys("[]:*?/\\", " "))
_LONGEST_TITLE = 27
"""Excel's 31, with room for ` (2)`."""
_ROW_BYTES, _CELL_BYTES = 1500, 100
"""Unzipped: what a row's results take at most, and each of its own cells, but for few."""


def save_package(book: Workbook) -> Package:
    """Return an openpyxl workbook as a package."""
    file = io.BytesIO()
    book.properties.modified = datetime.now(UTC).replace(tzinfo=None)  # as openpyxl does, whose `save` leaves
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:  # the archive open when the disk is full
        ExcelWriter(book, archive).save()
    return Package(ZipFile(file))


class SheetStream:
    """A worksheet that is written row by row, from top to bottom: a frozen header, then rows with a filter over all."""

    def __init__(
        self, target: IO[bytes], widths: Sequence[float], header_row: int, grouped: Collection[int] = ()
    ) -> None:
        self._target, self._columns, self._header_row = target, len(widths), header_row
        self._buffer: list[str] = []
        self._size = 0
        self._bottom = header_row
        columns = "".join(_column(number, width, grouped) for number, width in enumerate(widths, start=1))
        if len(widths) in grouped:  # the group's sign stands in the column behind it
            columns += f'<col min="{len(widths) + 1}" max="{len(widths) + 1}" width="9" collapsed="1"/>'
        levels = ' outlineLevelCol="1"' if grouped else ""
        self._put(_HEAD.format(header_row=header_row, below=header_row + 1, columns=columns, levels=levels))

    @property
    def area(self) -> Area:
        """The cells from the header to the last row so far."""
        return Area(1, self._header_row, self._columns, self._bottom)

    def add(self, number: int, cells: str, height: int = 0) -> None:
        """Write a row below the last one. `cells`: its markup; `height`: points, 0 for the usual height."""
        tall = f' ht="{height}" customHeight="1"' if height else ""
        self._put(f'<row r="{number}"{tall}>{cells}</row>')
        self._bottom = number

    def finish(self) -> None:
        """Write what follows the rows."""
        self._put(_TAIL.format(filter=self.area))
        self._flush()

    def _put(self, markup: str) -> None:
        self._buffer.append(markup)
        self._size += len(markup)
        if self._size > _PIECE:
            self._flush()

    def _flush(self) -> None:
        self._target.write("".join(self._buffer).encode())
        self._buffer.clear()
        self._size = 0


class NewWorkbook:
    """A workbook written into a zip file: its rows stream, and all around them openpyxl makes of empty worksheets."""

    def __init__(self, copy: ZipFile, title: str, *, first_part: int = 1) -> None:
        """`title`: of the first worksheet. `first_part`: number of its part, 2 when a sheet will stand before it."""
        self._copy, self._first_part = copy, first_part
        self.book = Workbook()
        # Not a new name for openpyxl's own worksheet: "sheet" would be called "sheet1", as that one is "Sheet".
        self.book.remove(self.book.worksheets[0])
        self.book.create_sheet(title)
        self.book.properties.creator = "wegly-batch"
        self._parts = [ROOT_RELATIONS]
        # First in the file: programs that detect a type by content look for it there.
        copy.writestr(ROOT_RELATIONS, WorkbookWriter(self.book).write_root_rels())  # type: ignore[no-untyped-call] # has no hints

    @contextmanager
    def stream(
        self, index: int, widths: Sequence[float], *, header_row: int, most: int, grouped: Collection[int] = ()
    ) -> Iterator[SheetStream]:
        """Write the rows of a worksheet of `book`. `most`: bytes that they will hardly exceed.

        `grouped`: columns, counted from 1, that are grouped and hidden.
        """
        part = f"xl/worksheets/sheet{index + self._first_part}.xml"
        self._parts.append(part)
        with write_stream(self._copy, part, most=most) as target:
            sheet = SheetStream(target, widths, header_row, grouped)
            yield sheet
            sheet.finish()
        self.book.worksheets[index].auto_filter.ref = str(sheet.area)

    def finish(self) -> None:
        """Write all parts but the streamed ones."""
        save_package(self.book).write(self._copy, but=self._parts)


def most_bytes(rows: int, columns: int) -> int:
    """Return the unzipped size that a worksheet of results will hardly exceed."""
    return rows * (_ROW_BYTES + _CELL_BYTES * columns)


def row_height(lines: int) -> int:
    """Return the height of a row in points, up to Excel's tallest."""
    return min(lines, _MOST_LINES) * _LINE_HEIGHT


class _ReportRows:
    """Makes the cells of the report's rows."""

    def __init__(
        self, layout: TableLayout, widths: Sequence[float], palette: Palette, writer: CellWriter, results: ResultCells
    ) -> None:
        self._widths, self._palette, self._writer, self._results = widths, palette, writer, results
        self._header = layout.header
        self._in_order = min(layout.result_columns) == layout.own
        self._values = itemgetter(*(indexes[0] for indexes in layout.places))
        self._ours = {index: column for column, indexes in enumerate(layout.places) for index in indexes}
        self._own = layout.own_columns
        self._starts = [f'<c r="{column_letters(column)}' for column in range(1, len(layout.header) + 1)]

    def headings(self, at: int) -> str:
        """Return the header's cells for row number `at`."""
        looks = [self._palette.heading if index in self._ours else self._palette.their_heading
                 for index in range(len(self._header))]  # fmt: skip
        named = zip(self._starts, self._header, looks, strict=True)
        return "".join(f'{start}{at}"{self._writer.rest(name, shades)}' for start, name, shades in named)

    def cells(self, line: TableRow, at: int) -> str:
        """Return a row's cells for row number `at`."""
        rest, theirs = self._writer.rest, self._palette.theirs
        own = {
            index: f'{self._starts[index]}{at}"{rest(value, theirs)}'
            for index in self._own
            if (value := line.cells[index]) is not None
        }
        shown = dict(line.shown)
        for index in shown.keys() - self._ours.keys():
            text, code = shown[index]
            if markup := number_cell(str(line.cells[index] or text), code, self._palette.their_number):
                own[index] = f'{self._starts[index]}{at}"{markup}'
        if shown:
            own = dict(sorted(own.items()))
        if line.outcome is None:
            return "".join(own.values())
        if self._in_order:
            return "".join(own.values()) + self._results.row(at, self._values(line.cells))
        # The sheet has result columns already, in between its own.
        results = {
            index: f'{self._starts[index]}{at}"{self._results.rest(column, value, line.outcome)}'
            for index, column in self._ours.items()
            if (value := line.cells[index]) is not None
        }
        return "".join(markup for _, markup in sorted({**own, **results}.items()))

    def height(self, line: TableRow) -> int:
        """Return the height in points; 0 for a row of one line."""
        tall = max(_lines(value, width) for value, width in zip(line.cells, self._widths, strict=True))
        return row_height(tall) if tall > 1 else 0


def _column(number: int, width: float, grouped: Collection[int]) -> str:
    group = ' hidden="1" outlineLevel="1"' if number in grouped else ' collapsed="1"' if number - 1 in grouped else ""
    return f'<col min="{number}" max="{number}" width="{width:g}" customWidth="1"{group}/>'


def _lines(value: object, width: float) -> int:
    """The lines that a cell needs; a text without line breaks stays on one."""
    if not isinstance(value, str) or ("\n" not in value and "\r" not in value):
        return 1
    return sum(max(1, math.ceil(len(part) * 1.1 / width)) for part in value.splitlines())


def position(number: int, *, most: int) -> tuple[int, int]:
    """The worksheet (from 0) and the line in it of a row of the sheet.

    The first worksheet keeps the row's number; each further one begins with the header and holds `most - 1` rows.
    """
    if number <= most:
        return 0, number
    further, line = divmod(number - most - 1, most - 1)
    return further + 1, line + 2


def write_new(
    file: BinaryIO, inputs: ReportInputs, *, notes: tuple[Phrase, ...] = (), remarks: tuple[str, ...] = ()
) -> tuple[Phrase, ...]:
    """Write the workbook into `file`. Returns sentences about what did not fit; they are on the summary as well.

    `notes` and `remarks` are sentences for the summary alone.
    """
    layout = lay_out_table(inputs.sheet.info, followed=inputs.followed)
    report = inputs.table(layout)
    sample = list(islice(report, _SAMPLE))
    with new_zip(file) as copy:
        book = NewWorkbook(copy, free_title(_title(inputs), [_(TITLE)]), first_part=2)
        if inputs.sheet.rows is None:
            book.book.properties.category = LEDGER_ONLY
        with _Sheets(book, inputs, layout, _widths(layout, sample)) as sheets:
            for line in chain(sample, report):
                sheets.add(line)
        add_summary(book.book, inputs, notes=(*notes, *sheets.problems), remarks=remarks)
        book.finish()
    return sheets.problems


class _Sheets(ExitStack):
    """The worksheets of rows: one, or as many as the rows need."""

    def __init__(self, book: NewWorkbook, inputs: ReportInputs, layout: TableLayout, widths: list[float]) -> None:
        super().__init__()
        self._book, self._layout, self._widths = book, layout, widths
        sheet = book.book.worksheets[0]
        self._title = _title(inputs)
        palette = Palette(sheet, vertical="top")
        self._writer = CellWriter()
        results = ResultCells([[index + 1 for index in indexes] for indexes in layout.places], palette, self._writer)
        self._rows = _ReportRows(layout, widths, palette, self._writer, results)
        self._most_bytes = most_bytes(inputs.tally.rows, len(layout.header))
        self._most = LAST_ROW
        named = zip(layout.names, layout.places, strict=True)
        self._grouped = frozenset(index + 1 for name, places in named if name in GROUPED for index in places)
        self._index = 0
        self._split: tuple[int, str] | None = None
        self._start()

    @property
    def problems(self) -> tuple[Phrase, ...]:
        """Sentences about what did not fit."""
        cut = cut_sentence(self._writer.cut)
        if not self._split:
            return cut
        row, title = self._split
        words = N_("The sheet has more rows than a worksheet can hold: row {row:,} and what follows are on {title}.")
        return (Phrase(words, {"row": row, "title": repr(title)}), *cut)

    def add(self, line: TableRow) -> None:
        """Write a line where its row belongs."""
        index, at = position(line.number + self._layout.shift, most=self._most)
        while self._index < index:
            self.close()
            self._index += 1
            title = free_title(self._title, [_(TITLE), *self._book.book.sheetnames])
            self._book.book.create_sheet(title)
            self._split = self._split or (line.number, title)
            self._start()
        cells = self._rows.cells(line, at)
        self._sheet.add(at, cells, self._rows.height(line) if "\n" in cells else 0)

    def _start(self) -> None:
        header_row = self._layout.header_row if self._index == 0 else 1
        stream = self._book.stream(
            self._index, self._widths, header_row=header_row, most=self._most_bytes, grouped=self._grouped
        )
        self._sheet = self.enter_context(stream)
        self._sheet.add(header_row, self._rows.headings(header_row))


def _title(inputs: ReportInputs) -> str:
    return own_title(inputs.sheet, _LONGEST_TITLE) or _("Rows")


def own_title(sheet: SourceSheet, longest: int) -> str:
    """The worksheet's own name, or the file's without its ending, as a title; empty when nothing is left of it."""
    wanted = sheet.info.sheet if sheet.info and sheet.info.sheet else PurePath(sheet.name).stem
    clean = "".join(each for each in wanted.translate(_FORBIDDEN_IN_TITLES) if each.isprintable())
    return clean.strip(" '")[:longest]


def fit_widths(names: Sequence[str], rows: Iterable[Sequence[Value]], *, narrowest: int = _NARROWEST) -> list[float]:
    """Return the width of each column, in characters, for its name and its texts in the first rows."""
    widths = [float(len(name) + 4) for name in names]
    for cells in rows:
        for index, value in enumerate(cells):
            if isinstance(value, str):
                widths[index] = max(widths[index], max(map(len, value.splitlines()), default=0) + 2)
    return [min(max(width, narrowest), _WIDEST) for width in widths]


def _widths(layout: TableLayout, sample: Iterable[TableRow]) -> list[float]:
    widths = fit_widths(layout.header, (line.cells for line in sample))
    for column, indexes in zip(layout.names, layout.places, strict=True):
        for index in indexes:
            widths[index] = width_of(column)
    return widths

"""One worksheet of the clean workbook, written as it goes: memory does not grow with the rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import IO

from batch.ooxml.references import Area
from batch.reporter.lines import Frame, Line
from batch.reporter.tones import Palette
from batch.reporter.xlsx.cells import CellWriter, ResultCells
from batch.reporter.xlsx.sheet_rows import column_letters

__all__ = ["CleanSheet"]

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
        framed: Frame,
        widths: Sequence[float],
        *,
        header_row: int,
        palette: Palette,
        writer: CellWriter,
        results: ResultCells,
    ) -> None:
        self._target, self._widths, self._header_row = target, widths, header_row
        self._palette, self._writer, self._results = palette, writer, results
        self._first = min(framed.ours)
        self._in_order = framed.ours == set(range(self._first, len(framed.header)))
        self._values = itemgetter(*(indexes[0] for indexes in framed.places))
        self._ours = {index: column for column, indexes in enumerate(framed.places) for index in indexes}
        self._starts = [f'<c r="{column_letters(column)}' for column in range(1, len(framed.header) + 1)]
        self._held: list[str] = []
        self._size = 0
        self._at = header_row
        columns = "".join(_column(number, width) for number, width in enumerate(widths, start=1))
        self._put(_HEAD.format(header_row=header_row, below=header_row + 1, columns=columns))
        self._put(_row(header_row, "".join(self._headings(framed.header))))

    @property
    def area(self) -> Area:
        """From the header to the last line so far."""
        return Area(1, self._header_row, len(self._starts), self._at)

    def add(self, line: Line, at: int) -> None:
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

    def _cells(self, line: Line, at: int) -> str:
        row = f'{at}"'
        if not self._in_order or line.outcome is None:
            return self._mixed_cells(line, row)
        theirs = self._writer.cells(self._starts[: self._first], row, line.cells[: self._first], self._palette.theirs)
        return theirs + self._results.row(at, self._values(line.cells), line.outcome)

    def _mixed_cells(self, line: Line, row: str) -> str:
        """Of a sheet that has result columns already, in between its own; or of a row without a result."""
        found = []
        for index, value in enumerate(line.cells):
            column = self._ours.get(index)
            if value is None:
                continue
            if column is None or line.outcome is None:
                markup = self._writer.rest(value, self._palette.theirs)
            else:
                markup = self._results.rest(column, value, line.outcome)
            found.append(f"{self._starts[index]}{row}{markup}")
        return "".join(found)

    def _height(self, line: Line) -> int:
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

"""The rows of one XLSX worksheet, as a stream.

Written over expat rather than a reader library, because a person's row must not lose what those leave out: error cells,
formulas without a stored value, hidden rows, and the row numbers that Excel shows. The `<dimension>` of the sheet is
not looked at: it is often wrong. Memory holds one piece of the file and the rows in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from batch.language import _, number
from batch.loader.archive import Archive
from batch.loader.cells import NO_STORED_VALUE, error_cell
from batch.loader.markup import Attributes, Local, feed, safe_parser
from batch.loader.source import NO_CELL_ERRORS, RawRow
from batch.loader.xlsx_cells import CellReader, Converter
from batch.loader.xlsx_parts import is_on

__all__ = ["WorksheetGrid", "column_index"]

_EXCEL_ROWS = 1_048_576


@dataclass(frozen=True, kw_only=True, slots=True)
class WorksheetGrid:
    """One worksheet of an XLSX file. Unzips and parses it anew at each `rows()`."""

    archive: Archive
    part: str
    read_cell: CellReader

    def rows(self) -> Iterator[RawRow]:
        source, part = self.archive.source, self.part
        collector = _Rows(self.read_cell, source.limits.columns)
        parser = safe_parser(source, part)
        parser.StartElementHandler = collector.start
        parser.EndElementHandler = collector.end
        parser.CharacterDataHandler = collector.pieces.append
        since = last = 0
        for piece in _slices(self.archive.chunks(part), self.read_cell.piece_bytes):
            if collector.finished:
                continue  # to the end all the same, because the checksum is at the end
            feed(source, part, parser, piece)
            if collector.fault:
                raise source.damaged(_("{fault} in {part}").format(fault=collector.fault, part=part))
            since = 0 if collector.rows else since + len(piece)
            if since > source.limits.row_bytes:
                raise source.too_large(
                    _("one row has more than {limit} bytes (limit row_bytes)").format(
                        limit=number(source.limits.row_bytes)
                    )
                )
            for row in collector.rows:
                if row.number <= last:
                    raise source.damaged(_("row {row} comes after row {last}").format(row=row.number, last=last))
                last = row.number
                yield row
            collector.rows.clear()
        if not collector.finished:
            feed(source, part, parser, b"", last=True)


def _slices(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), size):
            yield piece[start : start + size]


def column_index(reference: str) -> int:
    """The column of a cell reference, from 0: `B7` -> 1. -1 for none."""
    index = 0
    for char in reference:
        if not "A" <= char <= "Z":
            break
        index = index * 26 + ord(char) - 64
    return index - 1


class _Rows:
    """Collects rows from the elements of a worksheet. The code here runs for every cell: it is written for speed."""

    __slots__ = (
        "attributes", "cells", "clear", "column", "columns", "converters", "distrusts_zero", "errors",
        "fault", "finished", "formula", "hidden", "in_row", "known", "local", "number",
        "parts", "phonetic", "pieces", "read_cell", "rows", "stored",
    )  # fmt: skip

    def __init__(self, read_cell: CellReader, columns: int) -> None:
        self.read_cell = read_cell
        self.distrusts_zero = read_cell.recalculates
        self.columns = columns
        self.local = Local()
        self.known: dict[str, int] = {}
        self.converters: dict[tuple[str | None, str | None], Converter] = {}
        self.rows: list[RawRow] = []
        self.pieces: list[str] = []
        self.clear = self.pieces.clear
        self.parts: list[str] = []
        self.number = 0
        self.finished = False
        self.in_row = False
        self.phonetic = False
        self.fault = ""
        self.attributes: Attributes = {}
        self.cells: list[str | None] = []
        self.errors: dict[int, str] = {}
        self.hidden = False
        self.column = -1
        self.stored: str | None = None
        self.formula = False

    def start(self, name: str, attributes: Attributes) -> None:
        element = self.local[name]
        if element == "v" or element == "t":  # noqa: PLR1714 (a set or a tuple is slower here)
            self.clear()
        elif element == "c":
            self.attributes = attributes
            self.stored = None
            self.formula = False
        elif element == "f":
            self.formula = True
        elif element == "row":
            self._start_row(attributes)
        elif element == "is":
            self.parts = []
        elif element == "rPh":
            self.phonetic = True

    def end(self, name: str) -> None:
        element = self.local[name]
        if element == "v":
            self.stored = "".join(self.pieces)
        elif element == "c":
            self._end_cell()
        elif element == "t":
            if not self.phonetic:
                self.parts.append("".join(self.pieces))
        elif element == "row":
            self.in_row = False
            self.clear()
            self.rows.append(RawRow(self.number, self.cells, self.errors or NO_CELL_ERRORS, self.hidden))
        elif element == "is":
            self.stored = "".join(self.parts)
        elif element == "rPh":
            self.phonetic = False
        elif element == "sheetData":
            self.finished = True

    def _start_row(self, attributes: Attributes) -> None:
        self.in_row = True
        self.cells = []
        self.errors = {}
        self.column = -1
        number = attributes.get("r")
        if number is None:
            self.number += 1
        elif number.isdecimal() and 0 < int(number) <= _EXCEL_ROWS:
            self.number = int(number)
        else:
            self.fault = _("a row is numbered {number!r}").format(number=number[:20])
        self.hidden = is_on(attributes.get("hidden")) or attributes.get("ht") == "0"

    def _end_cell(self) -> None:
        get = self.attributes.get
        reference = get("r")
        if reference is None:
            column = self.column + 1
        else:
            found = self.known.get(reference.rstrip("0123456789"))
            column = self._new_column(reference) if found is None else found
        self.column = column
        stored = self.stored
        if not stored:
            self._empty_cell(column)
            return
        if self.formula and stored == "0" and self.distrusts_zero:
            self._set_error(column, NO_STORED_VALUE)
            return
        key = (get("t"), get("s"))
        convert = self.converters.get(key)
        if convert is None:
            convert = self.converters[key] = self.read_cell.converter(*key)
        try:
            text = convert(stored)
        except ValueError as error:
            self._set_error(column, str(error))
            return
        cells = self.cells
        if column == len(cells):
            cells.append(text)
        elif text is not None:
            self._set(column, text)

    def _empty_cell(self, column: int) -> None:
        kind = self.attributes.get("t")
        if self.formula and (self.stored is None or kind != "str"):
            self._set_error(column, NO_STORED_VALUE)
        elif kind == "e":
            self._set_error(column, error_cell(""))

    def _new_column(self, reference: str) -> int:
        letters = reference.rstrip("0123456789")
        column = column_index(letters.upper())
        if not (self.in_row and 0 <= column < self.columns):
            self.fault = _("a cell is called {reference!r}").format(reference=reference[:20])
            return 0
        self.known[letters] = column
        return column

    def _set(self, column: int, text: str | None) -> None:
        cells = self.cells
        if column >= len(cells):
            cells.extend([None] * (column + 1 - len(cells)))
        cells[column] = text

    def _set_error(self, column: int, words: str) -> None:
        self._set(column, None)
        self.errors[column] = words

"""The rows of one XLSX worksheet, as a stream.

Written over expat rather than a reader library, because a row must keep what those leave out: error cells, formulas
without a stored value, hidden rows, and the row numbers that Excel shows. The `<dimension>` of the sheet is not used:
it is often wrong. Memory holds one piece of the file and the rows in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from batch.i18n import _, number
from batch.loader.formats.cell_text import NO_STORED_VALUE, UnreadableCell, error_cell
from batch.loader.formats.xlsx_cells import CellReader, Converter
from batch.loader.formats.xlsx_fast_rows import FastRows
from batch.loader.source import NO_CELL_ERRORS, RawRow
from batch.model.phrases import Phrase
from batch.model.sheet_file import SheetFile
from batch.ooxml.archive import Archive, PartParser
from batch.ooxml.package import is_true
from batch.ooxml.references import LAST_ROW, column_number
from batch.ooxml.xml import Attributes, LocalNames, decode_plain, has_plain_head

_SHEET_START, _SHEET_END, _ROW_END = b"<sheetData>", b"</sheetData", b"</row>"
_PIECES_WAITING = 4
"""Pieces of the file that may wait for a row to end, or for the first row."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorksheetGrid:
    """One worksheet of an XLSX file. Unzips and parses it anew at each `rows()`."""

    archive: Archive
    part: str
    read_cell: CellReader

    def rows(self) -> Iterator[RawRow]:
        """Yield the rows. Raises SheetError: damaged, forbidden XML, or over a limit."""
        source, part = self.archive.source, self.part
        reader = _Reader(source, part, self.read_cell)
        rows = reader.rows
        since = last = 0
        for piece in _slices(self.archive.chunks(part), self.read_cell.piece_bytes):
            if reader.is_finished:
                continue  # to the end all the same, because the checksum is verified there
            reader.feed(piece)
            since = 0 if rows else since + len(piece)
            if since > source.limits.row_bytes:
                raise source.excess(
                    _("one row has more than {limit} bytes (limit row_bytes)").format(
                        limit=number(source.limits.row_bytes)
                    )
                )
            for row in rows:
                if row.number <= last:
                    raise source.damage(_("row {row} comes after row {last}").format(row=row.number, last=last))
                last = row.number
                yield row
            rows.clear()
        reader.close()
        yield from rows


def _slices(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), size):
            yield piece[start : start + size]


class _Reader:
    """Gives plain rows to `FastRows`, and everything else to the XML parser.

    Rows that the parser does not get are whole elements without line ends, so what it gets is as well-formed as the
    part, and its line numbers are true. It gets everything from where a row might not be what it looks like: a comment,
    a CDATA section or an instruction, or a row that is longer than some pieces.
    """

    def __init__(self, source: SheetFile, part: str, read_cell: CellReader) -> None:
        self._source = source
        self._part = part
        self._collector = collector = _RowCollector(read_cell, source.limits.columns)
        self._parser = PartParser(source, part, start=collector.start, end=collector.end, text=collector.pieces.append)
        self._fast: FastRows | None = FastRows(read_cell, source.limits.columns)
        """None once the parser gets everything."""
        self._most_waiting = _PIECES_WAITING * read_cell.piece_bytes
        self._waiting = b""
        self.rows = collector.rows
        """Rows that are whole; the caller takes them out."""

    @property
    def is_finished(self) -> bool:
        """True behind the last row; what follows is not parsed."""
        return self._collector.is_finished

    def feed(self, piece: bytes) -> None:
        """Read the rows that end in this piece."""
        block = self._waiting + piece
        if self._fast and not self._collector.in_sheet:
            block = self._feed_head(block)
        if self._fast and self._collector.in_sheet:
            block = self._feed_rows(block)
        if self._fast is None:
            self._parse(block)
            block = b""
        self._waiting = block

    def close(self) -> None:
        """Read the rest, and check that the part is whole."""
        self._parse(self._waiting)
        if not self.is_finished:
            self._parser.feed(b"", last=True)

    def _feed_head(self, block: bytes) -> bytes:
        """Parse what stands before the rows, and return what is left."""
        head, start, rest = block.partition(_SHEET_START)
        if start and has_plain_head(head):
            self._parse(head + start)
            return rest
        if start or len(block) >= self._most_waiting:
            self._fast = None
        return block

    def _feed_rows(self, block: bytes) -> bytes:
        """Read the whole rows of a block, and return what is left."""
        before, sheet_end, behind = block.partition(_SHEET_END)
        whole, row_end, rest = before.rpartition(_ROW_END)
        if b"<!" in whole or b"<?" in whole:
            self._fast = None
            return block
        if row_end:
            text = decode_plain(whole)
            if text is None:
                self._parse(whole + row_end)
            else:
                for row in text.split("</row>"):
                    self._take(row)
        if sheet_end or len(rest) > self._most_waiting:
            self._fast = None
        return rest + sheet_end + behind

    def _take(self, text: str) -> None:
        """Read one row without its end tag."""
        row = self._fast and self._fast.read(text)
        if row:
            self._collector.number = row.number
            self.rows.append(row)
        else:
            self._parse(text.encode() + _ROW_END)

    def _parse(self, block: bytes) -> None:
        if self.is_finished or not block:
            return
        self._parser.feed(block)
        if self._collector.fault:
            raise self._source.damage(_("{fault} in {part}").format(fault=self._collector.fault, part=self._part))
        if self._collector.in_row:
            self._fast = None


class _RowCollector:
    """Parser handlers that collect the rows of a worksheet. They run for every element: written for speed."""

    __slots__ = (
        "attributes", "cells", "clear", "column", "columns", "converters", "distrusts_zero", "errors",
        "fault", "formula", "hidden", "in_row", "in_sheet", "is_finished", "known", "names", "number",
        "parts", "phonetic", "pieces", "read_cell", "rows", "stored",
    )  # fmt: skip

    def __init__(self, read_cell: CellReader, columns: int) -> None:
        self.read_cell = read_cell
        self.distrusts_zero = read_cell.recalculates
        self.columns = columns
        self.names = LocalNames()
        self.known: dict[str, int] = {}
        self.converters: dict[tuple[str | None, str | None], Converter] = {}
        self.rows: list[RawRow] = []
        self.pieces: list[str] = []
        self.clear = self.pieces.clear
        self.parts: list[str] = []
        self.number = 0
        self.is_finished = False
        self.in_sheet = False
        self.in_row = False
        self.phonetic = False
        self.fault = ""
        self.attributes: Attributes = {}
        self.cells: list[str | None] = []
        self.errors: dict[int, Phrase] = {}
        self.hidden = False
        self.column = -1
        self.stored: str | None = None
        self.formula = False

    def start(self, name: str, attributes: Attributes) -> None:
        element = self.names[name]
        if element == "v" or element == "t":  # noqa: PLR1714 (a set or a tuple is slower here)
            self.clear()
        elif element == "c":
            self.attributes = attributes
            self.stored = None
            self.formula = False
        elif element == "f":
            self.formula = True
        elif element == "row" and self.in_sheet:
            self._start_row(attributes)
        elif element == "is":
            self.parts = []
        elif element == "rPh":
            self.phonetic = True
        elif element == "sheetData":
            self.in_sheet = True

    def end(self, name: str) -> None:
        element = self.names[name]
        if element == "v":
            self.stored = "".join(self.pieces)
        elif element == "c":
            self._end_cell()
        elif element == "t":
            if not self.phonetic:
                self.parts.append("".join(self.pieces))
        elif element == "row" and self.in_sheet:
            self.in_row = False
            self.clear()
            self.rows.append(RawRow(self.number, self.cells, self.errors or NO_CELL_ERRORS, self.hidden))
        elif element == "is":
            self.stored = "".join(self.parts)
        elif element == "rPh":
            self.phonetic = False
        elif element == "sheetData":
            self.in_sheet = False
            self.is_finished = True

    def _start_row(self, attributes: Attributes) -> None:
        self.in_row = True
        self.cells = []
        self.errors = {}
        self.column = -1
        number = attributes.get("r")
        if number is None:
            self.number += 1
        elif number.isdecimal() and 0 < int(number) <= LAST_ROW:
            self.number = int(number)
        else:
            self.fault = _("a row is numbered {number!r}").format(number=number[:20])
        self.hidden = is_true(attributes.get("hidden")) or attributes.get("ht") == "0"

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
        except UnreadableCell as unreadable:
            self._set_error(column, unreadable.error)
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
        column = column_number(letters) - 1 if letters.isascii() and letters.isalpha() else -1
        if self.is_finished:  # the parser got what follows the rows with the last of them
            return 0
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

    def _set_error(self, column: int, fault: Phrase) -> None:
        self._set(column, None)
        self.errors[column] = fault

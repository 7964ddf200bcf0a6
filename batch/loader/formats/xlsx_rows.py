"""The rows of one XLSX worksheet, as a stream.

Written over expat rather than a reader library, because a person's row must not lose what those leave out: error cells,
formulas without a stored value, hidden rows, and the row numbers that Excel shows. The `<dimension>` of the sheet is
not looked at: it is often wrong. Memory holds one piece of the file and the rows in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from batch.i18n import _, number
from batch.loader.formats.cell_text import NO_STORED_VALUE, error_cell
from batch.loader.formats.xlsx_cells import CellReader, Converter
from batch.loader.formats.xlsx_fast_rows import ROW_END, SHEET_START, PlainRows
from batch.loader.formats.xlsx_parts import is_on
from batch.loader.source import NO_CELL_ERRORS, RawRow
from batch.model.source import Source
from batch.ooxml.archive import Archive
from batch.ooxml.xml import Attributes, Local, feed, plain_text, safe_parser, starts_plainly

_EXCEL_ROWS = 1_048_576
_SHEET_END = b"</sheetData"
_ROW_END = ROW_END.decode()
_PIECES_WAITING = 4
"""Pieces of the file that may wait for a row to end, or for the first row."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorksheetGrid:
    """One worksheet of an XLSX file. Unzips and parses it anew at each `rows()`."""

    archive: Archive
    part: str
    read_cell: CellReader

    def rows(self) -> Iterator[RawRow]:
        source, part = self.archive.source, self.part
        reader = _Reader(source, part, self.read_cell)
        rows = reader.rows
        since = last = 0
        for piece in _slices(self.archive.chunks(part), self.read_cell.piece_bytes):
            if reader.finished:
                continue  # to the end all the same, because the checksum is at the end
            reader.take(piece)
            since = 0 if rows else since + len(piece)
            if since > source.limits.row_bytes:
                raise source.too_large(
                    _("one row has more than {limit} bytes (limit row_bytes)").format(
                        limit=number(source.limits.row_bytes)
                    )
                )
            for row in rows:
                if row.number <= last:
                    raise source.damaged(_("row {row} comes after row {last}").format(row=row.number, last=last))
                last = row.number
                yield row
            rows.clear()
        reader.end()
        yield from rows


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


class _Reader:
    """Gives each row to the short cut where nothing speaks against it, and all else to the XML parser.

    Rows that the parser does not get are whole elements without line ends, so that what it gets is as well-formed as
    the whole, and its line numbers are true. It takes over for good where a row might not be what it looks like: after
    a comment, a CDATA section or an instruction, and in a row that is longer than some pieces.
    """

    def __init__(self, source: Source, part: str, read_cell: CellReader) -> None:
        self._source = source
        self._part = part
        self._collector = _Rows(read_cell, source.limits.columns)
        self._parser = safe_parser(source, part)
        self._parser.StartElementHandler = self._collector.start
        self._parser.EndElementHandler = self._collector.end
        self._parser.CharacterDataHandler = self._collector.pieces.append
        self._plain: PlainRows | None = PlainRows(read_cell, source.limits.columns)
        self._most = _PIECES_WAITING * read_cell.piece_bytes
        self._waiting = b""
        self.rows = self._collector.rows
        """Those that are whole, until somebody takes them."""

    @property
    def finished(self) -> bool:
        """All rows were seen; what follows them is not looked at."""
        return self._collector.finished

    def take(self, piece: bytes) -> None:
        """Read the rows that end in this piece."""
        block = self._waiting + piece
        self._waiting = b""
        if self._plain is None:
            self._parse(block)
        elif not self._collector.in_sheet:
            self._take_head(block)
        else:
            self._take_rows(block)

    def end(self) -> None:
        """Read what is left, and see that the part is whole."""
        if not self.finished:
            self._parse(self._waiting)
        if not self.finished:
            feed(self._source, self._part, self._parser, b"", last=True)

    def _take_head(self, block: bytes) -> None:
        head, start, rest = block.partition(SHEET_START)
        if not start and len(block) < self._most:
            self._waiting = block
        elif not (start and starts_plainly(head)):
            self._plain = None
            self._parse(block)
        else:
            self._parse(head + start)
            self._take_rows(rest)

    def _take_rows(self, block: bytes) -> None:
        whole, end, rest = block.rpartition(ROW_END)
        if end:
            self._take_whole(whole)
        if self._plain is None or len(rest) > self._most or _SHEET_END in rest:
            self._plain = None
            self._parse(rest)
        else:
            self._waiting = rest

    def _take_whole(self, block: bytes) -> None:
        """Rows without the last one's end tag."""
        text = plain_text(block)
        if text is None:  # one of them has something special
            for row in block.split(ROW_END):
                self._take_row(plain_text(row), row)
            return
        for plain in text.split(_ROW_END):
            self._take_row(plain)

    def _take_row(self, text: str | None, row: bytes | None = None) -> None:
        """A row without its end tag, as text where it is plain."""
        plain = self._plain and text and self._plain.read(text)
        if plain:
            self._collector.number = plain.number
            self.rows.append(plain)
            return
        row = (text or "").encode() if row is None else row
        if b"<!" in row or b"<?" in row:
            self._plain = None
        self._parse(row + ROW_END)

    def _parse(self, block: bytes) -> None:
        if self.finished or not block:
            return
        feed(self._source, self._part, self._parser, block)
        if self._collector.fault:
            raise self._source.damaged(_("{fault} in {part}").format(fault=self._collector.fault, part=self._part))
        if self._collector.in_row:
            self._plain = None


class _Rows:
    """Collects rows from the elements of a worksheet. The code here runs for every cell: it is written for speed."""

    __slots__ = (
        "attributes", "cells", "clear", "column", "columns", "converters", "distrusts_zero", "errors",
        "fault", "finished", "formula", "hidden", "in_row", "in_sheet", "known", "local", "number",
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
        self.in_sheet = False
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
        elif element == "sheetData":
            self.in_sheet = True

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

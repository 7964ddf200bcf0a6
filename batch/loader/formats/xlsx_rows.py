"""The rows of one XLSX worksheet, as a stream.

Written over expat rather than a reader library, because a row must keep what those leave out: error cells, formulas
without a stored value, hidden rows, and the row numbers that Excel shows. The `<dimension>` of the sheet is not used:
it is often wrong. Memory holds one piece of the file and the rows in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from batch.i18n import N_, _
from batch.loader.formats.dates_and_numbers import NO_STORED_VALUE, UnreadableCell, error_cell
from batch.loader.formats.xlsx_cells import CellReader, FastRows
from batch.loader.source import NO_CELL_ERRORS, RawRow
from batch.model.phrases import Phrase
from batch.model.sheets import SheetFile
from batch.ooxml.archive import Archive, PartParser
from batch.ooxml.package import is_true
from batch.ooxml.references import LAST_ROW, column_number, whole_number
from batch.ooxml.xml import Attributes, LocalNames, decode_plain, has_plain_head, holds_section

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
            source.check("row_bytes", since, N_("one row has more than {most} bytes (limit row_bytes)"))
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
        if holds_section(whole):
            self._fast = None
            return block
        if row_end:
            text = decode_plain(whole)
            if text is None:
                self._parse(whole + row_end)
            else:
                self._take(text + "</row>")
        if sheet_end or len(rest) > self._most_waiting:
            self._fast = None
        return rest + sheet_end + behind

    def _take(self, text: str) -> None:
        """Read whole rows."""
        for markup, rows in self._fast.read(text) if self._fast else ():
            self._parse(markup.encode())
            if rows:
                self._collector.number = rows[-1].number
                self.rows += rows

    def _parse(self, block: bytes) -> None:
        if self.is_finished or not block:
            return
        self._parser.feed(block)
        if self._collector.fault:
            raise self._source.damage(_("{fault} in {part}").format(fault=self._collector.fault, part=self._part))
        if self._collector.in_row:
            self._fast = None


class _RowCollector:
    """Parser handlers that collect the rows of a worksheet."""

    def __init__(self, read_cell: CellReader, columns: int) -> None:
        self.rows: list[RawRow] = []
        self.in_sheet = self.in_row = self.is_finished = False
        self.fault = ""
        """What breaks the rules of the format, for a message; empty for nothing."""
        self.pieces: list[str] = []
        """Text since the last start tag of a value."""
        self._read_cell = read_cell
        self._most_columns = columns
        self._names = LocalNames()
        self._known_columns: dict[str, int] = {}
        self._texts: list[str] = []
        self._in_phonetic = False
        self._stored: str | None = None
        self._start_cell({})
        self.number = -1
        """Number of the last row."""
        self._start_row({})

    def start(self, name: str, attributes: Attributes) -> None:
        """Handle a start tag."""
        element = self._names[name]
        if element in {"v", "t"}:
            self.pieces.clear()
        elif element == "c":
            self._start_cell(attributes)
        elif element == "f":
            self._is_formula = True
        elif element == "is":
            self._texts = []
        elif element == "rPh":
            self._in_phonetic = True
        elif element == "row" and self.in_sheet:
            self.in_row = True
            self._start_row(attributes)
        elif element == "sheetData":
            self.in_sheet = True

    def end(self, name: str) -> None:
        """Handle an end tag."""
        element = self._names[name]
        if element == "v":
            self._stored = "".join(self.pieces)
        elif element == "t":
            if not self._in_phonetic:
                self._texts.append("".join(self.pieces))
        elif element == "c":
            self._end_cell()
        elif element == "is":
            self._stored = "".join(self._texts)
        elif element == "rPh":
            self._in_phonetic = False
        elif element == "row" and self.in_sheet:
            self.in_row = False
            self.pieces.clear()
            errors = self._errors or NO_CELL_ERRORS
            self.rows.append(RawRow(self.number, self._cells, errors, self._hidden, None, self._codes))
        elif element == "sheetData":
            self.in_sheet = False
            self.is_finished = True

    def _start_row(self, attributes: Attributes) -> None:
        self._cells: list[str | None] = []
        self._errors: dict[int, Phrase] = {}
        self._codes: dict[int, str] = {}
        self._column = -1
        self._read_cell.start_rows()
        self._hidden = is_true(attributes.get("hidden")) or attributes.get("ht") == "0"
        stored = attributes.get("r")
        if stored is None:
            self.number += 1
        elif 0 < (number := whole_number(stored) or 0) <= LAST_ROW:
            self.number = number
        else:
            self.fault = _("a row is numbered {number!r}").format(number=stored[:20])

    def _start_cell(self, attributes: Attributes) -> None:
        self._attributes = attributes
        self._stored = None
        self._is_formula = False

    def _end_cell(self) -> None:
        reference = self._attributes.get("r")
        self._column = self._column + 1 if reference is None else self._find_column(reference)
        try:
            text = self._cell_text()
        except UnreadableCell as unreadable:
            self._put(self._column, unreadable.text)
            self._errors[self._column] = unreadable.error
            return
        self._put(self._column, text)

    def _cell_text(self) -> str | None:
        kind = self._attributes.get("t")
        if not self._stored:
            if self._is_formula and (self._stored is None or kind != "str"):
                raise UnreadableCell(NO_STORED_VALUE)
            if kind == "e":
                raise UnreadableCell(error_cell(""))
            return None
        if self._is_formula and self._stored == "0" and self._read_cell.recalculates:
            raise UnreadableCell(NO_STORED_VALUE)
        convert, code = self._read_cell.read_style(kind, self._attributes.get("s"))
        if code:
            self._codes[self._column] = code
        return convert(self._stored)

    def _find_column(self, reference: str) -> int:
        letters = reference.rstrip("0123456789")
        if letters in self._known_columns:
            return self._known_columns[letters]
        column = column_number(letters) - 1 if letters.isascii() and letters.isalpha() else -1
        if self.is_finished:  # the parser got what follows the rows with the last of them
            return 0
        if not (self.in_row and 0 <= column < self._most_columns):
            self.fault = _("a cell is called {reference!r}").format(reference=reference[:20])
            return 0
        self._known_columns[letters] = column
        return column

    def _put(self, column: int, text: str | None) -> None:
        if text is not None:  # rows end with their last text
            self._cells += [None] * (column + 1 - len(self._cells))
            self._cells[column] = text

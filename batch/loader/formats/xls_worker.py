"""Worker that reads XLS files with xlrd: `python -m batch.loader.formats.xls_worker FILE MOST`.

It describes the sheets in the order of their tabs, `[name, is worksheet, is visible]`, or says in one word why there
are none. Of a sheet it sends the number of cells of its rectangle, and then each row that holds anything: `[row, cells,
{column: error}, is hidden, {column: code}]`, rows and columns from 0. In place of the cells of a row with more than
MOST characters it sends their number, and ends.
"""

import struct
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path

from xlrd.biffh import XL_CELL_BOOLEAN, XL_CELL_ERROR, XL_CELL_NUMBER, XL_CELL_TEXT, unpack_unicode
from xlrd.book import Book
from xlrd.compdoc import CompDoc
from xlrd.sheet import Sheet

from batch.loader.formats.dates_and_numbers import (
    ERROR_CODES,
    NO_STORED_VALUE,
    NumberKind,
    UnreadableCell,
    error_cell,
    number_kind,
    number_text,
    plain_text,
    serial_text,
    truth_text,
)
from batch.loader.formats.number_format import find_code
from batch.loader.formats.worker import serve

_BIFF8 = 80
_GLOBALS, _WORKSHEET = 0x0005, 0
_FORMULAS = frozenset((0x0006, 0x0206, 0x0406))
"""Apple Numbers writes the records of Excel 3 and 4 beside those of Excel 97."""
_STRING, _CONTINUE, _EOF, _FILEPASS = 0x0207, 0x003C, 0x000A, 0x002F
_BOUNDSHEET, _SST, _FORMAT, _XF, _ROW, _UNCALCED = 0x0085, 0x00FC, 0x041E, 0x00E0, 0x0208, 0x005E
_LABELSST, _LABEL, _RSTRING, _NUMBER, _RK, _MULRK, _BOOLERR = 0x00FD, 0x0204, 0x00D6, 0x0203, 0x027E, 0x00BD, 0x0205
_BOF, _DATEMODE, _SHRFMLA, _ARRAY, _TABLEOP = 0x0809, 0x0022, 0x04BC, 0x0221, 0x0236
_CELLS = frozenset((_LABELSST, _LABEL, _RSTRING, _NUMBER, _RK, _MULRK, _BOOLERR))
_PASSED_ON = frozenset((_BOF, _EOF, _CONTINUE, _DATEMODE, _STRING, _SHRFMLA, _ARRAY, _TABLEOP))
"""Records that xlrd gets beside cells; it ends on faults in many others, such as names, links and pictures."""
_RECORD_HEAD = struct.Struct("<HH")
_HIDDEN_ROW = 0x20
_DATE, _ELAPSED = 100, 101
"""Cell types beside those of xlrd, and from the next on one for each number format that shows another text."""
_FIRST_SHOWN, _LAST_TYPE = 102, 255
_CELL_TYPES = {NumberKind.NUMBER: XL_CELL_NUMBER, NumberKind.DATE: _DATE, NumberKind.ELAPSED: _ELAPSED}


class _Protected(Exception):
    """The workbook is encrypted."""


class _Book(Book):  # type: ignore[misc]  # xlrd has no types
    """A workbook whose records pass by here first: xlrd leaves out hidden rows and formulas, and trusts counts."""

    _position: int
    """Offset of the next record in the stream."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.tabs: list[tuple[str, bool, bool]] = []
        self.hidden: set[int] = set()
        self._zeros: dict[int, list[int]] = defaultdict(list)
        """Columns of formulas whose stored value is the number 0, by row."""
        self._has_results = False
        """Some formula of the sheet stores another value."""
        self._is_uncalculated = False
        """Excel has marked the sheet's formulas as not calculated."""
        self.shown: dict[int, tuple[int, str]] = {}
        """Cell types of our own: the kind of the value, and the code of a format that may show it otherwise."""
        self._formats: dict[int, str] = {}
        self._format_ids: list[int] = []
        self.biff2_8_load(
            file_contents=data, logfile=sys.stderr, on_demand=True, ragged_rows=True, ignore_workbook_corruption=True
        )
        self._end = self.base + self.stream_len
        self.biff_version = self.getbof(_GLOBALS)

    def describe(self) -> object:
        """Read what belongs to all sheets. Returns the sheets, or one word that says why there are none."""
        if self.biff_version != _BIFF8:
            return "very old"
        try:
            self.parse_globals()
        except _Protected:
            return "protected"
        types = {each: self._type_of(each) for each in self._format_ids}
        kinds = (types[each] for each in self._format_ids)
        self._xf_index_to_xl_type_map = defaultdict(lambda: XL_CELL_NUMBER, enumerate(kinds))
        return self.tabs

    def read_sheet(self, index: int) -> Sheet:
        """Read a sheet, and forget the one before."""
        self._sheet_list = [None] * len(self.tabs)
        self.hidden, self._zeros = set(), defaultdict(list)
        self._has_results = self._is_uncalculated = False
        return self.get_sheet(index)

    def _type_of(self, format_id: int) -> int:
        """Return a cell type for a number format; xlrd keeps it with each cell, in one byte."""
        kind, code = number_kind(format_id, self._formats), find_code(format_id, self._formats)
        free = _FIRST_SHOWN + len(self.shown)
        if not code or free > _LAST_TYPE:
            free = _CELL_TYPES[kind]
        else:
            self.shown[free] = _CELL_TYPES[kind], code
        return free

    def get_record_parts(self) -> tuple[int, int, bytes]:
        """Return code, length and body of the next record that xlrd needs."""
        while True:
            start = self._position
            body_start = start + 4
            if body_start > self._end:  # a sheet without its last record may have lost rows
                raise EOFError
            code, length = _RECORD_HEAD.unpack_from(self.mem, start)
            self._position = body_start + length
            body = self.mem[body_start : self._position]
            if code in _CELLS:
                return code, length, body
            if code in _FORMULAS:
                self._note_formula(body)
            elif code == _STRING:
                body = self._read_string(body)
            elif code not in _PASSED_ON:
                self._note(code, body)
                continue
            return code, len(body), body

    def _note(self, code: int, body: bytes) -> None:
        if code == _FILEPASS:
            raise _Protected
        if code == _BOUNDSHEET:
            offset, state, kind = struct.unpack_from("<LBB", body)
            self.tabs.append((unpack_unicode(body, 6, lenlen=1), kind == _WORKSHEET, state & 3 == 0))
            self._sheet_names.append("")
            self._sheet_visibility.append(state)
            self._sh_abs_posn.append(offset + self.base)
        elif code == _SST:
            self._sharedstrings = _read_texts([body, *self._continued()])
        elif code == _FORMAT:
            self._formats[struct.unpack_from("<H", body)[0]] = unpack_unicode(body, 2)
        elif code == _XF:
            self._format_ids.append(struct.unpack_from("<H", body, 2)[0])
        elif code == _ROW and struct.unpack_from("<L", body, 12)[0] & _HIDDEN_ROW:
            self.hidden.add(struct.unpack_from("<H", body)[0])
        elif code == _UNCALCED:
            self._is_uncalculated = True

    def _continued(self) -> Iterator[bytes]:
        while (part := self.get_record_parts_conditional(_CONTINUE))[0] is not None:
            yield part[2]

    def _note_formula(self, body: bytes) -> None:
        """Note whether a formula stores the number 0: XLS has no other mark for one that was never calculated.

        Where every formula of a worksheet stores 0, as libraries write it, none was calculated; where one stores
        anything else, the zeros are results.
        """
        row, column, _style, value = struct.unpack_from("<HHH8s", body)
        if value == bytes(8):
            self._zeros[row].append(column)
        else:
            self._has_results = True

    def find_uncalculated(self) -> Mapping[int, Collection[int]]:
        """Return the columns of the sheet's formulas without a value, by row."""
        return {} if self._has_results and not self._is_uncalculated else self._zeros

    def _read_string(self, body: bytes) -> bytes:
        """Put the text of a formula together, in one record, its length in code points as xlrd counts them."""
        text = next(iter(_read_texts([bytes(8) + body, *self._continued()])), "")
        return struct.pack("<HB", len(text), 1) + text.encode("utf-16-le")


def _read_texts(pieces: Sequence[bytes]) -> list[str]:
    """Read a table of texts to its end, whatever number it claims to have: Excel does the same."""
    reader = _TextReader(pieces)
    texts: list[str] = []
    try:
        while reader.has_more():
            texts.append(reader.read())
    except (struct.error, IndexError):
        pass  # a cell that refers to a text that is cut off is found out when it is read
    return texts


class _TextReader:
    """Texts that are spread over several records.

    A text that is cut by a record's end goes on in the next one, after a byte that says anew how wide characters are.
    """

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = iter(pieces)
        self._piece = next(self._pieces)
        self._at = 8

    def has_more(self) -> bool:
        """Go to the next record where this one is at its end; False at the end of the last."""
        while self._at >= len(self._piece):
            self._at -= len(self._piece)
            piece = next(self._pieces, None)
            if piece is None:
                return False
            self._piece = piece
        return True

    def read(self) -> str:
        """Read the next text, without its formats and its phonetic reading."""
        length, flags = struct.unpack_from("<HB", self._piece, self._at)
        self._at += 3
        extra = 0
        if flags & 8:
            extra += 4 * struct.unpack_from("<H", self._piece, self._at)[0]
            self._at += 2
        if flags & 4:
            extra += struct.unpack_from("<L", self._piece, self._at)[0]
            self._at += 4
        text = b""
        while True:
            wide = flags & 1
            here = min(length - len(text) // 2, (len(self._piece) - self._at) >> wide)
            part = self._piece[self._at : self._at + (here << wide)]
            self._at += len(part)
            text += part if wide else part.decode("latin-1").encode("utf-16-le")
            if len(text) // 2 == length:
                break
            self._piece = next(self._pieces, b"")
            flags = self._piece[0]
            self._at = 1
        self._at += extra
        return text.decode("utf-16-le", "replace")


def _open(arguments: Sequence[str]) -> tuple[object, Callable[[int], Iterator[object]]]:
    data = Path(arguments[0]).read_bytes()
    entries = CompDoc(data, logfile=sys.stderr, ignore_workbook_corruption=True).dirlist
    streams = {entry.name.lower() for entry in entries}
    if streams & {"encryptedpackage", "encryptioninfo"}:
        return "protected", _no_rows
    if "workbook" not in streams:
        return "very old" if "book" in streams else "no workbook", _no_rows
    book = _Book(data)
    return book.describe(), partial(_read_rows, book, int(arguments[1]))


def _no_rows(_index: int) -> Iterator[object]:
    return iter(())


def _read_rows(book: _Book, most: int, index: int) -> Iterator[object]:
    sheet: Sheet = book.read_sheet(index)
    yield sheet.nrows * sheet.ncols
    uncalculated = book.find_uncalculated()
    for row in range(sheet.nrows):
        cells: list[str | None] = []
        errors = dict.fromkeys(uncalculated.get(row, ()), NO_STORED_VALUE)
        codes: dict[int, str] = {}
        for column, (kind, value) in enumerate(zip(sheet.row_types(row), sheet.row_values(row), strict=True)):
            if kind in book.shown:
                kind, codes[column] = book.shown[kind]  # noqa: PLW2901 - the kind of the value
            try:
                cells.append(None if column in errors else _cell_text(kind, value, book.datemode == 1))
            except UnreadableCell as unreadable:
                cells.append(unreadable.text)
                errors[column] = unreadable.error
        if (characters := sum(map(len, filter(None, cells)))) > most:
            yield row, characters, {}, False, {}
            return
        if errors or characters:
            yield row, cells, errors, row in book.hidden, codes


def _cell_text(kind: int, value: object, epoch_1904: bool) -> str | None:  # noqa: FBT001 - a fact of the workbook
    """Return the text of a cell. Raises UnreadableCell."""
    if kind == XL_CELL_TEXT:
        return plain_text(str(value))
    if kind == XL_CELL_NUMBER:
        return number_text(repr(value))
    if kind == XL_CELL_BOOLEAN:
        return truth_text(bool(value))
    if kind == XL_CELL_ERROR:
        raise UnreadableCell(error_cell(ERROR_CODES.get(int(str(value)), "")))
    if kind in {_DATE, _ELAPSED}:
        return _date_text(repr(value), epoch_1904, kind == _ELAPSED)
    return None


@lru_cache(maxsize=4096)
def _date_text(stored: str, epoch_1904: bool, elapsed: bool) -> str | None:  # noqa: FBT001 - as above
    return serial_text(stored, epoch_1904=epoch_1904, elapsed=elapsed)


if __name__ == "__main__":
    serve(_open)

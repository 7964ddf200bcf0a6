"""The records of an XLS workbook (BIFF8, Excel 97 to 2003): its sheets, and the marks of each."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from batch.i18n import N_, _, number
from batch.loader.formats.calamine import ERROR_CODES, MarkedSheet, Marks
from batch.loader.formats.cell_text import NO_STORED_VALUE, error_cell
from batch.loader.source import Tab
from batch.model.sheet_file import SheetFile


def check_texts(source: SheetFile, pieces: list[bytes]) -> None:
    """Count the entries of the table of texts. Where the count is wrong, cells may point at other people's texts.

    Raises:
        SheetError: there are not as many as the table says.
    """
    (claimed,) = struct.unpack_from("<L", pieces[0], 4)
    reader = _Texts(pieces)
    found = 0
    while reader.more() and found <= claimed:
        reader.skip_text()
        found += 1
    if reader.more() or found > claimed:
        raise source.damage(
            _("its table of texts has more than the {claimed} entries that it says it has").format(
                claimed=number(claimed)
            )
        )
    if found < claimed:
        raise source.damage(
            _("its table of texts says that it has {claimed} entries, and has {found}").format(
                claimed=number(claimed), found=number(found)
            )
        )


class _Texts:
    """Walks over a table of texts that is spread over several records.

    A text cut by a record's end goes on in the next one, after a byte that says anew how wide its characters are.
    """

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces
        self._index = 0
        self._place = 8

    def more(self) -> bool:
        while self._index < len(self._pieces) and self._place >= len(self._pieces[self._index]):
            self._index += 1
            self._place = 0
        return self._index < len(self._pieces)

    def skip_text(self) -> None:
        piece, place = self._pieces[self._index], self._place
        length, flags = struct.unpack_from("<HB", piece, place)
        self._place += 3
        runs = extra = 0
        if flags & 8:
            (runs,) = struct.unpack_from("<H", piece, self._place)
            self._place += 2
        if flags & 4:
            (extra,) = struct.unpack_from("<L", piece, self._place)
            self._place += 4
        self._skip_characters(length, flags & 1)
        self._skip_bytes(4 * runs + extra)

    def _skip_characters(self, length: int, wide: int) -> None:
        while length:
            here = (len(self._pieces[self._index]) - self._place) >> wide
            taken = min(length, here)
            self._place += taken << wide
            length -= taken
            if length:
                self._index += 1
                wide = self._pieces[self._index][0] & 1
                self._place = 1

    def _skip_bytes(self, count: int) -> None:
        while count:
            here = len(self._pieces[self._index]) - self._place
            taken = min(count, here)
            self._place += taken
            count -= taken
            if count:
                self._index += 1
                self._place = 0


_BOF = 0x0809
_BIFF8 = 0x0600
_EOF = 0x000A
_FILEPASS = 0x002F
_BOUNDSHEET = 0x0085
_ROW = 0x0208
_DIMENSIONS = 0x0200
_FORMULA = 0x0006
_BOOLERR = 0x0205
_UNCALCED = 0x005E
_MULRK = 0x00BD
_SST = 0x00FC
_CONTINUE = 0x003C
_SINGLE_VALUES = frozenset((0x00FD, 0x0204, 0x0203, 0x027E, 0x00D6))
"""LABELSST, LABEL, NUMBER, RK, RSTRING: row and column come first."""
_HIDDEN = 0x20
_SAVE_AS = N_("Open it in Excel or LibreOffice, save it as XLSX, and use that.")


@dataclass(frozen=True, kw_only=True, slots=True)
class XlsMarks:
    """What the records say, without reading the values."""

    protected: bool
    sheets: tuple[MarkedSheet, ...]
    """In the order of their tabs."""


def _records(data: bytes, place: int) -> Iterator[tuple[int, bytes]]:
    while place + 4 <= len(data):
        kind, size = struct.unpack_from("<HH", data, place)
        yield kind, data[place + 4 : place + 4 + size]
        place += 4 + size


def read_xls_marks(source: SheetFile, data: bytes) -> XlsMarks:
    """Walk the workbook's stream.

    Raises:
        SheetError: damaged, or a sheet over a limit.
    """
    sheets: list[MarkedSheet] = []
    texts: list[bytes] = []
    before = 0
    try:
        for kind, body in _records(data, 0):
            if kind == _SST or (kind == _CONTINUE and before == _SST):
                texts.append(body)
                before = _SST
                continue
            before = kind
            if kind == _BOF and struct.unpack_from("<H", body)[0] != _BIFF8:
                raise source.refusal(_("is a sheet of a very old Excel (before 1997), which is not read."), _(_SAVE_AS))
            if kind == _FILEPASS:
                return XlsMarks(protected=True, sheets=())
            if kind == _BOUNDSHEET:
                offset, state, kind_of_sheet = struct.unpack_from("<LBB", body)
                tab = Tab(
                    name=_name(body),
                    worksheet=kind_of_sheet == 0,
                    visible=state & 3 == 0,
                    place=str(len(sheets)),
                )
                sheets.append(MarkedSheet(tab=tab, marks=_sheet(source, data, offset)))
            elif kind == _EOF:
                break
        if texts:
            check_texts(source, texts)
    except (struct.error, IndexError):
        raise source.damage(_("a record of it is cut short")) from None
    return XlsMarks(protected=False, sheets=tuple(sheets))


def _name(body: bytes) -> str:
    length, wide = body[6], body[7] & 1
    return body[8 : 8 + length * 2].decode("utf-16-le", "replace") if wide else body[8 : 8 + length].decode("latin-1")


def _sheet(source: SheetFile, data: bytes, offset: int) -> Marks:
    marks = Marks()
    formulas = _Formulas()
    depth = 0
    for kind, body in _records(data, offset):
        if kind == _BOF:
            depth += 1
        elif kind == _EOF:
            depth -= 1
            if depth <= 0:
                break
        elif depth != 1:  # a chart inside the sheet
            continue
        elif kind == _DIMENSIONS:
            first, last, left, right = struct.unpack_from("<LLHH", body)
            marks.claims(source, max(first, last), max(left, right))
        elif kind == _FORMULA:
            formulas.add(marks, body)
        elif kind == _UNCALCED:
            formulas.calculated = False
        else:
            _mark(marks, kind, body)
    formulas.close(marks)
    marks.check(source)
    return marks


def _mark(marks: Marks, kind: int, body: bytes) -> None:
    if kind in _SINGLE_VALUES:
        marks.value(*struct.unpack_from("<HH", body))
    elif kind == _MULRK:
        row, first = struct.unpack_from("<HH", body)
        marks.value(row, first)
        marks.value(row, struct.unpack_from("<H", body, len(body) - 2)[0])
    elif kind == _ROW:
        if struct.unpack_from("<L", body, 12)[0] & _HIDDEN:
            marks.hidden.add(struct.unpack_from("<H", body)[0])
    elif kind == _BOOLERR:
        row, column, _style, code, is_error = struct.unpack_from("<HHHBB", body)
        if is_error:
            marks.error(row, column, error_cell(ERROR_CODES.get(code, "")))
        else:
            marks.value(row, column)


class _Formulas:
    """Tells formulas that were never calculated. XLS has no mark for them: each stores the number 0.

    So where every formula of a worksheet stores 0, as libraries write them, none was calculated; where one stores
    anything else, the zeros are results.
    """

    def __init__(self) -> None:
        self.calculated = True
        self._zeros: list[tuple[int, int]] = []
        self._results = 0

    def add(self, marks: Marks, body: bytes) -> None:
        """A formula keeps its last value in 8 bytes: a number, or a mark that says of what other kind it is."""
        row, column, _style, value = struct.unpack_from("<HHH8s", body)
        marks.value(row, column)
        if value == bytes(8):
            self._zeros.append((row, column))
            return
        self._results += 1
        if value[6:8] == b"\xff\xff" and value[0] == 2:  # noqa: PLR2004 (an error)
            marks.error(row, column, error_cell(ERROR_CODES.get(value[2], "")))

    def close(self, marks: Marks) -> None:
        """Mark what was not calculated, when all formulas are known."""
        if not self._results or not self.calculated:
            for row, column in self._zeros:
                marks.error(row, column, NO_STORED_VALUE)

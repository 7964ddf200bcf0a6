"""XLSB workbooks: the parts of an XLSX workbook as records, whose cells are read as those of XLSX."""

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from batch.i18n import N_, _, number
from batch.loader.formats.dates_and_numbers import ERROR_CODES, UnreadableCell
from batch.loader.formats.xlsx_cells import CellFormat, CellReader, cell_formats
from batch.loader.source import Grid, RawRow, Tab, check_row
from batch.model.phrases import Phrase
from batch.model.sheets import SheetFile
from batch.ooxml.archive import Archive
from batch.ooxml.package import read_relations
from batch.ooxml.references import LAST_ROW
from batch.ooxml.shared_strings import SharedStrings

_ROW, _END_OF_ROWS, _PROPERTIES, _SHEET, _TEXT = 0, 146, 153, 156, 19
_FORMAT, _STYLE, _STYLES, _END_OF_STYLES = 44, 47, 617, 618
_SHORT = frozenset(range(12, 19))
"""Cells without a column of their own."""
_DATES_FROM_1904 = 1
_HIDDEN = 0x10
_STYLE_BITS = 0xFFFFFF
_NO_TEXT = 0xFFFFFFFF
_VALUE = 8
"""Offset of a cell's value, behind its column and style."""


class XlsbBook:
    """A workbook whose sheets are known; texts and formats are read for the first worksheet that is asked for."""

    format = "xlsb"

    def __init__(self, archive: Archive, part: str) -> None:
        """Read the list of sheets. `part`: name of the workbook part. Raises SheetError: damaged."""
        self._archive = archive
        self._epoch_1904 = False
        self.tabs: list[Tab] = []
        """Sheets in the order of their tabs; `place` is the part name."""
        relations = read_relations(archive, part)
        worksheets = {each.id: each.target for each in relations if each.kind == "worksheet"}
        self._parts = {each.kind: each.target for each in relations if each.target in archive}
        with _whole_records(archive.source):
            for kind, body in _records(archive.read(part)):
                if kind == _PROPERTIES:
                    self._epoch_1904 = bool(body[0] & _DATES_FROM_1904)
                elif kind == _SHEET:
                    relation, at = _wide_text(body, 8)
                    place, visible = worksheets.get(relation, ""), not any(body[:4])
                    tab = Tab(name=_wide_text(body, at)[0], worksheet=bool(place), visible=visible, place=place)
                    self.tabs.append(tab)

    def grid(self, tab: Tab) -> Grid:
        """Return the rows of a worksheet; they are read, and damage is found, when they are asked for."""
        return _XlsbGrid(archive=self._archive, part=tab.place, read_cell=self._read_cell)

    @cached_property
    def _read_cell(self) -> CellReader:
        with _whole_records(self._archive.source):
            return CellReader(
                source=self._archive.source,
                strings=self._read_texts(),
                formats=self._read_formats(),
                epoch_1904=self._epoch_1904,
            )

    def _read_texts(self) -> SharedStrings:
        table = SharedStrings()
        if part := self._parts.get("sharedStrings"):
            for kind, body in _records(self._archive.read(part, limit="shared_text_bytes")):
                if kind == _TEXT:
                    table.append(_wide_text(body, 1)[0])
                    text = N_("it has more than {most} texts (limit shared_strings)")
                    self._archive.source.check("shared_strings", len(table), text)
        return table

    def _read_formats(self) -> list[CellFormat]:
        formats: dict[int, str] = {}
        ids: list[int] = []
        part, inside = self._parts.get("styles"), False
        for kind, body in _records(self._archive.read(part)) if part else ():
            if kind == _FORMAT:
                formats[struct.unpack_from("<H", body)[0]] = _wide_text(body, 2)[0]
            elif kind in {_STYLES, _END_OF_STYLES}:
                inside = kind == _STYLES
            elif kind == _STYLE and inside:
                ids.append(struct.unpack_from("<H", body, 2)[0])
        return cell_formats(ids, formats)


@dataclass(frozen=True, kw_only=True, slots=True)
class _XlsbGrid:
    archive: Archive
    part: str
    read_cell: CellReader

    def rows(self) -> Iterator[RawRow]:
        source = self.archive.source
        head, cells = b"", list[tuple[int, bytes]]()
        with _whole_records(source):
            for kind, body in _records(self.archive.read(self.part, limit="loaded_bytes")):
                if kind in _STORED:
                    cells.append((kind, body))
                elif kind in _SHORT:
                    raise source.refusal(
                        _("stores cells in a short form that is not read."),
                        _("Save it in Excel as XLSX, and use that."),
                    )
                elif kind in {_ROW, _END_OF_ROWS}:
                    if cells:
                        yield self._read_row(head, cells)
                    head, cells = body, []
                if kind == _END_OF_ROWS:
                    return
            raise IndexError  # rows may have been lost

    def _read_row(self, head: bytes, stored: Sequence[tuple[int, bytes]]) -> RawRow:
        source = self.archive.source
        index, flags = struct.unpack_from("<L7xB", head)
        if index >= LAST_ROW:
            raise source.damage(_("a row is numbered {number!r}").format(number=number(index + 1)))
        cells: list[str | None] = []
        errors: dict[int, Phrase] = {}
        codes: dict[int, str] = {}
        self.read_cell.start_rows()
        for kind, body in stored:
            column, style = struct.unpack_from("<LL", body)
            source.check("columns", column + 1, N_("it has more than {most} columns (limit columns)"))
            cells += [None] * (column + 1 - len(cells))
            type_, read = _STORED[kind]
            convert, code = self.read_cell.read_style(type_, str(style & _STYLE_BITS))
            if code:
                codes[column] = code
            try:
                cells[column] = convert(read(body))
            except UnreadableCell as unreadable:
                cells[column], errors[column] = unreadable.text, unreadable.error
        row = RawRow(index + 1, cells, errors, bool(flags & _HIDDEN), None, codes)
        check_row(source, row)
        return row


def _read_compressed(body: bytes) -> str:
    """Read a number of 30 bits: a whole one, or the upper bits of a float; perhaps times a hundred."""
    (bits,) = struct.unpack_from("<l", body, _VALUE)
    value = bits >> 2 if bits & 2 else struct.unpack("<d", struct.pack("<4xl", bits & ~3))[0]
    return repr(value / 100 if bits & 1 else value)


def _read_float(body: bytes) -> str:
    return repr(struct.unpack_from("<d", body, _VALUE)[0])


def _read_index(body: bytes) -> str:
    return str(struct.unpack_from("<L", body, _VALUE)[0])


def _read_truth(body: bytes) -> str:
    return str(body[_VALUE])


def _read_error(body: bytes) -> str:
    return ERROR_CODES.get(body[_VALUE], "")


def _read_text(body: bytes) -> str:
    return _wide_text(body, _VALUE)[0]


_STORED: dict[int, tuple[str | None, Callable[[bytes], str]]] = {
    2: (None, _read_compressed),
    **dict.fromkeys((5, 9), (None, _read_float)),
    7: ("s", _read_index),
    **dict.fromkeys((6, 8), ("xlsb", _read_text)),
    **dict.fromkeys((4, 10), ("b", _read_truth)),
    **dict.fromkeys((3, 11), ("e", _read_error)),
}
"""Records of cells, and of formulas by their value: the cell type of XLSX, and what reads the stored value."""


@contextmanager
def _whole_records(source: SheetFile) -> Iterator[None]:
    try:
        yield
    except (struct.error, IndexError):
        raise source.damage(_("a record of it is cut short")) from None


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the kind and the body of each record; both number and size have 7 bits in a byte."""
    at = 0
    while at < len(data):
        kind, at = _number(data, at, 2)
        size, at = _number(data, at, 4)
        yield kind, data[at : at + size]
        at += size


def _number(data: bytes, at: int, most: int) -> tuple[int, int]:
    value = 0
    for shift in range(most):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << (7 * shift)
        if not byte & 0x80:
            break
    return value, at


def _wide_text(body: bytes, at: int) -> tuple[str, int]:
    """Return the text at an offset, and the offset behind it."""
    (length,) = struct.unpack_from("<L", body, at)
    end = at + 4 + 2 * (0 if length == _NO_TEXT else length)
    if end > len(body):
        raise IndexError
    return body[at + 4 : end].decode("utf-16-le", "replace"), end

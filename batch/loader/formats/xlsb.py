"""The records of an XLSB workbook: where its sheets are, and the marks of each."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from batch.i18n import _
from batch.loader.formats.calamine import ERROR_CODES, MarkedSheet, Marks
from batch.loader.formats.cell_text import error_cell
from batch.loader.source import Tab
from batch.ooxml.archive import Archive
from batch.ooxml.package import read_relations

_ROW = 0
_ERRORS = frozenset((3, 11))
"""An error cell, and a formula whose value is one."""
_VALUES = frozenset((2, 4, 5, 6, 7, 8, 9, 10))
_SHORT = frozenset(range(12, 19))
"""Cells without a column of their own, which calamine does not read."""
_END_OF_ROWS = 146
_SHEET = 156
_DIMENSIONS = 148
_HIDDEN = 0x10
_NO_TEXT = 0xFFFFFFFF


def _number(data: bytes, place: int, most: int) -> tuple[int, int]:
    value = 0
    for shift in range(most):
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << (7 * shift)
        if not byte & 0x80:
            break
    return value, place


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(data):
        first = data[place]
        place += 1
        kind = first
        if first & 0x80:
            kind = (first & 0x7F) | (data[place] & 0x7F) << 7
            place += 1
        size, place = _number(data, place, 4)
        yield kind, data[place : place + size]
        place += size


def _wide(body: bytes, place: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<L", body, place)
    if length == _NO_TEXT:
        return "", place + 4
    end = place + 4 + 2 * length
    return body[place + 4 : end].decode("utf-16-le", "replace"), end


def read_xlsb_marks(archive: Archive, part: str) -> tuple[MarkedSheet, ...]:
    """The sheets in the order of their tabs, with the marks of each worksheet.

    Raises:
        SheetError: damaged, or a sheet over a limit.
    """
    found = {each.id: each for each in read_relations(archive, part) if not each.outside}
    sheets: list[MarkedSheet] = []
    try:
        for kind, body in _records(archive.read(part)):
            if kind == _SHEET:
                reference, place = _wide(body, 8)
                name, _end = _wide(body, place)
                relation = found.get(reference)
                is_worksheet = relation is not None and relation.kind == "worksheet"
                tab = Tab(
                    name=name,
                    worksheet=is_worksheet,
                    visible=struct.unpack_from("<L", body)[0] == 0,
                    place=str(len(sheets)),
                )
                marks = _sheet(archive, relation.target) if relation is not None and is_worksheet else Marks()
                sheets.append(MarkedSheet(tab=tab, marks=marks))
    except (struct.error, IndexError):
        raise archive.source.damage(_("a record of it is cut short")) from None
    return tuple(sheets)


def _sheet(archive: Archive, part: str) -> Marks:
    source = archive.source
    marks = Marks()
    row = -1
    for kind, body in _records(archive.read(part, limit=source.limits.loaded_bytes)):
        if kind == _ROW:
            (row,) = struct.unpack_from("<L", body)
            if body[11] & _HIDDEN:
                marks.hidden.add(row)
        elif kind == _DIMENSIONS:
            first, last, left, right = struct.unpack_from("<LLLL", body)
            marks.claims(source, max(first, last), max(left, right))
        elif kind in _VALUES:
            marks.value(row, struct.unpack_from("<L", body)[0])
        elif kind in _ERRORS:
            marks.error(row, struct.unpack_from("<L", body)[0], error_cell(ERROR_CODES.get(body[8], "")))
        elif kind in _SHORT:
            raise source.refusal(
                _("stores cells in a short form that is not read."), _("Save it in Excel as XLSX, and use that.")
            )
        elif kind == _END_OF_ROWS:
            break
    marks.check(source)
    return marks

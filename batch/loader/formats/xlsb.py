"""XLSB workbooks: values by python-calamine in a process of its own, and from the records what it leaves out."""

import struct
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from batch.i18n import N_, _, number
from batch.loader.formats.cell_text import ERROR_CODES, error_cell
from batch.loader.formats.number_format import ShowNumber, show_cells, shower
from batch.loader.formats.worker import WIDE_AREA, run_worker
from batch.loader.source import NO_SHOWN, Grid, RawRow, Tab, check_row
from batch.model.phrases import Phrase, phrase_from_json
from batch.model.sheets import SheetFile
from batch.ooxml.archive import Archive
from batch.ooxml.package import read_relations
from batch.ooxml.references import LAST_ROW

_ROW = 0
_ERRORS = frozenset((3, 11))
"""An error cell, and a formula whose value is one."""
_VALUES = frozenset((2, 4, 5, 6, 7, 8, 9, 10))
_NUMBERS = frozenset((2, 5, 9))
"""Of them those that are shown by a number format."""
_FORMAT, _STYLE, _STYLES, _END_OF_STYLES = 44, 47, 617, 618
_NO_STYLE = -1
_SHORT = frozenset(range(12, 19))
"""Cells without a column of their own, which calamine does not read."""
_END_OF_ROWS = 146
_SHEET = 156
_DIMENSIONS = 148
_HIDDEN = 0x10
_NO_TEXT = 0xFFFFFFFF


class XlsbBook:
    """A workbook whose records were scanned, so that calamine may read it."""

    format = "xlsb"

    def __init__(self, archive: Archive, part: str) -> None:
        """Read the list of sheets, and scan each worksheet. `part`: name of the workbook part.

        Raises:
            SheetError: damaged, or a sheet over a limit.
        """
        self._source = archive.source
        self._marks: list[_Marks] = []
        self.tabs: list[Tab] = []
        """Sheets in the order of their tabs; `place` is the sheet's index, from 0."""
        relations = list(read_relations(archive, part))
        worksheets = {each.id: each.target for each in relations if each.kind == "worksheet"}
        styles = next((each.target for each in relations if each.kind == "styles" and each.target in archive), None)
        try:
            self._showers = _read_showers(archive.read(styles)) if styles else {}
            for kind, body in _records(archive.read(part)):
                if kind == _SHEET:
                    relation, at = _wide_text(body, 8)
                    target = worksheets.get(relation)
                    tab = Tab(
                        name=_wide_text(body, at)[0],
                        worksheet=target is not None,
                        visible=struct.unpack_from("<L", body)[0] == 0,
                        place=str(len(self.tabs)),
                    )
                    self.tabs.append(tab)
                    self._marks.append(_Marks() if target is None else _scan(archive, target))
        except (struct.error, IndexError):
            raise archive.source.damage(_("a record of it is cut short")) from None

    def grid(self, tab: Tab) -> Grid:
        """Return the rows of a worksheet; they are read, and damage is found, when they are asked for."""
        marks = self._marks[int(tab.place)]
        return _XlsbGrid(source=self._source, place=tab.place, marks=marks, showers=self._showers)


@dataclass(kw_only=True, slots=True)
class _Marks:
    """Hidden rows and unreadable cells of a worksheet, and the rectangle of its values. Rows and columns from 0."""

    hidden: set[int] = field(default_factory=set)
    errors: dict[int, dict[int, Phrase]] = field(default_factory=dict)
    """Faults of cells, by row and column."""
    styles: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """By column the rows from which on its numbers have another style; `_NO_STYLE` for what is no number."""
    top: int = -1
    left: int = -1
    bottom: int = -1
    right: int = -1

    def add(self, row: int, column: int) -> None:
        """Extend the rectangle by a cell."""
        if self.top < 0:
            self.top, self.left = row, column
        self.top, self.bottom = min(self.top, row), max(self.bottom, row)
        self.left, self.right = min(self.left, column), max(self.right, column)

    def add_style(self, row: int, column: int, style: int) -> None:
        """Note the style of a cell; cells come row by row."""
        runs = self.styles.setdefault(column, [(-1, _NO_STYLE)])
        if runs[-1][1] != style:
            runs.append((row, style))

    def showers(self, row: int, known: Mapping[int, ShowNumber]) -> Iterator[tuple[int, ShowNumber]]:
        """Yield the columns of a row whose numbers a format shows. `known`: by style."""
        for column, runs in self.styles.items():
            style = runs[bisect_right(runs, row, key=itemgetter(0)) - 1][1]
            if style in known:
                yield column, known[style]


def _read_showers(styles: bytes) -> dict[int, ShowNumber]:
    """Return what shows the numbers of each cell style that shows another text. `styles`: the part."""
    formats: dict[int, str] = {}
    found: dict[int, ShowNumber] = {}
    style, inside = 0, False
    for kind, body in _records(styles):
        if kind == _FORMAT:
            formats[struct.unpack_from("<H", body)[0]] = _wide_text(body, 2)[0]
        elif kind in {_STYLES, _END_OF_STYLES}:
            inside = kind == _STYLES
        elif kind == _STYLE and inside:
            if show := shower(struct.unpack_from("<H", body, 2)[0], formats):
                found[style] = show
            style += 1
    return found


def _scan(archive: Archive, part: str) -> _Marks:
    source = archive.source
    marks = _Marks()
    row = -1
    for kind, body in _records(archive.read(part, limit="loaded_bytes")):
        if kind == _ROW:
            (row,) = struct.unpack_from("<L", body)
            if body[11] & _HIDDEN:
                marks.hidden.add(row)
        elif kind == _DIMENSIONS:
            _check_claim(source, struct.unpack_from("<LLLL", body))
        elif kind in _VALUES or kind in _ERRORS:
            (column,) = struct.unpack_from("<L", body)
            marks.add(row, column)
            is_number = kind in _NUMBERS
            marks.add_style(row, column, int.from_bytes(body[4:7], "little") if is_number else _NO_STYLE)
            if kind in _ERRORS:
                marks.errors.setdefault(row, {})[column] = error_cell(ERROR_CODES.get(body[8], ""))
        elif kind in _SHORT:
            raise source.refusal(
                _("stores cells in a short form that is not read."), _("Save it in Excel as XLSX, and use that.")
            )
        elif kind == _END_OF_ROWS:
            break
    _check_rectangle(source, marks)
    return marks


def _check_claim(source: SheetFile, dimensions: tuple[int, ...]) -> None:
    # calamine takes the memory for what the sheet claims before it reads a cell.
    rows, columns = max(dimensions[:2]), max(dimensions[2:])
    if rows > LAST_ROW or columns > source.limits.columns:
        raise source.damage(
            _("it says that it has {rows} rows and {columns} columns").format(
                rows=number(rows), columns=number(columns)
            )
        )


def _check_rectangle(source: SheetFile, marks: _Marks) -> None:
    # calamine holds the rectangle whole, empty cells included.
    area = (marks.bottom - marks.top + 1) * (marks.right - marks.left + 1)
    source.check("loaded_cells", area, WIDE_AREA)
    source.check("columns", marks.right + 1, N_("it has more than {most} columns (limit columns)"))


@dataclass(frozen=True, kw_only=True, slots=True)
class _XlsbGrid:
    source: SheetFile
    place: str
    marks: _Marks
    showers: Mapping[int, ShowNumber]

    def rows(self) -> Iterator[RawRow]:
        waiting = sorted(self.marks.errors)
        """Rows of errors that are still to come: calamine leaves out a row of nothing but errors."""
        for index, cells, errors in run_worker(self.source, "calamine_worker", self.place):
            while waiting and waiting[0] < index:
                yield self._row(waiting.pop(0), [], {})
            if waiting and waiting[0] == index:
                waiting.pop(0)
            yield self._row(index, cells, errors)
        for index in waiting:
            yield self._row(index, [], {})

    def _row(self, index: int, cells: list[str | None], errors: dict[str, list[Any]]) -> RawRow:
        faults = {int(column): phrase_from_json(error) for column, error in errors.items()}
        marked = self.marks.errors.get(index, {})
        cells = [None if column in marked else cell for column, cell in enumerate(cells)]
        shown = show_cells(cells, self.marks.showers(index, self.showers)) if self.showers else NO_SHOWN
        row = RawRow(index + 1, cells, faults | marked, index in self.marks.hidden, None, shown)
        check_row(self.source, row)
        return row


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
    (length,) = struct.unpack_from("<L", body, at)
    if length == _NO_TEXT:
        return "", at + 4
    end = at + 4 + 2 * length
    return body[at + 4 : end].decode("utf-16-le", "replace"), end

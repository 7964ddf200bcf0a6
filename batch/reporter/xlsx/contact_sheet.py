"""The user's contact sheet, streamed into the copy of the workbook with its results.

Two passes: the first finds out how far the user's cells reach (`sheet_survey`), the second puts the results beside them
(`sheet_splice`). What stands around the rows makes room in between (`surroundings`, `tables`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from zipfile import ZipFile

from openpyxl.workbook import Workbook

from batch.ooxml.package import Package
from batch.ooxml.references import LAST_COLUMN, Area
from batch.ooxml.shared_texts import cell_texts
from batch.reporter.columns import COLUMNS, place
from batch.reporter.material import Material
from batch.reporter.rows import Told
from batch.reporter.tones import Palette
from batch.reporter.xlsx.cells import CellWriter, ResultCells
from batch.reporter.xlsx.donors import saved
from batch.reporter.xlsx.sheet_parts import Surroundings
from batch.reporter.xlsx.sheet_rows import SheetXml
from batch.reporter.xlsx.sheet_scan import Survey, surveyed
from batch.reporter.xlsx.sheet_splice import Splice
from batch.reporter.xlsx.styles import StylesPart
from batch.reporter.xlsx.tables import tables_of
from batch.reporter.xlsx.theme import Brushes, width_of

__all__ = ["Filled", "NoRoom", "Target", "write_contact_sheet"]

_DECLARATION = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_RESULT_BYTES = 1500
"""Of one row's result cells, unzipped; few rows have more."""


class NoRoom(Exception):
    """The result columns do not fit between the sheet's own and the last column that Excel has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The sheet in the user's workbook, and the copy that it is written into."""

    package: Package
    copy: ZipFile
    part: str
    shared: str | None
    """The part with the workbook's shared texts."""
    styles: StylesPart
    epoch_1904: bool
    header_row: int
    """0: the sheet has no header; the results go to the right of its cells, without headings."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Filled:
    """What came of it."""

    cut: int
    """The cells whose text had to be cut."""
    lost_formula: bool
    """Whether a formula stood where a result is now."""
    filter: Area | None
    """Of the sheet's own filter; None when there is none, or it is elsewhere or a table's."""


def write_contact_sheet(target: Target, material: Material) -> Filled:
    """Write the sheet with its results, and its tables into the package.

    Raises:
        NoRoom: there are not enough columns left.
        Unspliceable: the sheet is of a kind that is not understood here.
    """
    package = target.package
    survey = surveyed(
        package.chunks(target.part),
        header_row=target.header_row,
        texts=partial(cell_texts, package, target.shared),
    )
    sheet = _Sheet(target, survey)
    writer = CellWriter(prefix=survey.patterns.prefix.decode(), epoch_1904=target.epoch_1904)
    cells = ResultCells(sheet.places, _palette(target.styles), writer)
    splice = Splice(
        survey.patterns,
        sheet.columns,
        header_row=target.header_row,
        free=survey.told_at_a_glance and survey.widest < sheet.columns[0],
    )
    added = _Added(cells, target.header_row, max(survey.bottom, target.header_row))
    most = package.size(target.part) + _RESULT_BYTES * material.tally.rows
    pieces = chain(
        (_DECLARATION, sheet.head().lstrip(), survey.patterns.opening),
        splice.pieces(SheetXml(package.chunks(target.part)).rows(), added.of(material.told())),
        (survey.patterns.closing,),
    )

    def whole() -> Iterator[bytes]:
        yield from pieces
        sheet.extend_filter(added.bottom)
        yield sheet.tail()

    package.stream(target.copy, target.part, whole(), most=most)
    return Filled(cut=writer.cut, lost_formula=splice.lost_formula, filter=sheet.filter)


class _Sheet:
    """Where the result columns are, and what makes room for them."""

    def __init__(self, target: Target, survey: Survey) -> None:
        self._header_row, self._survey = target.header_row, survey
        self.filter: Area | None = None
        self._around = Surroundings(survey)
        self._tables = tables_of(target.package, target.part)
        self._names = self._header()
        self.places = [[index + 1 for index in indexes] for indexes in place(self._names)]
        self.columns = sorted(column for columns in self.places for column in columns)
        if self.columns[-1] > LAST_COLUMN:
            raise NoRoom

    def head(self) -> bytes:
        """All before the rows."""
        around = self._around
        around.deselect()
        around.reach(self.columns[-1], max(self._survey.bottom, self._header_row))
        new = len(self._names)
        widths = {
            column: width_of(name)
            for name, columns in zip(COLUMNS, self.places, strict=True)
            for column in columns
            if column > new
        }
        around.widen(widths)
        return around.head

    def tail(self) -> bytes:
        """All behind the rows."""
        self._around.unmerge(self.columns, self._header_row)
        self._around.unlink(self.columns, self._header_row)
        return self._around.tail

    def extend_filter(self, bottom: int) -> None:
        """Let the table of the rows, or the sheet's filter, take the result columns in."""
        if not self._header_row:
            return
        last = self.columns[-1]
        names = [*self._names, *[None] * (last - len(self._names))]
        for name, columns in zip(COLUMNS, self.places, strict=True):
            for column in columns:
                names[column - 1] = name
        if any(table.grow(header_row=self._header_row, last=last, names=names) for table in self._tables):
            return
        first = min(self.columns[0], *self._survey.header) if self._survey.header else 1
        areas = [table.area for table in self._tables if table.area]
        self.filter = self._around.filter_over(Area(first, self._header_row, last, bottom), areas)

    def _header(self) -> list[str | None]:
        """The header's texts, up to the last column that anything at or below the header uses."""
        areas = [*self._around.merged, *(table.area for table in self._tables if table.area)]
        ends = [area.right for area in areas if area.bottom >= self._header_row]
        return [self._survey.header.get(column) for column in range(1, max([self._survey.right, *ends]) + 1)]


class _Added:
    """The cells that are added, row by row."""

    def __init__(self, cells: ResultCells, header_row: int, bottom: int) -> None:
        self._cells, self._header_row = cells, header_row
        self.bottom = bottom
        """The last row that holds anything, as far as it was gone."""

    def of(self, told: Iterator[Told]) -> Iterator[tuple[int, bytes]]:
        if self._header_row:
            yield self._header_row, self._cells.headings(self._header_row).encode()
        cells, row = self._cells.row, 0
        for row, outcome, values, _, _ in told:
            yield row, cells(row, values, outcome).encode()
        self.bottom = max(self.bottom, row)


def _palette(styles: StylesPart) -> Palette:
    """In the workbook's own font, so that the new columns look as if they belonged there."""
    book = Workbook()
    name, size = styles.font
    palette = Palette(book.worksheets[0], Brushes(book.worksheets[0], name=name or "Calibri", size=size or 11))
    donor = saved(book)
    return palette.renumbered(styles.adopt(donor.read("xl/styles.xml")))

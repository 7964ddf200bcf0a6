"""The workbook of rows to correct: what is in it, and how it looks.

Written as it goes (openpyxl's write-only mode): memory does not grow with the rows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import PurePath
from typing import BinaryIO

from openpyxl.cell.cell import ERROR_CODES, Cell, WriteOnlyCell
from openpyxl.styles import Alignment, Font
from openpyxl.styles.cell_style import StyleArray
from openpyxl.utils import get_column_letter
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from batch.i18n import _, ngettext, number
from batch.model.origin import ORIGIN_COLUMNS, Origin
from batch.model.outcomes import Outcome
from batch.model.reasons import Reason
from batch.model.sheets import SheetInfo, SheetRow
from batch.reporter.columns import COLUMNS, as_text
from batch.reporter.material import Material
from batch.reporter.printable_text import exact, fitted
from batch.reporter.rows import Told
from batch.reporter.xlsx.summary_sheet import free_title
from batch.reporter.xlsx.theme import INK, MIST, MUTED, TONES, Brushes, look, set_cell, width_of

__all__ = ["Wrong", "write_wrong"]

_SAID = ("wegly_reason", "wegly_message", "wegly_action")
_SAID_PLACES = tuple(map(COLUMNS.index, _SAID))
_OURS = "wegly_"
_SAMPLE = 200
_NARROWEST, _WIDEST = 12, 48
_LINE_HEIGHT = 15.0
_MOST_LINES = 27
"""Excel's tallest row is 409 points."""
_UNREADABLE = "#VALUE!"
_ERROR_CODE = re.compile(r"error cell (#\S+)")
_FORBIDDEN_IN_TITLES = str.maketrans(dict.fromkeys("[]:*?/\\", " "))
_LONGEST_TITLE = 31
_SUMMARIES = ["Summary", "Resumo"]
"""Names of worksheets that are not read as sheets of contacts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wrong:
    """A row to correct: as it is, why, and where it was wrong first."""

    row: SheetRow
    told: Told
    origin: Origin


def write_wrong(file: BinaryIO, material: Material, wrong: Iterator[Wrong]) -> tuple[str, ...]:
    """Write the workbook of these rows. Gives the sentences about what did not fit."""
    info = material.sheet.info
    columns = info.columns if info else ()
    theirs = [index for index, name in enumerate(columns) if not name.strip().casefold().startswith(_OURS)]
    sample = list(islice(wrong, _SAMPLE))
    book = Workbook(write_only=True)
    book.properties.creator = "wegly-batch"
    sheet: Worksheet = book.create_sheet(_title(info, material.sheet.name))
    header = [*(columns[index] for index in theirs), *_SAID, *ORIGIN_COLUMNS]
    widths = [*_widths(columns, theirs, sample), *map(width_of, header[len(theirs) :])]
    for place, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = width
    sheet.freeze_panes = "A2"
    painter = _Painter(sheet, columns, theirs)
    sheet.append(painter.headings(header))
    last = 1
    for last, each in enumerate(chain(sample, wrong), start=2):
        cells = painter.line(each)
        sheet.row_dimensions[last].height = _height(cells, widths)
        sheet.append(cells)
        del sheet.row_dimensions[last]  # written: memory must not grow with the rows
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(header))}{last}"
    book.save(file)
    return _cut(painter.cut)


class _Painter:
    """Makes the cells of one worksheet."""

    def __init__(self, sheet: Worksheet, columns: tuple[str, ...], theirs: list[int]) -> None:
        self._sheet, self._columns, self._theirs = sheet, columns, theirs
        self._brushes = Brushes(sheet, vertical="top")
        top = Alignment(vertical="top")
        tone = TONES[Outcome.ERROR]
        at_fault = Font("Calibri", 11, bold=True, color=tone.ink)
        self._fault = look(sheet, font=at_fault, fill=tone.tint, number_format="@", align=top)
        left = Alignment(horizontal="left", vertical="top")
        self._grey = look(sheet, font=Font("Calibri", 10, color=MUTED), fill=MIST, align=left)
        ink = Font("Calibri", 11, color=INK)
        self._wrapped = look(sheet, font=ink, align=Alignment(vertical="top", wrap_text=True))
        self._grey_heading = look(
            sheet, font=Font("Calibri", 10, bold=True, color=MUTED), fill=MIST, align=Alignment(vertical="center")
        )
        self.cut = 0
        """Cells whose text did not fit."""

    def headings(self, header: list[str]) -> list[Cell]:
        styles = [
            *[self._brushes.their_heading] * len(self._theirs),
            *[self._brushes.heading] * len(_SAID),
            *[self._grey_heading] * len(ORIGIN_COLUMNS),
        ]
        return [self._cell(name, style) for name, style in zip(header, styles, strict=True)]

    def line(self, wrong: Wrong) -> list[Cell]:
        faults = _faults(wrong.told, self._columns)
        given = [self._given(wrong.row, index, at_fault=self._columns[index] in faults) for index in self._theirs]
        reason, message, action = (wrong.told.values[place] for place in _SAID_PLACES)
        malformed = reason == Reason.ROW_MALFORMED.value
        if malformed:
            action = _("Correct the cells of this row, then empty its cell wegly_reason: else it stays unreadable.")
        plain = self._brushes.result(_SAID_PLACES[0], Outcome.ERROR)
        said = [
            self._cell(as_text(reason), self._fault if malformed else plain),
            *(self._cell(as_text(each), self._wrapped) for each in (message, action)),
        ]
        origin = (wrong.origin.file, wrong.origin.row, wrong.origin.run)
        return [*given, *said, *(self._cell(each, self._grey) for each in origin)]

    def _given(self, row: SheetRow, index: int, *, at_fault: bool) -> Cell:
        """The user's cell. What could not be read is an error cell, so that it is not taken for an empty one."""
        style = self._fault if at_fault else self._brushes.theirs
        unreadable = row.errors.get(self._columns[index])
        text = row.cells[index]
        if unreadable:
            cell = self._cell(None, self._fault)
            found = _ERROR_CODE.match(unreadable)
            cell.value = found[1] if found and found[1] in ERROR_CODES else _UNREADABLE
            cell.data_type = "e"
            return cell
        if text is None:
            return self._cell(None, style)
        kept = fitted(text)
        self.cut += kept != text
        cell = self._cell(kept, style)
        written = exact(kept)
        if cell.value != written:
            cell.value = written
            cell.data_type = "s"
        return cell

    def _cell(self, value: str | int | None, style: StyleArray) -> Cell:
        cell = WriteOnlyCell(self._sheet)
        set_cell(cell, value, style)
        return cell


def _faults(told: Told, columns: tuple[str, ...]) -> set[str]:
    """The columns that the findings name: one, or several with commas between."""
    return {each for name in told.columns for each in (name, *name.split(", "))} & set(columns)


def _title(info: SheetInfo | None, file: str) -> str:
    """The worksheet's own name, by which a campaign may ask for it, or the file's without its ending."""
    wanted = info.sheet if info and info.sheet else PurePath(file).stem
    clean = "".join(each for each in wanted.translate(_FORBIDDEN_IN_TITLES) if each.isprintable())
    return free_title(clean.strip(" '")[:_LONGEST_TITLE] or "Rows", _SUMMARIES)


def _widths(columns: tuple[str, ...], theirs: list[int], sample: Iterable[Wrong]) -> list[float]:
    widths = {index: len(columns[index]) + 4 for index in theirs}
    for each in sample:
        for index in theirs:
            longest = max(map(len, (each.row.cells[index] or "").splitlines()), default=0)
            widths[index] = max(widths[index], longest + 2)
    return [float(min(max(width, _NARROWEST), _WIDEST)) for width in widths.values()]


def _height(cells: Sequence[Cell], widths: Sequence[float]) -> float:
    """Points for the lines of the row's tallest cell: Excel does not find them by itself in a file made elsewhere."""
    texts = [(cell.value, width) for cell, width in zip(cells, widths, strict=True) if isinstance(cell.value, str)]
    lines = [
        sum(max(1, math.ceil(len(part) * 0.95 / width)) for part in text.split("\n"))
        for text, width in texts
        if "\n" in text or width >= width_of(_SAID[2])
    ]
    return min(max(lines, default=1), _MOST_LINES) * _LINE_HEIGHT


def _cut(cells: int) -> tuple[str, ...]:
    if not cells:
        return ()
    said = ngettext(
        "{n} cell of the rows to correct has more text than Excel allows and is cut there; correct it in the sheet.",
        "{n} cells of the rows to correct have more text than Excel allows and are cut there; correct them in the "
        "sheet.",
        cells,
    )
    return (said.format(n=number(cells)),)

"""The looks of the report's cells as numbers: those of the cell styles in the workbook that the cells go into."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import NamedTuple, cast

from openpyxl.cell.cell import WriteOnlyCell
from openpyxl.styles import Alignment
from openpyxl.styles.cell_style import StyleArray
from openpyxl.worksheet.worksheet import Worksheet

from batch.model.outcomes import Outcome
from batch.reporter.columns import COLUMNS
from batch.reporter.xlsx.theme import Brushes, Styled


class Shades(NamedTuple):
    """One look in its four forms, as numbers of cell styles."""

    plain: int
    quoted: int
    """For a text that looks like a formula: it stays text even when somebody edits the cell."""
    wrapped: int
    """For a text of several lines."""
    both: int

    def of(self, *, quoted: bool, wrapped: bool) -> int:
        return self[2 * wrapped + quoted]

    def renumbered(self, number: Callable[[int], int]) -> Shades:
        return Shades(*map(number, self))


class Palette:
    """The looks of a table of rows: headings, the user's cells, and the result cells by outcome."""

    def __init__(self, sheet: Worksheet, brushes: Brushes) -> None:
        """`sheet` is one of the workbook that `brushes` were made for; the numbers are that workbook's."""
        self.heading = _shades(sheet, brushes.heading)
        self.their_heading = _shades(sheet, brushes.their_heading)
        self.theirs = _shades(sheet, brushes.theirs)
        self._results = {
            outcome: tuple(_shades(sheet, brushes.result(column, outcome)) for column in range(len(COLUMNS)))
            for outcome in Outcome
        }

    def result(self, column: int, outcome: Outcome) -> Shades:
        """The look of a result cell; `column` is its index in `COLUMNS`."""
        return self._results[outcome][column]

    def renumbered(self, number: Callable[[int], int]) -> Palette:
        """The result looks with the numbers that their styles have in another workbook; the user's stay behind."""
        other = copy(self)
        other.heading = self.heading.renumbered(number)
        other._results = {
            outcome: tuple(shades.renumbered(number) for shades in row) for outcome, row in self._results.items()
        }
        return other


_FORMS = ((False, False), (False, True), (True, False), (True, True))


def _shades(sheet: Worksheet, style: StyleArray) -> Shades:
    return Shades(*(_number(sheet, style, quoted=quoted, wrapped=wrapped) for wrapped, quoted in _FORMS))


def _number(sheet: Worksheet, style: StyleArray, *, quoted: bool, wrapped: bool) -> int:
    cell = WriteOnlyCell(sheet)
    cast("Styled", cell)._style = copy(style)
    if wrapped:
        now = cell.alignment
        cell.alignment = Alignment(horizontal=now.horizontal, vertical=now.vertical, indent=now.indent, wrap_text=True)
    if quoted:
        cell.quotePrefix = True
    return int(cell.style_id)

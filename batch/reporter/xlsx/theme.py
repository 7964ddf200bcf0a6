"""The looks of the workbook: one restrained palette, one header, one place."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, Protocol, cast

from openpyxl.cell.cell import Cell, WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.styles.cell_style import StyleArray
from openpyxl.worksheet.worksheet import Worksheet

from batch.model.csv_injection import looks_like_formula
from batch.model.outcomes import Outcome
from batch.reporter.columns import COLUMNS, NUMBERS, SENT_AT, STATUS, Value
from batch.reporter.printable_text import cut_text, escape_text, printable
from batch.reporter.tones import TONES

DATE_FORMAT = "dd/mm/yyyy hh:mm:ss"
INK = "1F2933"
MUTED = "5F6B7A"
RULE = "CBD2D9"
_SLATE = "243B53"
MIST = "EEF1F4"
_WHITE = "FFFFFF"
_FORMS = ((False, False), (False, True), (True, False), (True, True))


class Styled(Protocol):
    """A cell's style as openpyxl keeps it: one small array, cheap to copy (setting font, fill and so on is not)."""

    _style: StyleArray


_WIDTHS = {
    "wegly_reason": 24,
    "wegly_message": 72,
    "wegly_action": 62,
    "wegly_phone": 21,
    "wegly_chat_id": 38,
    "wegly_sent_at": 21,
    "wegly_run": 46,
    "wegly_origin_run": 46,
}
_ARROW = 5
"""Room for the arrow of the filter beside a heading."""


def width_of(column: str) -> float:
    """The width of a result column, in characters: its heading is never cut."""
    return max(_WIDTHS.get(column, 0), len(column) + _ARROW)


def look(
    sheet: Worksheet,
    *,
    font: Font,
    fill: str | None = None,
    align: Alignment | None = None,
    border: Border | None = None,
    number_format: str = "General",
) -> StyleArray:
    """A style of the sheet's workbook, made once and put on many cells."""
    cell = WriteOnlyCell(sheet)
    cell.font = font
    if fill:
        cell.fill = PatternFill("solid", start_color=fill, end_color=fill)
    if align:
        cell.alignment = align
    if border:
        cell.border = border
    cell.number_format = number_format
    return cast("Styled", cell)._style


def set_cell(cell: Cell, value: Value | float | datetime, style: StyleArray | None = None) -> bool:
    """Put a value into a cell, text always as text, never as a formula. Returns True when the text was cut.

    A text of several lines wraps, so that the row grows with it and nothing is drawn over the neighbours.
    """
    if not isinstance(value, str):
        cell.value = value.replace(tzinfo=None) if isinstance(value, datetime) else value
        _style(cell, style)
        return False
    whole = printable(value)
    kept = cut_text(whole)
    cell.value = escape_text(kept)
    cell.data_type = "s"
    _style(cell, style)
    if "\n" in kept:
        cell.alignment = _wrapped(cell)
    if looks_like_formula(kept):
        cell.quotePrefix = True
    return kept != whole


def _wrapped(cell: Cell) -> Alignment:
    present = cell.alignment
    return Alignment(horizontal=present.horizontal, vertical=present.vertical, indent=present.indent, wrap_text=True)


def _style(cell: Cell, style: StyleArray | None) -> None:
    if style is not None:
        cast("Styled", cell)._style = copy(style)


class Brushes:
    """The styles of a table of rows: headings, the user's cells, and the result cells by outcome."""

    def __init__(
        self, sheet: Worksheet, *, name: str = "Calibri", size: float = 11, vertical: str | None = None
    ) -> None:
        plain = Font(name=name, size=size, color=INK)
        middle = Alignment(vertical="center")
        left = Border(left=Side("thin", color=RULE))
        self.heading = look(sheet, font=_bold(name, size, _WHITE), fill=_SLATE, align=middle)
        self.their_heading = look(
            sheet, font=_bold(name, size, INK), fill=MIST, align=middle, border=Border(bottom=Side("thin", color=RULE))
        )
        self.theirs = look(sheet, font=plain, number_format="@", align=Alignment(vertical=vertical))
        badge = Alignment(horizontal="left", vertical=vertical, indent=1)
        self._status = {
            outcome: look(sheet, font=_bold(name, size, tone.ink), fill=tone.tint, align=badge, border=left)
            for outcome, tone in TONES.items()
        }
        self._text = look(sheet, font=plain, align=Alignment(vertical=vertical))
        self._number = look(sheet, font=plain, align=Alignment(horizontal="right", vertical=vertical, indent=1))
        self._date = look(
            sheet, font=plain, number_format=DATE_FORMAT, align=Alignment(horizontal="left", vertical=vertical)
        )

    def result(self, column: int, outcome: Outcome) -> StyleArray:
        """The style of a result cell; `column` is its index in `COLUMNS`."""
        if column == STATUS:
            return self._status[outcome]
        if column == SENT_AT:
            return self._date
        return self._number if column in NUMBERS else self._text


def _bold(name: str, size: float, colour: str) -> Font:
    return Font(name=name, size=size, bold=True, color=colour)


class Shades(NamedTuple):
    """One look in its four forms, as numbers of cell styles."""

    plain: int
    quoted: int
    """For a text that looks like a formula: it stays text even when the cell is edited."""
    wrapped: int
    """For a text of several lines."""
    both: int

    def of(self, *, quoted: bool, wrapped: bool) -> int:
        return self[2 * wrapped + quoted]

    def renumber(self, number: Callable[[int], int]) -> Shades:
        return Shades(*map(number, self))


class Palette:
    """The looks of a table of rows: headings, the user's cells, and the result cells by outcome."""

    def __init__(self, sheet: Worksheet, brushes: Brushes) -> None:
        """`sheet` is one of the workbook that `brushes` were made for; the numbers are that workbook's."""
        self.heading = make_shades(sheet, brushes.heading)
        self.their_heading = make_shades(sheet, brushes.their_heading)
        self.theirs = make_shades(sheet, brushes.theirs)
        self.their_number = format_styles(sheet, brushes.theirs)
        """From a number format to the style of the user's numbers that it shows."""
        self._results = {
            outcome: tuple(make_shades(sheet, brushes.result(column, outcome)) for column in range(len(COLUMNS)))
            for outcome in Outcome
        }

    def result(self, column: int, outcome: Outcome) -> Shades:
        """The look of a result cell; `column` is its index in `COLUMNS`."""
        return self._results[outcome][column]

    def renumber(self, number: Callable[[int], int]) -> Palette:
        """The result looks with the numbers that their styles have in another workbook; the user's stay behind."""
        other = copy(self)
        other.heading = self.heading.renumber(number)
        other._results = {
            outcome: tuple(shades.renumber(number) for shades in row) for outcome, row in self._results.items()
        }
        return other


def make_shades(sheet: Worksheet, style: StyleArray) -> Shades:
    """Return the numbers of the four forms of a style in the sheet's workbook."""
    return Shades(*(_number(sheet, style, quoted=quoted, wrapped=wrapped) for wrapped, quoted in _FORMS))


def format_styles(sheet: Worksheet, style: StyleArray) -> Callable[[str], int]:
    """Return a function from a number format to the number of the style with that format."""

    @lru_cache(maxsize=1024)
    def with_format(number_format: str) -> int:
        cell = WriteOnlyCell(sheet)
        cast("Styled", cell)._style = copy(style)
        cell.number_format = number_format
        return int(cell.style_id)

    return with_format


def _number(sheet: Worksheet, style: StyleArray, *, quoted: bool, wrapped: bool) -> int:
    cell = WriteOnlyCell(sheet)
    cast("Styled", cell)._style = copy(style)
    if wrapped:
        now = cell.alignment
        cell.alignment = Alignment(horizontal=now.horizontal, vertical=now.vertical, indent=now.indent, wrap_text=True)
    if quoted:
        cell.quotePrefix = True
    return int(cell.style_id)

"""The looks of the workbook: one restrained palette, one header, one place."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from datetime import datetime
from functools import cache, lru_cache, partial
from typing import NamedTuple, Protocol, cast

from openpyxl.cell.cell import Cell, WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.styles.cell_style import StyleArray
from openpyxl.worksheet.worksheet import Worksheet

from batch.model.csv_injection import looks_like_formula
from batch.model.outcomes import Outcome
from batch.reporter.columns import ALL_COLUMNS, MOMENTS, NUMBERS, STATUS, Value
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
    "wegly_delivery_reason": 44,
    "wegly_reply": 26,
    "wegly_replied_at": 21,
    "wegly_origin_run": 46,
}
GROUPED = frozenset(
    ("wegly_chat_status", "wegly_evidence", "wegly_http_status", "wegly_attempts", "wegly_duration_ms", "wegly_run")
)
"""Result columns that only machines read: they are grouped, and the group is collapsed."""
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


def make_cell(sheet: Worksheet, value: Value | float | datetime, style: StyleArray) -> Cell:
    """Return a cell with a value: text always as text, never as a formula; a moment without a zone.

    A text of several lines wraps, so that the row grows with it and nothing is drawn over the neighbours.
    """
    cell: Cell = WriteOnlyCell(sheet)
    kept = cut_text(printable(value)) if isinstance(value, str) else ""
    cell.value = escape_text(kept) if isinstance(value, str) else value
    if isinstance(value, str):
        cell.data_type = "s"
    cast("Styled", cell)._style = copy(style)  # after the value, for which openpyxl has formats of its own
    _shade(cell, quoted=looks_like_formula(kept), wrapped="\n" in kept)
    return cell


def _shade(cell: Cell, *, quoted: bool, wrapped: bool) -> None:
    if wrapped:
        now = cell.alignment
        cell.alignment = Alignment(horizontal=now.horizontal, vertical=now.vertical, indent=now.indent, wrap_text=True)
    if quoted:
        cell.quotePrefix = True


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

    def __init__(
        self, sheet: Worksheet, *, name: str = "Calibri", size: float = 11, vertical: str | None = None
    ) -> None:
        """Make them for the sheet's workbook, in a font of that name and size."""

        def bold(colour: str) -> Font:
            return Font(name=name, size=size, bold=True, color=colour)

        plain, middle = Font(name=name, size=size, color=INK), Alignment(vertical="center")
        side = Side("thin", color=RULE)
        heading = look(sheet, font=bold(_WHITE), fill=_SLATE, align=middle)
        their_heading = look(sheet, font=bold(INK), fill=MIST, align=middle, border=Border(bottom=side))
        theirs = look(sheet, font=plain, number_format="@", align=Alignment(vertical=vertical))
        badge, left = Alignment(horizontal="left", vertical=vertical, indent=1), Border(left=side)
        status = {
            outcome: look(sheet, font=bold(tone.ink), fill=tone.tint, align=badge, border=left)
            for outcome, tone in TONES.items()
        }
        text = look(sheet, font=plain, align=Alignment(vertical=vertical))
        number = look(sheet, font=plain, align=Alignment(horizontal="right", vertical=vertical, indent=1))
        begins = Alignment(horizontal="left", vertical=vertical)
        date = look(sheet, font=plain, number_format=DATE_FORMAT, align=begins)
        others = {**dict.fromkeys(MOMENTS, date), **dict.fromkeys(NUMBERS, number)}
        shades = cache(partial(make_shades, sheet))  # a dozen looks are those of a hundred places
        self.heading, self.their_heading, self.theirs = map(shades, (heading, their_heading, theirs))
        self.their_number = format_styles(sheet, theirs)
        """From a number format to the style of the user's numbers that it shows."""
        self._results = {
            outcome: tuple(
                shades(status[outcome] if column == STATUS else others.get(column, text))
                for column in range(len(ALL_COLUMNS))
            )
            for outcome in Outcome
        }

    def result(self, column: int, outcome: Outcome) -> Shades:
        """The look of a result cell; `column` is its index in `ALL_COLUMNS`."""
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
    _shade(cell, quoted=quoted, wrapped=wrapped)
    return int(cell.style_id)

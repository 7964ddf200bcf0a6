"""The workbook of rows to correct: the sheet's own cells, then reason, message and action, then, in grey, the origin.

Each cell is text and reads back as the loader read it, so that a row without a correction is as wrong as before: a cell
that could not be read is an error cell again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import BinaryIO

from openpyxl.cell.cell import ERROR_CODES
from openpyxl.styles import Alignment, Font
from openpyxl.worksheet.worksheet import Worksheet

from batch.i18n import N_, _
from batch.model.outcomes import Outcome
from batch.model.phrases import Phrase
from batch.model.reasons import Reason
from batch.ooxml.archive import new_zip
from batch.ooxml.references import LAST_ROW, column_letters
from batch.reporter.columns import COLUMNS, value_text
from batch.reporter.printable_text import cut_sentence, cut_text, escape_exact, printable
from batch.reporter.rows import ReportInputs
from batch.reporter.rows_to_correct import ORIGINS, RowToCorrect, identify_rows
from batch.reporter.tones import TONES
from batch.reporter.xlsx.cells import CellWriter, number_cell
from batch.reporter.xlsx.new_workbook import NewWorkbook, fit_widths, most_bytes, own_title, row_height
from batch.reporter.xlsx.summary_sheet import free_title
from batch.reporter.xlsx.theme import INK, MIST, MUTED, Palette, Shades, format_styles, look, make_shades, width_of

_EXPLANATION = ("wegly_reason", "wegly_message", "wegly_action")
_EXPLANATION_PLACES = tuple(map(COLUMNS.index, _EXPLANATION))
_OUR_PREFIX = "wegly_"
_SAMPLE = 200
"""Rows by which the widths of columns are chosen."""
_NARROWEST = 12
"""Characters of the sheet's own columns."""
_UNREADABLE = "#VALUE!"
_LONGEST_TITLE = 31
_CUT_ONE = N_(
    "1 cell of the rows to correct has more text than Excel allows and is cut there; correct it in the sheet."
)
_CUT = N_(
    "{cells:,} cells of the rows to correct have more text than Excel allows and are cut there; correct them in the "
    "sheet."
)
_SUMMARIES = ["Summary", "Resumo"]
"""Names of worksheets that are not read as sheets of contacts."""


def write_rows(
    file: BinaryIO, inputs: ReportInputs, rows: Iterator[RowToCorrect], *, subject: str | None = None
) -> tuple[Phrase, ...]:
    """Write a workbook of these rows. Returns sentences about texts that did not fit.

    `subject`: of the workbook's properties, which then identify its rows as written by this program.
    """
    info = inputs.sheet.info
    columns = info.columns if info else ()
    own = [index for index, name in enumerate(columns) if not name.strip().casefold().startswith(_OUR_PREFIX)]
    sample = list(islice(rows, _SAMPLE))
    header = [*(columns[index] for index in own), *_EXPLANATION, *ORIGINS]
    own_cells = ([each.row.cells[index] for index in own] for each in sample)
    widths = [*fit_widths(header[: len(own)], own_cells, narrowest=_NARROWEST), *map(width_of, header[len(own) :])]
    with new_zip(file) as copy:
        book = NewWorkbook(copy, free_title(own_title(inputs.sheet, _LONGEST_TITLE) or "Rows", _SUMMARIES))
        cells = _Cells(book.book.worksheets[0], columns, own)
        most = most_bytes(min(inputs.tally.rows, LAST_ROW), len(header))
        with book.stream(0, widths, header_row=1, most=most) as sheet:
            sheet.add(1, cells.headings(header))
            for at, each in enumerate(chain(sample, rows), start=2):
                texts, markup = cells.row(at, each)
                sheet.add(at, markup, _height(texts, widths))
        if subject is not None:
            book.book.properties.subject, book.book.properties.identifier = subject, identify_rows(copy)
        book.finish()
    return cut_sentence(cells.cut, _CUT_ONE, _CUT)


class _Cells:
    """Makes the cells of a row to correct."""

    def __init__(self, sheet: Worksheet, columns: tuple[str, ...], own: list[int]) -> None:
        self._columns, self._own = columns, own
        self._own_writer, self._writer = CellWriter(), CellWriter()
        self._palette = Palette(sheet, vertical="top")
        self._starts = [
            f'<c r="{column_letters(number)}' for number in range(1, len(own) + len(_EXPLANATION) + len(ORIGINS) + 1)
        ]
        top, tone = Alignment(vertical="top"), TONES[Outcome.ERROR]
        at_fault = Font("Calibri", 11, bold=True, color=tone.ink)
        left = Alignment(horizontal="left", vertical="top")
        wrapped = Alignment(vertical="top", wrap_text=True)
        middle = Alignment(vertical="center")
        grey, grey_bold = Font("Calibri", 10, color=MUTED), Font("Calibri", 10, bold=True, color=MUTED)
        looks = (
            look(sheet, font=at_fault, fill=tone.tint, number_format="@", align=top),
            look(sheet, font=grey, fill=MIST, align=left),
            look(sheet, font=Font("Calibri", 11, color=INK), align=wrapped),
            look(sheet, font=grey_bold, fill=MIST, align=middle),
        )
        self._number_at_fault = format_styles(sheet, looks[0])
        self._fault, self._grey, self._wrapped, self._grey_heading = (make_shades(sheet, each) for each in looks)

    @property
    def cut(self) -> int:
        """Cells of the sheet whose text did not fit."""
        return self._own_writer.cut

    def headings(self, header: list[str]) -> str:
        """Return the header's cells, for row 1."""
        shades = [
            *[self._palette.their_heading] * len(self._own),
            *[self._palette.heading] * len(_EXPLANATION),
            *[self._grey_heading] * len(ORIGINS),
        ]
        return self._join(1, [self._writer.rest(name, each) for name, each in zip(header, shades, strict=True)])

    def row(self, at: int, wrong: RowToCorrect) -> tuple[list[str | None], str]:
        """Return the texts of a row, and its cells for row number `at`."""
        # A finding names one column, or several with commas between.
        faults = {each for name in wrong.result.columns for each in (name, *name.split(", "))}
        texts, cells = [], []
        numbers = dict(wrong.row.shown)
        for index in self._own:
            shades = self._fault if self._columns[index] in faults else self._palette.theirs
            text = wrong.row.cells[index]
            texts.append(None if text is None else escape_exact(cut_text(text)))
            left, code = numbers.get(index, ("", ""))
            style = self._number_at_fault if shades is self._fault else self._palette.their_number
            shown = number_cell(text or left, code, style) if code else None
            unreadable = wrong.row.errors.get(self._columns[index])
            cells.append(shown or self._own_cell(text, unreadable, shades))
        reason, message, action = (value_text(wrong.result.values[place]) for place in _EXPLANATION_PLACES)
        plain = self._palette.result(_EXPLANATION_PLACES[0], Outcome.ERROR)
        if reason == Reason.ROW_MALFORMED.value:
            action = _("Correct the cells of this row, then empty its cell wegly_reason: else it stays unreadable.")
            plain = self._fault
        texts += [printable(each) for each in (reason, message, action)]
        cells += [
            self._writer.rest(reason, plain),
            self._writer.rest(message, self._wrapped),
            self._writer.rest(action, self._wrapped),
        ]
        texts += [each if isinstance(each, str) else None for each in wrong.origin]
        cells += [self._writer.rest(each, self._grey) for each in wrong.origin]
        return texts, self._join(at, cells)

    def _own_cell(self, text: str | None, unreadable: Phrase | None, shades: Shades) -> str:
        """Return the user's cell. One that could not be read is an error cell, so that it is not taken for empty."""
        if unreadable:
            code = unreadable.values.get("code")
            shown = code if code in ERROR_CODES else _UNREADABLE
            return f' s="{self._fault.plain}" t="e"><v>{shown}</v></c>'
        return f' s="{shades.plain}"/>' if text is None else self._own_writer.escape_exact(text, shades)

    def _join(self, at: int, cells: list[str]) -> str:
        return "".join(f'{start}{at}"{cell}' for start, cell in zip(self._starts, cells, strict=True))


def _height(texts: Sequence[str | None], widths: Sequence[float]) -> int:
    """Points for the lines of the tallest cell: Excel does not fit the height in a file that another program made."""
    lines = [
        sum(max(1, math.ceil(len(part) * 0.95 / width)) for part in text.split("\n"))
        for text, width in zip(texts, widths, strict=True)
        if text is not None and ("\n" in text or width >= width_of(_EXPLANATION[2]))
    ]
    return row_height(max(lines, default=1))

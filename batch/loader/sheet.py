"""An opened sheet, whose rows can be read as often as needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from batch.i18n import N_
from batch.loader.header_detection import SheetColumns
from batch.loader.scan import has_content
from batch.loader.source import Grid, RawRow
from batch.model.csv_injection import unguard
from batch.model.phrases import Phrase
from batch.model.reasons import Reason
from batch.model.sheets import NO_ERRORS, SheetInfo, SheetRow

_STILL_MALFORMED = Phrase(N_("it could not be read in its own sheet, and wegly_reason still says so"))
_MORE_CELLS = N_("it has {have} cells, the header has {named}; beyond it stands {shown}")
_FEWER_CELLS = N_("it has {have} cells, the header has {named}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Widths:
    """Numbers of cells that a record of a text file may have. Cells of workbooks know their column."""

    least: int
    """Named columns, counted to the last: fewer cells are a broken row."""
    most: int
    """Columns of the header: a filled cell beyond is a broken row."""
    may_be_short: bool
    """The file leaves out the empty cells at the end of its rows, so that short rows are whole."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """A sheet that was read to its end once. `rows()` streams: memory does not grow with the rows."""

    info: SheetInfo
    row_count: int
    """Rows that `rows()` yields."""
    hidden_count: int
    """Hidden rows among them."""
    grid: Grid
    columns: SheetColumns
    widths: Widths | None = None
    """None for workbooks."""
    is_guarded: bool = False
    """A `results.csv` of a report, whose texts that look like formulas have an apostrophe in front."""
    reason_index: int | None = None
    """Index of the column `wegly_reason` in a sheet of rows to correct; None for any other sheet."""

    def rows(self) -> Iterator[SheetRow]:
        """Yield the rows below the header that hold anything, in order; each call yields the same rows.

        Raises:
            SheetError: the file was changed or damaged since it was opened.
        """
        header_row = self.info.header_row
        for raw in self.grid.rows():
            if raw.number > header_row and has_content(raw):
                yield self._make_row(raw)

    def _make_row(self, raw: RawRow) -> SheetRow:
        have = len(raw.cells)
        cells = tuple([raw.cells[place] if place < have else None for place in self.columns.places])
        if self.is_guarded:
            cells = tuple(cell and unguard(cell) for cell in cells)
        fault = raw.fault or self._length_fault(raw) or self._old_fault(cells)
        if not raw.errors and not fault:
            return SheetRow(raw.number, cells, NO_ERRORS, raw.hidden)
        names = zip(self.columns.places, self.columns.names, strict=True)
        errors = {name: raw.errors[place] for place, name in names if place in raw.errors}
        if fault:
            errors[""] = fault
        return SheetRow(raw.number, cells, errors or NO_ERRORS, raw.hidden)

    def _length_fault(self, raw: RawRow) -> Phrase | None:
        widths = self.widths
        if widths is None:
            return None
        have = len(raw.cells)
        surplus = [cell for cell in raw.cells[widths.most :] if cell]
        if surplus:
            shown = ", ".join(repr(cell[:40]) for cell in surplus[:3])
            return Phrase(_MORE_CELLS, {"have": have, "named": widths.most, "shown": shown})
        if have < widths.least and not widths.may_be_short:
            return Phrase(_FEWER_CELLS, {"have": have, "named": widths.least})
        return None

    def _old_fault(self, cells: tuple[str | None, ...]) -> Phrase | None:
        # Cells of a row that was malformed may be shifted: a person clears the reason once they are right.
        malformed = self.reason_index is not None and cells[self.reason_index] == Reason.ROW_MALFORMED.value
        return _STILL_MALFORMED if malformed else None

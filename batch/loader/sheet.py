"""An opened sheet: its columns are known, and its rows can be read as often as needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from batch.i18n import N_
from batch.loader.header_detection import Columns
from batch.loader.scan import holds_anything
from batch.loader.source import Grid, RawRow
from batch.model.csv_injection import unguard
from batch.model.phrases import Phrase
from batch.model.reasons import Reason
from batch.model.sheets import NO_ERRORS, SheetInfo, SheetRow

_STILL_MALFORMED = Phrase(N_("it could not be read in its own sheet, and wegly_reason still says so"))
"""Its cells may be shifted: a person must say that they are right now."""
_MORE_CELLS = N_("it has {have} cells, the header has {named}; beyond it stands {shown}")
_FEWER_CELLS = N_("it has {have} cells, the header has {named}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Widths:
    """How many cells a record of a text file may have. Cells of workbooks know their column."""

    least: int
    """Named columns, counted to the last: fewer cells are a broken row."""
    most: int
    """Columns of the header: anything beyond is a broken row."""
    pads: bool
    """The file leaves out the empty cells at the end of its rows, so that short rows are whole."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """A sheet that was looked through once: it is readable to its end.

    `rows()` streams: memory does not grow with the rows.
    """

    info: SheetInfo
    row_count: int
    """Rows that `rows()` gives."""
    hidden_count: int
    """How many of them are hidden."""
    grid: Grid
    columns: Columns
    widths: Widths | None = None
    """None for workbooks."""
    guarded: bool = False
    """A `results.csv` of ours, whose texts that look like formulas have an apostrophe in front."""
    said: int | None = None
    """Of a sheet of rows to correct, the index of the column that says what was wrong; None for any other sheet."""

    def rows(self) -> Iterator[SheetRow]:
        """The rows below the header that hold anything, in order. May be called again and gives the same rows.

        Raises:
            SheetError: the file was changed or damaged since it was opened.
        """
        header = self.info.header_row
        least, most = self._plain_widths()
        nothing = (None,) * most
        for raw in self.grid.rows():
            number, cells, errors, hidden, fault = raw
            if number <= header:
                continue
            if least <= len(cells) <= most and not errors and not fault:
                if any(cells):
                    yield SheetRow(number, (*cells, *nothing[len(cells) :]), NO_ERRORS, hidden)
            elif holds_anything(raw):
                yield self._row(raw)

    def _plain_widths(self) -> tuple[int, int]:
        """How many cells a row without errors has, at least and at most, that is given as it stands; (1, 0): none."""
        count = len(self.columns.places)
        if self.guarded or self.said is not None or self.columns.places != tuple(range(count)):
            return 1, 0
        return (0, count) if self.widths is None else (self.widths.least, min(count, self.widths.most))

    def _row(self, raw: RawRow) -> SheetRow:
        places = self.columns.places
        cells = _picked(raw.cells, places)
        if self.guarded:
            cells = tuple(cell and unguard(cell) for cell in cells)
        malformed = self.said is not None and cells[self.said] == Reason.ROW_MALFORMED.value
        fault = raw.fault or self._length_fault(raw) or (_STILL_MALFORMED if malformed else None)
        if not raw.errors and not fault:
            return SheetRow(raw.number, cells, NO_ERRORS, raw.hidden)
        names = dict(zip(places, self.columns.names, strict=True))
        errors = {names[place]: raw.errors[place] for place in sorted(raw.errors) if place in names}
        if fault:
            errors[""] = fault
        return SheetRow(number=raw.number, cells=cells, errors=errors or NO_ERRORS, hidden=raw.hidden)

    def _length_fault(self, raw: RawRow) -> Phrase | None:
        widths = self.widths
        if widths is None:
            return None
        have = len(raw.cells)
        surplus = [cell for cell in raw.cells[widths.most :] if cell]
        if surplus:
            shown = ", ".join(repr(cell[:40]) for cell in surplus[:3])
            return Phrase(_MORE_CELLS, {"have": have, "named": widths.most, "shown": shown})
        if have < widths.least and not widths.pads:
            return Phrase(_FEWER_CELLS, {"have": have, "named": widths.least})
        return None


def _picked(cells: list[str | None], places: tuple[int, ...]) -> tuple[str | None, ...]:
    """The cells at some places; None beyond the row's end."""
    have = len(cells)
    return tuple([cells[place] if place < have else None for place in places])

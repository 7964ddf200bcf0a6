"""An opened sheet, whose rows can be read as often as needed, and the widths of its rows.

No record of a text file is read shifted: it is whole when it has as many cells as the header. Two writers leave out
empty cells at the right edge: those that never write one, and Excel, which writes each block of 16 lines (17 to 32,
33 to 48, ...) out to the last column that is filled in it. Their short records are whole as well, and those of a block
that a note beside the table made longer; a line that differs from the others of its block is not Excel's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from batch.i18n import N_, _
from batch.loader.formats.number_format import ShownCells
from batch.loader.header_detection import Header, SheetColumns
from batch.loader.header_names import is_result_column
from batch.loader.scan import SheetScan, has_content
from batch.loader.source import NO_CODES, Grid, RawRow
from batch.model.csv_injection import unguard
from batch.model.phrases import Phrase
from batch.model.reasons import Reason
from batch.model.sheets import NO_ERRORS, NO_SHOWN, SheetFile, SheetInfo, SheetRow, tuple_getter
from batch.ooxml.references import Area

if TYPE_CHECKING:
    import pandas as pd

_STILL_MALFORMED = Phrase(N_("it could not be read in its own sheet, and wegly_reason still says so"))
_MORE_CELLS = N_("it has {have} cells, the header has {named}; beyond it stands {shown}")
_OTHER_CELLS = N_("it has {have} cells, the header has {named}")
_ODD_CELLS = N_("it has {have} cells, the lines beside it have {usual}; Excel gives 16 lines the same number")
_HEADER_AGAIN = Phrase(N_("it is the header again, not a person"))
_OTHER_HEADER = N_(
    "a second header with other columns stands above it, in row {row}; give its rows a sheet of their own"
)
_DIGIT = re.compile(r"\d")
_BLOCK = 16
"""Lines over which Excel decides how many separators it writes."""
_MOST_ODD = 2
"""Lines that may be at fault in a block, or in a file, whose others are alike."""
_SHORT_AT_LEAST = 5
_FEW = 3
_SHORT_SHARE = 4
_MOST_FOOTER_CELLS = 2
_RUNS = re.compile(r"\d+|[^\W\d_]+(?:\s+[^\W\d_]+)*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Widths:
    """Numbers of cells that a record of a text file may have. Cells of workbooks know their column."""

    full: int
    """Cells of the header."""
    may_be_short: bool = False
    """The file leaves out the empty cells at the end of its rows, so that short rows are whole."""
    is_loose: bool = False
    """Empty cells at the right edge may be missing or too many, by `[sheet] row_ends`."""
    blocks: frozenset[int] = frozenset()
    """Blocks of 16 lines (0: lines 1 to 16) to which Excel gave fewer or more cells than to the header's."""
    broken: Mapping[int, int] = field(default_factory=dict)
    """Such blocks in which lines differ, to the cells of the others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """A sheet that was read to its end once. `rows()` streams: memory does not grow with the rows."""

    info: SheetInfo
    row_count: int
    """Rows that `rows()` yields."""
    grid: Grid
    columns: SheetColumns
    ending: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """Rows that may be a footer (`SheetScan.ending`)."""
    totals: Sequence[Area] = ()
    """Totals rows of tables of the worksheet."""
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
        header_row, names = self.info.header_row, frozenset(self.columns.names)
        codes, own = NO_CODES, NO_CODES  # of rows of one layout: the same object
        places = self.columns.places
        pick, most = tuple_getter(places), max(places, default=0) + 1
        other = 0  # the number of a second header with other columns
        for raw in self.grid.rows():
            if raw.number > header_row and has_content(raw):
                if raw.codes is not codes:
                    codes = raw.codes
                    own = {at: codes[place] for at, place in enumerate(places) if place in codes}
                cells = pick(raw.cells) if len(raw.cells) >= most else self._pad(raw.cells)
                row = self._make_row(raw, cells, own)
                if row.cells[0] in names and self._is_header(row.cells, names):
                    other = raw.number if any(map(_differ, row.cells, self.columns.names)) else 0
                    row = row._replace(errors={**row.errors, "": _HEADER_AGAIN})
                elif other and "" not in row.errors:
                    row = row._replace(errors={**row.errors, "": Phrase(_OTHER_HEADER, {"row": other})})
                yield row

    def _is_header(self, cells: Sequence[str | None], names: Collection[str]) -> bool:
        """True for a second header: words only, two names of columns, and they are half of the cells."""
        filled = [cell for cell in cells if cell]
        named = sum(cell in names for cell in filled)
        return bool(self.info.header_row) and 1 < named >= len(filled) / 2 and not any(map(_DIGIT.search, filled))

    def to_pandas(self) -> pd.DataFrame:
        """Return the cells as a frame of texts, empty ones missing; its index is the row as Excel counts."""
        import pandas as pd  # noqa: PLC0415 - slow to load, and needed by few

        rows = list(self.rows())
        index = pd.Index([row.number for row in rows], name="row")
        return pd.DataFrame([row.cells for row in rows], index, list(self.info.columns), dtype="string")

    def find_no_contacts(self, phone_columns: Collection[str]) -> Mapping[int, Reason]:
        """Return the rows that are no contacts, by number: the totals row of the contacts' table, and the footer.

        A footer stands below the last blank row, at most ten rows with one or two cells each and nothing in
        `phone_columns` (names); result columns of a report do not count.
        """
        by_name = dict(zip(self.columns.names, self.columns.places, strict=True))
        phones = {place for name, place in by_name.items() if name in phone_columns}
        own = {place for name, place in by_name.items() if is_result_column(name)}
        found = {area.top: Reason.TOTALS_ROW for area in self.totals if area.touches([place + 1 for place in phones])}
        if phones and not any(phones & each or len(each - own) > _MOST_FOOTER_CELLS for each in self.ending.values()):
            found = dict.fromkeys(self.ending, Reason.FOOTER) | found
        return found

    def _pad(self, cells: Sequence[str | None]) -> tuple[str | None, ...]:
        """Return the cells of a row, with empty ones where it ends too soon."""
        have = len(cells)
        return tuple([cells[place] if place < have else None for place in self.columns.places])

    def _make_row(self, raw: RawRow, cells: tuple[str | None, ...], codes: Mapping[int, str]) -> SheetRow:
        if self.is_guarded:
            cells = tuple(cell and unguard(cell) for cell in cells)
        fault = raw.fault
        if self.widths and not fault:
            fault = self._find_length_fault(raw, self.widths)
        if self.reason_index is not None and not fault and cells[self.reason_index] == Reason.ROW_MALFORMED.value:
            # Cells of a row that was malformed may be shifted: a person clears the reason once they are right.
            fault = _STILL_MALFORMED
        if not raw.errors and not fault:
            shown = ShownCells(cells, codes) if codes else NO_SHOWN
            return SheetRow(raw.number, cells, NO_ERRORS, raw.hidden, shown)
        names = zip(self.columns.places, self.columns.names, strict=True)
        errors = {name: raw.errors[place] for place, name in names if place in raw.errors}
        if fault:
            errors[""] = fault
        # What is left of a number that lost digits is no text of the cell; only its key, and a copy of it, take it.
        lost = {
            index: (cell, "0") for index, cell in enumerate(cells) if cell and self.columns.places[index] in raw.errors
        }
        kept = tuple([None if index in lost else cell for index, cell in enumerate(cells)]) if lost else cells
        return SheetRow(raw.number, kept, errors or NO_ERRORS, raw.hidden, {**ShownCells(cells, codes), **lost})

    def _find_length_fault(self, raw: RawRow, widths: Widths) -> Phrase | None:
        """Return why a record may be shifted, by its number of cells; None: it is whole."""
        have = len(raw.cells)
        if have == widths.full and not widths.broken:
            return None
        block = (raw.number - 1) // _BLOCK
        usual = widths.broken.get(block, have)
        if have == widths.full == usual:
            return None
        surplus = [cell for cell in raw.cells[widths.full :] if cell]
        if surplus:
            shown = ", ".join(repr(cell[:40]) for cell in surplus[:3])
            return Phrase(_MORE_CELLS, {"have": have, "named": widths.full, "shown": shown})
        if have != usual:
            return Phrase(_ODD_CELLS, {"have": have, "usual": usual})
        is_whole = widths.is_loose or block in widths.blocks or (widths.may_be_short and have < widths.full)
        return None if is_whole else Phrase(_OTHER_CELLS, {"have": have, "named": widths.full})


def _differ(cell: str | None, name: str) -> bool:
    return cell is not None and cell != name


def judge_widths(source: SheetFile, grid: Grid, header: Header, scan: SheetScan, *, is_loose: bool) -> Widths:
    """Find the numbers of cells that rows may have; `scan` has counted those that they have.

    Raises:
        SheetError: no row has the header's number of cells, or only one that may be at fault itself, so that columns
            may not be below their names.
    """
    most = len(header.names)
    if is_loose:
        return Widths(full=most, is_loose=True)
    counts = scan.widths
    if not header.number:
        most = _usual_width(counts, most)
    if not counts or set(counts) == {most}:
        return Widths(full=most)
    least = max((index for index, name in enumerate(header.names, 1) if name), default=most)
    blocks = _read_blocks(grid.rows(), header.number, most)
    is_excel = blocks.beside[most] >= _BLOCK - _MOST_ODD
    # A header may end in empty cells that its rows do not have: the number that fits most rows is meant.
    in_blocks = Counter(width for width, count in blocks.whole.values() for _each in range(count))
    full = max(range(least, most + 1), key=lambda width: (_count_whole(counts, in_blocks, width), width))
    doubted = None if is_excel else _find_unlike(grid, header, full, scan, blocks.beside)
    is_odd = 2 * blocks.beside[most] < blocks.beside.total()
    if full < most and is_odd and (blocks.above[full] or (scan.ends_empty and blocks.least < full)):
        # Who wrote the lines beside the header so, or left out cells by Excel's blocks, wrote no separator too many.
        doubted, full = full, most
    if doubted or not (counts[full] or is_excel):
        none = N_("has {named} cells in its header (row {row}), and no row below has as many: most have {have}.")
        few = N_("has {named} cells in its header (row {row}), but nearly all lines below or beside it have {have}.")
        raise source.refusal(
            _(few if counts[full] else none).format(
                named=full, row=header.number, have=doubted if counts[full] else counts.most_common(1)[0][0]
            ),
            _(
                "Correct the header, so that each column stands below its name. Or, if only empty cells at the right "
                'edge are missing or too many, write row_ends = "loose" under [sheet] in the campaign file.'
            ),
        )
    short = sum(count for width, count in counts.items() if width < full)
    own = {max(header.number - 1, 0) // _BLOCK: most} if is_excel and full != most else {}
    others = frozenset(block for block, (width, _) in blocks.whole.items() if width != full and not is_odd)
    return Widths(
        full=full,
        may_be_short=not scan.ends_empty and short >= _SHORT_AT_LEAST and _SHORT_SHARE * short >= scan.rows,
        blocks=others | own.keys(),
        broken={block: width for block, width in {**blocks.broken, **own}.items() if width != full and is_excel},
    )


def _usual_width(counts: Counter[int], most: int) -> int:
    """Return the greatest number of cells that several rows of a sheet without a header have."""
    return max((width for width, count in counts.items() if count > 1), default=most)


def _count_whole(counts: Mapping[int, int], in_blocks: Mapping[int, int], full: int) -> int:
    return counts.get(full, 0) + sum(count for width, count in in_blocks.items() if width < full)


def _find_unlike(grid: Grid, header: Header, full: int, scan: SheetScan, beside: Counter[int]) -> int | None:
    """Return the number of cells of nearly all lines, where it makes the header's number doubtful; else None.

    They are those of the header's own block of 16 lines, or all; and hardly a row has as many cells as the header,
    which may be at fault itself. One more is right where a row alone fills the last column: the cell before is like
    those in which the others end, and the last is not.
    """
    rows = scan.widths[full]
    usual = _most_alike(beside)
    is_rare = 2 * rows <= scan.rows or beside[usual] >= _BLOCK - _MOST_ODD
    if usual not in {0, full, len(header.names)} and is_rare and (usual > full or scan.ends_empty):
        return usual
    near = {usual, _most_alike(scan.widths)} - {0}
    if rows != 1 or not near & {full - 1, full + 1}:
        return None
    if full - 1 not in near:
        return full + 1
    shapes: set[str] = set()
    ending: Sequence[str | None] = ()
    for row in grid.rows():
        if row.number > header.number and any(row.cells) and not row.fault:
            if len(row.cells) == full:
                ending = row.cells[-2:]
            elif len(row.cells) == full - 1:
                shapes.add(_shape(row.cells[-1]))
    before, last = map(_shape, ending)
    return full - 1 if before not in shapes or last in {"", *shapes} else None


def _most_alike(widths: Counter[int]) -> int:
    """Return the number of cells that all lines have but one (of eight or more: two); 0 for none."""
    usual, count = widths.most_common(1)[0] if widths else (0, 0)
    lines = widths.total()
    return usual if count >= max(_FEW, lines - (1 if lines < 8 else _MOST_ODD)) else 0  # noqa: PLR2004 (as above)


def _shape(cell: str | None) -> str:
    """Return a text with a sign for each of its numbers and for each run of words."""
    return _RUNS.sub(lambda match: "9" if match[0][0].isdigit() else "a", cell or "")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Blocks:
    """Blocks of 16 lines below that of the header, as far as their number of cells is another."""

    whole: Mapping[int, tuple[int, int]]
    """Those whose lines are alike, to their cells and how many lines hold anything; a longer one fills its last column.
    The last block may have fewer lines, behind such a one."""
    broken: Mapping[int, int]
    """Those in which one or two lines differ, to the cells of the others."""
    beside: Counter[int]
    """Numbers of cells of the lines in the header's own block, and how many have each."""
    above: Counter[int]
    """The same of those lines above the header that hold a title or nothing, written with separators."""
    least: int
    """Fewest cells of a block whose lines are alike, also of a short last one; as in the header where there is none."""


def _read_blocks(rows: Iterable[RawRow], header_row: int, most: int) -> _Blocks:
    """Compare the lines of each block. `most`: cells of the header as it is written."""
    home = max(header_row - 1, 0) // _BLOCK
    whole: dict[int, tuple[int, int]] = {}
    broken: dict[int, int] = {}
    beside: Counter[int] = Counter()
    above: Counter[int] = Counter()
    shorter, least = -1, most
    for block, group in groupby(rows, key=lambda row: (row.number - 1) // _BLOCK):
        whole.pop(shorter, None)  # it was not the last
        broken.pop(shorter, None)
        lines = list(group)
        if block == home:
            beside.update(len(line.cells) for line in lines if line.number != header_row)
            titles = (
                line.cells for line in lines if line.number < header_row and sum(map(bool, line.cells)) < _FEW - 1
            )
            above.update(len(cells) for cells in titles if len(cells) > 1)
        if block <= home or len(lines) < lines[-1].number - block * _BLOCK:  # Excel leaves out no line
            continue
        shorter = block if len(lines) < _BLOCK else -1
        widths = Counter(len(line.cells) for line in lines)
        usual = _most_alike(widths)
        if len(widths) > 1 and usual:
            broken[block] = usual
        width = len(lines[0].cells)
        least = min(least, width) if len(widths) == 1 and len(lines) > 1 else least
        is_other = width < most or (width > most and any(line.cells[-1] for line in lines))
        if len(widths) == 1 and is_other and (shorter < 0 or block - 1 in whole):
            whole[block] = (width, sum(any(line.cells) for line in lines))
    return _Blocks(whole=whole, broken=broken, beside=beside, above=above, least=least)

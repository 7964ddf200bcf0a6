"""Extent of the user's worksheet, found in one pass with flat memory before results are put beside its rows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from batch.ooxml.references import LAST_COLUMN
from batch.reporter.columns import ALL_COLUMNS
from batch.reporter.xlsx.sheet_rows import Cell, Patterns, Row, SheetXml

_RESULT_NAMES = frozenset(ALL_COLUMNS)

ReadTexts = Callable[[Sequence[Cell]], Sequence[str | None]]
"""Returns the texts of cells; None for an empty one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetExtent:
    """The markup around the rows of a worksheet, its header, and how far its cells reach."""

    head: bytes
    """All before `<sheetData>`."""
    opening: bytes
    """`<sheetData>`, with its attributes."""
    tail: bytes
    """All behind `</sheetData>`."""
    patterns: Patterns
    header: dict[int, str]
    """Text of each header cell by its column, counted from 1; without the empty ones."""
    right: int
    """The last column with content at or below the header; 0 for none."""
    bottom: int
    """The last row with content other than results of an earlier report; 0 for none."""
    widest: int
    """The last column with a cell in any row, even an empty one; 0 for none.

    Excel's last column when the last cell of a row does not end it or does not name its column: such rows must be
    taken apart before cells are added.
    """

    @property
    def without_rows(self) -> bytes:
        """The worksheet with none of its rows."""
        return self.head + self.opening + self.patterns.closing + self.tail


def scan_sheet(chunks: Iterable[bytes], *, header_row: int, texts: ReadTexts) -> SheetExtent:
    """Read a worksheet from the pieces of its XML. `header_row` 0: it has no header.

    Raises:
        UnsupportedMarkup: the markup is of a kind that the patterns do not cover.
    """
    sheet = SheetXml(chunks)
    scan = _Scan(sheet.patterns)
    header: dict[int, str] = {}
    for row in sheet.rows(scan.take):
        if row.number >= header_row:
            scan.is_below_header = True
        if row.content is None:
            continue
        if row.number == header_row:
            header = _read_header(sheet.patterns, row.content, texts)
            scan.results = {column for column, name in header.items() if name.strip().casefold() in _RESULT_NAMES}
        scan.add(row, row.content, is_above_header=row.number < header_row)
    return SheetExtent(
        head=sheet.head,
        opening=sheet.opening,
        tail=sheet.tail,
        patterns=sheet.patterns,
        header=header,
        right=scan.right,
        bottom=scan.bottom,
        widest=scan.widest,
    )


def find_used_columns(chunks: Iterable[bytes], *, header_row: int) -> set[int]:
    """Return all columns with content at or below the header.

    Raises:
        UnsupportedMarkup: the markup is of a kind that the patterns do not cover.
    """
    sheet = SheetXml(chunks)
    patterns = sheet.patterns
    rows = (row.content for row in sheet.rows() if row.content and row.number >= header_row)
    return {cell.column for content in rows for cell in patterns.cells(content)[0] if patterns.is_filled(cell)}


def _read_header(patterns: Patterns, content: bytes, texts: ReadTexts) -> dict[int, str]:
    cells = [cell for cell in patterns.cells(content)[0] if patterns.is_filled(cell)]
    return {cell.column: text for cell, text in zip(cells, texts(cells), strict=True) if text}


class _Scan:
    def __init__(self, patterns: Patterns) -> None:
        self._patterns = patterns
        self.results: set[int] = set()
        """Columns that hold results of an earlier report."""
        self.right = self.bottom = self.widest = 0
        self.is_below_header = False
        """True once the header was read, so that the columns of results are known."""

    def take(self, block: bytes) -> int:
        """Look at whole rows at once; 0 when one of them must be looked at by itself, else the last one's number."""
        columns, number = self._patterns.last_plain(block) if self.is_below_header else (set(), 0)
        if not number or columns & self.results:
            return 0
        self.right, self.widest = max(self.right, *columns), max(self.widest, *columns)
        self.bottom = number
        return number

    def add(self, row: Row, content: bytes, *, is_above_header: bool) -> None:
        # The last cell, and perhaps the first, is enough for nearly every row; only the others are taken apart.
        right, reach, has_own = self._take_apart(content)
        self.widest = max(self.widest, reach)
        if has_own:
            self.bottom = row.number
        if right > self.right and not is_above_header:
            self.right = right

    def _take_apart(self, content: bytes) -> tuple[int, int, bool]:
        """Return the last filled column, the last with a cell, and whether any is the user's own."""
        last = self._patterns.last_cell(content)
        if (
            last is not None
            and self._patterns.is_filled(last)
            and (last.column not in self.results or self._begins_with_own(content))
        ):
            return last.column, last.column, True
        cells, _ = self._patterns.cells(content)
        filled = [cell.column for cell in cells if self._patterns.is_filled(cell)]
        reach = LAST_COLUMN if content and last is None else max((cell.column for cell in cells), default=0)
        return max(filled, default=0), reach, not self.results.issuperset(filled)

    def _begins_with_own(self, content: bytes) -> bool:
        first = self._patterns.first_cell(content)
        return first is not None and first.column not in self.results and self._patterns.is_filled(first)

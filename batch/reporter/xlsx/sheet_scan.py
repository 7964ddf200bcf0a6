"""What must be known of the user's worksheet before a result is put beside its rows: one pass, flat memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from batch.reporter.columns import COLUMNS
from batch.reporter.xlsx.sheet_rows import Cell, Patterns, Row, SheetXml

_NAMES = frozenset(COLUMNS)

Texts = Callable[[Sequence[Cell]], Sequence[str | None]]
"""Gives the texts of cells; None where there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """A worksheet: what is around its rows, and how far its cells reach."""

    head: bytes
    """All before `<sheetData>`."""
    tail: bytes
    """All behind `</sheetData>`."""
    patterns: Patterns
    header: dict[int, str]
    """Column from 1 to the text of the header's cell; without the empty ones."""
    right: int
    """The last column that holds anything at or below the header; 0 for none."""
    bottom: int
    """The last row that holds anything besides results of an earlier report; 0 for none."""
    widest: int
    """The last column that has a cell in any row, even an empty one; 0 for none."""
    told_at_a_glance: bool
    """Whether the last cell of every row ends the row and says where it is."""


def surveyed(chunks: Iterable[bytes], *, header_row: int, texts: Texts) -> Survey:
    """Look through a worksheet from the pieces of its XML. `header_row` 0: it has no header.

    Raises:
        UnsupportedMarkup: its XML is of a kind that is not understood here.
    """
    sheet = SheetXml(chunks)
    extent = _Extent(sheet.patterns)
    header: dict[int, str] = {}
    for row in sheet.rows():
        if row.number == header_row and row.content is not None:
            header = _header(sheet.patterns, row.content, texts)
            extent.ours = {column for column, name in header.items() if name.strip().casefold() in _NAMES}
        extent.add(row, counts=row.number >= header_row)
    return Survey(
        head=sheet.head,
        tail=sheet.tail,
        patterns=sheet.patterns,
        header=header,
        right=extent.right,
        bottom=extent.bottom,
        widest=extent.widest,
        told_at_a_glance=extent.told_at_a_glance,
    )


def _header(patterns: Patterns, content: bytes, texts: Texts) -> dict[int, str]:
    cells = [cell for cell in patterns.cells(content)[0] if patterns.is_filled(cell)]
    return {cell.column: text for cell, text in zip(cells, texts(cells), strict=True) if text}


class _Extent:
    """How far the cells of a worksheet reach. What runs for every row is written for speed."""

    def __init__(self, patterns: Patterns) -> None:
        self._patterns = patterns
        self.ours: set[int] = set()
        self.right = self.bottom = self.widest = 0
        self.told_at_a_glance = True

    def add(self, row: Row, *, counts: bool) -> None:
        content = row.content
        if content is None:
            return
        column = self._patterns.last_value(content)
        if column and column not in self.ours:
            self.bottom = row.number
            self.widest = max(self.widest, column)
            if counts and column > self.right:
                self.right = column
            return
        filled = column > 0
        if not filled:
            last = self._patterns.last_cell(content)
            if last is None:
                self.told_at_a_glance = self.told_at_a_glance and not content
                self._look_into(row.number, content, counts=counts)
                return
            column, filled = last.column, self._patterns.is_filled(last)
        self.widest = max(self.widest, column)
        if not filled or (column in self.ours and not self._begins_with_theirs(content)):
            self._look_into(row.number, content, counts=counts)
            return
        self.bottom = row.number
        if counts and column > self.right:
            self.right = column

    def _begins_with_theirs(self, content: bytes) -> bool:
        first = self._patterns.first_cell(content)
        return first is not None and first.column not in self.ours and self._patterns.is_filled(first)

    def _look_into(self, number: int, content: bytes, *, counts: bool) -> None:
        cells, _ = self._patterns.cells(content)
        filled = [cell.column for cell in cells if self._patterns.is_filled(cell)]
        self.widest = max([self.widest, *(cell.column for cell in cells)])
        if counts:
            self.right = max([self.right, *filled])
        if not self.ours.issuperset(filled):
            self.bottom = number

"""Result cells put into the rows of the user's worksheet; a row without results passes through byte for byte."""

import re
from collections.abc import Collection, Iterable, Iterator
from operator import itemgetter

from batch.ooxml.references import column_letters, parse_area
from batch.ooxml.xml import UnsupportedMarkup
from batch.reporter.xlsx.sheet_rows import Cell, Patterns, Row, remove_spans

_PIECE = 256 * 1024
_COLUMN = itemgetter(0)


class Splice:
    """Puts cells into rows, in place of what the result columns had at and below the header."""

    def __init__(self, patterns: Patterns, columns: Collection[int], *, header_row: int, widest: int) -> None:
        """`columns`: all result columns, counted from 1. `header_row` 0: the sheet has no header. `widest`: the last
        column with a cell in any row."""
        self._patterns = patterns
        self._columns = frozenset(columns)
        self._first, self._last = min(columns), max(columns)
        self._first_result = _match_first_cell(patterns.prefix, self._columns)
        self._header_row = header_row
        self._all_end_before = widest < self._first
        self._open_row = b"<" + patterns.prefix + b'row r="%d">'
        self._formula_start = b"<" + patterns.prefix + b"f"
        self.lost_formula = False
        """True once a cell with a formula was replaced."""

    def pieces(self, rows: Iterable[Row], added: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
        """Yield all rows with the cells of `added`, in pieces of 256 KB; `added` in ascending order of rows."""
        buffered: list[bytes] = []
        size = 0
        for piece in self._splice_rows(rows, added):
            buffered.append(piece)
            size += len(piece)
            if size > _PIECE:
                yield b"".join(buffered)
                buffered.clear()
                size = 0
        yield b"".join(buffered)

    def _splice_rows(self, rows: Iterable[Row], added: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
        close = self._patterns.close_row
        remaining = iter(added)
        number, cells = next(remaining, (0, None))
        for row in rows:
            while cells is not None and number < row.number:
                yield self._open_row % number + cells + close
                number, cells = next(remaining, (0, None))
            if cells is not None and number == row.number:
                yield self._add(row, cells)
                number, cells = next(remaining, (0, None))
            else:
                yield self._clear(row)
        while cells is not None:
            yield self._open_row % number + cells + close
            number, cells = next(remaining, (0, None))

    def _add(self, row: Row, cells: bytes) -> bytes:
        tag = remove_spans(row.tag)
        if row.content is None:
            return tag[:-2] + b">" + cells + self._patterns.close_row
        if self._all_end_before or self._ends_before_results(row.content):
            return tag + row.content + cells + self._patterns.close_row
        return tag + self._replace(row, row.content, cells) + self._patterns.close_row

    def _clear(self, row: Row) -> bytes:
        if row.content is None:
            return row.tag
        if row.number < self._header_row or self._all_end_before or self._ends_before_results(row.content):
            return row.tag + row.content + self._patterns.close_row
        return remove_spans(row.tag) + self._replace(row, row.content, b"") + self._patterns.close_row

    def _ends_before_results(self, content: bytes) -> bool:
        last = self._patterns.last_cell(content)
        return last is not None and last.column < self._first

    def _replace(self, row: Row, content: bytes, cells: bytes) -> bytes:
        """Return the row's content with `cells` in place of older results."""
        # A report that is fed back has its results side by side at the end of each row, without formulas. They are cut
        # off there; taking every cell apart as below makes such a workbook take nearly three times as long.
        found = self._first_result.search(content) if self._first_result else None
        if found is not None and content.find(self._formula_start, found.start()) < 0:
            head, last = content[: found.start()], self._patterns.last_cell(content)
            before = self._patterns.last_cell(head) if head else None
            if last and last.column <= self._last and (not head or (before and before.column < self._first)):
                return head + cells
        present, rest = self._patterns.cells(content)
        kept: list[tuple[int, bytes]] = []
        for cell in present:
            if cell.column in self._columns:
                self._check_formula(cell)
            else:
                kept.append((cell.column, cell.whole if cell.named else _add_reference(cell, row.number)))
        kept += [(cell.column, cell.whole) for cell in self._patterns.cells(cells)[0]]
        kept.sort(key=_COLUMN)
        return b"".join([markup for _, markup in kept]) + rest

    def _check_formula(self, cell: Cell) -> None:
        formula = self._patterns.formula.search(cell.content or b"")
        if formula is None:
            return
        self.lost_formula = True
        area = parse_area(formula[1].decode().partition('ref="')[2].partition('"')[0])
        if area and not self._columns.issuperset(range(area.left, area.right + 1)):
            raise UnsupportedMarkup("a formula in a result column that other cells share")


def _match_first_cell(prefix: bytes, columns: Collection[int]) -> re.Pattern[bytes] | None:
    """Return a pattern for the first cell of columns that stand side by side; None for columns that do not."""
    if len(columns) <= max(columns) - min(columns):
        return None
    letters = "|".join(column_letters(column) for column in columns)
    return re.compile(b"<" + re.escape(prefix) + f'c r="(?:{letters})[0-9]'.encode())


def _add_reference(cell: Cell, row: int) -> bytes:
    """Return the cell with a reference of its own: another cell may now stand before it."""
    start = len(cell.whole) - len(cell.whole.partition(b"c")[2])
    reference = f' r="{column_letters(cell.column)}{row}"'.encode()
    return cell.whole[:start] + reference + cell.whole[start:]

"""Results put into the rows of the user's worksheet; what is not touched passes through byte for byte."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from operator import itemgetter

from batch.ooxml.references import column_letters, parse_area
from batch.ooxml.xml import UnsupportedMarkup
from batch.reporter.xlsx.sheet_rows import Cell, Patterns, Row, without_spans

_PIECE = 256 * 1024
_FIRST = itemgetter(0)


class Splice:
    """Puts cells into rows, in the place of what the result columns had at and below the header."""

    def __init__(self, patterns: Patterns, columns: Collection[int], *, header_row: int, free: bool = False) -> None:
        """`columns`: all result columns, counted from 1. `header_row` 0: there is none. `free`: it is known that no
        row has anything at or behind the first of `columns`, so that none must be looked into."""
        self._patterns = patterns
        self._columns = frozenset(columns)
        self._least, self._most = min(columns), max(columns)
        self._first_ours = _first_of(patterns.prefix, self._columns)
        self._header_row = header_row
        self._free = free
        self._close = b"</" + patterns.prefix + b"row>"
        self._open = b"<" + patterns.prefix + b'row r="%d">'
        self._formula_start = b"<" + patterns.prefix + b"f"
        self.lost_formula = False
        """Whether a cell with a formula had to go."""

    def pieces(self, rows: Iterable[Row], added: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
        """All rows with what is added to them, in pieces of some size; `added` in ascending order of rows."""
        held: list[bytes] = []
        size = 0
        for piece in self._rows(rows, added):
            held.append(piece)
            size += len(piece)
            if size > _PIECE:
                yield b"".join(held)
                held.clear()
                size = 0
        yield b"".join(held)

    def _rows(self, rows: Iterable[Row], added: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
        remaining = iter(added)
        number, cells = next(remaining, (0, None))
        for row in rows:
            while cells is not None and number < row.number:
                yield self._open % number + cells + self._close
                number, cells = next(remaining, (0, None))
            if cells is not None and number == row.number:
                yield self._with(row, cells)
                number, cells = next(remaining, (0, None))
            else:
                yield self._without(row)
        while cells is not None:
            yield self._open % number + cells + self._close
            number, cells = next(remaining, (0, None))

    def _with(self, row: Row, cells: bytes) -> bytes:
        tag = without_spans(row.tag)
        if row.content is None:
            return tag[:-2] + b">" + cells + self._close
        if self._free or self._has_room(row.content):
            return tag + row.content + cells + self._close
        return tag + self._replaced(row, row.content, cells) + self._close

    def _without(self, row: Row) -> bytes:
        if row.content is None:
            return row.tag
        if row.number < self._header_row or self._has_room(row.content):
            return row.tag + row.content + self._close
        return without_spans(row.tag) + self._replaced(row, row.content, b"") + self._close

    def _has_room(self, content: bytes) -> bool:
        if self._free:
            return True
        last = self._patterns.last_cell(content)
        return last is not None and last.column < self._least

    def _replaced(self, row: Row, content: bytes, cells: bytes) -> bytes:
        """What is in the row with `cells` in the place of older results: at a look when these end it."""
        found = self._first_ours.search(content) if self._first_ours else None
        if found is not None and content.find(self._formula_start, found.start()) < 0:
            head, last = content[: found.start()], self._patterns.last_cell(content)
            before = self._patterns.last_cell(head) if head else None
            if last and last.column <= self._most and (not head or (before and before.column < self._least)):
                return head + cells
        return self._merged(row, cells)

    def _merged(self, row: Row, cells: bytes) -> bytes:
        present, rest = self._patterns.cells(row.content or b"")
        kept: list[tuple[int, bytes]] = []
        for cell in present:
            if cell.column in self._columns:
                self._let_go(cell)
            else:
                kept.append((cell.column, cell.whole if cell.named else _named(cell, row.number)))
        kept += [(cell.column, cell.whole) for cell in self._patterns.cells(cells)[0]]
        kept.sort(key=_FIRST)
        return b"".join([markup for _, markup in kept]) + rest

    def _let_go(self, cell: Cell) -> None:
        formula = self._patterns.formula.search(cell.content or b"")
        if formula is None:
            return
        self.lost_formula = True
        area = parse_area(formula[1].decode().partition('ref="')[2].partition('"')[0])
        if area and not self._columns.issuperset(range(area.left, area.right + 1)):
            raise UnsupportedMarkup("a formula in a result column that other cells share")


def _first_of(prefix: bytes, columns: Collection[int]) -> re.Pattern[bytes] | None:
    """Finds the first cell of columns that stand side by side; None for columns that do not."""
    if len(columns) <= max(columns) - min(columns):
        return None
    letters = "|".join(column_letters(column) for column in columns)
    return re.compile(b"<" + re.escape(prefix) + f'c r="(?:{letters})[0-9]'.encode())


def _named(cell: Cell, row: int) -> bytes:
    """The cell with its reference, which it lacked: it may no longer be the next one."""
    start = len(cell.whole) - len(cell.whole.partition(b"c")[2])
    reference = f' r="{column_letters(cell.column)}{row}"'.encode()
    return cell.whole[:start] + reference + cell.whole[start:]

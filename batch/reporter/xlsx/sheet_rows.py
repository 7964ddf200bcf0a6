"""The rows of a worksheet's XML as pieces of bytes, in one pass and with flat memory.

A `<` begins markup wherever it stands in XML, so rows and cells are found by patterns: ten times as fast as building
elements. What the patterns rely on is checked, not hoped for: rows must follow one another without anything between
them, and so must the cells of a row that is looked into; comments and CDATA sections are taken out first, and other
encodings are turned into UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from batch.ooxml.package import Package
from batch.ooxml.references import column_number
from batch.ooxml.shared_strings import cell_text, find_texts
from batch.ooxml.xml import ATTRIBUTES, UnsupportedMarkup, simplify_xml

_MOST_ROW_BYTES = 64 * 1024 * 1024
_MOST_HEAD_BYTES = 16 * 1024 * 1024
_SHEET_DATA = re.compile(rb"<((?:[\w.-]+:)?)sheetData(?=[\s/>])" + ATTRIBUTES + rb">")
_NUMBER = re.compile(rb"""\sr\s*=\s*["'](\d{1,7})["']""")
_SPANS = re.compile(rb"""\sspans\s*=\s*["'][^"']*["']""")
_REFERENCE = re.compile(rb"""(?:^|\s)r\s*=\s*["']([A-Za-z]{1,3})\d+["']""")
_SHARED = re.compile(rb"""(?:^|\s)t\s*=\s*["']s["']""")


class Row(NamedTuple):
    """One row: its number, its start tag, and what is inside; None for `<row/>`."""

    number: int
    tag: bytes
    content: bytes | None


class Cell(NamedTuple):
    """One cell."""

    column: int
    """From 1."""
    attributes: bytes
    content: bytes | None
    """Markup inside; None for `<c/>`."""
    whole: bytes
    named: bool = True
    """It has a reference of its own, rather than being the next one."""


class Patterns:
    """How rows and cells look with the prefix that a worksheet gives its names."""

    def __init__(self, prefix: bytes) -> None:
        at = re.escape(prefix)
        self.prefix = prefix
        self.opening = b"<" + prefix + b"sheetData>"
        self.closing = b"</" + prefix + b"sheetData>"
        self.usual_row = re.compile(rb"(<" + at + rb'row r="([0-9]{1,7})"(?: [\w:.-]+="[^"<>]*")*>)')
        self.row = re.compile(rb"\s*(<" + at + rb"row(?=[\s/>])" + ATTRIBUTES + rb">)")
        self.row_end = re.compile(rb"</" + at + rb"row\s*>")
        self.cell = re.compile(
            rb"\s*(<" + at + rb"c(?=[\s/>])(" + ATTRIBUTES + rb")(?:(?<=/)>|(?<!/)>(.*?)</" + at + rb"c\s*>))",
            re.DOTALL,
        )
        self.filled = re.compile(rb"<" + at + rb"(?:[vt](?:\s[^<>]*)?>[^<]|f[\s/>])")
        self.formula = re.compile(rb"<" + at + rb"f(?=[\s/>])(" + ATTRIBUTES + rb")>")
        self._cell_start = b"<" + prefix + b"c "
        self._cell_end = b"</" + prefix + b"c>"
        value = rb"<" + at + rb"v>[^<]+</" + at + rb"v></" + at + rb"c>\Z"
        self._usual_last = re.compile(rb"<" + at + rb'c r="([A-Z]{1,3})[0-9]+"(?: [a-z]+="[^"<>]*")*>' + value)
        self._last = re.compile(rb"(" + ATTRIBUTES + rb")>")
        self._columns: dict[bytes, int] = {}

    def cells(self, content: bytes) -> tuple[list[Cell], bytes]:
        """All cells of a row, and what follows them in it (blanks or an extension)."""
        found: list[Cell] = []
        at = column = 0
        while match := self.cell.match(content, at):
            cell = self._cell(match, column)
            found.append(cell)
            at, column = match.end(), cell.column
        rest = content[at:]
        if b"<" + self.prefix + b"c" in rest and self.cell.search(rest):
            raise UnsupportedMarkup("something between the cells of a row")
        return found, rest

    def first_cell(self, content: bytes) -> Cell | None:
        """The first cell of a row."""
        match = self.cell.match(content)
        return self._cell(match, 0) if match else None

    def last_value(self, content: bytes) -> int:
        """The column of the last cell of a row when it is one with a value, written as most programs do; else 0."""
        match = self._usual_last.match(content, content.rfind(self._cell_start)) if content else None
        return self._column(match[1]) if match else 0

    def last_cell(self, content: bytes) -> Cell | None:
        """The last cell of a row when that is told at a glance; None when the row must be looked into."""
        start = content.rfind(self._cell_start)
        if start < 0:
            return None
        tag = self._last.match(content, start + len(self._cell_start))
        if tag is None:
            return None
        reference = _REFERENCE.search(tag[1])
        if reference is None:
            return None
        column = self._column(reference[1])
        if tag[1].endswith(b"/"):
            return Cell(column, tag[1], None, content[start:]) if tag.end() == len(content) else None
        end = content.find(self._cell_end, tag.end())
        if end < 0 or end + len(self._cell_end) != len(content):
            return None
        return Cell(column, tag[1], content[tag.end() : end], content[start:])

    def is_filled(self, cell: Cell) -> bool:
        """Whether there is a value or a formula in it."""
        return cell.content is not None and self.filled.search(cell.content) is not None

    def _cell(self, match: re.Match[bytes], before: int) -> Cell:
        reference = _REFERENCE.search(match[2])
        column = self._column(reference[1]) if reference else before + 1
        return Cell(column, match[2], match[3], match[1], reference is not None)

    def _column(self, letters: bytes) -> int:
        number = self._columns.get(letters)
        if number is None:
            number = self._columns[letters] = column_number(letters.decode())
        return number


def without_spans(tag: bytes) -> bytes:
    """A row's start tag without the columns that it says it spans: with ours they would be wrong."""
    before, usual, behind = tag.partition(b' spans="')
    if usual and b"spans" not in behind and b"'" not in before:
        return before + behind.partition(b'"')[2]
    return _SPANS.sub(b"", tag) if b"spans" in tag else tag


class SheetXml:
    """A worksheet from the pieces of its XML: what is before its rows, the rows, and then what is behind them.

    Raises (also from `rows`):
        UnsupportedMarkup: something is met that the patterns do not stand for.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(simplify_xml(chunks))
        self._buffer = b""
        self.tail = b""
        """All behind `</sheetData>`; there after the last row."""
        match = self._until(_SHEET_DATA, _MOST_HEAD_BYTES)
        self.head = self._buffer[: match.start()]
        """All before `<sheetData>`."""
        self.patterns = Patterns(match[1])
        self._empty = match[0].endswith(b"/>")
        self._buffer = self._buffer[match.end() :]
        self._end = re.compile(rb"\s*</" + re.escape(match[1]) + rb"sheetData\s*>")

    def rows(self) -> Iterator[Row]:
        """All rows, once."""
        if not self._empty:
            yield from self._rows()
        self.tail = self._buffer + b"".join(self._limited())

    def _rows(self) -> Iterator[Row]:
        at = number = 0
        buffer = self._buffer
        usual_row, row, row_end = self.patterns.usual_row, self.patterns.row, self.patterns.row_end
        close = b"</" + self.patterns.prefix + b"row>"
        while True:
            found = usual_row.match(buffer, at)
            if found is not None:
                end = buffer.find(close, found.end())
                if end >= 0:
                    number = int(found[2])
                    yield Row(number, found[1], buffer[found.end() : end])
                    at = end + len(close)
                    continue
            found = row.match(buffer, at)
            if found is not None:
                tag, inside = found[1], found.end()
                said = _NUMBER.search(tag)
                if tag.endswith(b"/>"):
                    number = int(said[1]) if said else number + 1
                    yield Row(number, tag, None)
                    at = inside
                    continue
                end = buffer.find(close, inside)
                if end >= 0:
                    after = end + len(close)
                else:
                    ended = row_end.search(buffer, inside)
                    end, after = (ended.start(), ended.end()) if ended else (-1, -1)
                if end >= 0:
                    number = int(said[1]) if said else number + 1
                    yield Row(number, tag, buffer[inside:end])
                    at = after
                    continue
            elif ended := self._end.match(buffer, at):
                self._buffer = buffer[ended.end() :]
                return
            more = next(self._chunks, None)
            if more is None or len(buffer) - at > _MOST_ROW_BYTES:
                raise UnsupportedMarkup("something else than rows in a worksheet")
            buffer = buffer[at:] + more
            at = 0

    def _until(self, pattern: re.Pattern[bytes], most: int) -> re.Match[bytes]:
        while True:
            match = pattern.search(self._buffer)
            if match is not None:
                return match
            more = next(self._chunks, None)
            if more is None or len(self._buffer) > most:
                raise UnsupportedMarkup("a worksheet without rows")
            self._buffer += more

    def _limited(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._chunks:
            size += len(chunk)
            if size > _MOST_ROW_BYTES:
                raise UnsupportedMarkup("too much behind the rows of a worksheet")
            yield chunk


def cell_texts(package: Package, shared: str | None, cells: Sequence[Cell]) -> list[str | None]:
    """Return the texts of these cells; None for an empty one. `shared`: name of the part with shared texts.

    Raises:
        UnsupportedMarkup: a text is not well-formed.
    """
    values = [(cell_text(cell.whole), _SHARED.search(cell.attributes) is not None) for cell in cells]
    numbers = {int(value) for value, refers in values if refers and value.isdecimal()}
    table = find_texts(package.chunks(shared), numbers) if shared and numbers else {}
    texts = [(table.get(int(value)) if value.isdecimal() else None) if refers else value for value, refers in values]
    return [text or None for text in texts]

"""Rows and cells of a worksheet's XML, found by patterns in one pass and with flat memory.

A `<` begins markup wherever it stands in XML, so patterns over bytes find rows and cells ten times as fast as a parser
that builds elements. What they rely on is checked: nothing may stand between rows, nor between the cells of a row that
is taken apart. Comments and CDATA sections are resolved first, and other encodings become UTF-8 (`simplify_xml`).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from batch.ooxml.package import Package
from batch.ooxml.references import column_number, whole_number
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
    """One row: its number, its start tag, and the markup inside; None for `<row/>`."""

    number: int
    tag: bytes
    content: bytes | None


class Cell(NamedTuple):
    """One cell of a row."""

    column: int
    """Counted from 1."""
    attributes: bytes
    content: bytes | None
    """Markup inside; None for `<c/>`."""
    whole: bytes
    named: bool = True
    """False: it has no reference of its own and stands behind the cell before it."""


class Patterns:
    """Patterns for the rows and cells of a worksheet whose element names have a certain prefix (`x:`, or empty)."""

    def __init__(self, prefix: bytes) -> None:
        at = re.escape(prefix)
        self.prefix = prefix
        self.closing = b"</" + prefix + b"sheetData>"
        self.close_row = b"</" + prefix + b"row>"
        self.row = re.compile(rb"\s*(<" + at + rb'row(?: r="(\d{1,7})")?(?=[\s/>])' + ATTRIBUTES + rb">)")
        self.row_end = re.compile(rb"</" + at + rb"row\s*>")
        self.formula = re.compile(rb"<" + at + rb"f(?=[\s/>])(" + ATTRIBUTES + rb")>")
        self._any_cell = re.compile(rb"<(?:[\w.-]+:)?c(?=[\s/>])")
        self._cell = re.compile(
            rb"\s*(<" + at + rb"c(?=[\s/>])(" + ATTRIBUTES + rb")(?:(?<=/)>|(?<!/)>(.*?)</" + at + rb"c\s*>))",
            re.DOTALL,
        )
        self._filled = re.compile(rb"<" + at + rb"(?:[vt](?:\s[^<>]*)?>[^<]|f[\s/>])")
        value = rb"<" + at + rb"v>[^<]+</" + at + rb"v>"
        self._plain_cell = re.compile(
            rb"<" + at + rb'c r="([A-Z]{1,3})[0-9]+"[^<>/]*>' + value + rb"</" + at + rb"c>\Z"
        )
        self._cell_start = b"<" + prefix + b"c "
        self._row_start = b"<" + prefix + b"row"
        self._cell_end = b"</" + prefix + b"c>"
        self._tag_end = re.compile(rb"(" + ATTRIBUTES + rb")>")
        self._columns: dict[bytes, int] = {}

    def cells(self, content: bytes) -> tuple[list[Cell], bytes]:
        """Return all cells of a row, and what follows them in it (blanks or an extension).

        Raises:
            UnsupportedMarkup: something stands between the cells.
        """
        found: list[Cell] = []
        at = column = 0
        while match := self._cell.match(content, at):
            cell = self._make_cell(match, column)
            found.append(cell)
            at, column = match.end(), cell.column
        rest = content[at:]
        if self._any_cell.search(rest):
            raise UnsupportedMarkup("something between the cells of a row, or another prefix")
        return found, rest

    def first_cell(self, content: bytes) -> Cell | None:
        """Return the first cell of a row."""
        match = self._cell.match(content)
        return self._make_cell(match, 0) if match else None

    def last_plain(self, block: bytes) -> tuple[set[int], int]:
        """Return the columns in which rows end, and the last row's number; nothing when a row does not end plainly.

        A plain cell names its column, and holds a value and nothing else. `block`: whole rows.
        """
        match, start = self._plain_cell.match, self._cell_start
        rows = block.split(self.close_row)[:-1]
        found = [match(row, max(row.rfind(start), 0)) for row in rows]
        last = self.row.match(rows[-1], max(rows[-1].rfind(self._row_start), 0)) if None not in found else None
        if last is None or not last[2]:
            return set(), 0
        return {self._column(letters) for letters in {each[1] for each in found if each}}, int(last[2])

    def last_cell(self, content: bytes) -> Cell | None:
        """Return the last cell of a row without a look at the others.

        None when it does not name its column, or something follows it: then only `cells` can tell.
        """
        start = content.rfind(self._cell_start)
        if start < 0:
            return None
        tag = self._tag_end.match(content, start + len(self._cell_start))
        reference = _REFERENCE.search(tag[1]) if tag else None
        if tag is None or reference is None:
            return None
        column = self._column(reference[1])
        if tag[1].endswith(b"/"):
            return Cell(column, tag[1], None, content[start:]) if tag.end() == len(content) else None
        end = content.find(self._cell_end, tag.end())
        if end < 0 or end + len(self._cell_end) != len(content):
            return None
        return Cell(column, tag[1], content[tag.end() : end], content[start:])

    def is_filled(self, cell: Cell) -> bool:
        """True when the cell has a value or a formula."""
        return cell.content is not None and self._filled.search(cell.content) is not None

    def _make_cell(self, match: re.Match[bytes], before: int) -> Cell:
        reference = _REFERENCE.search(match[2])
        column = self._column(reference[1]) if reference else before + 1
        return Cell(column, match[2], match[3], match[1], reference is not None)

    def _column(self, letters: bytes) -> int:
        number = self._columns.get(letters)
        if number is None:
            number = self._columns[letters] = column_number(letters.decode())
        return number


def remove_spans(tag: bytes) -> bytes:
    """Return a row's start tag without the range of columns that it spans: result cells would make it wrong."""
    head, found, rest = tag.partition(b' spans="')  # as nearly all write it: a search takes five times as long
    if found:
        return head + rest.partition(b'"')[2]
    return _SPANS.sub(b"", tag) if b"spans" in tag else tag


class SheetXml:
    """A worksheet read from the pieces of its XML: what precedes the rows, the rows, then what follows them.

    Raises (also from `rows`):
        UnsupportedMarkup: the markup is of a kind that the patterns do not cover.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(simplify_xml(chunks))
        self._buffer = b""
        self.tail = b""
        """All behind `</sheetData>`; available after the last row."""
        match = self._find_sheet_data()
        self.head = self._buffer[: match.start()]
        """All before `<sheetData>`."""
        self.opening = match[0].removesuffix(b"/>").removesuffix(b">") + b">"
        """The start tag of the rows, with the namespaces that it declares."""
        self.patterns = Patterns(match[1])
        self._empty = match[0].endswith(b"/>")
        self._buffer = self._buffer[match.end() :]
        self._end = re.compile(rb"\s*</" + re.escape(match[1]) + rb"sheetData\s*>")

    def rows(self, take: Callable[[bytes], int] | None = None) -> Iterator[Row]:
        """Yield all rows; may be called once.

        `take` gets whole rows as one block, and returns the last one's number when they need not be yielded, else 0.
        """
        if not self._empty:
            yield from self._rows(take)
        self.tail = self._buffer + b"".join(self._remaining_chunks())

    def _rows(self, take: Callable[[bytes], int] | None) -> Iterator[Row]:
        at = number = offered = 0
        buffer, pattern, close = self._buffer, self.patterns.row, self.patterns.close_row
        while True:
            if take and at >= offered:
                offered = buffer.rfind(close, at) + len(close)
                if offered > at + len(close) and (taken := take(buffer[at:offered])):
                    at, number = offered, taken
                offered = max(offered, at + 1)
            found = pattern.match(buffer, at)
            if found is not None:
                tag, inside = found[1], found.end()
                empty = tag.endswith(b"/>")
                end = inside if empty else buffer.find(close, inside)
                after = end if empty else end + len(close)
                if end < 0 and (ended := self.patterns.row_end.search(buffer, inside)):  # `</row >`, written by few
                    end, after = ended.span()
                if end >= 0:
                    reference = found[2] or next(iter(_NUMBER.findall(tag)), None)  # nearly all have it in front
                    number = int(reference) if reference else number + 1
                    yield Row(number, tag, None if empty else buffer[inside:end])
                    at = after
                    continue
            elif ended := self._end.match(buffer, at):
                self._buffer = buffer[ended.end() :]
                return
            more = self._read(len(buffer) - at)
            if not more or len(buffer) - at > _MOST_ROW_BYTES:
                raise UnsupportedMarkup("something else than rows in a worksheet")
            buffer = buffer[at:] + more
            at = offered = 0

    def _find_sheet_data(self) -> re.Match[bytes]:
        while True:
            match = _SHEET_DATA.search(self._buffer)
            if match is not None:
                return match
            more = self._read(len(self._buffer))
            if not more or len(self._buffer) > _MOST_HEAD_BYTES:
                raise UnsupportedMarkup("a worksheet without rows")
            self._buffer += more

    def _read(self, size: int) -> bytes:
        """Read at least `size` bytes and one, unless the part ends before.

        As many as are searched in vain already: so the time for a long row grows with its length, not the square.
        """
        pieces: list[bytes] = []
        while size >= 0 and (chunk := next(self._chunks, None)) is not None:
            pieces.append(chunk)
            size -= len(chunk)
        return b"".join(pieces)

    def _remaining_chunks(self) -> Iterator[bytes]:
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
    values = [cell_text(cell.whole) for cell in cells]
    refers = [_SHARED.search(cell.attributes) is not None for cell in cells]
    numbers = [whole_number(value) if shares else None for value, shares in zip(values, refers, strict=True)]
    wanted = {number for number in numbers if number is not None}
    table = find_texts(package.chunks(shared), wanted) if shared and wanted else {}
    return [
        (value if not shares else None if number is None else table.get(number)) or None
        for value, shares, number in zip(values, refers, numbers, strict=True)
    ]

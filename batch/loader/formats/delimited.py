"""Text files of records: splitting them, and telling the delimiter. Pure.

A line without a quotation mark is split at the delimiter. A cell that begins with a quotation mark ends at the next
single one; two in a row stand for one, and line breaks inside belong to the cell. A quotation mark elsewhere is text.
A quotation mark that opens a cell and is not closed properly is a fault of that line alone: the lines after it are
read by themselves, instead of vanishing into one cell.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from batch.i18n import N_
from batch.loader.formats.text_encoding import find_encoding
from batch.loader.header_detection import HEAD_ROWS, find_header
from batch.loader.source import RawRow
from batch.model.phrases import Phrase
from batch.model.sheet_file import SheetFile

DELIMITERS = (";", "\t", "|", ",")
"""In the order in which they win a tie: commas also stand in plain text and in numbers."""

STRAY_QUOTE = Phrase(N_("a quotation mark is opened and not closed properly"))

_TO_CLOSING = re.compile(r'([^"]*(?:""[^"]*)*)"(?!")')
_AS_TEXT = re.compile(r'="([^"]*)"')
_LONGEST_RECORD_LINES = 5_000
_PATIENCE = 20
"""Records that may run to that length in vain; then a file is taken to have no line breaks inside cells."""
_SAMPLE_ROWS = 300
_EXCEL_MARK = re.compile(r'"?sep=(.)"?;*,*\s*', re.IGNORECASE)


def named_delimiter(first_line: str) -> str | None:
    """The delimiter that a first line `sep=;` names; None for any other line. Excel does not count such a row."""
    match = _EXCEL_MARK.fullmatch(first_line.strip("\r\n"))
    return match[1] if match else None


def records(lines: Iterable[str], delimiter: str, *, width: int | None = None) -> Iterator[RawRow]:
    """Records as rows, numbered from 1; blank lines count and are not given.

    `lines` keep their line ends. `width`: cells that a record should have, where known: a quoted cell that swallows
    lines is doubted when the record then has another number of cells, and its first line alone has the right one.
    """
    source = _Lines(lines)
    plain = re.compile(f"[^{re.escape(delimiter)}]*")
    patience = _PATIENCE
    number = 0
    for line in source:
        number += 1
        text = line.rstrip("\r\n")
        if '"' not in text:
            if text:
                yield RawRow(number, [cell.strip() or None for cell in text.split(delimiter)])
            continue
        record = _Record(delimiter, plain)
        taken = record.read(line, source, most=_LONGEST_RECORD_LINES if patience else 0)
        patience -= patience > 0 and len(taken) == _LONGEST_RECORD_LINES
        if record.whole and not (taken and _doubtful(record.cells, text.split(delimiter), width)):
            yield RawRow(number, [_unwrapped(cell).strip() or None for cell in record.cells])
        else:
            source.put_back(taken)
            yield RawRow(number, [cell.strip() or None for cell in text.split(delimiter)], fault=STRAY_QUOTE)


def _doubtful(joined: Sequence[str], alone: Sequence[str], width: int | None) -> bool:
    return width is not None and len(joined) != width and len(alone) == width


def _unwrapped(cell: str) -> str:
    """`="0119999"`, by which exports keep Excel from making a number of a cell, is what it shows: 0119999."""
    match = _AS_TEXT.fullmatch(cell)
    return match[1] if match else cell


class _Lines:
    """Lines that can be put back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._waiting: deque[str] = deque()
        self._lines = iter(lines)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return self._waiting.popleft() if self._waiting else next(self._lines)

    def put_back(self, lines: list[str]) -> None:
        self._waiting.extendleft(reversed(lines))


class _Record:
    """One record, read line by line; each line is looked at once, however many a quoted cell takes."""

    def __init__(self, delimiter: str, plain: re.Pattern[str]) -> None:
        self.cells: list[str] = []
        self.whole = False
        """All cells were read, and every quotation mark is closed properly."""
        self._delimiter = delimiter
        self._plain = plain
        self._open: list[str] | None = None
        """The pieces of a quoted cell that goes on in the next line."""

    def read(self, line: str, following: Iterator[str], *, most: int) -> list[str]:
        """Read the record that begins with `line`; gives the lines it took besides, at most `most`."""
        taken: list[str] = []
        self._add(line)
        while self._open is not None and len(taken) < most:
            more = next(following, None)
            if more is None:
                break
            taken.append(more)
            self._add(more)
        return taken

    def _add(self, line: str) -> None:
        body = line.rstrip("\r\n")
        place = 0
        if self._open is None and not body.startswith('"'):
            place = self._add_plain(body, 0)
        else:
            start = 0 if self._open is not None else 1
            place = self._add_quoted(line, body, start)
        while 0 <= place < len(body):
            if body[place] != self._delimiter:
                return
            place += 1
            place = (
                self._add_quoted(line, body, place + 1) if body.startswith('"', place) else self._add_plain(body, place)
            )
        self.whole = self._open is None

    def _add_plain(self, body: str, place: int) -> int:
        match = self._plain.match(body, place)
        end = match.end() if match else place
        self.cells.append(body[place:end])
        return end

    def _add_quoted(self, line: str, body: str, place: int) -> int:
        """Add the quoted text from `place` on; gives where it ends, -1 when it does not end in this line."""
        pieces = self._open if self._open is not None else []
        match = _TO_CLOSING.match(body, place)
        if match is None:
            pieces.append(line[place:])
            self._open = pieces
            return -1
        pieces.append(match[1])
        self.cells.append("".join(pieces).replace('""', '"'))
        self._open = None
        return match.end()


def find_delimiter(lines: Sequence[str], wanted: Collection[str] = ()) -> str:
    """The delimiter of a text file, told from its first lines.

    For each candidate the lines are split and the header is looked for. The candidate wins under which most records
    have exactly as many cells as the header, if these are at least two; usual column names in it add to that.
    A file of one column splits under none, and is given the first candidate.
    """
    return max(DELIMITERS, key=lambda delimiter: _fit(lines, delimiter, wanted))


def _fit(lines: Sequence[str], delimiter: str, wanted: Collection[str]) -> float:
    rows = [row for row, _ in zip(records(lines, delimiter), range(_SAMPLE_ROWS), strict=False)]
    rows = [row for row in rows if any(row.cells)]
    if not rows:
        return 0.0
    header = find_header([row for row in rows[:HEAD_ROWS] if not row.fault], wanted)
    body = [row for row in rows if row.number > header.number]
    whole = [len(row.cells) for row in body if not row.fault]
    usual = Counter(whole).most_common(1)[0][0] if whole else 0
    named = len(header.names) if header.number else usual
    share = whole.count(named) / len(body) if body else 1.0
    if named < 2:  # noqa: PLR2004 (one cell is no split)
        return share * 0.25
    return share + 0.1 * min(header.known, 5) + 0.001


_SAMPLE_LINES = 500
_SAMPLE_CHARACTERS = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class TextGrid:
    """A text file whose encoding and delimiter are known. Reads from disk at each `rows()`, one line at a time."""

    source: SheetFile
    encoding: str
    delimiter: str
    marked: bool = False
    """The first line is `sep=;`, which Excel does not count."""
    width: int | None = None
    """Cells of a full record, once the header is known."""

    def rows(self) -> Iterator[RawRow]:
        with self.source.path.open(encoding=self.encoding, newline="") as lines:
            if self.marked:
                next(lines, None)
            yield from records(lines, self.delimiter, width=self.width)


def open_text(source: SheetFile, wanted: Collection[str]) -> TextGrid:
    """Find out encoding and delimiter. `wanted`: column names the campaign asks for.

    Raises:
        SheetError: the file is no text of an encoding we read.
    """
    encoding = find_encoding(source)
    lines = _first_lines(source, encoding)
    named = named_delimiter(lines[0]) if lines else None
    if named:
        return TextGrid(source=source, encoding=encoding, delimiter=named, marked=True)
    return TextGrid(source=source, encoding=encoding, delimiter=find_delimiter(lines, wanted))


def _first_lines(source: SheetFile, encoding: str) -> list[str]:
    lines: list[str] = []
    characters = 0
    with source.path.open(encoding=encoding, newline="") as file:
        for line in islice(file, _SAMPLE_LINES):
            lines.append(line)
            characters += len(line)
            if characters > _SAMPLE_CHARACTERS:
                break
    return lines

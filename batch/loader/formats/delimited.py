"""Text files of records, split at a delimiter.

A line without a quotation mark is split at the delimiter. A cell that begins with a quotation mark ends at the next
single one; two in a row stand for one, and line breaks inside belong to the cell. A quotation mark elsewhere is text,
unless it seems to quote a text with a delimiter in it (`x"Bolo; 3";`): a delimiter is lost, a fault of that record.
Blanks between a delimiter and a quoted cell do not count. A file whose cells stand in apostrophes has them for marks.
A quotation mark that opens a cell and is not closed properly is a fault of that line alone: the lines after it are
read by themselves, instead of vanishing into one cell.
"""

import io
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from batch.i18n import N_
from batch.loader.source import END_MARK, RawRow
from batch.model.phrases import Phrase
from batch.model.sheets import SheetFile

STRAY_QUOTE = Phrase(N_("a quotation mark is opened and not closed properly"))
INNER_QUOTE = Phrase(N_("a separator seems to be missing before a quotation mark"))

_TO_CLOSING = {mark: re.compile(f"([^{mark}]*(?:{mark}{mark}[^{mark}]*)*){mark}(?!{mark})") for mark in "\"'"}
_QUOTED_LINES = {
    mark: re.compile(
        rf"\s*{mark}[^{last}]*(?:{last}\s*([;,\t|])\s*{mark}[^{last}]*(?:{last}\s*\1\s*{mark}[^{last}]*)*)?{last}\s*"
    )
    for mark, last in ("''", "\u201c\u201d", "\u2018\u2019", "``")
}
"""Lines all of whose cells stand in such marks."""
_NO_BLANK = re.compile("[^ ]")
_MOSTLY = 2 / 3
_AS_TEXT = re.compile(r'="([^"]*)"')
_READ_BYTES = 1 << 18
_LONGEST_RECORD_LINES = 5_000
_MOST_LONG_RECORDS = 20
"""Records that may run to that length in vain; then a file is taken to have no line breaks inside cells."""
_NARROW = 2
"""Cells of a record so short that a line of a long cell may look like one."""
_EXCEL_MARK = re.compile(r'"?sep=(.)"?;*,*\s*', re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class TextGrid:
    """A text file whose encoding and delimiter are known. Reads from disk at each `rows()`, one line at a time."""

    source: SheetFile
    encoding: str
    delimiter: str
    has_mark: bool = False
    """The first line is `sep=;`, which Excel does not count."""
    has_end_mark: bool
    """The last character is Ctrl-Z, which programs of DOS write; it is no row."""
    quote: str = '"'
    width: int | None = None
    """Cells of a full record, once the header is known."""

    def rows(self) -> Iterator[RawRow]:
        """Yield the records, numbered from 1; blank lines count and are left out."""
        with self.open_lines() as lines:
            if self.has_mark:
                next(lines, None)
            yield from split_records(lines, self.delimiter, width=self.width, quote=self.quote)

    @contextmanager
    def open_lines(self) -> Iterator[Iterator[str]]:
        """Open the file, and give its lines with their ends."""
        file = _LargeReads(io.FileIO(self.source.path))
        with io.TextIOWrapper(file, encoding=self.encoding, newline="") as lines:
            yield _strip_end_mark(lines) if self.has_end_mark else lines


class _LargeReads(io.BufferedReader):
    """A file that is read in large pieces.

    Each read gives up the interpreter for a moment. Every 8 kB it would be taken back too soon for a thread that waits.
    """

    def read1(self, size: int = -1) -> bytes:
        return super().read1(max(size, _READ_BYTES))


def _strip_end_mark(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines; of the last, or what is left of it, without Ctrl-Z."""
    last = ""
    for line in lines:
        if last:
            yield last
        last = line
    yield last.rstrip("\r\n\0" + END_MARK)


def named_delimiter(first_line: str) -> str | None:
    """Return the delimiter that a first line `sep=;` names; None for any other line."""
    match = _EXCEL_MARK.fullmatch(first_line.strip("\r\n"))
    return match[1] if match else None


def find_quote(lines: Sequence[str]) -> str:
    """Return the mark in which nearly all cells of the lines stand: an apostrophe, or one that is none; else `"`."""
    filled = [line for line in lines if line.strip()]
    counts = {mark: sum(map(bool, map(form.fullmatch, filled))) for mark, form in _QUOTED_LINES.items()}
    return next((mark for mark, count in counts.items() if count and count >= _MOSTLY * len(filled)), '"')


def split_records(
    lines: Iterable[str], delimiter: str, *, width: int | None = None, quote: str = '"'
) -> Iterator[RawRow]:
    """Yield records as rows, numbered from 1; blank lines count and are left out.

    `lines` keep their line ends. `width`: cells of a full record, None where not known: a quoted cell that swallows
    lines is a fault when the record then has another number of cells, and its first line alone has the right one.
    """
    following, waiting = iter(lines), deque[str]()
    remaining = _Lines(following, waiting)
    plain = re.compile(f"[^{re.escape(delimiter)}]*")
    long_records = _MOST_LONG_RECORDS
    number = 0
    # Not the iterator's own method, which takes as long for a line as its split.
    while (line := waiting.popleft() if waiting else next(following, None)) is not None:
        number += 1
        text = line.rstrip("\r\n")
        if quote not in text:
            if text:
                yield RawRow(number, [cell.strip() or None for cell in text.split(delimiter)])
            continue
        record = _Record(delimiter, plain, quote)
        taken = record.read(line, remaining, most=_LONGEST_RECORD_LINES if long_records else 0)
        long_records -= len(taken) == _LONGEST_RECORD_LINES
        alone = [len(each.split(delimiter)) for each in (text, *taken[-1:])]
        if record.whole and not (taken and _is_doubtful(record, alone, width)):
            cells = [_unwrap(cell).strip() or None for cell in record.cells]
            yield RawRow(number, cells, fault=INNER_QUOTE if record.lacks_delimiter else None)
        else:
            waiting.extendleft(reversed(taken))
            yield RawRow(number, [cell.strip() or None for cell in text.split(delimiter)], fault=STRAY_QUOTE)


def _is_doubtful(record: "_Record", alone: Sequence[int], width: int | None) -> bool:
    """True when a cell that swallowed lines seems to be a stray mark, by the cells of the record and of its lines.

    `alone`: of the first and the last line. Two whole records may be joined to one: by a mark that is closed by that of
    an inch in the next. Where each cell stands in marks, none is an inch's.
    """
    if width is None:
        return False
    if len(record.cells) != width and alone[0] == width:
        return True
    return width > _NARROW and alone[0] >= width == alone[-1] and record.quoted < len(record.cells)


def _unwrap(cell: str) -> str:
    """Return the text of `="0119999"`, by which exports keep Excel from making a number of a cell: 0119999."""
    match = _AS_TEXT.fullmatch(cell)
    return match[1] if match else cell


class _Lines:
    """Iterator of lines, of which some wait that were put back."""

    def __init__(self, lines: Iterator[str], waiting: deque[str]) -> None:
        self._lines, self._waiting = lines, waiting

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return self._waiting.popleft() if self._waiting else next(self._lines)


class _Record:
    """One record, read line by line; each line is looked at once, however many a quoted cell takes."""

    def __init__(self, delimiter: str, plain: re.Pattern[str], quote: str) -> None:
        self.cells: list[str] = []
        self.whole = False
        """All cells were read, and every quotation mark is closed properly."""
        self.quoted = 0
        """Cells that stand in quotation marks."""
        self.lacks_delimiter = False
        """A quotation mark between texts seems to open a quoted cell."""
        self._delimiter = delimiter
        self._plain = plain
        self._quote = quote
        self._to_closing = _TO_CLOSING[quote]
        self._open: list[str] | None = None
        """Pieces of a quoted cell that goes on in the next line; None between cells."""
        self._blanks: tuple[int, int]
        """Beginning and end of a line's last run of blanks that was looked at: between spaces all cells share one."""
        self._openings: dict[int, int | None]
        """Likewise, place of a mark to where its quoted text begins."""

    def read(self, line: str, following: Iterator[str], *, most: int) -> list[str]:
        """Read the record that begins with `line`, and return the other lines that it took, at most `most`."""
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
        self._blanks, self._openings = (0, 0), {}
        place = self._add_quoted(line, body, 0) if self._open is not None else self._add_cell(line, body, 0)
        while 0 <= place < len(body):
            place = self._pass_blanks(body, place)
            if place < len(body) and body[place] != self._delimiter:
                return
            place = self._add_cell(line, body, place + 1) if place < len(body) else place
        self.whole = self._open is None

    def _add_cell(self, line: str, body: str, place: int) -> int:
        if body.startswith(self._quote, place):
            return self._add_quoted(line, body, place + 1)
        if body.startswith(" ", place) and (opening := self._find_opening(body, place)) is not None:
            return self._add_quoted(line, body, opening)
        match = self._plain.match(body, place)
        end = match.end() if match else place
        self.cells.append(body[place:end])
        self.lacks_delimiter = self.lacks_delimiter or self._quotes_beyond(body, place, end)
        return end

    def _pass_blanks(self, body: str, place: int) -> int:
        """Return the place behind the blanks between a quoted cell and a delimiter or the end."""
        end = self._end_of_blanks(body, place)
        return end if end == len(body) or body[end] == self._delimiter else place

    def _end_of_blanks(self, body: str, place: int) -> int:
        if not self._blanks[0] <= place < self._blanks[1]:
            found = _NO_BLANK.search(body, place)
            self._blanks = (place, found.start() if found else len(body))
        return self._blanks[1]

    def _find_opening(self, body: str, place: int) -> int | None:
        """Return where the text of a quoted cell begins behind blanks; None where the cell is not one whole quote."""
        place = self._end_of_blanks(body, place)
        if place not in self._openings:
            closed = self._to_closing.match(body, place + 1) if body.startswith(self._quote, place) else None
            end = self._pass_blanks(body, closed.end()) if closed else 0
            is_whole = closed is not None and (end == len(body) or body[end] == self._delimiter)
            self._openings[place] = place + 1 if is_whole else None
        return self._openings[place]

    def _quotes_beyond(self, body: str, place: int, end: int) -> bool:
        """True if the last quotation mark of an unquoted cell is closed in a later cell, right before a delimiter."""
        mark = self._quote
        if body[place:end].lstrip(" ").startswith(mark):  # behind blanks: closed later, and text follows
            closed = self._to_closing.match(body, body.index(mark, place) + 1)
            return closed is not None and closed.end() > end
        if body.count(mark, place, end) % 2 == 0 or body[end - 1] == mark:
            return False
        match = self._to_closing.match(body, body.rindex(mark, place, end) + 1)
        if match is None:
            return False
        closed_at = self._pass_blanks(body, match.end())
        return closed_at == len(body) or body[closed_at] == self._delimiter

    def _add_quoted(self, line: str, body: str, place: int) -> int:
        """Add the quoted text from `place` on, and return where it ends; -1 when it does not end in this line."""
        pieces = self._open if self._open is not None else []
        match = self._to_closing.match(body, place)
        if match is None:
            pieces.append(line[place:])
            self._open = pieces
            return -1
        pieces.append(match[1])
        self.cells.append("".join(pieces).replace(self._quote * 2, self._quote))
        self._open, self.quoted = None, self.quoted + 1
        return match.end()

"""ODS workbooks (LibreOffice), as a stream over the one part that holds all sheets."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from batch.i18n import N_, _, number
from batch.loader.formats.dates_and_numbers import (
    NO_STORED_VALUE,
    UnreadableCell,
    duration_text,
    error_cell,
    iso_text,
    number_text,
    plain_text,
    truth_text,
)
from batch.loader.formats.number_format import code_as_written
from batch.loader.source import NO_CELL_ERRORS, Grid, RawRow, Tab, check_row
from batch.model.phrases import Phrase
from batch.ooxml.archive import PROTECTED, Archive, PartParser
from batch.ooxml.references import LAST_ROW, whole_number
from batch.ooxml.xml import Attributes

_CONTENT = "content.xml"
_NUMBERS = frozenset(("float", "percentage", "currency"))
_ERROR_TEXT = re.compile(r"#[A-Z/0!?]+[!?A]?|Err:[0-9]{3}|#N/A")
_TRUTHS = frozenset(("TRUE", "FALSE", "VERDADEIRO", "FALSO"))
_HIDING = frozenset(("collapse", "filter"))
_CELLS = frozenset(("table:table-cell", "table:covered-table-cell"))
_NOTES = frozenset(("office:annotation", "draw:frame", "table:shapes"))
"""Elements inside a cell whose paragraphs are not its text."""
_LONGEST_SPACE = 1000
_CACHE = re.compile(r"'[A-Za-z][A-Za-z0-9+.-]*:.*'#", re.DOTALL)
"""Name of a table in which LibreOffice keeps values of another file; a worksheet's name holds no colon."""


class OdsBook:
    """A workbook whose sheets are known."""

    format = "ods"

    def __init__(self, archive: Archive) -> None:
        """Read the names of the sheets. Raises SheetError: protected by a password, damaged, or forbidden XML."""
        source = archive.source
        if "META-INF/manifest.xml" in archive and b"encryption-data" in archive.read("META-INF/manifest.xml"):
            raise source.refusal(_(PROTECTED), _("Open it in LibreOffice, save it without a password, and use that."))
        self._archive = archive
        tables = _TableCollector()
        for _size in _parse_pieces(archive, start=tables.start, end=tables.end):
            pass
        self.tabs = tuple(
            Tab(name=name, visible=style not in tables.hidden_styles, place=str(index))
            for index, (name, style) in enumerate(tables.found)
            if not _CACHE.match(name)
        )

    def grid(self, tab: Tab) -> Grid:
        """Return the rows of a worksheet. Raises SheetError: damaged, forbidden XML, or over a limit."""
        return _OdsGrid(archive=self._archive, index=int(tab.place))

    def walk(self, tabs: Iterable[Tab]) -> Iterator[tuple[Tab, Iterator[RawRow]]]:
        """Yield worksheets, in the order of their tabs, with their rows; one parse for all, rows not taken are passed.

        Raises:
            SheetError: as `grid`.
        """
        parse = _Parse(self._archive)
        for tab in tabs:
            yield tab, parse.rows(int(tab.place))


@dataclass(frozen=True, kw_only=True, slots=True)
class _OdsGrid:
    archive: Archive
    index: int

    def rows(self) -> Iterator[RawRow]:
        yield from _Parse(self.archive).rows(self.index)


class _Parse:
    """A parse of the part, as far as it went: rows are taken from it table by table, in their order."""

    def __init__(self, archive: Archive) -> None:
        self._source = archive.source
        self._collector = collector = _RowCollector(archive.source.limits.columns)
        self._sizes = _parse_pieces(archive, start=collector.start, end=collector.end, text=collector.text)

    def rows(self, table: int) -> Iterator[RawRow]:
        """Yield the rows of a table that stands below those of earlier calls."""
        collector = self._collector
        collector.first = table
        yield from self._take(table)
        since = 0
        while collector.ended <= table:
            size = next(self._sizes, None)
            if size is None:
                return
            since = 0 if collector.rows else since + size
            if collector.in_sheet:
                self._source.check("row_bytes", since, N_("one row has more than {most} bytes (limit row_bytes)"))
            yield from self._take(table)

    def _take(self, table: int) -> Iterator[RawRow]:
        """Yield the rows of a table that are collected; those of later ones stay."""
        if fault := self._collector.faults.get(table):
            raise self._source.damage(fault)
        rows = self._collector.rows
        self._collector.rows = [each for each in rows if each[0] > table]
        for place, row, times in rows:
            if place == table:
                self._check(row, times)
                for repeated in range(times):
                    yield row._replace(number=row.number + repeated)

    def _check(self, row: RawRow, times: int) -> None:
        """Refuse a row that would grow too large by its repetitions, before they are made."""
        source = self._source
        if row.number + times - 1 > LAST_ROW:
            raise source.damage(
                _("row {row} is repeated {times} times, beyond the last row of a sheet").format(
                    row=number(row.number), times=number(times)
                )
            )
        source.check("cells", times * len(row.cells), N_("it has more than {most} cells (limit cells)"))
        check_row(source, row)


def _parse_pieces(archive: Archive, **handlers: Any) -> Iterator[int]:
    """Parse the part piece by piece, and yield the size of each."""
    parser = PartParser(archive.source, _CONTENT, **handlers)
    for piece in archive.chunks(_CONTENT):
        parser.feed(piece)
        yield len(piece)
    parser.feed(b"", last=True)
    yield 0


class _TableCollector:
    """Parser handlers that collect names and visibility of the sheets."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        """Name and style of each sheet."""
        self.hidden_styles: set[str] = set()
        self._style = ""
        self._depth = 0

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "style:style":
            self._style = attributes.get("style:name", "")
        elif name == "style:table-properties" and attributes.get("table:display") == "false":
            self.hidden_styles.add(self._style)
        elif name == "table:table":
            self._depth += 1
            if self._depth == 1:
                self.found.append((attributes.get("table:name", ""), attributes.get("table:style-name", "")))

    def end(self, name: str) -> None:
        self._depth -= name == "table:table"


class _RowCollector:
    """Parser handlers that collect the rows of the sheets from one on, each with the number of its repetitions."""

    def __init__(self, columns: int) -> None:
        self.first = 0
        """Index of the first sheet whose rows are collected."""
        self.rows: list[tuple[int, RawRow, int]] = []
        """Index of the sheet, row, repetitions."""
        self.faults: dict[int, str] = {}
        """By sheet what breaks a limit, for a message."""
        self.in_sheet = False
        self.ended = 0
        """Sheets that are behind."""
        self._most_columns = columns
        self._depth = 0
        self._note_depth = 0
        self._number = 1
        self._start_row({})
        self._start_cell({})

    def _start_row(self, attributes: Attributes) -> None:
        self._cells: list[str | None] = []
        self._errors: dict[int, Phrase] = {}
        self._codes: dict[int, str] = {}
        self._column = 0
        self._row_times = _times(attributes, "table:number-rows-repeated")
        self._hidden = attributes.get("table:visibility") in _HIDING

    def _start_cell(self, attributes: Attributes) -> None:
        self._attributes = attributes
        self._paragraphs: list[str] = []
        self._pieces: list[str] | None = None

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "table:table":
            self._depth += 1
            self._number = 1 if self._depth == 1 else self._number
            self._judge_place()
        elif not self.in_sheet:
            return
        elif name in _CELLS:
            self._start_cell(attributes)
        elif name == "table:table-row":
            self._start_row(attributes)
        elif name in _NOTES:
            self._note_depth += 1
        elif self._note_depth:
            return
        elif name == "text:p":
            self._pieces = []
        elif self._pieces is not None:
            self._pieces.append(_space(name, attributes))

    def text(self, text: str) -> None:
        if self._pieces is not None and not self._note_depth:
            self._pieces.append(text)

    def end(self, name: str) -> None:
        if name == "table:table":
            self._depth -= 1
            self.ended += self._depth == 0
            self._judge_place()
        elif not self.in_sheet:
            return
        elif name in _CELLS:
            self._end_cell()
        elif name == "table:table-row":
            self._end_row()
        elif name in _NOTES:
            self._note_depth -= 1
        elif name == "text:p" and not self._note_depth and self._pieces is not None:
            self._paragraphs.append("".join(self._pieces))
            self._pieces = None

    def _judge_place(self) -> None:
        self.in_sheet = self._depth == 1 and self.ended >= self.first

    def _end_row(self) -> None:
        if any(self._cells) or self._errors:
            errors = self._errors or NO_CELL_ERRORS
            row = RawRow(self._number, self._cells, errors, self._hidden, None, self._codes)
            self.rows.append((self.ended, row, self._row_times))
        self._number += self._row_times

    def _end_cell(self) -> None:
        text: str | None = None
        error: Phrase | None = None
        written = "\n".join(self._paragraphs)
        try:
            text = _cell_text(self._attributes, written)
        except UnreadableCell as unreadable:
            text, error = unreadable.text, unreadable.error
        times = _times(self._attributes, "table:number-columns-repeated")
        first = self._column
        self._column += times
        if text is None and error is None:
            return
        if self._column > self._most_columns:
            self.faults[self.ended] = _("row {row} has more than {most} columns").format(
                row=self._number, most=number(self._most_columns)
            )
            return
        self._cells += [None] * (first - len(self._cells)) + [text] * times
        kind = self._attributes.get("office:value-type")
        if text and not error and (kind in _NUMBERS or kind == "date") and (code := code_as_written(text, written)):
            self._codes.update(dict.fromkeys(range(first, self._column), code))
        if error:
            self._errors.update(dict.fromkeys(range(first, self._column), error))


def _times(attributes: Attributes, name: str) -> int:
    return whole_number(attributes.get(name)) or 1


def _space(name: str, attributes: Attributes) -> str:
    if name == "text:s":
        return " " * min(_times(attributes, "text:c"), _LONGEST_SPACE)
    return {"text:tab": "\t", "text:line-break": "\n"}.get(name, "")


def _cell_text(attributes: Attributes, shown: str) -> str | None:
    """Return the text of a cell. `shown`: its paragraphs. Raises UnreadableCell."""
    kind = attributes.get("office:value-type", "")
    is_formula = "table:formula" in attributes
    if attributes.get("calcext:value-type") == "error" or (is_formula and _ERROR_TEXT.fullmatch(shown.strip())):
        raise UnreadableCell(error_cell(shown.strip()))
    if kind in _NUMBERS:
        if is_formula and shown.strip().upper() in _TRUTHS:  # LibreOffice stores =TRUE() as the number 1
            return truth_text(attributes.get("office:value") == "1")
        return number_text(attributes.get("office:value", ""))
    if kind == "date":
        return iso_text(attributes.get("office:date-value", ""))
    if kind == "time":
        return duration_text(attributes.get("office:time-value", ""))
    if kind == "boolean":
        return truth_text(attributes.get("office:boolean-value") == "true")
    if is_formula and not kind:
        raise UnreadableCell(NO_STORED_VALUE)
    return plain_text(shown or attributes.get("office:string-value", ""))

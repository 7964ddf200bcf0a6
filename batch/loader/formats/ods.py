"""ODS workbooks (LibreOffice): a stream over the one part that holds all sheets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from batch.i18n import _, number
from batch.loader.formats.cell_text import (
    NO_STORED_VALUE,
    UnreadableCell,
    duration_text,
    error_cell,
    iso_text,
    number_text,
    plain_text,
    truth_text,
)
from batch.loader.source import NO_CELL_ERRORS, Grid, RawRow, Tab
from batch.model.phrases import Phrase
from batch.ooxml.archive import PROTECTED, Archive, PartParser
from batch.ooxml.xml import Attributes

_CONTENT = "content.xml"
_NUMBERS = frozenset(("float", "percentage", "currency"))
_ERROR_TEXT = re.compile(r"#[A-Z/0!?]+[!?A]?|Err:[0-9]{3}|#N/A")
_TRUTHS = frozenset(("TRUE", "FALSE", "VERDADEIRO", "FALSO"))
_HIDING = frozenset(("collapse", "filter"))


class OdsBook:
    """A workbook whose sheets are known."""

    format = "ods"

    def __init__(self, archive: Archive) -> None:
        source = archive.source
        if "META-INF/manifest.xml" in archive and b"encryption-data" in archive.read("META-INF/manifest.xml"):
            raise source.refusal(_(PROTECTED), _("Open it in LibreOffice, save it without a password, and use that."))
        self._archive = archive
        tables = _Tables()
        for _size in _parsed(archive, tables):
            pass
        self.tabs = tuple(
            Tab(name=name, visible=style not in tables.hidden_styles, place=str(index))
            for index, (name, style) in enumerate(tables.found)
        )

    def grid(self, tab: Tab) -> Grid:
        """The rows of a worksheet. Raises SheetError: damaged, forbidden XML, or over a limit."""
        return _OdsGrid(archive=self._archive, index=int(tab.place))


@dataclass(frozen=True, kw_only=True, slots=True)
class _OdsGrid:
    archive: Archive
    index: int

    def rows(self) -> Iterator[RawRow]:
        limits = self.archive.source.limits
        collector = _Rows(self.index, limits.columns)
        since = 0
        for size in _parsed(self.archive, collector):
            if collector.fault:
                raise self.archive.source.damage(collector.fault)
            since = 0 if collector.rows else since + size
            if since > limits.row_bytes and collector.inside:
                raise self.archive.source.excess(
                    _("one row has more than {limit} bytes (limit row_bytes)").format(limit=number(limits.row_bytes))
                )
            for row, times in collector.rows:
                for repeated in range(times):
                    yield row._replace(number=row.number + repeated)
            collector.rows.clear()


def _parsed(archive: Archive, collector: _Tables | _Rows) -> Iterator[int]:
    """Feed the part to the collector piece by piece; gives the size of each."""
    parser = PartParser(archive.source, _CONTENT, start=collector.start, end=collector.end, text=collector.text)
    for piece in archive.chunks(_CONTENT):
        parser.feed(piece)
        yield len(piece)
    parser.feed(b"", last=True)
    yield 0


class _Tables:
    """Collects names and visibility of the sheets."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
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
        if name == "table:table":
            self._depth -= 1

    def text(self, _text: str) -> None:
        """Text is of no interest here."""


class _Rows:
    """Collects the rows of one sheet, each with how often it is repeated."""

    def __init__(self, index: int, columns: int) -> None:
        self.rows: list[tuple[RawRow, int]] = []
        self.fault = ""
        self.inside = False
        self._index = index
        self._columns = columns
        self._table = -1
        self._depth = 0
        self._number = 1
        self._begin_row({})
        self._begin_cell({})
        self._silent = 0

    def _begin_row(self, attributes: Attributes) -> None:
        self._cells: list[str | None] = []
        self._errors: dict[int, Phrase] = {}
        self._column = 0
        self._row_times = _times(attributes, "table:number-rows-repeated")
        self._hidden = attributes.get("table:visibility") in _HIDING

    def _begin_cell(self, attributes: Attributes) -> None:
        self._attributes = attributes
        self._paragraphs: list[str] = []
        self._pieces: list[str] | None = None

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "table:table":
            self._depth += 1
            self._table += self._depth == 1
            self.inside = self._depth == 1 and self._table == self._index
        if not self.inside:
            return
        if name in {"table:table-cell", "table:covered-table-cell"}:
            self._begin_cell(attributes)
        elif name == "table:table-row":
            self._begin_row(attributes)
        elif name in {"office:annotation", "draw:frame", "table:shapes"}:
            self._silent += 1
        elif name == "text:p" and not self._silent:
            self._pieces = []
        elif self._pieces is not None and not self._silent:
            self._pieces.append(_spacing(name, attributes))

    def text(self, text: str) -> None:
        if self._pieces is not None and not self._silent:
            self._pieces.append(text)

    def end(self, name: str) -> None:
        if name == "table:table":
            self._depth -= 1
            self.inside = self._depth == 1 and self._table == self._index
        if not self.inside:
            return
        if name == "text:p" and not self._silent and self._pieces is not None:
            self._paragraphs.append("".join(self._pieces))
            self._pieces = None
        elif name in {"table:table-cell", "table:covered-table-cell"}:
            self._end_cell()
        elif name == "table:table-row":
            self._end_row()
        elif name in {"office:annotation", "draw:frame", "table:shapes"}:
            self._silent -= 1

    def _end_row(self) -> None:
        if any(self._cells) or self._errors:
            row = RawRow(self._number, self._cells, self._errors or NO_CELL_ERRORS, self._hidden)
            self.rows.append((row, self._row_times))
        self._number += self._row_times

    def _end_cell(self) -> None:
        times = _times(self._attributes, "table:number-columns-repeated")
        text: str | None = None
        wrong: Phrase | None = None
        try:
            text = _cell_text(self._attributes, "\n".join(self._paragraphs))
        except UnreadableCell as unreadable:
            wrong = unreadable.error
        first = self._column
        self._column += times
        if text is None and not wrong:
            return
        if self._column > self._columns:
            self.fault = _("row {row} has more than {most} columns").format(
                row=self._number, most=number(self._columns)
            )
            return
        self._cells += [None] * (first - len(self._cells)) + [text] * times
        if wrong:
            self._errors.update(dict.fromkeys(range(first, self._column), wrong))


def _times(attributes: Attributes, name: str) -> int:
    value = attributes.get(name, "1")
    return max(1, int(value)) if value.isdecimal() and len(value) < 10 else 1  # noqa: PLR2004 (no sheet is so large)


def _spacing(name: str, attributes: Attributes) -> str:
    if name == "text:s":
        return " " * min(_times(attributes, "text:c"), 1000)
    return {"text:tab": "\t", "text:line-break": "\n"}.get(name, "")


def _cell_text(attributes: Attributes, shown: str) -> str | None:
    """Text of a cell. Raises UnreadableCell."""
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

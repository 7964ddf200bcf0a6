"""The short cut for rows of an XLSX worksheet that are written as nearly all are.

A row of a narrow form is taken apart by cutting its text, several times as fast as by an XML parser. What the form
leaves out (formulas, error cells, entities, line breaks, prefixes, unknown attributes, wrong numbers) is not judged
here: such a row is left to `xlsx_rows`, which reads every row that is well-formed. Where both can read a row they give
the same, which a test holds them to.
"""

from __future__ import annotations

import re

from batch.loader.source import NO_CELL_ERRORS, RawRow
from batch.loader.xlsx_cells import CellReader, Converter
from batch.loader.xml_text import plain_text

__all__ = ["ROW_END", "SHEET_START", "PlainRows"]

SHEET_START, ROW_END = b"<sheetData>", b"</row>"

_EXCEL_ROWS = 1_048_576
_MOST_FORMS = 1000
_LONGEST_FORM = 10_000
_NO_FORM = ("", "", "", "", "e", "")
_ROW = re.compile(r'<row r="([1-9][0-9]{0,6})"([^<>/]*)')
_ATTRIBUTES = re.compile(r'(?: [A-Za-z][A-Za-z0-9]*(?::[A-Za-z0-9]+)?="[ !#-;=?-~]*")*')
_ATTRIBUTE = re.compile(r' ([A-Za-z0-9:]+)="([^"]*)"')
_CUT = "\0"
"""Stands between values and what is around them; no plain row has it."""
_CELL = r'<c r="([A-Z]{1,3})"(?: s="([0-9]{1,6})")?(?: t="([A-Za-z]{1,10})")?'
_EMPTY = re.compile(r'<c r="([A-Z]{1,3})"(?: s="[0-9]{1,6}")?(?: t="[A-Za-z]{1,10}")?/>')
_AROUND = re.compile(rf"(i?)((?:{_EMPTY.pattern.replace('([A', '(?:[A')})*)(?:{_CELL}( i)?)?")
"""What stands before a value: how the last one ended, empty cells, the value's own cell and how it begins."""


class _Form:
    """What all rows have in common that differ in nothing but their number and values."""

    __slots__ = ("cells", "columns", "converters", "dense", "tags")

    def __init__(self, columns: list[int], converters: list[Converter], *, empty: int, inline: int) -> None:
        self.columns = columns
        self.converters = converters
        self.dense = columns == list(range(len(columns)))
        self.cells = len(columns) + empty
        self.tags = 1 + 4 * len(columns) + 2 * inline + empty


class PlainRows:
    """Reads the rows of one worksheet, each by itself."""

    def __init__(self, read_cell: CellReader, columns: int) -> None:
        self._read_cell = read_cell
        self._columns = columns
        self._hides: dict[str, bool | None] = {}
        self._forms: dict[str, _Form | None] = {}

    def read(self, row: bytes) -> RawRow | None:
        """The row from `<row` to just before `</row>`; None when it is not of the form, and is to be parsed."""
        text = plain_text(row)
        if text is None:
            return None
        opening, _, body = text.partition(">")
        tag = _ROW.fullmatch(opening)
        hidden = self._hidden(tag[2]) if tag else None
        if tag is None or hidden is None or int(tag[1]) > _EXCEL_ROWS:
            return None
        cells = self._cells(body, tag[1])
        return None if cells is None else RawRow(int(tag[1]), cells, NO_CELL_ERRORS, hidden)

    def _cells(self, body: str, number: str) -> list[str | None] | None:
        """The cells of a row; None when one is not of the form."""
        cut = body.replace("><v>", _CUT).replace("</v></c>", _CUT)
        if "<is>" in cut:
            cut = cut.replace("><is><t>", " i" + _CUT).replace("</t></is></c>", _CUT + "i")
        parts = cut.split(_CUT)
        around = _CUT.join(parts[::2])
        # Where every reference is that of this row, nothing but letters remains of each; the count is for the rest.
        reference = number + '"'
        form = self._form(around.replace(reference, '"'))
        if (
            form is None
            or around.count(reference) != form.cells
            or body.count("<") + 1 != form.tags
            or body.count(">") + 1 != form.tags
        ):
            return None
        stored = parts[1::2]
        try:
            if form.dense and all(stored):
                return [convert(each) for convert, each in zip(form.converters, stored, strict=True)]
            return _spread(form, stored)
        except ValueError:
            return None

    def _form(self, key: str) -> _Form | None:
        if key in self._forms:
            return self._forms[key]
        form = self._new_form(key) if len(key) <= _LONGEST_FORM else None
        if len(self._forms) < _MOST_FORMS and len(key) <= _LONGEST_FORM:
            self._forms[key] = form
        return form

    def _new_form(self, key: str) -> _Form | None:
        heads = [_AROUND.fullmatch(head) for head in key.split(_CUT)]
        *values, last = (head.groups() if head else _NO_FORM for head in heads)
        inline = [bool(head[-1]) for head in values]
        if last[2] is not None or [bool(head[0]) for head in (*values, last)] != [False, *inline]:
            return None
        empty = [_column(letters) for head in (*values, last) for letters in _EMPTY.findall(head[1] or "")]
        columns = [_column(head[2]) if head[2] else self._columns for head in values]
        if max([*columns, *empty], default=0) >= self._columns or any(head[4] == "e" for head in values):
            return None
        converters = [self._read_cell.converter(head[4], head[3]) for head in values]
        return _Form(columns, converters, empty=len(empty), inline=sum(inline))

    def _hidden(self, attributes: str) -> bool | None:
        """Whether a row with these attributes is hidden; None when they are not of the form."""
        if attributes in self._hides:
            return self._hides[attributes]
        hidden = _hidden(attributes)
        if len(self._hides) < _MOST_FORMS:
            self._hides[attributes] = hidden
        return hidden


def _hidden(attributes: str) -> bool | None:
    if not _ATTRIBUTES.fullmatch(attributes):
        return None
    names = _ATTRIBUTE.findall(attributes)
    found = dict(names)
    if len(found) < len(names) or "r" in found:
        return None
    return found.get("hidden") in {"1", "true", "on"} or found.get("ht") == "0"


def _column(letters: str) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index - 1


def _spread(form: _Form, stored: list[str]) -> list[str | None]:
    """Cells at their columns; empty ones count only where another follows."""
    cells: list[str | None] = []
    for column, convert, each in zip(form.columns, form.converters, stored, strict=True):
        text = convert(each) if each else None
        have = len(cells)
        if column == have:
            if each:
                cells.append(text)
        elif text is not None:
            if column > have:
                cells.extend([None] * (column + 1 - have))
            cells[column] = text
    return cells

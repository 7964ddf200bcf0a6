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

__all__ = ["ROW_END", "SHEET_START", "PlainRows"]

SHEET_START, ROW_END = b"<sheetData>", b"</row>"

_EXCEL_ROWS = 1_048_576
_MOST_FORMS = 1000
_LONGEST_FORM = 10_000
_ROW = re.compile(r'<row r="([1-9][0-9]{0,6})"([^<>/]*)')
_ATTRIBUTES = re.compile(r'(?: [A-Za-z][A-Za-z0-9]*(?::[A-Za-z0-9]+)?="[ !#-;=?-~]*")*')
_ATTRIBUTE = re.compile(r' ([A-Za-z0-9:]+)="([^"]*)"')
_CELL = re.compile(r'<c r="([A-Z]{1,3})([0-9]{1,7})"([^<>/]*)(?:><v>([^<>]*)</v></c>|/>|><is><t>([^<>]*)</t></is></c>)')
_KIND = re.compile(r'(?: s="([0-9]{1,6})")?(?: t="([A-Za-z]{1,10})")?')


class _Form:
    """What rows have in common whose cells stand in the same columns and are of the same kinds."""

    __slots__ = ("columns", "converters", "dense")

    def __init__(self, columns: list[int], converters: list[Converter]) -> None:
        self.columns = columns
        self.converters = converters
        self.dense = columns == list(range(len(columns)))


class PlainRows:
    """Reads the rows of one worksheet, each by itself."""

    def __init__(self, read_cell: CellReader, columns: int) -> None:
        self._read_cell = read_cell
        self._columns = columns
        self._hides: dict[str, bool | None] = {}
        self._forms: dict[tuple[str, ...], _Form | None] = {}

    def read(self, row: str) -> RawRow | None:
        """The row from `<row` to just before `</row>`; None when it is not of the form, and is to be parsed.

        `row` is `plain_text`.
        """
        opening, _, body = row.partition(">")
        tag = _ROW.fullmatch(opening)
        if tag is None:
            return None
        digits, attributes = tag.groups()
        number = int(digits)
        hidden = self._hidden(attributes)
        if hidden is None or number > _EXCEL_ROWS:
            return None
        cells = self._cells(body, digits)
        return None if cells is None else RawRow(number, cells, NO_CELL_ERRORS, hidden)

    def _cells(self, body: str, number: str) -> list[str | None] | None:
        """The cells of a row; None when one is not of the form."""
        # What stands before the first cell; of each its column, row, kind, value, text, and what follows it.
        parts = _CELL.split(body)
        numbers = parts[2::6]
        if any(parts[::6]) or numbers.count(number) != len(numbers):
            return None
        key = (*parts[1::6], *parts[3::6])
        form = self._forms.get(key) or self._form(key)
        if form is None:
            return None
        stored = parts[4::6]
        if "<is>" in body:
            stored = [text if value is None else value for value, text in zip(stored, parts[5::6], strict=True)]
        try:
            if form.dense and all(stored):
                return [convert(each) for convert, each in zip(form.converters, stored, strict=True)]
            return _spread(form, stored)
        except ValueError:
            return None

    def _form(self, key: tuple[str, ...]) -> _Form | None:
        if key in self._forms:
            return self._forms[key]
        form = self._new_form(key)
        if len(self._forms) < _MOST_FORMS and sum(map(len, key)) <= _LONGEST_FORM:
            self._forms[key] = form
        return form

    def _new_form(self, key: tuple[str, ...]) -> _Form | None:
        count = len(key) // 2
        columns = [_column(letters) for letters in key[:count]]
        kinds = [_KIND.fullmatch(attributes) for attributes in key[count:]]
        if max(columns, default=0) >= self._columns or any(kind is None or kind[2] == "e" for kind in kinds):
            return None
        return _Form(columns, [self._read_cell.converter(kind[2], kind[1]) for kind in kinds if kind])

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


def _spread(form: _Form, stored: list[str | None]) -> list[str | None]:
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

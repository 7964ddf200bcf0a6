"""The short cut for rows of an XLSX worksheet that are written as nearly all are.

A row of a narrow form is taken apart by cutting its text, several times as fast as by an XML parser. What the form
leaves out (formulas, error cells, entities, line breaks, prefixes, unknown attributes, wrong numbers) is not judged
here: such a row is left to `xlsx_rows`, which reads every row that is well-formed. Where both can read a row they give
the same, which a test holds them to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from batch.loader.formats.xlsx_cells import CellReader, Converter
from batch.loader.source import NO_CELL_ERRORS, RawRow

SHEET_START, ROW_END = b"<sheetData>", b"</row>"

_EXCEL_ROWS = 1_048_576
_MOST_FORMS = 1000
_LONGEST_FORM = 10_000
_ROW = re.compile(r'<row r="([1-9][0-9]{0,6})"([^<>/]*)')
_ATTRIBUTES = re.compile(r'(?: [A-Za-z][A-Za-z0-9]*(?::[A-Za-z0-9]+)?="[ !#-;=?-~]*")*')
_ATTRIBUTE = re.compile(r' ([A-Za-z0-9:]+)="([^"]*)"')
_CELL = re.compile(r'<c r="([A-Z]{1,3})([0-9]{1,7})"([^<>/]*)(?:><v>([^<>]*)</v></c>|/>|><is><t>([^<>]*)</t></is></c>)')
_ROW_OF = r'<row r="([1-9][0-9]{0,6})"([^<>/]*)>'
_CELL_OF = r'<c r="%s\1"([^<>/]*)><v>([^<>]*)</v></c>'
"""A row whose columns are known, each cell with a value: one look at it takes half the time of taking it apart."""
_MOST_USUAL, _MOST_CELLS = 20, 200
"""To make ready for such a row takes as long as reading hundreds."""
_KIND = re.compile(r'(?: s="([0-9]{1,6})")?(?: t="([A-Za-z]{1,10})")?')


class _Form:
    """What rows have in common whose cells stand in the same columns and are of the same kinds."""

    __slots__ = ("columns", "converters", "dense")

    def __init__(self, columns: list[int], converters: list[Converter]) -> None:
        self.columns = columns
        self.converters = converters
        self.dense = columns == list(range(len(columns)))


class _Usual:
    """Rows of some columns, each with a value."""

    __slots__ = ("forms", "letters", "pattern")

    def __init__(self, letters: tuple[str, ...]) -> None:
        self.letters = letters
        self.pattern = re.compile(_ROW_OF + "".join([_CELL_OF % each for each in letters]))
        self.forms: dict[tuple[str, ...], _Form] = {}
        """By the kinds of the cells."""


class PlainRows:
    """Reads the rows of one worksheet, each by itself."""

    def __init__(self, read_cell: CellReader, columns: int) -> None:
        self._read_cell = read_cell
        self._columns = columns
        self._hides: dict[str, bool | None] = {}
        self._forms: dict[tuple[str, ...], _Form | None] = {}
        self._usual: dict[int, _Usual] = {}
        """By how many cells they have, the rows that were seen last."""
        self._known: dict[tuple[str, ...], _Usual] = {}

    def read(self, row: str) -> RawRow | None:
        """The row from `<row` to just before `</row>`; None when it is not of the form, and is to be parsed.

        `row` is `plain_text`.
        """
        usual = self._usual.get(row.count("<c "))
        found = usual.pattern.fullmatch(row) if usual else None
        if usual is None or found is None:
            return self._read_any(row)
        # The number, what else the tag says, and of each cell its kind and its value.
        parts = found.groups("")
        kinds = parts[2::2]
        form = usual.forms.get(kinds)
        if form is None:
            form = self._form((*usual.letters, *kinds))
            if form is not None and len(usual.forms) < _MOST_FORMS:
                usual.forms[kinds] = form
        return self._row(parts[0], parts[1], form, parts[3::2])

    def _read_any(self, row: str) -> RawRow | None:
        opening, _, body = row.partition(">")
        tag = _ROW.fullmatch(opening)
        # What stands before the first cell; of each its column, row, kind, value, text, and what follows it.
        parts = _CELL.split(body)
        letters, numbers, stored = parts[1::6], parts[2::6], parts[4::6]
        if tag is None or any(parts[::6]) or numbers.count(tag[1]) != len(numbers):
            return None
        if "<is>" in body:
            stored = [text if value is None else value for value, text in zip(stored, parts[5::6], strict=True)]
        elif stored and None not in stored:
            self._expect(tuple(letters))
        return self._row(tag[1], tag[2], self._form((*letters, *parts[3::6])), stored)

    def _expect(self, letters: tuple[str, ...]) -> None:
        """Look at the next row of as many cells as one of these columns."""
        if letters not in self._known and len(self._known) < _MOST_USUAL and len(letters) <= _MOST_CELLS:
            self._known[letters] = _Usual(letters)
        if letters in self._known:
            self._usual[len(letters)] = self._known[letters]

    def _row(self, digits: str, attributes: str, form: _Form | None, stored: Sequence[Any]) -> RawRow | None:
        number = int(digits)
        hidden = self._hides[attributes] if attributes in self._hides else self._hidden(attributes)
        if form is None or hidden is None or number > _EXCEL_ROWS:
            return None
        try:
            if form.dense and all(stored):
                cells = [convert(each) for convert, each in zip(form.converters, stored, strict=True)]
            else:
                cells = _spread(form, stored)
        except ValueError:
            return None
        return RawRow(number, cells, NO_CELL_ERRORS, hidden)

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


def _spread(form: _Form, stored: Sequence[str | None]) -> list[str | None]:
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

"""Cells of an XLSX worksheet as text, and whole rows where their markup is of the usual form."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from operator import itemgetter
from typing import NamedTuple

from batch.i18n import N_
from batch.loader.formats.dates_and_numbers import (
    NumberKind,
    UnreadableCell,
    error_cell,
    iso_text,
    number_kind,
    number_text,
    plain_text,
    serial_text,
    truth_text,
)
from batch.loader.formats.number_format import find_code
from batch.loader.source import HEAVY_ROW, NO_CELL_ERRORS, RawRow
from batch.model.phrases import Phrase
from batch.model.sheets import SheetFile
from batch.ooxml.package import is_true
from batch.ooxml.references import LAST_ROW, column_number, whole_number
from batch.ooxml.shared_strings import SharedStrings
from batch.ooxml.xml import unescape

_HELD_TEXT = 32 * 1024 * 1024
"""Characters of long texts that are kept, so that cells which refer to one share it; and of the rows of one piece."""
_LEAST_CELL = 20
"""Bytes of the shortest cell that refers to a text."""
_LEAST_PIECE = 400
_MOST_PIECE = 64 * 1024
_CACHED = 65_536
_LONGEST_CACHED = 128
"""Characters: so bounded, a cache takes a few MB."""

Converter = Callable[[str], str | None]


class _ConverterCache(dict[str, str | None]):
    """Texts by stored value, as long as there is room: names of cities, days and states repeat."""

    __slots__ = ("_convert",)

    def __init__(self, convert: Converter) -> None:
        self._convert = convert

    def __missing__(self, stored: str) -> str | None:
        text = self._convert(stored)
        if len(self) < _CACHED and len(text or "") + len(stored) <= _LONGEST_CACHED:
            self[stored] = text
        return text


class CellFormat(NamedTuple):
    """Way in which a cell style shows numbers."""

    kind: NumberKind
    code: str
    """That of a format that may show another text than the plain one; empty for any other."""


_GENERAL = CellFormat(NumberKind.NUMBER, "")
_MOST_STYLES = 4096


def cell_formats(ids: Sequence[int], formats: Mapping[int, str]) -> list[CellFormat]:
    """Return by the index of each cell style how it shows numbers. `ids`: of their formats; `formats`: own codes."""
    known = {each: CellFormat(number_kind(each, formats), find_code(each, formats)) for each in set(ids)}
    return [known[each] for each in ids]


class CellReader:
    """Converts stored values to text, with the workbook's texts, formats and epoch."""

    def __init__(
        self,
        *,
        source: SheetFile,
        strings: SharedStrings,
        formats: list[CellFormat],
        epoch_1904: bool,
        recalculates: bool = False,
    ) -> None:
        self.recalculates = recalculates
        self.piece_bytes = max(_LEAST_PIECE, min(_MOST_PIECE, _HELD_TEXT // (strings.longest + 1) * _LEAST_CELL))
        """Bytes of a worksheet to read at a time: its cells may all refer to the longest text."""
        self.characters = 0
        """Characters of the long texts that were given out; to be set to 0 before each row."""
        self._source = source
        self._strings = strings
        self._long_texts: dict[str, str | None] = {}
        self._held = 0
        self._formats = formats
        self._epoch_1904 = epoch_1904
        self._converters: dict[str, Converter] = {
            "s": _ConverterCache(self._shared).__getitem__,
            **dict.fromkeys(("str", "inlineStr"), _escaped_text),
            "xlsb": plain_text,
            "b": _stored_truth,
            "d": iso_text,
        }
        """By cell type; `xlsb` is a text of XLSB, without escapes."""
        self.read_style = lru_cache(maxsize=_MOST_STYLES)(self._read_style)
        """Return what makes text of stored values of a cell type and style, and the code that may show it otherwise.

        It makes None where there is no text, and raises UnreadableCell.
        """

    def _read_style(self, kind: str | None, style: str | None) -> tuple[Converter, str]:
        if kind not in {None, "n"}:
            return self._converters.get(kind or "", _stored_error), ""
        index = whole_number(style) or 0
        number_format = self._formats[index] if index < len(self._formats) else _GENERAL
        if number_format.kind is NumberKind.NUMBER:
            return number_text, number_format.code
        is_elapsed = number_format.kind is NumberKind.ELAPSED
        convert = partial(serial_text, epoch_1904=self._epoch_1904, elapsed=is_elapsed)
        return _ConverterCache(convert).__getitem__, number_format.code

    def _shared(self, stored: str) -> str | None:
        """Return a shared text that no cache of short ones holds. Raises SheetError: the row has too many of them."""
        if stored in self._long_texts:
            text = self._long_texts[stored]
        else:
            try:
                text = plain_text(self._strings[int(stored)])
            except (ValueError, IndexError):
                lost = N_("error cell: text number {digits} is missing in the workbook")
                raise UnreadableCell(Phrase(lost, {"digits": stored[:20]})) from None
            if not text or len(text) <= _LONGEST_CACHED:
                return text
            self._hold(stored, text)
        self.characters += len(text or "")
        self._source.check("row_characters", self.characters, HEAVY_ROW)
        return text

    def _hold(self, stored: str, text: str) -> None:
        self._held += len(text)
        if self._held > _HELD_TEXT:
            self._long_texts.clear()
            self._held = len(text)
        self._long_texts[stored] = text


def _escaped_text(stored: str) -> str | None:
    return plain_text(unescape(stored))


def _stored_truth(stored: str) -> str:
    return truth_text(is_true(stored.strip().lower()))


def _stored_error(stored: str) -> str:
    raise UnreadableCell(error_cell(stored.strip()))


_MOST_LAYOUTS = 1000
_LONGEST_LAYOUT = 10_000
_MOST_COLUMNS, _MOST_PATTERNS = 1024, 20
"""A pattern of so many columns takes a fifth of a second to compile."""
_TEXT = r"([^<>&\x00-\x1f]*+)"
_ROW = r'<row r="([1-9][0-9]{0,6})"([^<>/]*+)>'
_CELL = r'(?:<c r="{letters}\1"([^<>/]*+)(?:><v>{text}</v></c>|/>|><is><t>{text}</t></is></c>)|(?!<c r="{letters}\1"))'
"""A cell of the row's own number, or none, without a way back: its kind, value and text are groups."""
_LETTERS = re.compile(r'<c r="([A-Z]{1,3})[0-9]')
_KIND = re.compile(r'(?: s="([0-9]{1,6})")?(?: t="([A-Za-z]{1,10})")?')
_ATTRIBUTES = re.compile(r'(?: [A-Za-z][A-Za-z0-9]*(?::[A-Za-z0-9]+)?="[ !#-%\'-;=?-~]*")*')
_ATTRIBUTE = re.compile(r' ([A-Za-z0-9:]+)="([^"]*)"')
_ROW_GROUPS, _CELL_GROUPS = 2, 3


class _Layout(NamedTuple):
    """Columns (from 0) and converters of the cells of a row; rows of a sheet have few different layouts."""

    columns: list[int]
    converters: list[Converter]
    places: list[int]
    """Of the cells among the known columns."""
    dense: int
    """Number of the cells where they stand in the first columns, without gaps; else 0."""
    codes: Mapping[int, str]
    """`RawRow.codes`: one object for all rows with the same."""


def _row_pattern(columns: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of a row of cells in some of the columns, named by their letters in their order."""
    return re.compile(_ROW + "".join([_CELL.format(letters=letters, text=_TEXT) for letters in columns]))


class FastRows:
    """Reads rows of one worksheet, each by itself, by one pattern that has a place for each column.

    It is made anew for a row with further columns; nearly always that is the first row alone.
    """

    def __init__(self, read_cell: CellReader, columns: int) -> None:
        self._read_cell = read_cell
        self._most_columns = columns
        self._columns: dict[str, int] = {}
        """Letters to index of the columns seen so far, in their order."""
        self._patterns = 0
        self._match = _row_pattern(()).fullmatch
        self._layouts: dict[tuple[str | None, ...], _Layout | None] = {}
        """By the kinds of the cells, None where there is none; None for a layout that is not of the usual form."""
        self._codes: dict[tuple[tuple[int, str], ...], Mapping[int, str]] = {}
        self._hidden: dict[str, bool | None] = {}
        """By the attributes of the row's tag."""

    def read(self, row: str) -> RawRow | None:
        """Read a row from `<row` to just before `</row>`; None when it must be parsed.

        `row`: as `decode_plain` gives it, without comments, sections and instructions.
        """
        self._read_cell.characters = 0
        match = self._match(row) or (self._match(row) if self._learn_columns(row) else None)
        if match is None:
            return None
        groups = match.groups()
        number = int(groups[0])
        kinds = groups[_ROW_GROUPS::_CELL_GROUPS]
        layout = self._layouts[kinds] if kinds in self._layouts else self._make_layout(kinds)
        tag = groups[1]
        hidden = self._hidden[tag] if tag in self._hidden else self._is_hidden(tag)
        if layout is None or hidden is None or number > LAST_ROW:
            return None
        stored = groups[_ROW_GROUPS + 1 :: _CELL_GROUPS]
        if "<is>" in row:
            texts = groups[_ROW_GROUPS + 2 :: _CELL_GROUPS]
            stored = tuple([text if value is None else value for value, text in zip(stored, texts, strict=True)])
        try:
            if layout.dense and all(stored[: layout.dense]):
                cells = [convert(each) for convert, each in zip(layout.converters, stored, strict=False)]
            else:
                cells = _spread(layout, stored)
        except ValueError:
            return None
        return RawRow(number, cells, NO_CELL_ERRORS, hidden, None, layout.codes)

    def _learn_columns(self, row: str) -> bool:
        """Give the pattern a place for each column of a row; False where it has them, or they are too many."""
        new = set(_LETTERS.findall(row)) - self._columns.keys()
        if not new or self._patterns == _MOST_PATTERNS or len(self._columns) + len(new) > _MOST_COLUMNS:
            return False
        found = self._columns | {letters: column_number(letters) - 1 for letters in new}
        if max(found.values()) >= self._most_columns:
            return False
        self._columns = dict(sorted(found.items(), key=itemgetter(1)))
        self._match = _row_pattern(self._columns).fullmatch
        self._patterns += 1
        return True

    def _make_layout(self, key: tuple[str | None, ...]) -> _Layout | None:
        places = [place for place, attributes in enumerate(key) if attributes is not None]
        known = list(self._columns.values())
        columns = [known[place] for place in places]
        kinds = [_KIND.fullmatch(attributes) for attributes in key if attributes is not None]
        layout = None
        if all(kind and kind[2] != "e" for kind in kinds):
            found = [self._read_cell.read_style(kind[2], kind[1]) for kind in kinds if kind]
            coded = tuple((column, code) for column, (_, code) in zip(columns, found, strict=True) if code)
            codes = self._codes.get(coded) or dict(coded)
            dense = len(columns) if columns == list(range(len(columns))) else 0
            layout = _Layout(columns, [convert for convert, _ in found], places, dense, codes)
        if len(self._layouts) < _MOST_LAYOUTS and sum(map(len, filter(None, key))) + len(key) <= _LONGEST_LAYOUT:
            self._layouts[key] = layout
            if layout:
                self._codes[tuple(layout.codes.items())] = layout.codes
        return layout

    def _is_hidden(self, attributes: str) -> bool | None:
        """Tell by its attributes whether a row is hidden; None when they are not of the usual form."""
        pairs = _ATTRIBUTE.findall(attributes)
        found = dict(pairs)
        hidden = None
        if _ATTRIBUTES.fullmatch(attributes) and len(found) == len(pairs) and "r" not in found:
            hidden = is_true(found.get("hidden")) or found.get("ht") == "0"
        if len(self._hidden) < _MOST_LAYOUTS:
            self._hidden[attributes] = hidden
        return hidden


def _spread(layout: _Layout, stored: Sequence[str | None]) -> list[str | None]:
    """Put cells at their columns; empty ones count only where another follows."""
    cells: list[str | None] = []
    for place, column, convert in zip(layout.places, layout.columns, layout.converters, strict=True):
        each = stored[place]
        text = convert(each) if each else None
        have = len(cells)
        if column == have:
            if each:
                cells.append(text)
        elif text is not None:
            cells.extend([None] * (column + 1 - have))
            cells[column] = text
    return cells

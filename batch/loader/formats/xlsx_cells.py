"""Cells of an XLSX worksheet as text, and whole rows where their markup is of the usual form."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import count, pairwise, repeat
from operator import itemgetter
from typing import Any, NamedTuple

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
from batch.loader.source import HEAVY_ROW, NO_CELL_ERRORS, NO_CODES, RawRow, check_row
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
        self._characters = self._most_characters = 0
        """Of long texts: those that were given out since `start_rows`, and as many as there may be."""
        self._source = source
        self._strings = strings
        self._long_texts: dict[str, str] = {}
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

    def start_rows(self, count: int = 1) -> None:
        """Begin with rows whose texts together are refused when they are too long for so many."""
        self._characters, self._most_characters = 0, count * self._source.limits.row_characters

    def check_rows(self, rows: list[RawRow]) -> list[RawRow]:
        """Return the rows that were begun together. Raises SheetError: one has too many characters."""
        if self._characters > self._source.limits.row_characters:
            for row in rows:
                check_row(self._source, row)
        return rows

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
        text = self._long_texts.get(stored)
        if text is None:
            try:
                text = self._strings[int(stored)].strip()
            except (ValueError, IndexError):
                lost = N_("error cell: text number {digits} is missing in the workbook")
                raise UnreadableCell(Phrase(lost, {"digits": stored[:20]})) from None
            if len(text) <= _LONGEST_CACHED:
                return text or None
            self._hold(stored, text)
        self._characters += len(text)
        if self._characters > self._most_characters:
            self._source.check("row_characters", self._characters, HEAVY_ROW)
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


_MOST_KINDS = 1000
_MOST_COLUMNS, _MOST_PATTERNS = 1024, 20
"""A pattern of so many columns takes a fifth of a second to compile."""
_TEXT = r"([^<>&\x00-\x1f]*+)"
_ROW = r'<row r="([1-9][0-9]{{0,6}})"([^<>/]*+)(?:/>|>{cells}</row>)'
_CELL = (
    r'(?:<c r="{letters}\1"([^<>/]*+)(?<! t="e")(?:><v>{text}</v></c>|/>|><is><t>{text}</t></is></c>)'
    r'|(?!<c r="{letters}\1"))'
)
"""A cell of the row's own number, or none, without a way back: its kind, value and text are groups."""
_LETTERS = re.compile(r'<c r="([A-Z]{1,3})[0-9]')
_ATTRIBUTES = re.compile(r'(?: [A-Za-z][A-Za-z0-9]*(?::[A-Za-z0-9]+)?="[ !#-%\'-;=?-~]*")*')
_ATTRIBUTE = re.compile(r' ([A-Za-z0-9:]+)="([^"]*)"')
_ROW_GROUPS, _CELL_GROUPS = 2, 3


def _row_pattern(columns: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of a row of cells in some of the columns, named by their letters in their order."""
    return re.compile(_ROW.format(cells="".join([_CELL.format(letters=each, text=_TEXT) for each in columns])))


class FastRows:
    """Reads rows of one worksheet, many at a time, by one pattern that has a place for each column.

    It is made anew for a row with further columns; nearly always that is the first row alone. What it finds in the rows
    is converted column by column, because the cells of one are nearly always of one kind.
    """

    def __init__(self, read_cell: CellReader, columns: int) -> None:
        self._read_cell = read_cell
        self._most_columns = columns
        self._columns: dict[str, int] = {}
        """Letters to index of the columns seen so far, in their order."""
        self._patterns = 0
        self._pattern = _row_pattern(())
        self._read_kind = lru_cache(maxsize=_MOST_KINDS)(self._read_attributes)

    def read(self, block: str) -> list[tuple[str, list[RawRow]]]:
        """Return stretches of whole rows: markup that must be parsed, and the rows behind it, which were read.

        `block`: as `decode_plain` gives it, without comments, sections and instructions.
        """
        parts = self._pattern.split(block)
        while self._learn_columns(parts[:: self._pattern.groups + 1]):
            parts = self._pattern.split(block)
        unread = parts[:: self._pattern.groups + 1]
        is_split = all(map(_holds_whole_rows, filter(None, unread)))
        rows = self._make_rows(parts, has_inline="<is>" in block) if is_split else None
        if rows is None:
            return [(block, [])]
        starts = [0, *(place for place, markup in enumerate(unread) if markup and place), len(unread)]
        return [(unread[start], rows[start:end]) for start, end in pairwise(starts)]

    def _learn_columns(self, unread: Iterable[str]) -> bool:
        """Give the pattern a place for each column of the rows that it missed; False where it cannot have more."""
        new = set(_LETTERS.findall("".join(unread))) - self._columns.keys()
        if not new or self._patterns == _MOST_PATTERNS or len(self._columns) + len(new) > _MOST_COLUMNS:
            return False
        found = self._columns | {letters: column_number(letters) - 1 for letters in new}
        if max(found.values()) >= self._most_columns:
            return False
        self._columns = dict(sorted(found.items(), key=itemgetter(1)))
        self._pattern = _row_pattern(self._columns)
        self._patterns += 1
        return True

    def _make_rows(self, parts: list[Any], *, has_inline: bool) -> list[RawRow] | None:
        """Make rows of the groups; None where one is unusual. `has_inline`: cells may have their text in themselves."""
        step = self._pattern.groups + 1
        numbers, hidden = [*map(int, parts[1::step])], [*map(_is_hidden, parts[2::step])]
        if None in hidden or max(numbers, default=0) > LAST_ROW:
            return None
        self._read_cell.start_rows(len(numbers))
        table = _Table(len(numbers))
        for at, column in enumerate(self._columns.values()):
            first = 1 + _ROW_GROUPS + at * _CELL_GROUPS
            kinds, values, texts = (parts[group::step] for group in range(first, first + _CELL_GROUPS))
            formats = {kind: known for kind in set(kinds) if (known := self._read_kind(kind))}
            if len(formats) < len(set(kinds)):
                return None
            stored = [each or text for each, text in zip(values, texts, strict=True)] if has_inline else values
            table.add(column, kinds, stored, formats)
        return self._read_cell.check_rows(table.rows(numbers, hidden))

    def _read_attributes(self, attributes: str | None) -> tuple[Converter, str] | None:
        """Return what `CellReader.read_style` gives for a cell (None: there is none); None for an unusual one."""
        if attributes is None:
            return plain_text, ""
        found = _parse_attributes(attributes)
        if found is None or found.get("t") == "e":
            return None  # an error without a value is one as well
        return self._read_cell.read_style(found.get("t"), found.get("s"))


def _holds_whole_rows(markup: str) -> bool:
    return markup.endswith("</row>") and markup.count("<row") == markup.count("</row>")


def _parse_attributes(attributes: str) -> dict[str, str] | None:
    """Return the attributes beside `r`, as a tag has them; None when they are not of the usual form."""
    pairs = _ATTRIBUTE.findall(attributes)
    found = dict(pairs)
    return found if _ATTRIBUTES.fullmatch(attributes) and len(found) == len(pairs) and "r" not in found else None


@lru_cache(maxsize=_MOST_KINDS)
def _is_hidden(attributes: str) -> bool | None:
    """Tell by its attributes whether a row is hidden; None when they are not of the usual form."""
    found = _parse_attributes(attributes)
    return None if found is None else is_true(found.get("hidden")) or found.get("ht") == "0"


class _Table:
    """The cells of some rows, column by column."""

    def __init__(self, rows: int) -> None:
        self._nothing: list[str | None] = [None] * rows
        self._texts: list[list[str | None]] = []
        self._codes: list[list[tuple[int, str] | None]] = []
        """Of columns with codes that may show another text: by row column and code, or None."""
        self._errors: dict[int, dict[int, Phrase]] = {}
        """By row and column."""

    def add(
        self,
        column: int,
        kinds: Sequence[str | None],
        stored: list[str | None],
        formats: Mapping[str | None, tuple[Converter, str]],
    ) -> None:
        """Add the next column that has cells. `formats`: converter and code of each kind."""
        self._texts += [self._nothing] * (column - len(self._texts))
        if stored == self._nothing:
            self._texts.append(stored)
            return
        converters = repeat(formats[kinds[0]][0]) if len(formats) == 1 else [formats[kind][0] for kind in kinds]
        try:
            texts = [convert(each) if each else None for convert, each in zip(converters, stored, strict=False)]
        except UnreadableCell:
            texts = [self._try(row, column, *cell) for row, cell in enumerate(zip(converters, stored, strict=False))]
        self._texts.append(texts)
        if any(code for _, code in formats.values()):
            coded = {kind: (column, code) if code else None for kind, (_, code) in formats.items()}
            self._codes.append([coded[kind] for kind in kinds])

    def _try(self, row: int, column: int, convert: Converter, stored: str | None) -> str | None:
        try:
            return convert(stored) if stored else None
        except UnreadableCell as unreadable:
            self._errors.setdefault(row, {})[column] = unreadable.error
            return unreadable.text

    def rows(self, numbers: Sequence[int], hidden: Iterable[bool | None]) -> list[RawRow]:
        """Return the rows, which have these numbers."""
        texts = zip(*self._texts, strict=True) if self._texts else repeat(())
        cells = map(_trim if self._texts and None in self._texts[-1] else list, texts)
        errors = (self._errors.get(row, NO_CELL_ERRORS) for row in count()) if self._errors else repeat(NO_CELL_ERRORS)
        codes = map(_join_codes, zip(*self._codes, strict=True)) if self._codes else repeat(NO_CODES)
        return list(map(RawRow, numbers, cells, errors, hidden, repeat(None), codes))


def _trim(texts: tuple[str | None, ...]) -> list[str | None]:
    """Return the texts of a row up to the last."""
    cells = list(texts)
    while cells and cells[-1] is None:
        cells.pop()
    return cells


@lru_cache(maxsize=_MOST_KINDS)
def _join_codes(codes: tuple[tuple[int, str] | None, ...]) -> Mapping[int, str]:
    """Return `RawRow.codes`: one object for all rows with the same."""
    return dict(filter(None, codes))

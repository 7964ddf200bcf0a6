"""Values as the markup of cells: text always as text, numbers as numbers, moments as days since the epoch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from operator import add, itemgetter
from typing import NamedTuple
from xml.sax.saxutils import escape

from batch.model.csv_injection import looks_like_formula
from batch.model.outcomes import Outcome
from batch.ooxml.references import column_letters
from batch.reporter.columns import ALL_COLUMNS, COLUMNS, MOMENTS, SENT_AT, STATUS, Value
from batch.reporter.printable_text import LONGEST, cut_text, escape_exact, escape_text, printable
from batch.reporter.xlsx.theme import Palette, Shades

_UNUSUAL = re.compile("[\x00-\x1f&<>\ud800-\udfff\ufffe\uffff]|_x|  |\\A\\s|\\s\\Z")
"""In a text that must be escape_text, or whose blanks XML would not keep."""
_SIGNS = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
"""First characters of a formula."""
_NUMBER = re.compile(r"-?[0-9]+(?:,[0-9]+)?")
_DATE = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})(?: ([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?)?")
_EPOCH, _EPOCH_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001 - a cell's wall clock has no zone
_DAY = 86_400
_MOST_FORMS = 4096
_USUAL = re.compile(r"(?:None|\+[0-9][0-9*]*+(?:[ -][0-9*]++)*)/(?:None|[A-Za-z0-9][A-Za-z0-9-]{,255})")
"""A phone and a chat id that need no escape, as XML or as Excel's text: alike in their look, too."""
_VARYING = tuple(map(COLUMNS.index, ("wegly_phone", "wegly_chat_id", "wegly_sent_at", "wegly_duration_ms")))
"""Result columns whose values differ from row to row; those of the others repeat."""
_varying_values = itemgetter(*_VARYING)


class CellWriter:
    """Writes the markup of cells for one workbook, and counts the texts that were cut."""

    def __init__(self, *, prefix: str = "", epoch_1904: bool = False) -> None:
        self.cut = 0
        self.prefix = prefix
        self.epoch = _EPOCH_1904 if epoch_1904 else _EPOCH
        self._text = f' t="inlineStr"><{prefix}is><{prefix}t>'
        self._text_keeping_space = f' t="inlineStr"><{prefix}is><{prefix}t xml:space="preserve">'
        self._text_end = f"</{prefix}t></{prefix}is></{prefix}c>"
        self._value = f"><{prefix}v>"
        self._value_end = f"</{prefix}v></{prefix}c>"

    def rest(self, value: Value, shades: Shades) -> str:
        """Return a cell's markup behind its reference (`<c r="B2"`); not for None."""
        if not isinstance(value, str):
            return f' s="{shades.plain}"{self._value}{value}{self._value_end}'
        if value and len(value) * 2 <= LONGEST and _UNUSUAL.search(value) is None:
            style = shades.quoted if value[0] in _SIGNS else shades.plain
            return f' s="{style}"{self._text}{value}{self._text_end}'
        whole = printable(value)
        kept = cut_text(whole)
        self.cut += kept != whole
        if not kept:
            return f' s="{shades.plain}"/>'
        style = shades.of(quoted=looks_like_formula(kept), wrapped="\n" in kept)
        return f' s="{style}"{self._text_keeping_space}{escape(escape_text(kept))}{self._text_end}'

    def escape_exact(self, text: str, shades: Shades) -> str:
        """Return the same for a text that must read back unchanged, characters that XML forbids included."""
        kept = cut_text(text)
        self.cut += kept != text
        shown = printable(kept)
        style = shades.of(quoted=looks_like_formula(shown), wrapped="\n" in shown)
        return f' s="{style}"{self._text_keeping_space}{escape(escape_exact(kept))}{self._text_end}'

    def moment(self, iso: Value, shades: Shades) -> str:
        """Return the same for a moment as `columns` has it: its wall clock as days since the workbook's epoch."""
        return f' s="{shades.plain}"{self._value}{days_since_epoch(str(iso), self.epoch)}{self._value_end}'


def number_cell(text: str, code: str, style: Callable[[str], int]) -> str | None:
    """Return the markup behind its reference of a cell that a number format shows; None for no number and no date.

    As a text it would read back as another value, or without what people see. `text`: its value; `style`: from the
    format's `code` to the number of a cell style.
    """
    stored = _stored_number(text)
    return stored and f' s="{style(code)}"><v>{stored}</v></c>'


def _stored_number(text: str) -> str | None:
    if _NUMBER.fullmatch(text):
        return text.replace(",", ".")
    if match := _DATE.fullmatch(text):
        day, month, year, hour, minute, second = (int(part or 0) for part in match.groups())
        moment = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001
        return repr(days_since_epoch(moment.isoformat(), _EPOCH))
    return None


def days_since_epoch(iso: str, epoch: datetime) -> float:
    """Return the days from an epoch to the wall clock of a moment."""
    since = datetime.fromisoformat(iso).replace(tzinfo=None) - epoch
    return since.days + since.seconds / _DAY


class ResultCells:
    """The cells of a result, at the places of the result columns.

    Most rows repeat the values of others but for `_VARYING`. So the markup of a row is kept by the repeated values, in
    pieces between the row numbers, and only the varying values are put into it. Without this the workbook of 100,000
    rows takes a fifth longer.
    """

    def __init__(self, places: Sequence[Iterable[int]], palette: Palette, writer: CellWriter) -> None:
        """`places`: for each result column its columns in the worksheet, counted from 1."""
        self._palette, self._writer = palette, writer
        order = sorted((column, index) for index, columns in enumerate(places) for column in columns)
        self._starts = [(f'<{writer.prefix}c r="{column_letters(column)}', index) for column, index in order]
        self._repeated = itemgetter(*(index for index in range(len(places)) if index not in _VARYING))
        self._days = lru_cache(maxsize=1024)(lambda iso: str(days_since_epoch(iso, writer.epoch)))
        self._forms: dict[object, _Form] = {}

    def headings(self, row: int) -> str:
        """Return the cells with the names of the columns, for row number `row`."""
        heading, rest = self._palette.heading, self._writer.rest
        return "".join([f'{start}{row}"{rest(ALL_COLUMNS[index], heading)}' for start, index in self._starts])

    def row(self, row: int, values: Sequence[Value]) -> str:
        """Return the cells of `values` (one for each result column) for row number `row`; no cell for None."""
        phone, chat, sent, duration = _varying_values(values)
        if _USUAL.fullmatch(f"{phone}/{chat}") is None:
            return f'{row}"'.join(self._pieces(values))
        key = (self._repeated(values), phone is None, chat is None, sent is None, duration is None)
        form = self._forms.get(key)
        if form is None:
            form = self._make_form(values)
            if sum(map(len, form.pieces)) < LONGEST:  # a text that is cut must be counted for each row
                if len(self._forms) >= _MOST_FORMS:
                    self._forms.clear()
                self._forms[key] = form
        varying = (phone, chat, sent and self._days(sent), duration)
        pieces = form.pieces.copy()
        for at, which, before, behind in form.varying:
            pieces[at] = f"{before}{varying[which]}{behind}"
        return f'{row}"'.join(pieces)

    def rest(self, index: int, value: Value, outcome: Outcome) -> str:
        """Return one result cell's markup behind its reference; `index` is that of its column in `ALL_COLUMNS`."""
        write = self._writer.moment if index in MOMENTS else self._writer.rest
        return write(value, self._palette.result(index, outcome))

    def _pieces(self, values: Sequence[Value]) -> list[str]:
        """Return the markup of a row, to be joined by its number."""
        outcome = Outcome(str(values[STATUS]))
        filled = [(start, index) for start, index in self._starts if values[index] is not None]
        next_starts = [*(start for start, _ in filled[1:]), ""]
        rests = [self.rest(index, values[index], outcome) for _, index in filled]
        return [filled[0][0], *map(add, rests, next_starts)]

    def _make_form(self, values: Sequence[Value]) -> _Form:
        form = _Form(self._pieces(values), [])
        filled = [index for _, index in self._starts if values[index] is not None]
        for at, index in enumerate(filled, start=1):
            if index in _VARYING:
                shown = days_since_epoch(str(values[index]), self._writer.epoch) if index == SENT_AT else values[index]
                before, _, behind = form.pieces[at].partition(f">{shown}<")
                form.varying.append((at, _VARYING.index(index), f"{before}>", f"<{behind}"))
        return form


class _Form(NamedTuple):
    """The markup that alike rows share."""

    pieces: list[str]
    """To be joined by the row number."""
    varying: list[tuple[int, int, str, str]]
    """Index in `pieces`, index in `_VARYING`, and the markup before and behind the value."""

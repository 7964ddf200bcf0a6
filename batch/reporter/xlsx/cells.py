"""Values as the markup of cells: text always as text, numbers as numbers, dates as days since the workbook's epoch.

What runs for every cell is written for speed: most texts need nothing done to them, and are told apart by one look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple
from xml.sax.saxutils import escape

from batch.model.csv_injection import looks_like_formula
from batch.model.outcomes import Outcome
from batch.ooxml.references import column_letters
from batch.reporter.columns import COLUMNS, SENT_AT, Value
from batch.reporter.printable_text import LONGEST, escaped, fitted, printable
from batch.reporter.xlsx.theme import Palette, Shades

_NEEDS_CARE = re.compile("[\x00-\x1f&<>\ud800-\udfff\ufffe\uffff]|_x|  |\\A\\s|\\s\\Z")
_ONE_NEEDS_CARE = re.compile(
    "[\x01-\x1f&<>\ud800-\udfff\ufffe\uffff]|_x|  |\x00[\\s=+\\-@\uff1d\uff0b\uff0d\uff20\x00]|\\s\x00"
)
"""The same, and the signs, of one of several texts with a NUL before and behind each."""
_SIGNS = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
"""What a formula begins with."""
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - the wall clock of a cell has no zone
_DAYS_TO_1904 = 1462
_DAY = 86_400
_REMEMBERED = 4096
_OWN_TO_A_ROW = tuple(map(COLUMNS.index, ("wegly_phone", "wegly_chat_id", "wegly_sent_at", "wegly_duration_ms")))
_OWN = itemgetter(*_OWN_TO_A_ROW)
_REPEATED = itemgetter(*(index for index in range(len(COLUMNS)) if index not in _OWN_TO_A_ROW))


class CellWriter:
    """Writes the markup of cells for one workbook, and counts the texts that had to be cut."""

    def __init__(self, *, prefix: str = "", epoch_1904: bool = False) -> None:
        self.cut = 0
        self.prefix = prefix
        self._days = _DAYS_TO_1904 if epoch_1904 else 0
        self._text = f' t="inlineStr"><{prefix}is><{prefix}t>'
        self._careful_text = f' t="inlineStr"><{prefix}is><{prefix}t xml:space="preserve">'
        self._text_end = f"</{prefix}t></{prefix}is></{prefix}c>"
        self._value = f"><{prefix}v>"
        self._value_end = f"</{prefix}v></{prefix}c>"

    def rest(self, value: Value, shades: Shades) -> str:
        """All of a cell's markup behind its reference (`<c r="B2"`); not for None."""
        if isinstance(value, str):
            if value and len(value) * 2 <= LONGEST and _NEEDS_CARE.search(value) is None:
                style = shades.quoted if value[0] in _SIGNS else shades.plain
                return f' s="{style}"{self._text}{value}{self._text_end}'
            return self._with_care(value, shades)
        return f' s="{shades.plain}"{self._value}{value}{self._value_end}'

    def moment(self, iso: str, shades: Shades) -> str:
        """The same of a moment as `columns` has it: the wall clock as days since the workbook's epoch."""
        days, rest = _since_epoch(iso)
        return f' s="{shades.plain}"{self._value}{days - self._days + rest}{self._value_end}'

    def texts(self, shades: Shades, behind: str) -> Callable[[Value], str]:
        """`rest` for many values of one look, with `behind` after each: fast for texts that need no care."""
        plain, quoted = (f' s="{style}"{self._text}' for style in (shades.plain, shades.quoted))
        end, needs_care = self._text_end + behind, _NEEDS_CARE.search

        def cell(value: Value) -> str:
            if isinstance(value, str) and value and len(value) * 2 <= LONGEST and needs_care(value) is None:
                return f"{quoted if value[0] in _SIGNS else plain}{value}{end}"
            return self.rest(value, shades) + behind

        return cell

    def cells(self, starts: Sequence[str], row: str, values: Sequence[Value], shades: Shades) -> str:
        """All cells of the same look in a row; `starts` are `<c r="A` and so on, `row` is `2"`. Nothing for None."""
        filled = [(start, value) for start, value in zip(starts, values, strict=True) if value is not None]
        texts = [value for _, value in filled if isinstance(value, str)]
        joined = "\0".join(["", *texts, ""])
        if len(texts) < len(filled) or joined.count("\0") > len(texts) + 1 or len(joined) * 2 > LONGEST:
            careful = True
        else:
            careful = _ONE_NEEDS_CARE.search(joined) is not None
        if careful:
            return "".join([f"{start}{row}{self.rest(value, shades)}" for start, value in filled])
        opening, end = f'{row} s="{shades.plain}"{self._text}', self._text_end
        return "".join([f"{start}{opening}{value}{end}" for start, value in filled])

    def _with_care(self, text: str, shades: Shades) -> str:
        whole = printable(text)
        kept = fitted(whole)
        self.cut += kept != whole
        if not kept:
            return f' s="{shades.plain}"/>'
        style = shades.of(quoted=looks_like_formula(kept), wrapped="\n" in kept)
        return f' s="{style}"{self._careful_text}{escape(escaped(kept))}{self._text_end}'


@lru_cache(maxsize=1024)
def _since_epoch(iso: str) -> tuple[int, float]:
    """Whole days, and a part of one."""
    since = datetime.fromisoformat(iso).replace(tzinfo=None) - _EPOCH
    return since.days, since.seconds / _DAY


class ResultCells:
    """The cells of a result, at the places of the result columns.

    Most rows repeat what other rows have but for a few columns. So what a row looks like is remembered by all the
    rest, in the pieces between its row numbers, and only those columns are written anew.
    """

    def __init__(self, places: Sequence[Iterable[int]], palette: Palette, writer: CellWriter) -> None:
        """`places`: for each of `COLUMNS` its columns in the worksheet, counted from 1."""
        self._palette, self._writer = palette, writer
        order = sorted((column, index) for index, columns in enumerate(places) for column in columns)
        self._starts = [(f'<{writer.prefix}c r="{column_letters(column)}', index) for column, index in order]
        self._known: dict[object, _Form] = {}

    def headings(self, row: int) -> str:
        """The cells with the names of the columns, in row `row`."""
        heading, rest = self._palette.heading, self._writer.rest
        return "".join([f'{start}{row}"{rest(COLUMNS[index], heading)}' for start, index in self._starts])

    def row(self, row: int, found: Sequence[Value], outcome: Outcome) -> str:
        """The cells with the values `found` (one for each of `COLUMNS`), in row `row`; nothing for None."""
        phone, chat, sent, duration = _OWN(found)
        key = (outcome, _REPEATED(found), phone is None, chat is None, sent is None, duration is None)
        form = self._known.get(key)
        if form is None:
            form = self._form(found, outcome)
            if form.size < LONGEST:  # what is cut must be counted each time
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[key] = form
        pieces = form.pieces.copy()
        for at, index, cell in form.own:
            pieces[at] = cell(found[index])
        return f'{row}"'.join(pieces)

    def rest(self, index: int, value: Value, outcome: Outcome) -> str:
        """All of one result cell's markup behind its reference; `index` is that of its column in `COLUMNS`."""
        return self._rest(index, value, self._palette.result(index, outcome))

    def _rest(self, index: int, value: Value, shades: Shades) -> str:
        if index == SENT_AT and isinstance(value, str):
            return self._writer.moment(value, shades)
        return self._writer.rest(value, shades)

    def _own(self, index: int, shades: Shades, behind: str) -> Callable[[Value], str]:
        """Writes the cells of a column whose values differ from row to row, with `behind` after each."""
        if index == SENT_AT:
            return lru_cache(maxsize=16)(lambda value: self._rest(index, value, shades) + behind)
        return self._writer.texts(shades, behind)

    def _form(self, found: Sequence[Value], outcome: Outcome) -> _Form:
        filled = [(start, index) for start, index in self._starts if found[index] is not None]
        starts = [start for start, _ in filled]
        pieces = [starts[0]]
        own = []
        for at, ((_, index), next_start) in enumerate(zip(filled, [*starts[1:], ""], strict=True), start=1):
            shades = self._palette.result(index, outcome)
            if index in _OWN_TO_A_ROW:
                own.append((at, index, self._own(index, shades, next_start)))
                pieces.append("")
            else:
                pieces.append(self._rest(index, found[index], shades) + next_start)
        return _Form(pieces, own)


class _Form(NamedTuple):
    """What rows that are alike have: the markup between their row numbers, and where something of their own goes."""

    pieces: list[str]
    own: list[tuple[int, int, Callable[[Value], str]]]
    """Place in `pieces`, index in `COLUMNS`, and what writes the value and all up to the next row number."""

    @property
    def size(self) -> int:
        return sum(map(len, self.pieces))

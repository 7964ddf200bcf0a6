"""Values as the markup of cells: text always as text, numbers as numbers, dates as days since the workbook's epoch.

What runs for every cell is written for speed: most texts need nothing done to them, and are told apart by one look.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from batch.model.formula import looks_like_formula
from batch.model.outcome import Outcome
from batch.model.run import Result
from batch.reporter.celltext import LONGEST, escaped, fitted, printable
from batch.reporter.columns import COLUMNS, Value, values
from batch.reporter.palette import Palette, Shades
from batch.reporter.sheet_rows import column_letters

__all__ = ["CellWriter", "Placed", "ResultCells"]

_NEEDS_CARE = re.compile("[\x00-\x1f&<>\ud800-\udfff\ufffe\uffff]|_x|  |\\A[\\s=+\\-@\uff1d\uff0b\uff0d\uff20]|\\s\\Z")
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - the wall clock of a cell has no zone
_DAYS_TO_1904 = 1462
_DAY = 86_400
_REMEMBERED = 4096
_REPEATED = frozenset(COLUMNS) - {"wegly_phone", "wegly_chat_id", "wegly_sent_at", "wegly_duration_ms"}

Placed = list[tuple[int, str]]
"""Cells of one row in ascending order of columns: the column from 1, and all of the cell's markup."""


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
                return f' s="{shades.plain}"{self._text}{value}{self._text_end}'
            return self._with_care(value, shades)
        number = self._serial(value) if isinstance(value, datetime) else value
        return f' s="{shades.plain}"{self._value}{number}{self._value_end}'

    def _with_care(self, text: str, shades: Shades) -> str:
        whole = printable(text)
        kept = fitted(whole)
        self.cut += kept != whole
        if not kept:
            return f' s="{shades.plain}"/>'
        style = shades.of(quoted=looks_like_formula(kept), wrapped="\n" in kept)
        return f' s="{style}"{self._careful_text}{escape(escaped(kept))}{self._text_end}'

    def _serial(self, moment: datetime) -> float:
        since = moment.replace(tzinfo=None) - _EPOCH
        return since.days - self._days + (since.seconds + since.microseconds / 1_000_000) / _DAY


class ResultCells:
    """The cells of a result, at the places of the result columns."""

    def __init__(self, places: Sequence[Iterable[int]], palette: Palette, writer: CellWriter, zone: ZoneInfo) -> None:
        """`places`: for each of `COLUMNS` its columns, counted from 1."""
        self._palette, self._writer, self._zone = palette, writer, zone
        order = sorted((column, index) for index, columns in enumerate(places) for column in columns)
        self._order = [(column, f'<{writer.prefix}c r="{column_letters(column)}', index) for column, index in order]
        self._known: list[dict[tuple[Outcome, Value], str] | None] = [
            {} if name in _REPEATED else None for name in COLUMNS
        ]

    def headings(self, row: int) -> Placed:
        """The names of the columns."""
        heading, rest = self._palette.heading, self._writer.rest
        return [(column, f'{start}{row}"{rest(COLUMNS[index], heading)}') for column, start, index in self._order]

    def of(self, result: Result) -> Placed:
        """What a result has; nothing where it has nothing."""
        found = values(result, self._zone)
        row, outcome = f'{result.row}"', result.outcome
        return [
            (column, f"{start}{row}{self.rest(index, value, outcome)}")
            for column, start, index in self._order
            if (value := found[index]) is not None
        ]

    def rest(self, index: int, value: Value, outcome: Outcome) -> str:
        """All of a result cell's markup behind its reference; `index` is that of its column in `COLUMNS`.

        Remembered where rows repeat it: not the texts that are cut, because each of them counts.
        """
        known = self._known[index]
        if known is None:
            return self._writer.rest(value, self._palette.result(index, outcome))
        rest = known.get((outcome, value))
        if rest is None:
            rest = self._writer.rest(value, self._palette.result(index, outcome))
            if len(known) < _REMEMBERED and len(rest) < LONGEST:
                known[outcome, value] = rest
        return rest

"""The rows of the report as the HTML page holds them: as JSON for its script, and as a plain table without it.

A row is a list: its number, the values of `COLUMNS`, then the user's own cells. A text that comes again (most do: the
outcome, the sentences, a company's name) is written once and from then on as its number in the order of appearance, so
that 100,000 rows stay a file that can be sent. The browser reads the rows in the same order by the same rule.

Everything here has a bound: what the page holds of a sheet of a million rows is decided by outcome, what needs a person
first, and the page says what it leaves out. Memory does not grow with the rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from batch.model.outcomes import Outcome
from batch.reporter.columns import COLUMNS, Value
from batch.reporter.html.text import LONGEST_CELL, harmless, script_json
from batch.reporter.rows import TableLayout, TableRow
from batch.reporter.summary_view import URGENCY

MOST_ROWS = 150_000
"""Rows that the page holds."""
MOST_PLAIN = 2_000
"""Rows that can be read without JavaScript."""
MOST_BYTES = 120_000_000
"""Of the rows as JSON: a net under sheets of hundreds of columns."""
MOST_TEXTS = 20_000
"""Texts that are written once; the next ones are written each time."""
_CHUNK = 1_000
_UNIQUE = frozenset(map(COLUMNS.index, ("wegly_phone", "wegly_chat_id", "wegly_sent_at")))
_NUMBERS = frozenset(map(COLUMNS.index, ("wegly_http_status", "wegly_attempts", "wegly_duration_ms")))
INTERNED = tuple(index not in _UNIQUE | _NUMBERS for index in range(len(COLUMNS)))
"""For each of `COLUMNS` whether its texts are written once; those of the user's own columns are."""


def budget(counts: Mapping[Outcome, int], most: int) -> dict[Outcome, int]:
    """How many rows of each outcome are held when at most `most` are: what needs a person first."""
    left, held = most, {}
    for outcome in URGENCY:
        held[outcome] = min(left, counts.get(outcome, 0))
        left -= held[outcome]
    return held


def own_columns(layout: TableLayout, *, has_sheet: bool) -> tuple[int, ...]:
    """The indexes of the user's own columns in a line's cells; none when the sheet is gone."""
    return (
        tuple(index for index in range(len(layout.header)) if index not in layout.result_columns) if has_sheet else ()
    )


class Rows:
    """The lines of a report on their way into the page. `chunks` is gone through once; the rest is true afterwards."""

    def __init__(
        self, lines: Iterable[TableRow], layout: TableLayout, own: Sequence[int], counts: Mapping[Outcome, int]
    ) -> None:
        self._lines = lines
        self._places = [*(indexes[0] for indexes in layout.places), *own]
        self._single = [True, *(not interned for interned in INTERNED), *(False for _ in own)]
        self._left = budget(counts, MOST_ROWS)
        self._left_plain = budget(counts, MOST_PLAIN)
        self._texts: dict[Value, int] = {}
        self.plain: list[tuple[Value, ...]] = []
        """The rows of the table that is there without JavaScript: number, the values of `COLUMNS`, own cells."""
        self.held = 0
        """Rows that the page holds."""
        self.total = 0
        self.cut = 0
        """Cells that are not shown to their end."""

    def chunks(self) -> Iterator[str]:
        """The rows as JSON lists, some hundred together."""
        chunk: list[list[object]] = []
        written = 0
        for line in self._lines:
            self.total += 1
            if written >= MOST_BYTES or not self._fits(line, self._left):
                continue
            self.held += 1
            row = self._shown(line)
            if self._fits(line, self._left_plain):
                self.plain.append(row)
            chunk.append(self._packed(row))
            if len(chunk) == _CHUNK:
                text = script_json(chunk)
                written += len(text)
                yield text
                chunk = []
        if chunk:
            yield script_json(chunk)

    @staticmethod
    def _fits(line: TableRow, left: dict[Outcome, int]) -> bool:
        if line.outcome is None:
            return True
        left[line.outcome] -= 1
        return left[line.outcome] >= 0

    def _shown(self, line: TableRow) -> tuple[Value, ...]:
        cells = [line.cells[place] for place in self._places]
        whole = "".join([cell for cell in cells if isinstance(cell, str)])
        if len(whole) <= LONGEST_CELL and whole.isprintable():
            return (line.number, *cells)  # as `harmless` leaves them
        self.cut += sum(isinstance(cell, str) and len(cell) > LONGEST_CELL for cell in cells)
        return (line.number, *(harmless(cell) if isinstance(cell, str) else cell for cell in cells))

    def _packed(self, row: tuple[Value, ...]) -> list[object]:
        if len(self._texts) < MOST_TEXTS:
            return [cell if single else self._once(cell) for cell, single in zip(row, self._single, strict=True)]
        known = self._texts.get
        return [cell if single else known(cell, cell) for cell, single in zip(row, self._single, strict=True)]

    def _once(self, cell: Value) -> object:
        if not isinstance(cell, str):
            return cell
        known = self._texts.get(cell)
        if known is not None:
            return known
        if len(self._texts) < MOST_TEXTS:
            self._texts[cell] = len(self._texts)
        return cell


_MOST = 2
_LONGEST = 32
"""Characters; an id is longer."""
_PHONE = COLUMNS.index("wegly_phone") + 1
_DIGITS = re.compile(r"\D+")
_LETTER = re.compile(r"[^\W\d_]")
_LIKE_A_PHONE = 8
"""Digits."""


def lead_columns(rows: Sequence[tuple[Value, ...]]) -> tuple[int, ...]:
    """Indexes of at most two columns, counted among the user's own. `rows`: number, values of `COLUMNS`, own cells."""
    first = len(COLUMNS) + 1
    width = len(rows[0]) - first if rows else 0
    good = [index for index in range(width) if _tells([(row[first + index], row[_PHONE]) for row in rows])]
    return tuple(good[:_MOST])


def _tells(cells: Sequence[tuple[Value, Value]]) -> bool:
    texts = [str(cell) for cell, _ in cells if cell is not None]
    short = sum(len(text) <= _LONGEST and _LETTER.search(text) is not None for text in texts)
    if not texts or len(texts) * 2 < len(cells) or short * 10 < len(texts) * 9:
        return False
    phones = sum(_is_phone(str(cell), phone) for cell, phone in cells if cell is not None)
    return phones * 2 < len(texts) and (len(cells) < _LIKE_A_PHONE or len(set(texts)) * 8 > len(texts))


def _is_phone(text: str, phone: Value) -> bool:
    digits = _DIGITS.sub("", text)
    return len(digits) >= _LIKE_A_PHONE and (phone is None or _DIGITS.sub("", str(phone)).endswith(digits[-8:]))

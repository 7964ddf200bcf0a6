"""The rows of report.html: as JSON for its script, and as a plain table for browsers without it.

A row is a list: its number, the values of the result columns, then the user's own cells. A text that repeats (most do:
the outcome, the sentences, a company's name) is written once, and from then on as its number in the order of
appearance, so that the page of 100,000 rows can still be sent by e-mail. `data.js` reads the rows in the same order by
the same rule.

Everything has a limit. Which rows of a very large sheet the page holds is decided by outcome, in the order of
`URGENCY`, and the page says what it leaves out. Memory does not grow with the rows.

The messages that were sent, for the details of few rows, are rendered again from the sheet while the rows are read.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from batch.model.outcomes import Outcome
from batch.model.sheets import NO_SHOWN, SheetRow
from batch.reporter.columns import ALL_COLUMNS, MOMENTS, NUMBERS, RUN, Value
from batch.reporter.html.text import LONGEST_CELL, harmless, to_script_json
from batch.reporter.rows import ReportInputs, ReportRow, TableLayout, TableRow, join_table
from batch.reporter.summary_view import URGENCY

MOST_ROWS = 150_000
"""Rows that the page holds."""
MOST_PLAIN = 2_000
"""Rows of the plain table."""
MOST_BYTES = 120_000_000
"""Of the rows as JSON: a limit for sheets of hundreds of columns."""
MOST_TEXTS = 20_000
"""Distinct texts that are written once; any further text is written in full each time."""
_CHUNK = 1_000
"""Rows that are written as one piece of JSON."""
_UNIQUE = MOMENTS | frozenset(map(ALL_COLUMNS.index, ("wegly_phone", "wegly_chat_id")))
INTERNED = tuple(index not in _UNIQUE | NUMBERS for index in range(len(ALL_COLUMNS)))
"""For each of `ALL_COLUMNS`: True when its texts are written once, as those of the user's own columns are."""


def allot_rows(counts: Mapping[Outcome, int], most: int) -> dict[Outcome, int]:
    """Distribute at most `most` rows among the outcomes, in the order of `URGENCY`."""
    left, allotted = most, {}
    for outcome in URGENCY:
        allotted[outcome] = min(left, counts.get(outcome, 0))
        left -= allotted[outcome]
    return allotted


class PageRows:
    """The rows of a report on their way into the page. Exhaust `chunks` once; the other attributes are valid after."""

    def __init__(
        self, rows: Iterable[TableRow], layout: TableLayout, own: Sequence[int], counts: Mapping[Outcome, int]
    ) -> None:
        self._rows = rows
        self._places = [*(indexes[0] for indexes in layout.places), *own]
        self._own = own
        self._in_full = [True, *(not interned for interned in INTERNED[: len(layout.places)]), *(False for _ in own)]
        self._left = allot_rows(counts, MOST_ROWS)
        self._left_plain = allot_rows(counts, MOST_PLAIN)
        self._texts: dict[Value, int] = {}
        self.plain: list[tuple[Value, ...]] = []
        """The rows of the plain table: number, the values of the result columns, own cells."""
        self.held = 0
        """Rows that the page holds."""
        self.total = 0
        """Rows of the report."""
        self.cut = 0
        """Cells whose text was cut."""

    def chunks(self) -> Iterator[str]:
        """Yield the rows as JSON, each piece a list of rows."""
        chunk: list[list[object]] = []
        written = 0
        for row in self._rows:
            self.total += 1
            if written >= MOST_BYTES or not self._take(row, self._left):
                continue
            self.held += 1
            cells = self._printable(row)
            if self._take(row, self._left_plain):
                self.plain.append(cells)
            chunk.append(self._pack(cells))
            if len(chunk) == _CHUNK:
                text = to_script_json(chunk)
                written += len(text)
                yield text
                chunk = []
        if chunk:
            yield to_script_json(chunk)

    def urgent_first(self) -> list[tuple[Value, ...]]:
        """Return the rows of the plain table, those that need a person first."""
        places = {str(outcome): place for place, outcome in enumerate(URGENCY)}
        return sorted(self.plain, key=lambda row: places.get(str(row[1]), len(places)))

    @staticmethod
    def _take(row: TableRow, left: dict[Outcome, int]) -> bool:
        """Count a row against the allotment of its outcome; False when that is used up."""
        if row.outcome is None:
            return True
        left[row.outcome] -= 1
        return left[row.outcome] >= 0

    def _printable(self, row: TableRow) -> tuple[Value, ...]:
        cells = [row.cells[place] for place in self._places]
        if row.shown is not NO_SHOWN:
            shown = dict(row.shown)
            cells[len(cells) - len(self._own) :] = [shown.get(place, (row.cells[place],))[0] for place in self._own]
        whole = "".join([cell for cell in cells if isinstance(cell, str)])
        if len(whole) <= LONGEST_CELL and whole.isprintable():
            return (row.number, *cells)  # `harmless` would change nothing
        self.cut += sum(isinstance(cell, str) and len(cell) > LONGEST_CELL for cell in cells)
        return (row.number, *(harmless(cell) if isinstance(cell, str) else cell for cell in cells))

    def _pack(self, cells: tuple[Value, ...]) -> list[object]:
        if len(self._texts) < MOST_TEXTS:
            return [cell if in_full else self._intern(cell) for cell, in_full in zip(cells, self._in_full, strict=True)]
        known = self._texts.get
        return [cell if in_full else known(cell, cell) for cell, in_full in zip(cells, self._in_full, strict=True)]

    def _intern(self, cell: Value) -> object:
        if not isinstance(cell, str):
            return cell
        known = self._texts.get(cell)
        if known is not None:
            return known
        if len(self._texts) < MOST_TEXTS:
            self._texts[cell] = len(self._texts)
        return cell


MOST_MESSAGES = 2_000
"""Rows whose message the page holds."""
_MAYBE_SENT = (Outcome.UNKNOWN, Outcome.SUCCESS, Outcome.REUSED)
Each = TypeVar("Each")


class _Latest(Generic[Each]):
    """An iterator that knows what it gave last."""

    def __init__(self, found: Iterator[Each]) -> None:
        self._found = found
        self.given: Each | None = None

    def __iter__(self) -> Iterator[Each]:
        return self

    def __next__(self) -> Each:
        self.given = next(self._found)
        return self.given


class SentMessages:
    """Collects the messages of a report's rows while they are read, those of rows to decide first."""

    def __init__(self, inputs: ReportInputs) -> None:
        self._inputs = inputs
        left = MOST_MESSAGES
        self._left: dict[Outcome, int] = {}
        for outcome in _MAYBE_SENT:
            self._left[outcome] = min(left, inputs.tally.counts.get(outcome, 0))
            left -= self._left[outcome]
        self.texts: dict[int, tuple[str | None, str | None]] = {}
        """Text and id, by row; no text where sheet or campaign changed since. Complete once `table` is exhausted."""

    def table(self, layout: TableLayout) -> Iterator[TableRow]:
        """Yield the rows as `ReportInputs.table` does."""
        sheet, render = self._inputs.sheet, self._inputs.sheet.message
        if render is None or sheet.rows is None:
            yield from self._inputs.table(layout)
            return
        cells, results = _Latest[SheetRow](sheet.rows()), _Latest[ReportRow](iter(self._inputs.rows()))
        for line in join_table(cells, results, layout):
            if line.outcome in self._left and self._left[line.outcome] > 0:
                row, result = cells.given, results.given
                if row and result and row.number == result.number == line.number and result.request:
                    self._left[line.outcome] -= 1
                    text = render(row, result.request, str(result.values[RUN] or ""))
                    self.texts[line.number] = (text and harmless(text), result.message and harmless(result.message))
            yield line


_MAX_LEAD = 2
_LONGEST_NAME = 32
"""Characters; an id is longer."""
_PHONE = ALL_COLUMNS.index("wegly_phone") + 1
_DIGITS = re.compile(r"\D+")
_LETTER = re.compile(r"[^\W\d_]")
_PHONE_DIGITS = 8
"""Digits from which on a number may be a phone."""


def choose_lead_columns(rows: Sequence[tuple[Value, ...]], first: int) -> tuple[int, ...]:
    """Choose up to two of the user's own columns that tell people apart, such as name and company; their indexes.

    `rows`: the first rows as number, values of the result columns, own cells. `first`: the place of the first own cell.
    """
    width = len(rows[0]) - first if rows else 0
    good = [index for index in range(width) if _identifies([(row[first + index], row[_PHONE]) for row in rows])]
    return tuple(good[:_MAX_LEAD])


def _identifies(cells: Sequence[tuple[Value, Value]]) -> bool:
    """True for a column of short, mostly different texts with letters and no phones. `cells`: each with a phone."""
    texts = [str(cell) for cell, _ in cells if cell is not None]
    short = sum(len(text) <= _LONGEST_NAME and _LETTER.search(text) is not None for text in texts)
    if not texts or len(texts) * 2 < len(cells) or short * 10 < len(texts) * 9:
        return False
    phones = sum(_is_phone(str(cell), phone) for cell, phone in cells if cell is not None)
    return phones * 2 < len(texts) and (len(cells) < _PHONE_DIGITS or len(set(texts)) * 8 > len(texts))


def _is_phone(text: str, phone: Value) -> bool:
    digits = _DIGITS.sub("", text)
    return len(digits) >= _PHONE_DIGITS and (phone is None or _DIGITS.sub("", str(phone)).endswith(digits[-8:]))

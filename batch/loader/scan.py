"""One pass over a sheet before anything is made of it: what it holds, and whether it can be read to its end."""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from batch.i18n import N_
from batch.loader.formats.number_format import show
from batch.loader.source import RawRow
from batch.model.sheets import SheetFile

_MOST_ENDING_ROWS = 10


@dataclass(kw_only=True, slots=True)
class SheetScan:
    """Content of a sheet below its header."""

    rows: int = 0
    """Rows that hold anything."""
    hidden: int = 0
    """Hidden rows among them."""
    used: set[int] = field(default_factory=set)
    """Indexes of the columns that hold anything."""
    widths: Counter[int] = field(default_factory=Counter)
    """Number of cells to the rows that have as many; rows with a fault are left out."""
    remarkable: dict[tuple[int, str], tuple[int, str, str, str]] = field(default_factory=dict)
    """Column and remark of a number format to the first row with it, its value, the shown text and the code."""
    month_first: set[int] = field(default_factory=set)
    """Indexes of the columns of dates with one that can only be month first."""
    ends_empty: bool = False
    """Some row is written with an empty last cell."""
    ending: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """Rows below the last blank row, if few, by number, and the columns that each fills: there may be a footer."""

    def note_formats(self, raw: RawRow, columns: Collection[int] | None) -> None:
        """Note the remarks of the number formats of some columns (None: of all), each with its first row."""
        for column, code in raw.codes.items():
            is_judged = (columns is None or column in columns) and column < len(raw.cells)
            text = raw.cells[column] if is_judged else None
            shown = show(text, code) if text else None
            if shown and shown[2]:
                self.remarkable.setdefault((column, shown[2]), (raw.number, text or "", *shown[:2]))

    def note_dates(
        self, cells: Sequence[str | None], columns: Collection[int], is_month_first: Callable[[str], object]
    ) -> None:
        """Note those of some columns that hold a date which is month first."""
        for column in columns:
            if column < len(cells) and is_month_first(cells[column] or ""):
                self.month_first.add(column)


def has_content(row: RawRow) -> bool:
    """True for a row that counts: with text, an error cell, or a fault."""
    return any(row.cells) or bool(row.errors) or bool(row.fault)


def scan_rows(
    source: SheetFile,
    rows: Iterable[RawRow],
    *,
    below: int,
    texts: AbstractSet[int] | None = None,
    dates: Collection[int] = (),
    is_month_first: Callable[[str], object] = bool,
) -> SheetScan:
    """Read all rows below row number `below`.

    Args:
        source: the file.
        rows: those of the sheet.
        below: number of the header's row; 0: there is none.
        texts: indexes of the columns whose shown texts are used, and number formats judged; None: all.
        dates: indexes of the columns whose cells `is_month_first` judges.
        is_month_first: judges the text of a cell.

    Raises:
        SheetError: the sheet is damaged further down, or over a limit.
    """
    limits = source.limits
    scan = SheetScan()
    written = characters = known = 0
    empty: list[int] = []  # columns that were empty in every row so far
    widths, latest = scan.widths, deque[RawRow](maxlen=_MOST_ENDING_ROWS + 1)
    for raw in _watch_sameness(source, rows):
        row, cells, errors, hidden, fault, codes = raw
        have = len(cells)
        written += have
        if written > limits.cells:
            source.check("cells", written, N_("it has more than {most} cells (limit cells)"))
        inside = sum(map(len, filter(None, cells)))
        if row <= below or not (inside or errors or fault):
            continue
        latest.append(raw)
        scan.rows += 1
        scan.hidden += hidden
        scan.used.update(errors)
        if dates:
            scan.note_dates(cells, dates, is_month_first)
        if codes and (texts is None or not texts.isdisjoint(codes)):
            scan.note_formats(raw, texts)
        if not fault:
            widths[have] += 1
            scan.ends_empty = scan.ends_empty or (have > 0 and cells[-1] is None)
        if empty or have > known:
            seen, known = known, max(known, have)
            empty = [index for index in (*empty, *range(seen, have)) if index >= have or cells[index] is None]
        characters += inside
        if characters > limits.text_characters:
            text = N_("its cells have more than {most} characters (limit text_characters)")
            source.check("text_characters", characters, text)
        if have > limits.columns:
            text = N_("row {row} has {value} columns, {most} are allowed (limit columns)")
            source.check("columns", have, text, row=row)
    scan.used.update(set(range(known)) - set(empty))
    scan.ending = _find_ending(list(latest))
    return scan


def _watch_sameness(source: SheetFile, rows: Iterable[RawRow]) -> Iterator[RawRow]:
    """Pass on the rows, until too many hold the same as one of them. Raises SheetError."""
    mark: Sequence[str | None] = ()  # the row of each power of two, so that rows that alternate are found as well
    same, turn, most = 0, 1, source.limits.same_rows
    for count, raw in enumerate(rows, start=1):
        cells = raw.cells
        if cells == mark:
            same += 1
            if same > most and sum(map(bool, cells)) > 1:
                text = N_("it has more than {most} rows like row {row} (limit same_rows)")
                source.check("same_rows", same, text, row=raw.number)
        elif count >= turn:
            mark, turn, same = cells, 2 * count, 1
        yield raw


def _find_ending(rows: list[RawRow]) -> Mapping[int, frozenset[int]]:
    """Return those of the last rows that stand below a blank row which other rows stand above."""
    first = next((at for at in range(len(rows) - 1, 0, -1) if rows[at].number > rows[at - 1].number + 1), len(rows))
    return {
        row.number: frozenset(column for column, cell in enumerate(row.cells) if cell) | row.errors.keys()
        for row in rows[first:]
    }

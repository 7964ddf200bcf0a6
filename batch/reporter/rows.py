"""Inputs and rows of a report: rows are rendered once per result, spooled for all files, joined with the sheet.

The ledger is read once, so that all files agree whatever is sent meanwhile, and each sentence is rendered once. A few
MB stay in memory, the rest goes into an unnamed temporary file that no other process can open and that is gone with
this one. Where that file cannot be written, the results are read from the ledger again instead.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from zoneinfo import ZoneInfo

from batch.atomic_file import write_atomic
from batch.errors import WeglyBatchError, attempt, describe_defect
from batch.event_log import log
from batch.i18n import _, use_language
from batch.model.messages import Origin
from batch.model.outcomes import Outcome
from batch.model.phrases import Phrase
from batch.model.runs import NextStep, Result, Run, Tally
from batch.model.sheets import NO_SHOWN, SheetInfo, SheetRow
from batch.reporter.columns import (
    ALL_COLUMNS,
    STATUS,
    Sentences,
    Value,
    columns_for,
    delivery_values,
    place_columns,
    render_sentences,
    result_values,
    zoned_text,
)
from batch.reporter.statistics import Statistics
from batch.spool import Spool

_ROW = "row"
"""The only column beside the results when the sheet is gone."""
_MEMORY = 2 * 1024 * 1024
"""Bytes that are kept in memory; beyond, everything goes into the file."""
_CACHED = 1024
_OUTCOMES: dict[Value, Outcome] = {outcome.value: outcome for outcome in Outcome}


class ReportRow(NamedTuple):
    """One row of the report without the sheet's own cells. Plain values alone: `Spool` keeps the fields as they are."""

    number: int
    values: tuple[Value, ...]
    """One for each of `ALL_COLUMNS`."""
    columns: tuple[str, ...]
    """Columns of the sheet that its findings name; a name may list several, separated by commas."""
    origin_values: tuple[str, int, str] | None
    """Run, row and file of `origin`."""
    request: str | None = None
    message: str | None = None
    """As of `Result`, both."""

    @property
    def outcome(self) -> Outcome:
        return _OUTCOMES[self.values[STATUS]]

    @property
    def origin(self) -> Origin | None:
        """The row that it corrects; None for none."""
        found = self.origin_values
        return Origin(run=found[0], row=found[1], file=found[2]) if found else None


_unpack: Callable[[tuple[Any, ...]], ReportRow] = partial(tuple.__new__, ReportRow)


class TableRow(NamedTuple):
    """One row of a table: its number in the sheet, and a value for each column of the table's layout."""

    number: int
    cells: tuple[Value, ...]
    outcome: Outcome | None
    """None for a row that the ledger does not know; a complete run has none."""
    shown: Mapping[int, tuple[str, str]] = NO_SHOWN
    """Of the sheet's own cells: `SheetRow.shown`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TableLayout:
    """The columns of a report that is written row by row: the sheet's own, and the result columns."""

    header: tuple[str, ...]
    places: tuple[tuple[int, ...], ...]
    """For each result column of the table its indexes in `header`: several where the sheet repeats one."""
    own: int
    """How many of the columns, from the left, the cells of the sheet fill; 1 for the row number of a sheet gone."""
    header_row: int
    """The row of the header, counted from 1."""
    shift: int = 0
    """How much lower than in the sheet each row stands: 1 below a header that the sheet itself lacks."""

    @property
    def result_columns(self) -> frozenset[int]:
        """The indexes of all result columns."""
        return frozenset(index for indexes in self.places for index in indexes)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the result columns, in the order of `places`."""
        return ALL_COLUMNS[: len(self.places)]

    @property
    def own_columns(self) -> tuple[int, ...]:
        """The indexes of all others: those of the sheet itself."""
        results = self.result_columns
        return tuple(index for index in range(len(self.header)) if index not in results)


def make_row_renderer(zone: ZoneInfo) -> Callable[[Result], ReportRow]:
    """Return a function that renders results in the current language, with times of `zone`."""
    pack = _make_row_packer(zone)
    return lambda result: _unpack(pack(result))


def _make_row_packer(zone: ZoneInfo) -> Callable[[Result], tuple[Any, ...]]:
    """Return a function that renders results as the fields of a `ReportRow`."""
    # By identity: the ledger gives alike rows the same findings and notes, of which sentences and columns are made.
    # The cache holds on to a result that has them, so that no others can take over their ids.
    cache: dict[tuple[int, int], tuple[Result, Sentences, tuple[str, ...]]] = {}
    moment = lru_cache(maxsize=_CACHED)(partial(zoned_text, zone=zone))  # by whole seconds, which many rows share

    def pack(result: Result) -> tuple[Any, ...]:
        key = (id(result.findings), id(result.notes))
        known = cache.get(key)
        if known is None:
            if len(cache) >= _CACHED:
                cache.clear()
            columns = tuple(str(each.values["column"]) for each in result.findings if "column" in each.values)
            known = cache[key] = (result, render_sentences(result), columns)
        sent_at = moment(int(result.sent_at.timestamp())) if result.sent_at else None
        _, sentences, columns = known
        values = result_values(result, sentences, sent_at) + delivery_values(result.delivery, moment)
        corrects = (origin := result.origin) and (origin.run, origin.row, origin.file)
        return result.row, values, columns, corrects, result.request, result.message

    return pack


class ResultSpool:
    """The results of a run on their way into the report, until `close`."""

    def __init__(self, results: Callable[[], Iterator[Result]], zone: ZoneInfo) -> None:
        """`results()` yields them in ascending order of rows, from the start at each call."""
        self._results, self._zone = results, zone
        self._spool = Spool[Result, ReportRow](memory_bytes=_MEMORY, pack=_make_row_packer(zone), unpack=_unpack)

    def close(self) -> None:
        """Forget the rows."""
        self._spool.close()

    def spool_results(self) -> Iterator[Result]:
        """Yield the results and spool their rendered rows. Exhaust it once, before `rows`."""
        return self._spool.record(self._results())

    def rows(self) -> Iterator[ReportRow]:
        """Yield the rendered rows, from the start at each call."""
        return self._spool.rows() if self._spool.is_complete else map(make_row_renderer(self._zone), self._results())


def lay_out_table(info: SheetInfo | None, *, followed: bool) -> TableLayout:
    """Return the layout of the report on a sheet; of a sheet that is gone (None) the row number and the results.

    `followed`: with the columns of delivery.
    """
    columns = info.columns if info else (_ROW,)
    results = columns_for(columns, followed=followed)
    places = place_columns(columns, columns=results)
    header = [*columns, *[""] * (max(max(indexes) for indexes in places) + 1 - len(columns))]
    for name, indexes in zip(results, places, strict=True):
        for index in indexes:
            header[index] = name
    header_row = info.header_row if info else 1
    return TableLayout(
        header=tuple(header), places=places, own=len(columns), header_row=header_row or 1, shift=0 if header_row else 1
    )


def join_table(
    rows: Iterator[SheetRow] | None, results: Iterable[ReportRow], layout: TableLayout
) -> Iterator[TableRow]:
    """Join the sheet's rows (None: it is gone) with the results, ascending; each row of either comes exactly once."""
    # Each cell is taken by its index from the sheet's cells with the result's values behind them.
    sources = list(range(len(layout.header)))
    for value, indexes in enumerate(layout.places):
        for index in indexes:
            sources[index] = layout.own + value
    arrange = itemgetter(*sources)
    no_cells, no_values = (None,) * layout.own, (None,) * len(ALL_COLUMNS)
    for number, row, result in join_by_number(rows or iter(()), results):
        cells: tuple[Value, ...] = row.cells if row else (number,) if rows is None else no_cells
        if len(cells) != layout.own:  # a row must never move the results into other columns
            cells = (*cells, *no_cells)[: layout.own]
        values = result.values if result else no_values
        shown = row.shown if row else NO_SHOWN
        yield TableRow(number, arrange((*cells, *values)), result.outcome if result else None, shown)


def join_by_number(
    rows: Iterator[SheetRow], results: Iterable[ReportRow]
) -> Iterator[tuple[int, SheetRow | None, ReportRow | None]]:
    """Merge two ascending inputs by row number, streaming; a number that only one of them has comes with a None."""
    right = iter(results)
    row, result = next(rows, None), next(right, None)
    while row is not None or result is not None:
        number = min(row.number if row else sys.maxsize, result.number if result else sys.maxsize)
        here = row if row and row.number == number else None
        there = result if result and result.number == number else None
        yield number, here, there
        row = next(rows, None) if here else row
        result = next(right, None) if there else result


LEDGER_ONLY = "ledger only"
"""The category of a workbook made without its sheet; the names of such files have it in parentheses."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceSheet:
    """The user's sheet. `path`, `info` and `rows` are None when it is gone or has changed since the run."""

    path: Path | None
    """The run's private copy of the user's file, whose content is what `info` describes."""
    info: SheetInfo | None
    rows: Callable[[], Iterator[SheetRow]] | None
    """Yields the rows in ascending order, from the start at each call; each has a cell for every column."""
    name: str
    """The file's name as the user knows it, for sentences."""
    host: str = ""
    """The machine that may have it, where that is another; empty: it is gone, or has changed."""
    message: Callable[[SheetRow, str, str], str | None] | None = None
    """Renders a row's message, by the hash of its request and its run; None where sheet or campaign are others now."""


def no_mac(_origin: Origin) -> str:
    """Return the code of origins that lead back to no ledger: none."""
    return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportInputs:
    """A run, its tally and statistics, its sheet and the rendered results."""

    run: Run
    tally: Tally
    sheet: SourceSheet
    rows: Callable[[], Iterator[ReportRow]]
    """Yields a row for each result in ascending order, from the start at each call."""
    statistics: Statistics
    origin_mac: Callable[[Origin], str] = no_mac
    """As of `write_report`."""
    notes: tuple[str, ...] = ()
    """Sentences that every form of the report shows, and `ReportFiles.problems` too."""
    redacted: bool = False
    """To be passed on."""

    @property
    def zone(self) -> ZoneInfo:
        """The campaign's time zone."""
        return ZoneInfo(self.run.timezone)

    @property
    def followed(self) -> bool:
        """True once a message was looked at."""
        return self.tally.delivery is not None

    def table(self, layout: TableLayout) -> Iterator[TableRow]:
        """Yield every row of the sheet and of the run exactly once, ascending."""
        return join_table(self.sheet.rows() if self.sheet.rows else None, self.rows(), layout)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportFiles:
    """Result of `write_report`."""

    files: tuple[Path, ...]
    """Files that were written whole, the workbook first."""
    problems: tuple[str, ...] = ()
    """Sentences: what could not be written, or not as it should be."""
    missing: tuple[str, ...] = ()
    """Names of the files that could not be written."""
    steps: tuple[NextStep, ...] = ()
    """Things to do, the most urgent first."""

    @property
    def page(self) -> Path | None:
        """The page for the browser; None when it could not be written."""
        return next((file for file in self.files if file.suffix == ".html"), None)


class FileWriter:
    """The files that were written so far, and the problems with them in a language of its own: the screen's."""

    def __init__(self, problems: list[str], language: str) -> None:
        self._language = language
        self._files: list[Path] = []
        self.problems = problems
        self._missing: list[str] = []

    @property
    def made(self) -> ReportFiles:
        """The report as far as it was written."""
        return ReportFiles(files=tuple(self._files), problems=tuple(self.problems), missing=tuple(self._missing))

    def note_missing(self, name: str, error: Exception) -> None:
        """Note that a file could not be written."""
        log.error("file_not_written", exc_info=error)
        with use_language(self._language):
            self.problems.append(_not_written(name, error))
        self._missing.append(name)

    def write(self, name: str, write: Callable[[], tuple[Path, tuple[Phrase, ...]]]) -> bool:
        """Write a file; `write` returns its path and problems. False when it could not be written."""
        written = attempt(write)
        if isinstance(written, Exception):
            self.note_missing(name, written)
            return False
        placed, problems = written
        self._files.append(placed)
        with use_language(self._language):
            self.problems.extend(map(str, problems))
            if placed.stem != Path(name).stem:
                wanted = f"{Path(name).stem}{placed.suffix}"
                words = _("{wanted} is open in another program, so it was written as {name}.")
                self.problems.append(words.format(wanted=wanted, name=placed.name))
        return True


def _not_written(name: str, error: Exception) -> str:
    if isinstance(error, WeglyBatchError):
        return _("{name} could not be written. {error}").format(name=name, error=error)
    return _("{name} could not be written: {error}.").format(name=name, error=describe_defect(error))


def write_noting(target: Path, write: Callable[[BinaryIO], Iterable[Phrase]]) -> tuple[Path, tuple[Phrase, ...]]:
    """Write a file, whole or not at all; return its path, and the sentences that `write` returned."""
    problems: list[Phrase] = []
    return write_atomic(target, lambda file: problems.extend(write(file))), tuple(problems)

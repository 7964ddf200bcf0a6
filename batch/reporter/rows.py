"""What is told of each row: made once from its result, and kept for all files of the report.

The ledger is asked once, so that the files agree whatever is sent meanwhile, and sentences are made once. A few MB are
held in memory, the rest in a nameless temporary file that nobody else can open and that is gone with the process; where
that cannot be written, the results are asked for anew instead.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from batch.model.messages import Origin
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding
from batch.model.runs import Result, Run, Tally
from batch.model.sheets import SheetInfo, SheetRow
from batch.reporter.columns import COLUMNS, STATUS, Value, Words, in_zone, place, with_words, words
from batch.reporter.statistics import Figures
from batch.reporter.summary_view import Page, summary_page

LEDGER_ONLY = "ledger only"
"""What a workbook made without its sheet has as its category, and such files have in their names."""


_AT_ONCE = 500
_HELD = 2 * 1024 * 1024
"""Bytes that are kept in memory; beyond, all goes into a file."""
_REMEMBERED = 1024
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}


class Told(NamedTuple):
    """One row of the report, apart from the sheet's own cells."""

    row: int
    outcome: Outcome
    values: tuple[Value, ...]
    """One for each of `COLUMNS`."""
    columns: tuple[str, ...]
    """Columns of the sheet as its findings name them: one, or several with commas between."""
    origin: Origin | None
    """As `Result.origin`."""


def told_of(zone: ZoneInfo) -> Callable[[Result], Told]:
    """Makes what is told of results, in the language that is spoken, with times of that zone."""
    # By identity: the ledger gives rows that are alike the same findings. They are kept, so that no others take over
    # their ids.
    known: dict[tuple[int, int], _Said] = {}
    moment = lru_cache(maxsize=_REMEMBERED)(partial(in_zone, zone=zone))

    def told(result: Result) -> Told:
        at = (id(result.findings), id(result.notes))
        said = known.get(at)
        if said is None:
            if len(known) >= _REMEMBERED:
                known.clear()
            said = known[at] = _Said(result.findings, result.notes, words(result), _columns(result.findings))
        sent_at = moment(result.sent_at.replace(microsecond=0)) if result.sent_at else None
        values = with_words(result, said.words, sent_at)
        return Told(result.row, result.outcome, values, said.columns, result.origin)

    return told


class _Said(NamedTuple):
    """What results with the same findings and notes have alike."""

    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    words: Words
    columns: tuple[str, ...]


def _columns(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(finding.values["column"] for finding in findings if "column" in finding.values)


class KeptResults:
    """The results of a run on their way into the report. Use as a context manager."""

    def __init__(self, results: Callable[[], Iterator[Result]], zone: ZoneInfo) -> None:
        """`results()` gives them anew each time, in ascending order of rows."""
        self._results, self._zone = results, zone
        self._file = SpooledTemporaryFile[bytes](max_size=_HELD, prefix="wegly-batch-")
        self._ends = [0]
        self._fits, self._whole = True, False

    def __enter__(self) -> KeptResults:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def first(self) -> Iterator[Result]:
        """The results, kept on the way. Once, to the end, before `told`."""
        remaining, told = self._results(), told_of(self._zone)
        while block := list(islice(remaining, _AT_ONCE)):
            self._keep([_packed(told(result)) for result in block])
            yield from block
        self._whole = self._fits

    def told(self) -> Iterator[Told]:
        """What is told of them, anew each time."""
        if not self._whole:
            yield from map(told_of(self._zone), self._results())
            return
        for begin, end in zip(self._ends, self._ends[1:], strict=False):
            self._file.seek(begin)
            yield from map(_unpacked, marshal.loads(self._file.read(end - begin)))  # noqa: S302 - what we wrote

    def _keep(self, rows: list[tuple[Any, ...]]) -> None:
        if not self._fits:
            return
        try:
            self._ends.append(self._ends[-1] + self._file.write(marshal.dumps(rows)))
            self._file.flush()
        except OSError:  # no room for temporary files
            self._fits = False


def _packed(told: Told) -> tuple[Any, ...]:
    row, _outcome, values, columns, origin = told
    return row, values, columns, (origin.run, origin.row, origin.file) if origin else None


def _unpacked(packed: tuple[Any, ...]) -> Told:
    row, values, columns, came = packed
    origin = Origin(run=came[0], row=came[1], file=came[2]) if came else None
    return Told(row, _OUTCOMES[values[STATUS]], values, columns, origin)


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetView:
    """The sheet as the report needs it. With `path`, `info` and `rows` None it is gone or has changed since the run."""

    path: Path | None
    """The run's private copy of the user's file, whose content is what `info` describes."""
    info: SheetInfo | None
    rows: Callable[[], Iterator[SheetRow]] | None
    """Gives the rows anew, in ascending order, each time it is called."""
    name: str
    """The file's name as the user knows it, for sentences."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What `write_report` left in the folder."""

    files: tuple[Path, ...]
    """What was written whole, the workbook first."""
    problems: tuple[str, ...] = ()
    """Sentences: what could not be written, or not as it should be."""
    missing: tuple[str, ...] = ()
    """The files that could not be written."""

    @property
    def page(self) -> Path | None:
        """The page for the browser; None when it could not be written."""
        return next((file for file in self.files if file.suffix == ".html"), None)


_ROW = "row"
"""The one column besides the results when the sheet is gone."""


class Line(NamedTuple):
    """One row of the report: its number in the sheet, and a value for each column of its frame."""

    number: int
    cells: tuple[Value, ...]
    outcome: Outcome | None
    """None for a row that the ledger does not know, which no complete run has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """The columns of a report that is made from rows: the sheet's, and the result columns at their places."""

    header: tuple[str, ...]
    places: tuple[tuple[int, ...], ...]
    """For each of `COLUMNS` its indexes in `header`."""
    heading_row: int
    """The line of the header, counted from 1."""
    shift: int = 0
    """How much lower than in the sheet each row is: 1 below a header that the sheet itself lacks."""

    @property
    def ours(self) -> frozenset[int]:
        """The indexes of all result columns."""
        return frozenset(index for indexes in self.places for index in indexes)

    @property
    def first_of_ours(self) -> int | None:
        """The index of the first result column where all of them, in their order, end the line; None elsewhere."""
        first = len(self.header) - len(self.places)
        in_order = tuple((index,) for index in range(first, len(self.header)))
        return first if self.places == in_order else None


def frame(sheet: SheetView) -> Frame:
    """The columns of the report of this sheet; of a sheet that is gone only the row number and the results."""
    columns = sheet.info.columns if sheet.info else (_ROW,)
    places = place(columns)
    header = [*columns, *[""] * (max(max(indexes) for indexes in places) + 1 - len(columns))]
    for name, indexes in zip(COLUMNS, places, strict=True):
        for index in indexes:
            header[index] = name
    bare = sheet.info is not None and not sheet.info.header_row
    heading_row = (sheet.info.header_row if sheet.info else 0) or 1
    return Frame(header=tuple(header), places=places, heading_row=heading_row, shift=1 if bare else 0)


def lines(sheet: SheetView, told: Iterable[Told], framed: Frame) -> Iterator[Line]:
    """The report's lines in ascending order; every row of the sheet and of the run is in exactly one."""
    rows = sheet.rows() if sheet.rows else None
    first = framed.first_of_ours
    for number, row, result in joined(rows, told):
        if row is not None and result is not None and len(row.cells) == first:
            yield Line(number, (*row.cells, *result.values), result.outcome)
            continue
        given: Sequence[Value] = row.cells if row else () if rows is not None else (number,)
        cells: list[Value] = [*given, *[None] * (len(framed.header) - len(given))]
        found: Sequence[Value] = result.values if result else (None,) * len(COLUMNS)
        for value, indexes in zip(found, framed.places, strict=True):
            for index in indexes:
                cells[index] = value
        yield Line(number, tuple(cells), result.outcome if result else None)


def joined(rows: Iterator[SheetRow] | None, told: Iterable[Told]) -> Iterator[tuple[int, SheetRow | None, Told | None]]:
    """Both ascending inputs merged by row number, streaming; what only one of them has comes with None."""
    left, right = rows or iter(()), iter(told)
    row, result = next(left, None), next(right, None)
    while row is not None or result is not None:
        if result is None or (row is not None and row.number < result.row):
            number = row.number if row else 0
        else:
            number = result.row
        here = row if row and row.number == number else None
        there = result if result and result.row == number else None
        yield number, here, there
        row = next(left, None) if here else row
        result = next(right, None) if there else result


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """A run, its figures, its sheet and what is told of its rows."""

    run: Run
    tally: Tally
    sheet: SheetView
    told: Callable[[], Iterator[Told]]
    """Gives what is told of each row anew each time, in ascending order of rows."""
    figures: Figures
    notes: tuple[str, ...] = ()
    """Sentences that every form of the report must say, and Written.problems too."""

    @property
    def zone(self) -> ZoneInfo:
        """The campaign's time zone."""
        return ZoneInfo(self.run.timezone)

    def page(self, notes: tuple[str, ...], remarks: tuple[str, ...] = ()) -> Page:
        """The summary page, with further sentences: what must be known after the material's own, the rest muted."""
        info = self.sheet.info
        read = info.warnings if info else ()
        return summary_page(self.run, self.tally, self.figures, notes=(*self.notes, *notes), remarks=(*remarks, *read))

"""The inputs of a report, and the list of its files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from batch.model.runs import Run, Tally
from batch.model.sheets import SheetInfo, SheetRow
from batch.reporter.rows import ReportRow, TableLayout, TableRow, join_table
from batch.reporter.statistics import Statistics

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


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportInputs:
    """A run, its tally and statistics, its sheet and the rendered results."""

    run: Run
    tally: Tally
    sheet: SourceSheet
    rows: Callable[[], Iterator[ReportRow]]
    """Yields a row for each result in ascending order, from the start at each call."""
    statistics: Statistics
    notes: tuple[str, ...] = ()
    """Sentences that every form of the report shows, and `ReportFiles.problems` too."""

    @property
    def zone(self) -> ZoneInfo:
        """The campaign's time zone."""
        return ZoneInfo(self.run.timezone)

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

    @property
    def page(self) -> Path | None:
        """The page for the browser; None when it could not be written."""
        return next((file for file in self.files if file.suffix == ".html"), None)

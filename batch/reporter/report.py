"""Writes the report of a run: the one entrance to this package."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO
from zipfile import BadZipFile, ZipFile
from zoneinfo import ZoneInfo

from batch.errors import SheetError
from batch.formatting import format_day
from batch.i18n import _, use_language
from batch.model.runs import Result, Run, Tally
from batch.reporter.atomic_file import write_aside
from batch.reporter.html.page import write_html
from batch.reporter.inputs import LEDGER_ONLY, ReportFiles, ReportInputs, SourceSheet
from batch.reporter.redacted import masked_name, masked_results, masked_run, masked_sheet, masked_words
from batch.reporter.results_csv import write_csv
from batch.reporter.retry import write_retries
from batch.reporter.rows import ResultSpool, lay_out_table
from batch.reporter.statistics import Statistics, collect_statistics
from batch.reporter.summary_json import summary_bytes
from batch.reporter.xlsx.workbook import write_workbook

_BARE_CSV = b"\xef\xbb\xbfrow;wegly_status;"


def has_fuller(folder: Path) -> bool:
    """True when a workbook or CSV file of the usual name is there that was made from the sheet itself.

    What cannot be read counts as such, so that it is kept.
    """
    workbooks = any((folder / name).exists() and not _is_bare(folder / name) for name in ("report.xlsx", "report.xlsm"))
    table = folder / "results.csv"
    return workbooks or (table.exists() and not _begins_bare(table))


def _is_bare(workbook: Path) -> bool:
    try:
        with ZipFile(workbook) as archive:
            return f">{LEDGER_ONLY}</".encode() in archive.read("docProps/core.xml")
    except (BadZipFile, KeyError, OSError):
        return False


def _begins_bare(table: Path) -> bool:
    try:
        with table.open("rb") as file:
            return file.read(len(_BARE_CSV)) == _BARE_CSV
    except OSError:
        return False


_NAMES = ("report.xlsx", "results.csv", "report.html")
_BARE_NAMES = (f"report ({LEDGER_ONLY}).xlsx", f"results ({LEDGER_ONLY}).csv", f"report ({LEDGER_ONLY}).html")


def write_report(
    folder: Path,
    *,
    run: Run,
    tally: Tally,
    sheet: SourceSheet,
    results: Callable[[], Iterator[Result]],
    masked: bool = False,
) -> ReportFiles:
    """Write report.xlsx, results.csv, report.html, summary.json, and retry.xlsx of what to correct into `folder`.

    `results()` gives the results anew each time it is called, in ascending order of rows, one per row of the sheet;
    it is asked once, or again where there is no room to keep them.
    Each file is written aside, made durable and renamed, mode 0600, so that an older one is never left half replaced.
    Without the sheet, a fuller workbook or CSV file of before is kept: the new ones are then named
    `report (ledger only).xlsx` and so on. A file that cannot be written becomes a problem of `ReportFiles` and does not
    stop the others. May be called again.
    Errors of `results()` are the caller's. What people read is in the run's language. `masked`: a report to be passed
    on, without anybody's data, whose files are named `report (masked).xlsx` and so on.
    """
    if masked:
        run, sheet, results = masked_run(run), masked_sheet(sheet), masked_results(results)
    zone = ZoneInfo(run.timezone)
    with use_language(run.language), ResultSpool(results, zone) as spool:
        statistics = collect_statistics(spool.spool_results(), zone)
        inputs = ReportInputs(run=run, tally=tally, sheet=sheet, rows=spool.rows, statistics=statistics)
        return _write(folder, inputs, masked=masked)


def _write(folder: Path, inputs: ReportInputs, *, masked: bool) -> ReportFiles:
    run, tally, sheet = inputs.run, inputs.tally, inputs.sheet
    kept = sheet.rows is None and not masked and has_fuller(folder)
    about = (masked_words(),) if masked else _gone(run, sheet)
    notes = (*about, *(_kept() if kept else ()), *_disagreement(tally, inputs.statistics))
    inputs = replace(inputs, notes=notes)
    done = _Done()
    book, table, page = map(masked_name, _NAMES) if masked else _BARE_NAMES if kept else _NAMES
    done.write(book, lambda: write_workbook(folder, inputs, name=book))
    done.write(table, lambda: (_csv(folder / table, inputs), ()))
    done.write(page, lambda: (write_html(folder / page, inputs), ()))
    done.write("summary.json", lambda: (_json(folder / "summary.json", run, tally), ()))
    if not masked:
        write_retries(folder, inputs, done)
    said = notes[1:] if masked else notes  # what the report says of itself is no problem
    return ReportFiles(files=tuple(done.files), problems=(*said, *done.problems), missing=tuple(done.missing))


class _Done:
    """What was written so far, and what went wrong."""

    def __init__(self) -> None:
        self.files: list[Path] = []
        self.problems: list[str] = []
        self.missing: list[str] = []

    def say(self, problem: str) -> None:
        self.problems.append(problem)

    def write(self, name: str, write: Callable[[], tuple[Path, tuple[str, ...]]]) -> bool:
        try:
            placed, problems = write()
        except (OSError, SheetError) as error:
            self.problems.append(_not_written(name, error))
            self.missing.append(name)
            return False
        self.files.append(placed)
        self.problems.extend(problems)
        if placed.stem != Path(name).stem:
            wanted = f"{Path(name).stem}{placed.suffix}"
            self.problems.append(
                _("{wanted} is open in another program, so it was written as {name}.").format(
                    wanted=wanted, name=placed.name
                )
            )
        return True


def _not_written(name: str, error: OSError | SheetError) -> str:
    if isinstance(error, OSError):
        return _("{name} could not be written: {error}.").format(name=name, error=error.strerror or error)
    return _("{name} could not be written. {error}").format(name=name, error=error)


def _csv(target: Path, inputs: ReportInputs) -> Path:
    layout = lay_out_table(inputs.sheet.info)

    def write(file: BinaryIO) -> None:
        write_csv(file, layout, inputs.table(layout))

    return write_aside(target, write)


def _json(target: Path, run: Run, tally: Tally) -> Path:
    def write(file: BinaryIO) -> None:
        file.write(summary_bytes(run, tally))

    return write_aside(target, write)


def _kept() -> tuple[str, ...]:
    book, table, _page = _BARE_NAMES
    words = _("The full report of before is kept; what the ledger knows now is in {book} and {table}.")
    return (words.format(book=book, table=table),)


def _gone(run: Run, sheet: SourceSheet) -> tuple[str, ...]:
    if run.purged is not None:
        said = _("The run was purged on {day}: the report has row, outcome, reason and times, and names nobody.")
        return (said.format(day=format_day(run.purged.astimezone(ZoneInfo(run.timezone)))),)
    if sheet.rows is not None:
        return ()
    words = _(
        "{name} is gone or has changed since the run, so the report has only what the ledger knows: "
        "row, phone and outcome."
    )
    return (words.format(name=sheet.name),)


def _disagreement(tally: Tally, found: Statistics) -> tuple[str, ...]:
    rows = Counter[object]()
    for each in found.reasons:
        rows[each.outcome] += each.rows
    if rows == Counter({outcome: count for outcome, count in tally.counts.items() if count}):
        return ()
    return (
        _("The ledger changed while the report was being written; write the report again when no run is going on."),
    )

"""Write the report of a run: the only entrance to this package, besides the summaries and the list of runs."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePath
from zipfile import BadZipFile, ZipFile
from zoneinfo import ZoneInfo

from batch.atomic_file import write_atomic
from batch.errors import WeglyBatchError, attempt, describe_defect
from batch.formatting import format_day
from batch.i18n import _, use_language
from batch.model.messages import Origin
from batch.model.redaction import mask_file_name, mask_result
from batch.model.runs import Result, Run, Tally
from batch.reporter.html.page import write_html
from batch.reporter.results_csv import write_csv
from batch.reporter.retry import write_retries
from batch.reporter.rows import (
    LEDGER_ONLY,
    ReportFiles,
    ReportInputs,
    ResultSpool,
    SourceSheet,
    lay_out_table,
    log_defect,
    no_mac,
)
from batch.reporter.statistics import Statistics, collect_statistics
from batch.reporter.summary_json import summary_bytes
from batch.reporter.xlsx.workbook import write_workbook


def redact_run(run: Run) -> Run:
    """Remove the paths of a run: folders, and the sheet's file too, may be named after people."""
    return replace(run, sheet_path=mask_file_name(run.sheet_path), ledger="", report_dir=None)


def redact_sheet(sheet: SourceSheet) -> SourceSheet:
    """Remove the rows, the file and the name of a sheet."""
    return SourceSheet(path=None, info=None, rows=None, name=mask_file_name(sheet.name))


def redact_results(results: Callable[[], Iterator[Result]]) -> Callable[[], Iterator[Result]]:
    """Remove from each result who it was. Takes and returns a function that yields the results anew."""
    return lambda: map(mask_result, results())


def redaction_note() -> str:
    """The note at the head of a redacted report."""
    return _(
        "This report is made to be passed on: phones are masked, and of the sheet it has the row numbers only. "
        "The full report is with whoever sent the messages."
    )


def redacted_name(name: str) -> str:
    """`report (masked).xlsx`, so that it is not taken for the full report."""
    path = PurePath(name)
    return f"{path.stem} (masked){path.suffix}"


_NAMES = ("report.xlsx", "results.csv", "report.html")
_BARE_NAMES = (f"report ({LEDGER_ONLY}).xlsx", f"results ({LEDGER_ONLY}).csv", f"report ({LEDGER_ONLY}).html")
_BARE_CSV = b"\xef\xbb\xbfrow;wegly_status;"
"""The first bytes of a results.csv that was written without the sheet."""


def write_report(
    folder: Path,
    *,
    run: Run,
    tally: Tally,
    sheet: SourceSheet,
    results: Callable[[], Iterator[Result]],
    masked: bool = False,
    origin_mac: Callable[[Origin], str] = no_mac,
) -> ReportFiles:
    """Write report.xlsx, results.csv, report.html, summary.json and, for rows to correct, retry.xlsx into `folder`.

    On return each file is whole and durable, mode 0600: it is written under another name, synced and renamed, so that
    an older one is never half replaced. A file that cannot be written becomes a problem of `ReportFiles` and does not
    stop the others. Texts are in the language of the run. May be called again.

    Args:
        sheet: When it is gone, a fuller workbook or CSV file of an earlier call is kept, and the new ones are named
            `report (ledger only).xlsx` and so on.
        results: Yields one result for each row of the sheet, in ascending order, from the start at each call. Called
            once, or again when there is no room to spool them. Its errors are raised.
        masked: Write a redacted report, whose files are named `report (masked).xlsx` and so on.
        origin_mac: Gives the code by which the ledger knows an origin of retry.xlsx as its own.
    """
    if masked:
        run, sheet, results = redact_run(run), redact_sheet(sheet), redact_results(results)
    zone = ZoneInfo(run.timezone)
    with use_language(run.language), ResultSpool(results, zone) as spool:
        statistics = collect_statistics(spool.spool_results(), zone)
        inputs = ReportInputs(
            run=run, tally=tally, sheet=sheet, rows=spool.rows, statistics=statistics, origin_mac=origin_mac
        )
        return _write_files(folder, inputs, masked=masked)


def _write_files(folder: Path, inputs: ReportInputs, *, masked: bool) -> ReportFiles:
    run, tally, sheet = inputs.run, inputs.tally, inputs.sheet
    keeps_full = sheet.rows is None and not masked and _has_full_report(folder)
    problems = [*([_kept_note()] if keeps_full else []), *_disagreement_notes(tally, inputs.statistics)]
    if masked:  # its own nature is no problem
        inputs = replace(inputs, notes=(redaction_note(), *problems))
    else:
        problems[:0] = _sheet_notes(run, sheet)
        inputs = replace(inputs, notes=tuple(problems))
    report = _Report(problems)
    book, table, page = map(redacted_name, _NAMES) if masked else _BARE_NAMES if keeps_full else _NAMES
    report.write(book, lambda: write_workbook(folder, inputs, name=book))
    report.write(table, lambda: (_write_csv(folder / table, inputs), ()))
    report.write(page, lambda: (write_html(folder / page, inputs), ()))
    summary = summary_bytes(run, tally)
    report.write(
        "summary.json", lambda: (write_atomic(folder / "summary.json", lambda file: file.writelines([summary])), ())
    )
    if not masked:
        failed = attempt(lambda: write_retries(folder, inputs, report))
        if isinstance(failed, Exception):
            report.lack("retry.xlsx", failed)
    return ReportFiles(files=tuple(report.files), problems=tuple(report.problems), missing=tuple(report.missing))


class _Report:
    """The files that were written so far, and the problems with them."""

    def __init__(self, problems: list[str]) -> None:
        self.files: list[Path] = []
        self.problems = problems
        self.missing: list[str] = []

    def say(self, problem: str) -> None:
        """Add a sentence about a problem."""
        self.problems.append(problem)

    def lack(self, name: str, error: Exception) -> None:
        """Note that a file could not be written."""
        log_defect("file_not_written", error)
        self.problems.append(_not_written(name, error))
        self.missing.append(name)

    def write(self, name: str, write: Callable[[], tuple[Path, tuple[str, ...]]]) -> bool:
        """Write a file; `write` returns its path and problems. False when it could not be written."""
        written = attempt(write)
        if isinstance(written, Exception):
            self.lack(name, written)
            return False
        placed, problems = written
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


def _not_written(name: str, error: Exception) -> str:
    if isinstance(error, WeglyBatchError):
        return _("{name} could not be written. {error}").format(name=name, error=error)
    return _("{name} could not be written: {error}.").format(name=name, error=describe_defect(error))


def _write_csv(target: Path, inputs: ReportInputs) -> Path:
    layout = lay_out_table(inputs.sheet.info)
    return write_atomic(target, lambda file: write_csv(file, layout, inputs.table(layout)))


def _has_full_report(folder: Path) -> bool:
    """True when a workbook or CSV file of the usual name was made with the sheet, or cannot be read: it is kept."""
    workbooks = (folder / "report.xlsx", folder / "report.xlsm")
    table = folder / "results.csv"
    return any(path.exists() and not _is_bare_workbook(path) for path in workbooks) or (
        table.exists() and not _is_bare_table(table)
    )


def _is_bare_workbook(workbook: Path) -> bool:
    try:
        with ZipFile(workbook) as archive:
            return f">{LEDGER_ONLY}</".encode() in archive.read("docProps/core.xml")
    except (BadZipFile, KeyError, OSError):
        return False


def _is_bare_table(table: Path) -> bool:
    try:
        with table.open("rb") as file:
            return file.read(len(_BARE_CSV)) == _BARE_CSV
    except OSError:
        return False


def _kept_note() -> str:
    book, table, _page = _BARE_NAMES
    words = _("The full report of before is kept; what the ledger knows now is in {book} and {table}.")
    return words.format(book=book, table=table)


def _sheet_notes(run: Run, sheet: SourceSheet) -> tuple[str, ...]:
    if run.purged is not None:
        words = _("The run was purged on {day}: the report has row, outcome, reason and times, and names nobody.")
        return (words.format(day=format_day(run.purged.astimezone(ZoneInfo(run.timezone)))),)
    if sheet.rows is not None:
        return ()
    words = _(
        "{name} is gone or has changed since the run, so the report has only what the ledger knows: "
        "row, phone and outcome."
    )
    return (words.format(name=sheet.name),)


def _disagreement_notes(tally: Tally, statistics: Statistics) -> tuple[str, ...]:
    rows = Counter[object]()
    for each in statistics.reasons:
        rows[each.outcome] += each.rows
    if rows == Counter({outcome: count for outcome, count in tally.counts.items() if count}):
        return ()
    return (
        _("The ledger changed while the report was being written; write the report again when no run is going on."),
    )

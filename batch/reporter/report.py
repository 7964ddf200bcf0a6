"""Write the report of a run: the only entrance to this package, besides the summaries and the list of runs."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile, ZipFile
from zoneinfo import ZoneInfo

from batch.atomic_file import write_atomic
from batch.errors import attempt
from batch.formatting import format_day
from batch.i18n import N_, _, current_language, use_language
from batch.model.messages import Origin
from batch.model.outcomes import Outcome
from batch.model.phrases import Phrase
from batch.model.redaction import mask_counts, mask_file_name, mask_result
from batch.model.runs import NextStep, Result, Run, Tally
from batch.reporter.html.figures import next_steps
from batch.reporter.html.page import write_html
from batch.reporter.results_csv import write_csv
from batch.reporter.retry import write_retries
from batch.reporter.rows import (
    LEDGER_ONLY,
    FileWriter,
    ReportFiles,
    ReportInputs,
    ResultSpool,
    SourceSheet,
    lay_out_table,
    no_mac,
)
from batch.reporter.statistics import Statistics, collect_statistics
from batch.reporter.summary_json import summary_bytes

_REDACTED = N_(
    "This report is made to be passed on: phones are masked, and of the sheet it has the row numbers only. "
    "The full report is with whoever sent the messages."
)
"""The note at the head of a redacted report."""
_NAMES = ("report.xlsx", "results.csv", "report.html")
_REDACTED_NAMES = ("report (redacted).xlsx", "results (redacted).csv", "report (redacted).html")
"""So that none is taken for the full report."""
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
    redacted: bool = False,
    origin_mac: Callable[[Origin], str] = no_mac,
) -> ReportFiles:
    """Write report.xlsx, results.csv, report.html, summary.json and, for rows to correct, retry.xlsx into `folder`.

    On return each file is whole and durable, mode 0600: it is written under another name, synced and renamed, so that
    an older one is never half replaced. A file that cannot be written becomes a problem of `ReportFiles` and does not
    stop the others. Texts are in the language of the run, next steps and problems in the current one. May be
    called again.

    Args:
        sheet: When it is gone, a fuller workbook or CSV file of an earlier call is kept, and the new ones are named
            `report (ledger only).xlsx` and so on.
        results: Yields one result for each row of the sheet, in ascending order, from the start at each call. Called
            once, or again when there is no room to spool them. Its errors are raised.
        redacted: Write a report to be passed on, whose files are named `report (redacted).xlsx` and so on.
        origin_mac: Gives the code by which the ledger knows an origin of retry.xlsx as its own.
    """
    if redacted:  # folders, and the sheet's file too, may be named after people
        run = replace(run, sheet_path=mask_file_name(run.sheet_path), ledger="", ledger_option="", report_dir=None)
        sheet = SourceSheet(path=None, info=None, rows=None, name=mask_file_name(sheet.name))
        tally = replace(tally, delivery=tally.delivery and mask_counts(tally.delivery))
    known = (lambda: map(mask_result, results())) if redacted else results
    screen = current_language()
    with open_inputs(run=run, tally=tally, sheet=sheet, results=known, origin_mac=origin_mac) as inputs:
        written = _write_files(folder, inputs, redacted=redacted, screen=screen)
        with use_language(screen):
            return replace(written, steps=tuple(next_steps(inputs, written.files)))


def list_steps(
    files: Iterable[Path], *, run: Run, tally: Tally, results: Callable[[], Iterator[Result]]
) -> tuple[NextStep, ...]:
    """Return what to do next about a report that is written. `files`: its own; the others as of `write_report`."""
    # Rows to decide are named, and all others counted.
    read = results() if tally.counts[Outcome.UNKNOWN] else ()
    statistics = collect_statistics(read, ZoneInfo(run.timezone))
    nothing = SourceSheet(path=None, info=None, rows=None, name="")
    inputs = ReportInputs(run=run, tally=tally, sheet=nothing, rows=lambda: iter(()), statistics=statistics)
    return tuple(next_steps(inputs, files))


@contextmanager
def open_inputs(
    *,
    run: Run,
    tally: Tally,
    sheet: SourceSheet,
    results: Callable[[], Iterator[Result]],
    origin_mac: Callable[[Origin], str] = no_mac,
) -> Iterator[ReportInputs]:
    """Give what files are written from while the block runs, in the language of the run. Arguments: `write_report`."""
    zone = ZoneInfo(run.timezone)
    with use_language(run.language), closing(ResultSpool(results, zone)) as spool:
        statistics = collect_statistics(spool.spool_results(), zone)
        yield ReportInputs(
            run=run, tally=tally, sheet=sheet, rows=spool.rows, statistics=statistics, origin_mac=origin_mac
        )


def _write_workbook(folder: Path, inputs: ReportInputs, name: str) -> tuple[Path, tuple[Phrase, ...]]:
    from batch.reporter.xlsx.report_xlsx import write_workbook  # noqa: PLC0415 - openpyxl is slow to load

    return write_workbook(folder, inputs, name=name)


def _write_files(folder: Path, inputs: ReportInputs, *, redacted: bool, screen: str) -> ReportFiles:
    run, tally, sheet = inputs.run, inputs.tally, inputs.sheet
    keeps_full = sheet.rows is None and not redacted and _has_full_report(folder)

    def find_problems() -> Iterator[str]:
        if not redacted:
            yield from _sheet_notes(run, sheet)
        if keeps_full:
            yield _kept_note()
        yield from _disagreement_notes(tally, inputs.statistics)

    nature = (_(_REDACTED),) if redacted else ()  # no problem
    inputs = replace(inputs, notes=(*nature, *find_problems()), redacted=redacted)
    with use_language(screen):
        report = FileWriter([*find_problems()], screen)
    book, table, page = _REDACTED_NAMES if redacted else _BARE_NAMES if keeps_full else _NAMES
    report.write(book, lambda: _write_workbook(folder, inputs, book))
    layout = lay_out_table(inputs.sheet.info, followed=True)
    report.write(
        table, lambda: (write_atomic(folder / table, lambda file: write_csv(file, layout, inputs.table(layout))), ())
    )
    if not redacted:
        with use_language(screen):
            failed = attempt(lambda: write_retries(folder, inputs, report))
            if isinstance(failed, Exception):
                report.note_missing("retry.xlsx", failed)
    report.write(page, lambda: (write_html(folder / page, inputs, report.made.files), ()))  # it leads to the others
    summary = summary_bytes(run, tally)
    report.write(
        "summary.json", lambda: (write_atomic(folder / "summary.json", lambda file: file.writelines([summary])), ())
    )
    return report.made


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
    if sheet.host:
        words = _("{name} is on {host}, so the report has only what the ledger knows: row, phone and outcome.")
        return (words.format(name=sheet.name, host=sheet.host),)
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

"""The Python API: commands as functions. `import batch` gives them.

Options have the names and meanings of the command line's. One that is not given is taken from the environment, as
there (`WEGLY_BATCH_LEDGER`, `WEGLY_BASE_URL`, ...), so that a script and a command meet in one ledger. Functions return
frozen records with the names of `--json`, and raise `WeglyBatchError`. They print nothing.

They may be called in any thread, also where an event loop is running, as in a notebook. `run` and `follow` of one
process wait for one another.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias, Unpack

from batch.app.api.execution import ProgressWatcher, called_alone, in_its_language
from batch.app.api.options import (
    CheckOptions,
    FollowOptions,
    LedgerOptions,
    PathLike,
    ReportOptions,
    RunOptions,
    find_token,
    read_choices,
    read_settings,
    read_value,
)
from batch.app.check import check as check_sheet
from batch.app.follow import FollowChoices
from batch.app.follow import follow as follow_messages
from batch.app.inspect import describe, inspect
from batch.app.purge import parse_age
from batch.app.records.check import CheckRecord, check_record
from batch.app.records.follow import FollowRecord, follow_record
from batch.app.records.people import SuppressedPerson, suppressed_people
from batch.app.records.settle import SettleRecord, settle_record
from batch.app.report import find_run, list_runs, rewrite_report
from batch.app.run import open_runs
from batch.app.runs.finish import RunReport
from batch.app.runs.progress import RunProgress
from batch.app.settings import Settings
from batch.app.settle import settle_report, settle_rows
from batch.app.suppress import add_people
from batch.ledger import Ledger
from batch.loader import Sheet
from batch.model.sheets import openable_path, parse_encoding
from batch.reporter import Results, RunSummary, collect_results, write_frame

if TYPE_CHECKING:
    import pandas as pd

SheetSource: TypeAlias = "PathLike | pd.DataFrame"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult(RunSummary):
    """The summary of a run (the content of summary.json), with its report and its results."""

    ledger: str | None
    """As it was named; None: the user's own."""
    folder: Path
    """Of the report."""
    files: tuple[Path, ...]
    """The files of the report, the workbook first."""
    problems: tuple[str, ...]
    """Sentences about what did not go as it should besides."""

    @property
    def run_id(self) -> str:
        """The run's name, for `follow`, `report`, `results` and `settle`."""
        return self.run

    def results(self) -> Results:
        """Read the result of each row from the ledger, as it stands now."""
        return results(self.run, ledger=self.ledger)


@in_its_language
def check(sheet: SheetSource, campaign: PathLike, **options: Unpack[CheckOptions]) -> CheckRecord:
    """Check a sheet, or a frame, against its campaign and the ledger: what a run would do. Sends and writes nothing.

    Raises InputError for what is wrong with the whole of it; rows with errors are in the record.
    """
    settings = read_settings(options)
    with _sheet_file(sheet) as (file, is_frame):
        choices = read_choices(options, is_frame=is_frame)
        return check_record(check_sheet(file, openable_path(campaign), settings, choices))


@called_alone
def run(
    sheet: SheetSource,
    campaign: PathLike,
    *,
    token: str | None = None,
    on_progress: Callable[[RunProgress], object] | None = None,
    **options: Unpack[RunOptions],
) -> RunResult:
    """Send what is left of a sheet, or a frame, and write its report. Nothing is asked.

    Everything is in the ledger when it returns; calling it again is safe. Of a frame a copy is kept beside the report.

    Args:
        sheet: a file, or a frame whose row at position p counts as row p + 2.
        campaign: the campaign file.
        token: None: from `token_file` or `WEGLY_TOKEN`.
        on_progress: called each second while messages are sent, from the thread that sends, and at the end.
        options: as of `wegly-batch run`.

    Raises InputError, Busy or ClockWrong, and nothing was sent then. An interrupt (Ctrl+C) drains what is in flight,
    and returns with the exit code 130.
    """
    settings, access = read_settings(options), find_token(token, options)
    watcher = ProgressWatcher(on_progress)
    with _sheet_file(sheet) as (file, is_frame):
        choices = read_choices(options, is_frame=is_frame)
        with open_runs([file], openable_path(campaign), settings, choices) as (sheet_run,):
            ended = sheet_run.execute(access, watcher)
    return _run_result(ended, settings, (*ended.warnings, *ended.problems, *ended.notify_problems))


@called_alone
def follow(
    *runs: str, token: str | None = None, campaign: PathLike | None = None, **options: Unpack[FollowOptions]
) -> FollowRecord:
    """Look what became of accepted messages, of these runs or of all. Sends nothing; each look is durable.

    With the campaign file of the one run, its unknown rows are looked for too.
    """
    settings, access, since = read_settings(options), find_token(token, options), options.get("since")
    choices = FollowChoices(
        runs=runs,
        since=read_value("since", parse_age, since) if isinstance(since, str) else since,
        limit=options.get("limit"),
        campaign=openable_path(campaign) if campaign is not None else None,
    )
    return follow_record(follow_messages(choices, settings=settings, token=access, on_look=lambda _done, _total: None))


@in_its_language
def report(run: str | None = None, *, redacted: bool = False, **options: Unpack[ReportOptions]) -> RunResult:
    """Write the report of a run (None: the newest) again, with what the ledger knows now.

    `redacted`: one to be passed on instead, without phones and without the sheet's own cells.
    """
    settings = read_settings(options)
    return _run_result(rewrite_report(run, settings, redacted=redacted), settings)


@in_its_language
def runs(
    campaign: str | None = None, *, limit: int | None = None, **options: Unpack[LedgerOptions]
) -> tuple[RunSummary, ...]:
    """List the runs of the ledger, the newest first; `campaign`: the beginning of its name."""
    return tuple(list_runs(read_settings(options), campaign=campaign, limit=limit).summaries)


@in_its_language
def results(run: str | None = None, **options: Unpack[LedgerOptions]) -> Results:
    """Return the result of each row of a run (None: the newest), as the ledger knows it now."""
    with Ledger.for_reading(read_settings(options).ledger) as ledger:
        found = find_run(ledger, run)
        return collect_results(ledger.results(found.run), found.timezone)


@in_its_language
def settle(
    what: PathLike, *, sent: Sequence[int] = (), not_sent: Sequence[int] = (), **options: Unpack[LedgerOptions]
) -> SettleRecord:
    """Decide unknown rows, after looking into WhatsApp. All of them are settled, or none; nothing is sent.

    `what`: a run, with its rows `sent` and `not_sent`; or a report of one, with its column `wegly_settle` filled in.
    """
    settings = read_settings(options)
    agree = lambda _plan: True  # noqa: E731 - who calls has decided
    if sent or not_sent:
        return settle_record(settle_rows(str(what), sent=sent, not_sent=not_sent, settings=settings, confirm=agree))
    return settle_record(settle_report(openable_path(what), settings=settings, confirm=agree))


@in_its_language
def suppress(
    *phones: str,
    reason: str | None = None,
    source: str | None = None,
    region: str = "BR",
    **options: Unpack[LedgerOptions],
) -> tuple[SuppressedPerson, ...]:
    """Put people on the suppression list, in any spelling of their phones. Durable on return."""
    found = add_people(phones, reason=reason, source=source, region=region, settings=read_settings(options))
    return suppressed_people(found)


@in_its_language
def read_sheet(
    sheet: PathLike,
    *,
    name: str | None = None,
    header_row: int | None = None,
    trusted: bool = False,
    encoding: str | None = None,
    language: str | None = None,  # noqa: ARG001 - of errors
) -> SheetRecord:
    """Read a sheet as a run would, without a campaign. `name`: of the worksheet."""
    opened = inspect(
        openable_path(sheet),
        name=name,
        header_row=header_row,
        trusted=trusted,
        encoding=read_value("encoding", parse_encoding, encoding),
    )
    return SheetRecord(**describe(opened), sheet_rows=opened)


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetRecord:
    """A sheet as it is read."""

    file: str
    format: str
    sheet: str | None
    """Name of the worksheet; None for a text file."""
    encoding: str | None
    delimiter: str | None
    header_row: int
    columns: tuple[str, ...]
    rows: int
    warnings: tuple[str, ...]
    sheet_rows: Sheet

    def to_pandas(self) -> pd.DataFrame:
        """Return the cells as a frame of texts, empty ones missing; its index is the row as Excel counts."""
        return self.sheet_rows.to_pandas()


def _run_result(ended: RunReport, settings: Settings, problems: tuple[str, ...] = ()) -> RunResult:
    summary = ended.summary
    return RunResult(
        **{field.name: getattr(summary, field.name) for field in fields(summary)},
        ledger=settings.ledger,
        folder=ended.folder,
        files=ended.written.files,
        problems=(*ended.written.problems, *problems),
    )


@contextmanager
def _sheet_file(sheet: SheetSource) -> Iterator[tuple[Path, bool]]:
    """Give the file of a sheet, and whether it was made of a frame: then it is there while the block runs."""
    if isinstance(sheet, str | os.PathLike):
        yield openable_path(sheet), False
        return
    with TemporaryDirectory(prefix="wegly-batch-") as folder:
        file = Path(folder) / "sheet.xlsx"
        write_frame(sheet, file)
        yield file, True

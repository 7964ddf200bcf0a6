"""`report` and `runs`: what the ledger knows, written again or listed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from batch.app.inputs.staging import noted_limits, open_as_noted
from batch.app.settings import Settings
from batch.errors import SettingsError, SheetError, nearest
from batch.i18n import N_, _, describe_os_error
from batch.ledger import Ledger
from batch.loader import keep_copy
from batch.model.runs import Run, Tally
from batch.reporter import ReportFiles, SourceSheet, write_index, write_report

_MEND = N_("Free space there, or name another place with --reports. The ledger keeps everything until then.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """Runs of a ledger, newest first, each with its counts as they stand now."""

    ledger: str
    """Where it is, as a person may read it."""
    runs: tuple[tuple[Run, Tally], ...]
    campaigns: tuple[str, ...]
    """The names of all campaigns that have runs, also where only some runs were asked for."""


def list_runs(settings: Settings, *, campaign: str | None = None, limit: int | None = None) -> Listed:
    """The runs of the ledger: all of them, or the newest `limit` of the campaigns whose name begins with `campaign`."""
    begins = (campaign or "").casefold()
    with Ledger.for_reading(settings.ledger) as ledger:
        runs = ledger.runs()
        wanted = [run for run in runs if run.campaign.casefold().startswith(begins)]
        return Listed(
            ledger=ledger.location,
            runs=tuple((run, ledger.tally(run.run)) for run in wanted[:limit]),
            campaigns=tuple(dict.fromkeys(run.campaign for run in runs)),
        )


def report_again(name: str | None, settings: Settings, *, masked: bool = False) -> tuple[Run, Tally, Path, ReportFiles]:
    """Write the report of run `name` again (None: the newest) with what the ledger knows now.

    Where the sheet is gone or was changed since, or the run was purged, the report has what the ledger knows, and says
    so. `masked`: a report to be passed on instead, in a folder `masked` inside the run's, for which the sheet is not
    even opened.
    """
    with Ledger.for_reading(settings.ledger) as ledger:
        run = find_run(ledger, name)
        if run.trial:
            raise SettingsError(
                _("The run {run} was a trial (--to): its message was no row's, so it has no report.").format(
                    run=run.run
                ),
                _("`wegly-batch runs` shows what became of it."),
            )
        folder = _folder(run, settings)
        if masked:
            folder = _inside(folder)
        seen = nullcontext(_unseen(run)) if masked else _view(run, folder)
        with ledger.snapshot(run.run) as (count, results), seen as view:
            tally = count()
            noted = replace(run, ledger=ledger.location, language=settings.language or run.language)
            written = write_report(folder, run=noted, tally=tally, sheet=view, results=results, masked=masked)
        unlisted = () if masked else write_index(folder.parent, noted.language)
        return run, tally, folder, replace(written, problems=(*written.problems, *unlisted))


def find_run(ledger: Ledger, name: str | None) -> Run:
    """The run of that name, or whose name ends so; None: the newest that was no trial.

    Raises SettingsError when there is no such one."""
    runs = ledger.runs()
    if not runs:
        problem = _("The ledger {ledger} has no runs yet.").format(ledger=ledger.location)
        raise SettingsError(problem, _("Send a sheet first, or name another --ledger."))
    if name is None:
        return next((run for run in runs if not run.trial), runs[0])
    found = [run for run in runs if run.run == name] or [run for run in runs if run.run.endswith(name)]
    if len(found) != 1:
        hint = nearest(name, [run.run for run in runs])
        problem = _("There is no run {name!r} in the ledger {ledger}{hint}.")
        problem = problem.format(name=name, ledger=ledger.location, hint=hint).replace("?.", "?")
        raise SettingsError(problem, _("`wegly-batch runs` lists them."))
    return found[0]


def _folder(run: Run, settings: Settings) -> Path:
    """The run's own folder, made again when it is gone; where that cannot be, one below `--reports`."""
    places = [Path(run.report_dir)] if run.report_dir else []
    problem = ""
    for folder in [*places, settings.reports.absolute() / run.run]:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            made = _("The folder {folder} cannot be made: {error}.")
            problem = problem or made.format(folder=folder, error=describe_os_error(error))
        else:
            return folder
    raise SettingsError(problem, _(_MEND))


def _inside(folder: Path) -> Path:
    """Where the masked report lies, by itself, so that the folder can be passed on whole."""
    inside = folder / "masked"
    try:
        inside.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        problem = _("The folder {folder} cannot be made: {error}.").format(
            folder=inside, error=describe_os_error(error)
        )
        raise SettingsError(problem, _(_MEND)) from None
    return inside


@contextmanager
def _view(run: Run, folder: Path) -> Iterator[SourceSheet]:
    """The sheet of a run as it was then, or nothing of it when it is not there any more or not the same."""
    try:
        inside = TemporaryDirectory(dir=folder, prefix=".sheet-", ignore_cleanup_errors=True)
    except OSError as error:
        problem = _("The folder {folder} takes no files: {error}.")
        raise SettingsError(problem.format(folder=folder, error=describe_os_error(error)), _(_MEND)) from None
    with inside as name:
        yield _open_again(run, Path(name))


def _open_again(run: Run, inside: Path) -> SourceSheet:
    original = Path(run.sheet_path)
    if run.purged is not None:  # what was purged does not come back from the sheet
        return SourceSheet(path=None, info=None, rows=None, name=original.name)
    if _sha256(original) != run.sheet_sha256:
        return _unseen(run)
    copy = keep_copy(
        original, inside, limits=noted_limits(run.sheet_options)
    )  # what fails now is the copying: that must not pass for a sheet that is gone
    try:
        if copy.sha256 == run.sheet_sha256:
            sheet = open_as_noted(copy.path, run.sheet_options, shown_as=original.name)
            return SourceSheet(path=copy.path, info=sheet.info, rows=sheet.rows, name=original.name)
    except SheetError:
        pass  # the report says that the sheet is gone
    return _unseen(run)


def _unseen(run: Run) -> SourceSheet:
    return SourceSheet(path=None, info=None, rows=None, name=Path(run.sheet_path).name)


def _sha256(sheet: Path) -> str | None:
    """None when it cannot be read."""
    try:
        with sheet.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None

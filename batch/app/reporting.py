"""`report` and `runs`: what the ledger knows, written again or listed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from batch.app.reading import noted_limits, open_as_noted
from batch.app.settings import Settings
from batch.errors import SettingsError, SheetError, nearest
from batch.language import N_, _, system_says
from batch.ledger import Ledger
from batch.loader import keep_copy
from batch.model.run import Run, Tally
from batch.reporter import SheetView, Written, write_report

__all__ = ["find_run", "list_runs", "report_again"]

_MEND = N_("Free space there, or name another place with --reports. The ledger keeps everything until then.")


def list_runs(settings: Settings) -> tuple[str, list[tuple[Run, Tally]]]:
    """The ledger's place, and its runs, newest first, with their counts as they stand now."""
    with Ledger.for_reading(settings.ledger) as ledger:
        return ledger.where, [(run, ledger.tally(run.run)) for run in ledger.runs()]


def report_again(name: str | None, settings: Settings) -> tuple[Run, Tally, Path, Written]:
    """Write the report of run `name` again (None: the newest) with what the ledger knows now.

    Where the sheet is gone or was changed since, or the run was purged, the report has what the ledger knows, and says
    so.
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
        with ledger.snapshot(run.run) as (count, results), _view(run, folder) as view:
            tally = count()
            noted = replace(run, ledger=ledger.where, language=settings.language or run.language)
            written = write_report(folder, run=noted, tally=tally, sheet=view, results=results)
        return run, tally, folder, written


def find_run(ledger: Ledger, name: str | None) -> Run:
    """The run of that name, or whose name ends so; None: the newest that was no trial.

    Raises SettingsError when there is no such one."""
    runs = ledger.runs()
    if not runs:
        problem = _("The ledger {ledger} has no runs yet.").format(ledger=ledger.where)
        raise SettingsError(problem, _("Send a sheet first, or name another --ledger."))
    if name is None:
        return next((run for run in runs if not run.trial), runs[0])
    found = [run for run in runs if run.run == name] or [run for run in runs if run.run.endswith(name)]
    if len(found) != 1:
        hint = nearest(name, [run.run for run in runs])
        problem = _("There is no run {name!r} in the ledger {ledger}{hint}.")
        problem = problem.format(name=name, ledger=ledger.where, hint=hint).replace("?.", "?")
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
            problem = problem or made.format(folder=folder, error=system_says(error))
        else:
            return folder
    raise SettingsError(problem, _(_MEND))


@contextmanager
def _view(run: Run, folder: Path) -> Iterator[SheetView]:
    """The sheet of a run as it was then, or nothing of it when it is not there any more or not the same."""
    try:
        inside = TemporaryDirectory(dir=folder, prefix=".sheet-", ignore_cleanup_errors=True)
    except OSError as error:
        problem = _("The folder {folder} takes no files: {error}.")
        raise SettingsError(problem.format(folder=folder, error=system_says(error)), _(_MEND)) from None
    with inside as name:
        yield _open_again(run, Path(name))


def _open_again(run: Run, inside: Path) -> SheetView:
    original = Path(run.sheet_path)
    if run.purged is not None:  # what was purged does not come back from the sheet
        return SheetView(path=None, info=None, rows=None, name=original.name)
    if _sha256(original) != run.sheet_sha256:
        return SheetView(path=None, info=None, rows=None, name=original.name)
    copy = keep_copy(
        original, inside, limits=noted_limits(run.sheet_options)
    )  # what fails now is the copying: that must not pass for a sheet that is gone
    try:
        if copy.sha256 == run.sheet_sha256:
            sheet = open_as_noted(copy.path, run.sheet_options, shown_as=original.name)
            return SheetView(path=copy.path, info=sheet.info, rows=sheet.rows, name=original.name)
    except SheetError:
        pass  # the report says that the sheet is gone
    return SheetView(path=None, info=None, rows=None, name=original.name)


def _sha256(sheet: Path) -> str | None:
    """None when it cannot be read."""
    try:
        with sheet.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None

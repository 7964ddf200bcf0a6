"""`report` and `runs`: what the ledger knows, written again or listed."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from socket import gethostname
from tempfile import TemporaryDirectory

from batch.app.inputs.campaign_sheet import (
    CampaignSheet,
    Choices,
    limits_of_run,
    open_campaign_sheet,
    reading_of,
    reopen_sheet,
    sent_renderer,
)
from batch.app.inputs.plan_file import sha256_of
from batch.app.runs.finish import RunReport
from batch.app.runs.run_folder import find_copy, hold_report, is_run_folder, remove_copy
from batch.app.runs.standing_report import written_files
from batch.app.settings import Settings
from batch.campaign import load_campaign
from batch.control_characters import show_controls
from batch.errors import SettingsError, SheetError, WeglyBatchError, nearest
from batch.i18n import N_, _, describe_os_error, number
from batch.ledger import Ledger
from batch.loader import keep_copy
from batch.model.messages import command_options
from batch.model.runs import BODY, CAMPAIGN_FILE, CLEAN_REPORT, Run, Tally
from batch.model.sheets import SheetRow
from batch.reporter import (
    ReportFiles,
    RunSummary,
    SourceSheet,
    delivery_headline,
    list_steps,
    summarize_run,
    write_index,
    write_report,
)

_REMEDY = N_("Free space there, or name another place with --reports. The ledger keeps everything until then.")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunListing:
    """Runs of a ledger, newest first, each with its counts as they stand now."""

    ledger: str
    """Its place, for people."""
    runs: tuple[tuple[Run, Tally], ...]
    campaigns: tuple[str, ...]
    """Names of all campaigns that have runs, also where only some runs were asked for."""
    submitted: frozenset[str] = frozenset()
    """Those that were given to workers."""
    timezone: str | None
    """By whose clock times are shown: of the ledger's latest run; None: it has none."""

    @property
    def arrived(self) -> Mapping[str, str]:
        """Delivery of each run that was looked at, as the headline of its report has it."""
        found = ((run, tally.delivery) for run, tally in self.runs if tally.delivery)
        return {run.run: delivery_headline(delivery, self.timezone or run.timezone) for run, delivery in found}

    @property
    def summaries(self) -> list[RunSummary]:
        """The content of summary.json for each run, and whether it was a trial."""
        return [replace(summarize_run(run, tally), trial=run.trial) for run, tally in self.runs]


def list_runs(settings: Settings, *, campaign: str | None = None, limit: int | None = None) -> RunListing:
    """List all runs of the ledger, or the newest `limit` of the campaigns whose name begins with `campaign`."""
    begins = (campaign or "").casefold()
    with Ledger.for_reading(settings.ledger) as ledger:
        runs = ledger.runs()
        wanted = [run for run in runs if run.campaign.casefold().startswith(begins)]
        return RunListing(
            ledger=ledger.location,
            runs=tuple((run, ledger.tally(run.run)) for run in wanted[:limit]),
            campaigns=tuple(dict.fromkeys(run.campaign for run in runs)),
            submitted=ledger.lanes.submitted() if ledger.is_on_server else frozenset(),
            timezone=next((run.timezone for run in runs), None),
        )


def rewrite_report(name: str | None, settings: Settings, *, redacted: bool = False, once: bool = False) -> RunReport:
    """Write the report of run `name` again (None: the newest) with what the ledger knows now.

    Where the sheet is gone or was changed since, or the run was purged, the report has what the ledger knows, and says
    so. While another program writes it, this one waits.

    Args:
        name: The run's name, or its end.
        settings: Where ledger and reports are, and how the report is to be.
        redacted: Write a report to be passed on instead, in a folder of that name inside the run's, for which the
            sheet is not even opened.
        once: Leave a report of the run's end that is there as it is.
    """
    with Ledger.for_reading(settings.ledger) as ledger, ExitStack() as held:
        run = find_run(ledger, name)
        if run.trial:
            problem = _("The run {run} was a trial (--to): its message was no row's, so it has no report.")
            remedy = _("`{runs}` shows what became of it.").format(runs=list_command(ledger))
            raise SettingsError(problem.format(run=run.run), remedy)
        folder = _make_run_folder(run, settings)
        held.enter_context(hold_report(folder))
        if once and (files := written_files(folder, run, tally := ledger.tally(run.run))):
            run, results = ledger.locate(run), partial(ledger.results, run.run)
            written = ReportFiles(files=files, steps=list_steps(files, run=run, tally=tally, results=results))
            return RunReport(run=run, tally=tally, folder=folder, written=written, was_there=True)
        if redacted:
            folder = folder / "redacted"
            _make_folder(folder)
        options = {**run.sheet_options, **({CLEAN_REPORT: "yes"} if settings.clean_report else {})}
        worded = replace(ledger.locate(run), language=settings.language or run.language, sheet_options=options)
        tally, written = _write(ledger, worded, folder, redacted=redacted)
        if run.finished and not redacted and find_copy(folder):
            remove_copy(folder)
        index_problems = () if redacted else write_index(folder.parent, worded.language)
        written = replace(written, problems=(*written.problems, *index_problems))
        return RunReport(run=ledger.locate(run), tally=tally, folder=folder, written=written)


def _write(ledger: Ledger, run: Run, folder: Path, *, redacted: bool) -> tuple[Tally, ReportFiles]:
    """Write the report into its folder; return the counts that it has. Raises LedgerFailed for a damaged ledger."""
    opening = nullcontext(_missing_sheet(run)) if redacted else _open_source(run, folder, ledger)
    with ledger.snapshot(run.run) as (count, results), opening as source:
        tally = count()
        written = write_report(
            folder,
            run=run,
            tally=tally,
            sheet=source,
            results=results,
            redacted=redacted,
            origin_mac=ledger.hashes.origin,
        )
    if written.missing and (damage := ledger.find_damage()):
        raise damage
    return tally, written


def list_command(ledger: Ledger, verb: str = "runs") -> str:
    """Return the command that lists the runs of a ledger, or another one (`verb`) about all of it."""
    return f"wegly-batch {verb}{command_options('', ledger.option, 'ledger')}"


def find_run(ledger: Ledger, name: str | None) -> Run:
    """Return the run of that name, or whose name ends so; None: the newest that was no trial.

    Raises SettingsError when there is no such one.
    """
    runs = ledger.runs()
    if not runs:
        problem = _("The ledger {ledger} has no runs yet.").format(ledger=ledger.location)
        raise SettingsError(problem, _("Send a sheet first, or name another --ledger."))
    if name is None:
        return next((run for run in runs if not run.trial), runs[0])
    found = [run for run in runs if run.run == name] or [run for run in runs if run.run.endswith(name)]
    if len(found) > 1:
        problem = _("{n} runs have a name that ends in {name!r}.").format(n=number(len(found)), name=name)
        raise SettingsError(problem, _("Give more of it. `{runs}` lists them.").format(runs=list_command(ledger)))
    if not found:
        hint = nearest(name, [run.run for run in runs])
        problem = _("There is no run {name!r} in the ledger {ledger}{hint}.")
        problem = problem.format(name=name, ledger=ledger.location, hint=hint).replace("?.", "?")
        raise SettingsError(problem, _("`{runs}` lists them.").format(runs=list_command(ledger)))
    return found[0]


def _make_run_folder(run: Run, settings: Settings) -> Path:
    """Make the run's own folder again when it is gone; where that cannot be, one below `--reports`.

    Also where its reports never were: the folder was named on another machine.
    """
    fallback, own = settings.reports.absolute() / run.run, Path(run.report_dir or "")
    if not is_run_folder(fallback, run.run):
        problem = _("The ledger names a run {run!r}, which is no name that wegly-batch gives.")
        raise SettingsError(problem.format(run=run.run), _("Another program wrote this ledger: name your own."))
    if not is_run_folder(own, run.run) or not own.parent.is_dir():
        return _make_folder(fallback)
    try:
        return _make_folder(own)
    except SettingsError as first:
        try:
            return _make_folder(fallback)
        except SettingsError:
            raise first from None


def _make_folder(folder: Path) -> Path:
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        problem = _("The folder {folder} cannot be made: {error}.").format(
            folder=folder, error=describe_os_error(error)
        )
        raise SettingsError(problem, _(_REMEDY)) from None
    return folder


@contextmanager
def _open_source(run: Run, folder: Path, ledger: Ledger) -> Iterator[SourceSheet]:
    """Open a private copy of a run's sheet, if it is still there and still the same."""
    try:
        inside = TemporaryDirectory(dir=folder, prefix=".sheet-", ignore_cleanup_errors=True)
    except OSError as error:
        problem = _("The folder {folder} takes no files: {error}.")
        raise SettingsError(problem.format(folder=folder, error=describe_os_error(error)), _(_REMEDY)) from None
    with inside as name:
        yield _open_copy(run, find_copy(folder) or Path(run.sheet_path), Path(name), ledger)


def _open_copy(run: Run, original: Path, inside: Path, ledger: Ledger) -> SourceSheet:
    elsewhere = run.host if run.host != gethostname() and not original.exists() else ""
    try:
        # What was purged does not come back from the sheet.
        if run.purged is not None or sha256_of(original) != run.sheet_sha256:
            return _missing_sheet(run)
    except OSError:
        return _missing_sheet(run, elsewhere)
    # What fails now is the copying: that must not pass for a sheet that is gone.
    copy = keep_copy(original, inside, limits=limits_of_run(run.sheet_options))
    try:
        if copy.sha256 == run.sheet_sha256:
            source = _fit_campaign(copy.path, run)
            shown_as = Path(run.sheet_path).name
            sheet = source.sheet if source else reopen_sheet(copy.path, run.sheet_options, shown_as=shown_as)
            name = show_controls(shown_as)
            message = sent_renderer(source, ledger) if source else _render_none if BODY in run.sheet_options else None
            return SourceSheet(path=copy.path, info=sheet.info, rows=sheet.rows, name=name, message=message)
    except SheetError:
        pass  # the report says that the sheet is gone
    return _missing_sheet(run)


def _fit_campaign(sheet: Path, run: Run) -> CampaignSheet | None:
    """Open a run's sheet with its campaign as it is now; None where that is gone, or reads the sheet in another way."""
    options = run.sheet_options
    try:
        campaign = load_campaign(Path(options[CAMPAIGN_FILE]), now=run.started)
        choices = Choices(trusted="trusted" in options, encoding=options.get("encoding"))
        name = Path(run.sheet_path).name
        source = open_campaign_sheet(
            sheet, campaign, endpoint=run.endpoint, shown_as=name, sha256=run.sheet_sha256, choices=choices
        )
    except (KeyError, WeglyBatchError):
        return None
    now = reading_of(campaign, source.sheet.info)
    return source if all(now.get(key) == options.get(key) for key in ("name", "header_row", "encoding")) else None


def _render_none(_row: SheetRow, _request: str, _run: str) -> None:
    """Render no message: the campaign is gone, or another."""


def _missing_sheet(run: Run, host: str = "") -> SourceSheet:
    return SourceSheet(path=None, info=None, rows=None, name=show_controls(Path(run.sheet_path).name), host=host)

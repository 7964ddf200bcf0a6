"""`wegly-batch run`."""

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import click

from batch.app.check import check
from batch.app.inputs.campaign_sheet import Choices
from batch.app.inputs.input_files import InputFiles, find_campaign, find_sheets, is_late, list_files
from batch.app.inputs.plan_file import Plan, read_plan
from batch.app.ledger_admin import exposure_warnings, synchronisation_warning
from batch.app.run import SheetRun, open_runs
from batch.app.runs.finish import FinishedRun
from batch.app.runs.progress import Watcher
from batch.app.settings import Settings, Token, read_token
from batch.app.trial import send_trial
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import SENDING_OPTIONS, SHEET, choices_from, lasting_option, settings_from, shared_options
from batch.cli.output.check import check_text
from batch.cli.output.run import alarm_text, brief_text, summary_text, trial_json, trial_text
from batch.cli.progress import make_watcher, open_sheet_bar
from batch.cli.terminal import discard_stdout, echo, open_page, say, show, warn
from batch.errors import WeglyBatchError
from batch.formatting import format_moment, to_json
from batch.i18n import _, describe_os_error, ngettext, number, use_language
from batch.model.outcomes import ExitCode, worst_exit_code


def is_too_late(campaign: Path, not_after: time | None) -> bool:
    """Return whether `--not-after` keeps all of it back, and say so."""
    if not_after is None or not is_late(campaign, not_after):
        return False
    say(_("It is after {time}: nothing was sent. Run again in time.").format(time=f"{not_after:%H:%M}"))
    return True


def read_frozen_plan(path: Path | None, plan_hash: str | None) -> Plan | None:
    """Return the plan that is named, after a look at its hash; None where there is none."""
    plan = read_plan(path) if path else None
    if plan_hash is not None:
        if plan is None:
            raise click.UsageError(_("--plan-hash goes with --plan."))
        plan.refuse_other_hash(plan_hash)
    return plan


@click.command("run", cls=TranslatedCommand)
@click.argument("sheets", type=SHEET, nargs=-1, required=True, metavar="SHEET...")
@shared_options("campaign")
@click.option("--yes", is_flag=True, help="Do not ask before sending.")
@click.option("--dry-run", is_flag=True, help="Only check: the same as `wegly-batch check`.")
@shared_options("limit", "rows")
@click.option(
    "--to",
    "numbers",
    multiple=True,
    metavar="PHONE",
    help="A trial: send the first message that would be sent to this number instead, and nothing else. Repeatable.",
)
@shared_options("plan", "plan-hash", "only-allowed")
@click.option("--retry-errors", is_flag=True, help="Try rows again that the API refused, though they did not change.")
@shared_options("resend-unknown", "retry-undelivered", "accept-change", "not-after")
@lasting_option(
    "--wait", is_flag=True, help="Outside the campaign's hours: wait until they begin, instead of ending with 6."
)
@shared_options(*SENDING_OPTIONS, "verbose")
@click.option("--open", "opens", is_flag=True, help="Open the page report.html in the browser at the end.")
@shared_options("quiet")
@lasting_option(
    "--quiet-unless-new",
    is_flag=True,
    help="For cron: print only when something was sent or has changed since the last run of the sheet.",
)
def command(
    *,
    sheets: tuple[Path, ...],
    campaign: Path | None,
    dry_run: bool,
    not_after: time | None,
    token_file: Path | None,
    numbers: tuple[str, ...],
    as_json: bool,
    plan_hash: str | None,
    opens: bool,
    quiet: bool,
    quiet_unless_new: bool,
    yes: bool,
    **options: Any,
) -> ExitCode:
    """Send what is left of each SHEET, and write its report. Running the same command again is always safe.

    A folder stands for the sheets in it, but not for lists of people that the campaign names. The token comes from the
    environment variable WEGLY_TOKEN, from --token-file, or from where `init` has kept it, never from the command line.
    """
    plan = read_frozen_plan(options["plan"], plan_hash)
    settings, choices = settings_from(options), choices_from(options | {"plan": plan})
    campaign = find_campaign(sheets, campaign, settings.ledger)
    files = find_sheets(sheets, list_files(campaign, settings.only_allowed))
    _print_files(files)
    if len(files.sheets) > 1 and (numbers or choices.plan):
        option, count = "--to" if numbers else "--plan", len(files.sheets)
        raise click.UsageError(_("{option} goes with one sheet; {n} are named.").format(option=option, n=number(count)))
    warn(exposure_warnings(settings, token_file))
    if dry_run:
        return _check(files.sheets, campaign, settings, choices, as_json=as_json)
    if is_too_late(campaign, not_after):
        return ExitCode.PENDING
    if numbers:
        token = read_token(os.environ.get("WEGLY_TOKEN"), token_file, settings.endpoint)
        watcher = make_watcher(yes=yes, quiet=False)
        trial = send_trial(
            files.sheets[0], campaign, numbers, settings=settings, token=token, choices=choices, watcher=watcher
        )
        show(trial_json(trial) if as_json else trial_text(trial), as_json=as_json)
        return trial.exit_code
    token, quiet = read_token(os.environ.get("WEGLY_TOKEN"), token_file, settings.endpoint), quiet or as_json
    runner = _Runner(settings=settings, choices=choices, token=token, as_json=as_json, quiet=quiet, yes=yes)
    runner.is_brief, runner.opens = quiet_unless_new, opens
    return runner.run(files.sheets, campaign)


def _print_files(files: InputFiles) -> None:
    """Print what a folder stood for, so that no sheet is a surprise."""
    if files.from_folders:
        names = ", ".join(file.name for file in files.from_folders)
        say(_("Taken from the folder: {files}.").format(files=names))
    warn(_("Left out of the folder: {what}.").format(what=ignored) for ignored in files.ignored)


def _check(sheets: Iterable[Path], campaign: Path, settings: Settings, choices: Choices, *, as_json: bool) -> ExitCode:
    """`--dry-run`."""
    from batch.app.records.check import check_record  # noqa: PLC0415 - for those that check

    codes = []
    for sheet in sheets:
        with open_sheet_bar([sheet], quiet=as_json) as bar:
            found = check(sheet, campaign, settings, choices, bar.draw if bar else None)
        show(to_json(check_record(found)) if as_json else check_text(found), as_json=as_json)
        codes.append(found.exit_code)
    return worst_exit_code(codes)


@dataclass(kw_only=True)  # it collects what has ended
class _Runner:
    """Runs sheets one after another, and prints what a person or a program wants to know of each."""

    settings: Settings
    choices: Choices
    token: Token
    as_json: bool
    quiet: bool
    yes: bool
    is_brief: bool = False
    """Nothing is printed of a run that found nothing new, three lines of another."""
    opens: bool = False
    """The page of each report is opened."""
    finished: list[FinishedRun] = field(default_factory=list)
    codes: list[ExitCode] = field(default_factory=list)

    def run(self, sheets: Sequence[Path], campaign: Path) -> ExitCode:
        self._warn()
        quiet = self.quiet or self.is_brief
        with (
            open_sheet_bar(sheets, quiet=quiet) as bar,
            open_runs(sheets, campaign, self.settings, self.choices) as runs,
        ):
            for run in runs:
                watcher = make_watcher(yes=self.yes, quiet=quiet, expires=self.token.expires, sheet_bar=bar)
                try:
                    # A mail of cron has the reader of the report.
                    with use_language(None if watcher.has_reader else run.language):
                        self._execute(run, watcher)
                except WeglyBatchError as error:
                    if len(runs) == 1:
                        raise
                    watcher.end()
                    say(f"{run.sheet.name}: {error.problem}\n{error.remedy}".rstrip())
                    self.codes.append(ExitCode(error.exit_code))
                if self.finished and self.finished[-1].hits_all:
                    if remaining := len(runs) - len(self.codes):
                        say(_not_begun_text(remaining, len(runs)))
                    break
        if self.as_json:
            self._print_json(as_list=len(sheets) > 1)
        return worst_exit_code(self.codes)

    def _warn(self) -> None:
        # Once, and only to a person at a terminal: cron would mail the ledger's doubtful place every night.
        if not self.quiet and sys.stderr.isatty() and (warning := synchronisation_warning(self.settings)):
            say(warning)
        expires = self.token.expires
        if expires is not None and expires <= datetime.now(UTC):  # it will be refused: the cause is known already
            expired = _("The token expired on {when}: get a new one from Wegly.")
            say(expired.format(when=format_moment(expires.astimezone())))

    def _execute(self, run: SheetRun, watcher: Watcher) -> None:
        ended = run.execute(self.token, watcher)
        self.finished.append(ended)
        self.codes.append(ended.exit_code)
        self._print_end(ended, watcher)
        if self.opens:
            open_page(ended.written.page)

    def _print_end(self, ended: FinishedRun, watcher: Watcher) -> None:
        alarm = alarm_text(ended, brief=self.is_brief)
        if self.is_brief:
            if ended.is_new and not self.as_json:
                say("\n".join(filter(None, [alarm, brief_text(ended)])))
            elif ended.notify_problems:
                say("\n".join(ended.notify_problems))
        elif not self.quiet:
            # Cron mails whatever is printed: without a reader that is only what needs one.
            needed = ended.exit_code is not ExitCode.DONE or alarm or self.choices.verbose
            with suppress(OSError):  # a terminal that is gone; the exit code still tells
                if needed or watcher.has_reader:
                    say(summary_text(ended, opens=self.opens))
        elif self.as_json and alarm:
            say(alarm)
        elif ended.notify_problems:
            say("\n".join(ended.notify_problems))

    def _print_json(self, *, as_list: bool) -> None:
        if self.is_brief and not any(ended.is_new for ended in self.finished):
            return
        summaries = [ended.summary for ended in self.finished]
        try:
            echo(to_json(summaries if as_list else summaries[0]))
        except OSError as error:
            discard_stdout()
            problem = _("The summary could not be printed ({error}); it is in summary.json.")
            say(problem.format(error=describe_os_error(error)))


def _not_begun_text(remaining: int, sheets: int) -> str:
    text = ngettext(
        "The other {n} of {sheets} sheets was not begun: it would be the same.",
        "The other {n} of {sheets} sheets were not begun: it would be the same.",
        remaining,
    )
    return text.format(n=number(remaining), sheets=number(sheets))

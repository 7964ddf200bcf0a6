"""`wegly-batch run`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batch.cli.help_i18n import SpokenCommand
from batch.cli.main import exit_code_for, give_up_stdout
from batch.cli.options import (
    SHEET,
    accept_change_option,
    base_url_option,
    campaign_option,
    json_option,
    language_chosen,
    lasting,
    ledger_option,
    limit_option,
    only_allowed_option,
    origin_option,
    rate_option,
    read_timeout_option,
    reports_option,
    rows_option,
    token_file_option,
    trust_env_option,
)
from batch.errors import WeglyBatchError
from batch.formatting import format_moment
from batch.i18n import _, describe_os_error, ngettext, number
from batch.model.outcomes import ExitCode, worst_exit_code

if TYPE_CHECKING:
    from batch.app.inputs.input_files import Taken
    from batch.app.inputs.staging import Choices
    from batch.app.run import SheetRun
    from batch.app.runs.finish import FinishedRun
    from batch.app.settings import Settings
    from batch.chats import Token


class _Clock(click.ParamType[time]):
    """HH:MM."""

    name = "clock"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> time:
        try:
            clock = value if isinstance(value, time) else datetime.strptime(value, "%H:%M").time()  # noqa: DTZ007
        except ValueError:
            self.fail(_("{value!r}: allowed is a time like 18:00.").format(value=value), param, ctx)
        return clock


@click.command("run", cls=SpokenCommand)
@click.argument("sheets", type=SHEET, nargs=-1, required=True, metavar="SHEET...")
@campaign_option
@click.option("--yes", is_flag=True, help="Do not ask before sending.")
@click.option("--dry-run", is_flag=True, help="Only check: the same as `wegly-batch check`.")
@limit_option
@rows_option
@click.option(
    "--to",
    "numbers",
    multiple=True,
    metavar="PHONE",
    help="A trial: send the first message that would be sent to this number instead, and nothing else. Repeatable.",
)
@click.option("--plan", type=SHEET, metavar="PLAN", help="Send exactly the messages of a plan (`wegly-batch plan`).")
@only_allowed_option
@click.option("--retry-errors", is_flag=True, help="Try rows again that the API refused, though they did not change.")
@click.option(
    "--resend-unknown", is_flag=True, help="Send unknown rows again: who had the message after all gets it twice."
)
@accept_change_option
@lasting(
    "--not-after",
    type=_Clock(),
    metavar="HH:MM",
    help="Send nothing when it is later than this (until midnight): for cron.",
)
@lasting("--wait", is_flag=True, help="Outside the campaign's hours: wait until they begin, instead of ending with 6.")
@rate_option
@lasting("--concurrency", type=click.IntRange(1, 512), metavar="N", help="Attempts in flight at most.")
@read_timeout_option
@reports_option
@ledger_option
@token_file_option
@base_url_option
@origin_option
@trust_env_option
@json_option
@click.option("-v", "--verbose", is_flag=True, help="Print the log on stderr as well.")
@click.option("-q", "--quiet", is_flag=True, help="Print no progress and no summary.")
def command(
    *,
    sheets: tuple[Path, ...],
    campaign: Path,
    dry_run: bool,
    not_after: time | None,
    token_file: Path | None,
    numbers: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    yes: bool,
    **options: Any,
) -> ExitCode:
    """Send what is left of each SHEET, and write its report. Running the same command again is always safe.

    A folder stands for the sheets in it, but not for lists of people that the campaign names. The token comes from the
    environment variable WEGLY_TOKEN or from --token-file, never from the command line.
    """
    from batch.app.inputs.input_files import is_late, lists_of, sheets_of

    settings, choices = _settings(options), _choices(options)
    taken = sheets_of(sheets, lists_of(campaign, settings.only_allowed))
    _say_taken(taken)
    if len(taken.sheets) > 1 and (numbers or choices.plan):
        option, count = "--to" if numbers else "--plan", len(taken.sheets)
        raise click.UsageError(_("{option} goes with one sheet; {n} are named.").format(option=option, n=number(count)))
    if dry_run:
        return _check(taken.sheets, campaign, settings, choices, as_json=as_json)
    if not_after is not None and is_late(campaign, not_after):
        late = _("It is after {time}: nothing was sent. Run again in time.")
        click.echo(late.format(time=f"{not_after:%H:%M}"), err=True)
        return ExitCode.PENDING
    if numbers:
        return _try_out(
            taken.sheets[0], campaign, numbers, settings, choices, token_file=token_file, as_json=as_json, yes=yes
        )
    return _Runner(campaign, settings, choices, as_json=as_json, quiet=quiet, yes=yes).run(taken, token_file)


def _settings(options: dict[str, Any]) -> Settings:
    from batch.app.settings import Settings

    about_api = ("base_url", "origin", "read_timeout", "trust_env")
    names = (*about_api, "ledger", "reports", "rate", "concurrency", "only_allowed", "wait")
    return Settings(**{name: options[name] for name in names}, language=language_chosen())


def _choices(options: dict[str, Any]) -> Choices:
    from batch.app.inputs.plan_file import read_plan
    from batch.app.inputs.staging import Choices

    plan = read_plan(options["plan"]) if options["plan"] else None
    names = ("limit", "rows", "retry_errors", "resend_unknown", "accept_change", "verbose")
    return Choices(plan=plan, **{name: options[name] for name in names})


def _say_taken(taken: Taken) -> None:
    """What a folder stood for, so that nobody is surprised by a sheet."""
    if taken.from_folders:
        names = ", ".join(file.name for file in taken.from_folders)
        click.echo(_("Taken from the folder: {files}.").format(files=names), err=True)
    for sentence in taken.left_out:
        click.echo(_("Left out of the folder: {what}.").format(what=sentence), err=True)


def _try_out(
    sheet: Path,
    campaign: Path,
    numbers: tuple[str, ...],
    settings: Settings,
    choices: Choices,
    *,
    token_file: Path | None,
    as_json: bool,
    yes: bool,
) -> ExitCode:
    """`--to`."""
    from batch.app.settings import read_token
    from batch.app.trial import try_out
    from batch.cli.output.run import trial_json, trial_text
    from batch.cli.progress import watcher_for

    token = read_token(os.environ.get("WEGLY_TOKEN"), token_file)
    watcher = watcher_for(yes=yes, quiet=False)
    tried = try_out(sheet, campaign, numbers, settings=settings, token=token, choices=choices, watcher=watcher)
    click.echo(trial_json(tried) if as_json else trial_text(tried))
    return tried.exit_code


def _check(sheets: Sequence[Path], campaign: Path, settings: Settings, choices: Choices, *, as_json: bool) -> ExitCode:
    """`--dry-run`."""
    from batch.app.check import check
    from batch.cli.output.check import check_json, check_text

    codes = []
    for sheet in sheets:
        found = check(sheet, campaign, settings, choices)
        click.echo(check_json(found) if as_json else check_text(found))
        codes.append(found.exit_code)
    return worst_exit_code(codes)


def _say_expired(expires: datetime | None) -> None:
    """A token that is over will be refused: whoever reads this need not look for the cause."""
    if expires is not None and expires <= datetime.now(UTC):
        expired = _("The token expired on {when}: get a new one from Wegly.")
        click.echo(expired.format(when=format_moment(expires.astimezone())), err=True)


def _not_begun(left: int, sheets: int) -> str:
    said = ngettext(
        "The other {n} of {sheets} sheets was not begun: it would be the same.",
        "The other {n} of {sheets} sheets were not begun: it would be the same.",
        left,
    )
    return said.format(n=number(left), sheets=number(sheets))


class _Runner:
    """Runs sheets one after another, and prints what a person or a program wants to know of each."""

    def __init__(
        self, campaign: Path, settings: Settings, choices: Choices, *, as_json: bool, quiet: bool, yes: bool
    ) -> None:
        self._campaign = campaign
        self._settings = settings
        self._choices = choices
        self._json = as_json
        self._quiet = quiet or as_json
        self._yes = yes
        self._finished: list[FinishedRun] = []
        self._codes: list[ExitCode] = []

    def run(self, taken: Taken, token_file: Path | None) -> ExitCode:
        from batch.app.run import open_runs
        from batch.app.settings import read_token

        token = read_token(os.environ.get("WEGLY_TOKEN"), token_file)
        self._say_where()
        _say_expired(token.expires)
        with open_runs(taken.sheets, self._campaign, self._settings, self._choices) as runs:
            for run in runs:
                try:
                    self._one(run, token)
                except WeglyBatchError as error:
                    if len(runs) == 1:
                        raise
                    click.echo(f"{run.sheet.name}: {error.problem}\n{error.remedy}".rstrip(), err=True)
                    self._codes.append(exit_code_for(error))
                if self._finished and self._finished[-1].hits_all:
                    if left := len(runs) - len(self._codes):
                        click.echo(_not_begun(left, len(runs)), err=True)
                    break
        self._print_json(as_list=len(taken.sheets) > 1)
        return worst_exit_code(self._codes)

    def _say_where(self) -> None:
        """A person at a terminal hears once if the ledger's place is doubtful; cron would mail it every night."""
        from batch.app.ledger_admin import synchronised

        if not self._quiet and sys.stderr.isatty() and (said := synchronised(self._settings)):
            click.echo(said, err=True)

    def _one(self, run: SheetRun, token: Token) -> None:
        from batch.cli.output.run import alarm_text, summary_text
        from batch.cli.progress import watcher_for

        watcher = watcher_for(yes=self._yes, quiet=self._quiet, expires=token.expires)
        ended = run.execute(token, watcher)
        self._finished.append(ended)
        self._codes.append(ended.exit_code)
        if not self._quiet:
            needed = ended.exit_code is not ExitCode.DONE or bool(alarm_text(ended)) or self._choices.verbose
            with suppress(OSError):  # nobody reads there any more; the exit code still tells
                watcher.say(summary_text(ended), needed=needed)
        elif self._json and (alarm := alarm_text(ended)):
            click.echo(alarm, err=True)
        elif ended.untold:
            click.echo("\n".join(ended.untold), err=True)

    def _print_json(self, *, as_list: bool) -> None:
        from batch.cli.output.run import summary_json

        if self._json:
            runs = [(ended.run, ended.tally) for ended in self._finished]
            try:
                click.echo(summary_json(runs, as_list=as_list))
            except OSError as error:
                give_up_stdout()
                said = _("The summary could not be printed ({error}); it is in summary.json.")
                click.echo(said.format(error=describe_os_error(error)), err=True)

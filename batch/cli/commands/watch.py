"""`wegly-batch watch`, `status` and `cancel`."""

from typing import Any

import click

from batch.app.fleet.watch import cancel, fleet_status, watch
from batch.app.runs.finish import FinishedRun
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import settings_from, shared_options
from batch.cli.output.fleet import cancelled_text, status_json, status_text
from batch.cli.output.layout import run_command
from batch.cli.output.run import alarm_text, summary_text
from batch.cli.progress import make_watcher
from batch.cli.terminal import say, show
from batch.formatting import to_json
from batch.i18n import _
from batch.model.outcomes import ExitCode


@click.command("watch", cls=TranslatedCommand)
@click.argument("run")
@shared_options("ledger", "reports", "clean-report", "json", "quiet")
def command(*, run: str, as_json: bool, quiet: bool, **options: Any) -> ExitCode:
    """Show the progress of a submitted RUN until its end, then write its report. Ends with the run's exit code.

    From any machine. The report is written where the sheet is; elsewhere the end says where that is, and nothing is
    written. Ctrl+C ends the watching alone. JSON comes once, at the end.
    """
    ended = watch(run, settings_from(options), make_watcher(yes=True, quiet=quiet or as_json))
    if not isinstance(ended, FinishedRun):
        if not quiet:
            words = _("The run goes on. To end it: {command}")
            say(words.format(command=run_command(ended, f"cancel {ended.run}", "ledger")))
        return ExitCode.INTERRUPTED
    print_end(ended, as_json=as_json, quiet=quiet)
    return ended.exit_code


def print_end(ended: FinishedRun, *, as_json: bool, quiet: bool) -> None:
    """Print the end of a run that workers have sent; with JSON what needs a person on stderr, as `run` does."""
    if as_json:
        show(to_json(ended.summary), as_json=True)
        if alarm := alarm_text(ended):
            say(alarm)
    elif not quiet:
        say(summary_text(ended))


@click.command("status", cls=TranslatedCommand)
@click.argument("run", required=False)
@shared_options("ledger", "json")
def status_command(*, run: str | None, as_json: bool, **options: Any) -> None:
    """Show how far workers are with RUN, sender by sender. Without RUN: with all that was submitted and has not ended.

    The last characters of a run's name are enough. Counts are those of all rows of the sheet, as in `runs`; times are
    those of the latest run's campaign.
    """
    found = fleet_status(run, settings_from(options))
    show(status_json(found) if as_json else status_text(found), as_json=as_json)


@click.command("cancel", cls=TranslatedCommand)
@click.argument("run")
@shared_options("ledger")
def cancel_command(*, run: str, **options: Any) -> ExitCode:
    """End a submitted RUN: nothing more of it is sent, what is in flight is recorded, its rows stay pending.

    The last characters of a run's name are enough. Submitting the sheet again sends what is left.
    """
    words = _("Nothing more of {run} is sent. Waiting for what workers have in flight, a minute at most.")
    ended = cancel(run, settings_from(options), lambda found: say(words.format(run=found.run)))
    say(cancelled_text(ended))
    return ExitCode.DONE if ended.is_noted else ExitCode.STOPPED

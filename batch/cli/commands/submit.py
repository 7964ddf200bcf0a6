"""`wegly-batch submit`."""

import os
from datetime import time
from pathlib import Path
from typing import Any

import click

from batch.app.fleet.submit import SubmittedRun, submit
from batch.app.fleet.watch import watch
from batch.app.inputs.input_files import find_campaign, find_sheets, list_files
from batch.app.ledger_admin import exposure_warnings
from batch.app.run import open_runs
from batch.app.runs.finish import FinishedRun
from batch.app.settings import read_token
from batch.cli.commands.run import is_too_late, read_frozen_plan
from batch.cli.commands.watch import print_end
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import SENDING_OPTIONS, SHEET, choices_from, settings_from, shared_options
from batch.cli.output.fleet import submitted_json, submitted_text
from batch.cli.progress import make_watcher, open_sheet_bar
from batch.cli.terminal import say, show, warn
from batch.formatting import to_json
from batch.i18n import _
from batch.model.outcomes import ExitCode


@click.command("submit", cls=TranslatedCommand)
@click.argument("sheet", type=SHEET)
@shared_options("campaign")
@click.option("--attach", is_flag=True, help="Wait for the end as `run` does: same bar, same report, same exit code.")
@click.option("--yes", is_flag=True, help="Do not ask before sending.")
@shared_options(
    "limit",
    "rows",
    "plan",
    "plan-hash",
    "only-allowed",
    "retry-errors",
    "resend-unknown",
    "retry-undelivered",
    "accept-change",
    "not-after",
    *SENDING_OPTIONS,
    "quiet",
)
def command(
    *,
    sheet: Path,
    campaign: Path | None,
    attach: bool,
    not_after: time | None,
    token_file: Path | None,
    as_json: bool,
    plan_hash: str | None,
    quiet: bool,
    yes: bool,
    **options: Any,
) -> ExitCode:
    """Check SHEET and give what is left of it to workers, which send it from any machine.

    Needs a ledger on PostgreSQL and a `wegly-batch worker` with the same token. Outside the campaign's hours workers
    wait. `watch` shows how far it is and writes the report, `cancel` ends it. With --attach Ctrl+C ends it too.
    """
    plan = read_frozen_plan(options["plan"], plan_hash)
    settings, choices = settings_from(options), choices_from(options | {"plan": plan})
    campaign = find_campaign((sheet,), campaign, settings.ledger)
    (sheet, *others) = find_sheets((sheet,), list_files(campaign, settings.only_allowed)).sheets
    if others:
        raise click.UsageError(_("The folder holds several sheets: name one, and submit the next when it has ended."))
    warn(exposure_warnings(settings, token_file))
    if is_too_late(campaign, not_after):
        return ExitCode.PENDING
    token, quiet = read_token(os.environ.get("WEGLY_TOKEN"), token_file, settings.endpoint), quiet or as_json
    with open_sheet_bar([sheet], quiet=quiet) as bar, open_runs((sheet,), campaign, settings, choices) as (run,):
        watcher = make_watcher(yes=yes, quiet=quiet, expires=token.expires, sheet_bar=bar)
        given = submit(run, settings, choices, token, watcher)
    if isinstance(given, SubmittedRun):
        if not quiet:
            say(submitted_text(given, attached=attach))
        ended = watch(given.run.run, settings, make_watcher(yes=True, quiet=quiet), stops=True) if attach else None
        if not isinstance(ended, FinishedRun):
            if as_json:
                show(to_json(submitted_json(given)), as_json=True)
            return ExitCode.INTERRUPTED if attach else ExitCode.DONE
        given = ended
    print_end(given, as_json=as_json, quiet=quiet)
    return given.exit_code

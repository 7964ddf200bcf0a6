"""`wegly-batch purge`."""

from datetime import timedelta
from typing import Any

import click

from batch.app.purge import parse_age, purge
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import TextParam, settings_from, shared_options, timeout_option
from batch.cli.output.purge import purge_json, purge_question, purge_text
from batch.cli.terminal import confirm, echo, is_interactive
from batch.model.outcomes import ExitCode


@click.command("purge", cls=TranslatedCommand)
@click.option(
    "--older-than",
    type=TextParam("time", parse_age, timedelta),
    required=True,
    metavar="TIME",
    help="What ended longer ago: 180d, 26w.",
)
@click.option("--campaign", metavar="NAME", help="Only of the campaign of this name, as `wegly-batch runs` shows it.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed; remove nothing.")
@shared_options("yes", "ledger")
@timeout_option("As of the runs: what began to be sent less than this and 5 minutes ago may still be under way.")
@shared_options("json")
def command(
    *, older_than: timedelta, campaign: str | None, dry_run: bool, yes: bool, as_json: bool, **options: Any
) -> ExitCode:
    """Remove people's data that are old from the ledger and the reports, for good. Sends nothing.

    Phones, chats, texts and what named a person go: from the rows of runs that ended longer ago, from messages that no
    run since has in its sheet, and from the runs' report folders, of which summary.json is left. What stays: counts,
    outcomes, reasons, times, the suppression list, and a keyed hash of each person and message, so that nobody who was
    messaged is new to a later run. Unknown rows stay unknown, but lose their phone: decide them before.

    Not touched are your own sheets, plans, and copies of reports or of the ledger elsewhere.

    Where a run is sending, or a file is open in another program, the rest is done; give the same command again later
    for what was left.
    """
    asks = not yes and is_interactive()
    ended = purge(
        older_than,
        campaign=campaign,
        dry_run=dry_run,
        settings=settings_from(options),
        confirm=lambda plan: not asks or confirm(purge_question(plan)),
    )
    echo(purge_json(ended) if as_json else purge_text(ended))
    return ended.exit_code

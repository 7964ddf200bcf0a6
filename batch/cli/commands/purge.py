"""`wegly-batch purge`."""

from datetime import timedelta
from typing import Any

import click

from batch.app.purge import parse_age, purge
from batch.app.runs.old_reports import remove_old_reports
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import TextParam, settings_from, shared_options, timeout_option
from batch.cli.output.purge import old_reports_question, old_reports_text, purge_json, purge_question, purge_text
from batch.cli.terminal import confirm, is_interactive, show
from batch.formatting import to_json
from batch.i18n import _
from batch.model.outcomes import ExitCode


@click.command("purge", cls=TranslatedCommand)
@click.option(
    "--older-than",
    type=TextParam("time", parse_age, timedelta),
    metavar="TIME",
    help="What ended longer ago: 180d, 26w.",
)
@click.option(
    "--reports-older-than",
    type=TextParam("time", parse_age, timedelta),
    metavar="TIME",
    help="Remove only report folders of runs that ended longer ago; the ledger keeps everything.",
)
@click.option("--campaign", metavar="NAME", help="Only of the campaign of this name, as `wegly-batch runs` shows it.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed; remove nothing.")
@shared_options("yes", "ledger", "reports")
@timeout_option("As of the runs: what began to be sent less than this and 5 minutes ago may still be under way.")
@shared_options("json")
def command(
    *,
    older_than: timedelta | None,
    reports_older_than: timedelta | None,
    campaign: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **options: Any,
) -> ExitCode:
    """Remove people's data that are old from the ledger and the reports, for good. Sends nothing.

    Phones, chats, texts and what named a person go: from the rows of runs that ended longer ago, from messages that no
    run since has in its sheet, and from the runs' report folders, of which summary.json is left. What stays: counts,
    outcomes, reasons, times, the suppression list, and a keyed hash of each person and message, so that nobody who was
    messaged is new to a later run. Unknown rows stay unknown, but lose their phone: decide them before.

    Old pages of `check --open` go as well, unless a campaign is named.

    Not touched are your own sheets, plans, and copies of reports or of the ledger elsewhere.

    Where a run is sending, or a file is open in another program, the rest is done; give the same command again later
    for what was left.

    With --reports-older-than the report folders of old runs go, and nothing else; those with rows to decide stay.
    """
    asks = not yes and is_interactive()
    if reports_older_than is not None and older_than is None and campaign is None:
        removed = remove_old_reports(
            reports_older_than,
            dry_run=dry_run,
            settings=settings_from(options),
            confirm=lambda plan: not asks or confirm(old_reports_question(plan)),
        )
        show(to_json(removed) if as_json else old_reports_text(removed), as_json=as_json)
        return removed.exit_code
    if older_than is None or reports_older_than is not None:
        raise click.UsageError(_("Name either --older-than, or --reports-older-than alone."))
    ended = purge(
        older_than,
        campaign=campaign,
        dry_run=dry_run,
        settings=settings_from(options),
        confirm=lambda plan: not asks or confirm(purge_question(plan)),
    )
    show(purge_json(ended) if as_json else purge_text(ended), as_json=as_json)
    return ended.exit_code

"""`wegly-batch plan`."""

from pathlib import Path
from typing import Any

import click

from batch.app.inputs.input_files import find_campaign
from batch.app.plan import make_plan
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import SHEET, choices_from, repeat_typed, settings_from, shared_options
from batch.cli.output.layout import labelled_lines, outcome_table
from batch.cli.terminal import echo, show
from batch.formatting import format_messages, quote_path, to_json
from batch.i18n import _
from batch.model.messages import command_options
from batch.model.outcomes import ExitCode


@click.command("plan", cls=TranslatedCommand)
@click.argument("sheet", type=SHEET)
@shared_options("campaign")
@click.option("--out", type=SHEET, required=True, metavar="PLAN", help="The file to write, as plan.json.")
@shared_options("only-allowed", "ledger", "base-url", "rate", "encoding", "retry-errors", "accept-change", "json")
def command(*, sheet: Path, campaign: Path | None, out: Path, as_json: bool, **options: Any) -> ExitCode:
    """Freeze what `run` would send now into the file PLAN, and print the hash of the messages.

    `run --plan PLAN` then sends exactly these, and refuses when the sheet or the campaign file was changed. Sends
    nothing and needs no token. The file holds phone numbers and texts; only you can read it.
    """
    settings = settings_from(options)
    campaign = find_campaign([sheet], campaign, settings.ledger)
    planned = make_plan(sheet, campaign, out, settings, choices_from(options))
    code = planned.check.exit_code
    paths = f"{quote_path(sheet)} -c {quote_path(campaign)} --plan {quote_path(out)}"
    more = repeat_typed("only_allowed", "encoding", "retry_errors")
    more += command_options(planned.check.endpoint, planned.check.ledger_option, "base-url", "ledger")
    if as_json:
        result = {"plan": out, "messages": planned.messages, "hash": planned.hash, "exit_code": code}
        echo(to_json(result))
        return code
    lines = [
        (_("Plan"), f"{out}: {format_messages(planned.messages)}"),
        (_("Hash"), planned.hash),
        (_("Send it"), f"wegly-batch run {paths}{more}"),
    ]
    counts = outcome_table(planned.check.counts, planned.check.reasons)
    show("\n".join([counts, "", *labelled_lines(lines, least=8)]))
    return code

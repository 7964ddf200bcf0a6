"""`wegly-batch reconcile`."""

import os
from pathlib import Path
from typing import Any

import click

from batch.app.ledger_admin import exposure_warnings
from batch.app.reconcile import reconcile
from batch.app.settings import read_token
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import SHEET, settings_from, shared_options
from batch.cli.output.settle import reconcile_json, reconcile_text
from batch.cli.terminal import echo, warn
from batch.model.outcomes import ExitCode


@click.command("reconcile", cls=TranslatedCommand)
@click.argument("run")
@click.argument("sheet", type=SHEET, required=False)
@shared_options("campaign", "ledger", "token-file", "base-url", "origin", "read-timeout", "trust-env", "json")
def command(
    *, run: str, sheet: Path | None, campaign: Path, token_file: Path | None, as_json: bool, **options: Any
) -> ExitCode:
    """Ask the API about the unknown rows of RUN, and settle those whose message is found in the chat. Sends nothing.

    It works for people whose chat an earlier run recorded, when the campaign gives the template's text ([template]
    body). The rows are read again from the run's sheet, or from SHEET where it was moved. What is not found stays
    unknown: it may have been sent all the same. Ends with 0 when no row of the run is unknown any more, else with 4.
    """
    settings = settings_from(options)
    warn(exposure_warnings(settings, token_file))
    token = read_token(os.environ.get("WEGLY_TOKEN"), token_file)
    ended = reconcile(run, campaign, sheet, settings=settings, token=token)
    echo(reconcile_json(ended) if as_json else reconcile_text(ended))
    return ended.exit_code

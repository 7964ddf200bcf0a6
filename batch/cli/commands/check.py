"""`wegly-batch check`."""

import os
from pathlib import Path
from typing import Any

import click

from batch.app.check import check
from batch.app.inputs.input_files import find_campaign
from batch.app.ledger_admin import exposure_warnings
from batch.app.records.check import check_record
from batch.app.settings import token_expiry
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import SHEET, choices_from, settings_from, shared_options
from batch.cli.output.check import check_text
from batch.cli.terminal import echo, warn
from batch.formatting import to_json
from batch.model.outcomes import ExitCode


@click.command("check", cls=TranslatedCommand)
@click.argument("sheet", type=SHEET)
@shared_options("campaign", "limit", "rows", "only-allowed", "ledger", "token-file", "base-url", "rate", "encoding")
@shared_options("trusted", "retry-errors", "accept-change", "json")
def command(*, sheet: Path, campaign: Path | None, token_file: Path | None, as_json: bool, **options: Any) -> ExitCode:
    """Check SHEET against its campaign: everything `run` would find out, with the first messages as they would be sent.

    Sends nothing, writes nothing and needs no token; of one that is there it tells when it expires. Ends with 0 when
    every row is good, with 3 when some are not.
    """
    settings = settings_from(options)
    warn(exposure_warnings(settings, token_file))
    expires = token_expiry(os.environ.get("WEGLY_TOKEN"), token_file, settings.endpoint)
    found = check(sheet, find_campaign([sheet], campaign, settings.ledger), settings, choices_from(options))
    echo(to_json(check_record(found, expires)) if as_json else check_text(found, expires))
    return found.exit_code

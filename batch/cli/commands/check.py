"""`wegly-batch check`."""

import os
from pathlib import Path
from typing import Any

import click

from batch.app.check import check
from batch.app.ledger_admin import exposure_warnings
from batch.app.settings import token_expiry
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import (
    SHEET,
    accept_change_option,
    base_url_option,
    campaign_option,
    choices_from,
    encoding_option,
    json_option,
    ledger_option,
    limit_option,
    only_allowed_option,
    rate_option,
    retry_errors_option,
    rows_option,
    settings_from,
    token_file_option,
    trusted_option,
)
from batch.cli.output.check import check_json, check_text
from batch.cli.terminal import echo, warn
from batch.model.outcomes import ExitCode


@click.command("check", cls=TranslatedCommand)
@click.argument("sheet", type=SHEET)
@campaign_option
@limit_option
@rows_option
@only_allowed_option
@ledger_option
@token_file_option
@base_url_option
@rate_option
@encoding_option
@trusted_option
@retry_errors_option
@accept_change_option
@json_option
def command(*, sheet: Path, campaign: Path, token_file: Path | None, as_json: bool, **options: Any) -> ExitCode:
    """Check SHEET against its campaign: everything `run` would find out, with the first messages as they would be sent.

    Sends nothing, writes nothing and needs no token; of one that is there it tells when it expires. Ends with 0 when
    every row is good, with 3 when some are not.
    """
    settings = settings_from(options)
    warn(exposure_warnings(settings, token_file))
    expires = token_expiry(os.environ.get("WEGLY_TOKEN"), token_file)
    found = check(sheet, campaign, settings, choices_from(options))
    echo(check_json(found, expires) if as_json else check_text(found, expires))
    return found.exit_code

"""`wegly-batch check`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from batch.app.check import check
from batch.app.inputs.staging import Choices
from batch.app.settings import Settings, token_expiry
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import (
    SHEET,
    accept_change_option,
    base_url_option,
    campaign_option,
    json_option,
    ledger_option,
    limit_option,
    only_allowed_option,
    rate_option,
    retry_errors_option,
    rows_option,
    token_file_option,
    trusted_option,
)
from batch.cli.output.check import check_json, check_text
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
@trusted_option
@retry_errors_option
@accept_change_option
@json_option
def command(
    *,
    sheet: Path,
    campaign: Path,
    limit: int | None,
    rows: tuple[tuple[int, int], ...] | None,
    only_allowed: Path | None,
    ledger: str | None,
    token_file: Path | None,
    base_url: str | None,
    rate: float | None,
    trusted: bool,
    retry_errors: bool,
    accept_change: bool,
    as_json: bool,
) -> ExitCode:
    """Check SHEET against its campaign: everything `run` would find out, with the first messages as they would be sent.

    Sends nothing, writes nothing and needs no token; of one that is there it tells when it expires. Ends with 0 when
    every row is good, with 3 when some are not.
    """
    settings = Settings(base_url=base_url, ledger=ledger, rate=rate, only_allowed=only_allowed)
    expires = token_expiry(os.environ.get("WEGLY_TOKEN"), token_file)
    choices = Choices(limit=limit, rows=rows, retry_errors=retry_errors, accept_change=accept_change, trusted=trusted)
    found = check(sheet, campaign, settings, choices)
    click.echo(check_json(found, expires) if as_json else check_text(found, expires))
    return found.exit_code

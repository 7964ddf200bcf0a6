"""`wegly-batch check`."""

from __future__ import annotations

from pathlib import Path

import click

from batch.cli.options import (
    SHEET,
    accept_change_option,
    base_url_option,
    campaign_option,
    json_option,
    ledger_option,
    rate_option,
)
from batch.model.exit_code import ExitCode

__all__ = ["command"]


@click.command("check")
@click.argument("sheet", type=SHEET)
@campaign_option
@ledger_option
@base_url_option
@rate_option
@click.option("--retry-errors", is_flag=True, help="Count rows that the API refused as messages to send again.")
@accept_change_option
@json_option
def command(
    *,
    sheet: Path,
    campaign: Path,
    ledger: str | None,
    base_url: str | None,
    rate: float | None,
    retry_errors: bool,
    accept_change: bool,
    as_json: bool,
) -> ExitCode:
    """Check SHEET against its campaign: everything `run` would find out, with the first messages as they would be sent.

    Sends nothing, writes nothing and needs no token. Ends with 0 when every row is good, with 3 when some are not.
    """
    from batch.app.checking import check
    from batch.app.settings import Settings
    from batch.cli.words_check import check_json, check_text
    from batch.ledger import Judging

    settings = Settings(base_url=base_url, ledger=ledger, rate=rate)
    judging = Judging(retry_errors=retry_errors)
    found = check(sheet, campaign, settings, judging=judging, accept_change=accept_change)
    click.echo(check_json(found) if as_json else check_text(found))
    return found.exit_code

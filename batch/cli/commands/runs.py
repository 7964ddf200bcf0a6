"""`wegly-batch runs`."""

from __future__ import annotations

import os
import sys

import click

from batch.app.report import list_runs
from batch.app.settings import Settings
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import json_option, ledger_option
from batch.cli.output.runs import no_runs_text, runs_text
from batch.i18n import _
from batch.json_output import to_json


@click.command("runs", cls=TranslatedCommand)
@click.option("--campaign", metavar="NAME", help="Only the runs of this campaign; the beginning of its name is enough.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the newest N runs.")
@ledger_option
@json_option
def command(*, campaign: str | None, limit: int | None, ledger: str | None, as_json: bool) -> None:
    """List the runs of the ledger, newest first, with the counts of their rows as they stand now.

    A trial (`run --to`) is marked so. A run without an exit code is going on, or was killed.
    """
    listing = list_runs(Settings(ledger=ledger), campaign=campaign, limit=limit)
    if as_json:
        click.echo(to_json(listing.summaries))
        return
    if listing.runs:
        click.echo(runs_text(listing.runs, columns=_columns()))
    else:
        click.echo(no_runs_text(campaign, listing.campaigns))
    click.echo(_("Ledger: {place}").format(place=listing.ledger), err=True)


def _columns() -> int | None:
    """Columns of the terminal; None for a file or a pipe, whose lines have any length."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (OSError, ValueError):
        return None

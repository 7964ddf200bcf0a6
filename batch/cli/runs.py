"""`wegly-batch runs`."""

from __future__ import annotations

import json

import click

from batch.cli.options import json_option, ledger_option
from batch.cli.spoken import SpokenCommand
from batch.language import _

__all__ = ["command"]


@click.command("runs", cls=SpokenCommand)
@ledger_option
@json_option
def command(*, ledger: str | None, as_json: bool) -> None:
    """List the runs of the ledger, newest first, with the counts of their rows as they stand now."""
    from batch.app.reporting import list_runs
    from batch.app.settings import Settings
    from batch.cli.words_run import runs_text
    from batch.reporter import summary

    where, found = list_runs(Settings(ledger=ledger))
    if as_json:
        click.echo(json.dumps([summary(run, tally) for run, tally in found], ensure_ascii=False, indent=2))
        return
    click.echo(runs_text(found))
    click.echo(_("Ledger: {place}").format(place=where), err=True)

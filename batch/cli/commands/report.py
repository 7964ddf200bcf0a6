"""`wegly-batch report`."""

from __future__ import annotations

from pathlib import Path

import click

from batch.cli.help_i18n import SpokenCommand
from batch.cli.options import json_option, language_chosen, ledger_option, reports_option
from batch.model.outcomes import ExitCode


@click.command("report", cls=SpokenCommand)
@click.argument("run", required=False)
@ledger_option
@reports_option
@click.option(
    "--mask",
    is_flag=True,
    help="Write a report to be passed on instead: phones masked, none of the sheet's own cells.",
)
@json_option
@click.option("--open", "opens", is_flag=True, help="Open the page report.html in the browser.")
def command(*, run: str | None, ledger: str | None, reports: Path, mask: bool, as_json: bool, opens: bool) -> ExitCode:
    """Write the report of RUN again, with what the ledger knows now. Without RUN: of the newest run.

    The last characters of a run's name are enough. `wegly-batch runs` lists the names.
    """
    from batch.app.report import report_again
    from batch.app.settings import Settings
    from batch.cli.output.run import summary_json, written_text
    from batch.cli.prompts import open_page

    settings = Settings(ledger=ledger, reports=reports, language=language_chosen())
    found, tally, folder, written = report_again(run, settings, masked=mask)
    if as_json:
        click.echo(summary_json([(found, tally)]))
    else:
        click.echo(written_text(found, folder, written))
    if opens:
        open_page(written)
    return ExitCode.STOPPED if written.missing else ExitCode.DONE

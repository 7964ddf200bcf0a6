"""`wegly-batch report`."""

from pathlib import Path

import click

from batch.app.report import rewrite_report
from batch.app.settings import Settings
from batch.cli.help_i18n import TranslatedCommand, chosen_language
from batch.cli.options import json_option, ledger_option, reports_option
from batch.cli.output.run import written_text
from batch.cli.terminal import echo, open_page
from batch.formatting import to_json
from batch.model.outcomes import ExitCode


@click.command("report", cls=TranslatedCommand)
@click.argument("run", required=False)
@ledger_option
@reports_option
@click.option(
    "--mask", is_flag=True, help="Write a report to be passed on instead: phones masked, none of the sheet's own cells."
)
@json_option
@click.option("--open", "opens", is_flag=True, help="Open the page report.html in the browser.")
def command(*, run: str | None, ledger: str | None, reports: Path, mask: bool, as_json: bool, opens: bool) -> ExitCode:
    """Write the report of RUN again, with what the ledger knows now. Without RUN: of the newest run.

    The last characters of a run's name are enough. `wegly-batch runs` lists the names.
    """
    settings = Settings(ledger=ledger, reports=reports, language=chosen_language())
    report = rewrite_report(run, settings, masked=mask)
    if as_json:
        echo(to_json(report.summary))
    else:
        echo(written_text(report))
    if opens:
        open_page(report.written.page)
    return ExitCode.STOPPED if report.written.missing else ExitCode.DONE

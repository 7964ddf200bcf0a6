"""`wegly-batch report`."""

from typing import Any

import click

from batch.app.report import rewrite_report
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import settings_from, shared_options
from batch.cli.output.run import next_lines, written_text
from batch.cli.terminal import echo, open_page, show
from batch.formatting import to_json
from batch.model.outcomes import ExitCode


@click.command("report", cls=TranslatedCommand)
@click.argument("run", required=False)
@shared_options("ledger", "reports", "clean-report")
@click.option(
    "--redacted",
    is_flag=True,
    help="Write a report to be passed on instead: phones masked, none of the sheet's own cells.",
)
@click.option("--mask", "redacted", is_flag=True, hidden=True)  # its earlier name
@shared_options("json")
@click.option("--open", "opens", is_flag=True, help="Open the page report.html in the browser.")
def command(*, run: str | None, redacted: bool, as_json: bool, opens: bool, **options: Any) -> ExitCode:
    """Write the report of RUN again, with what the ledger knows now. Without RUN: of the newest run.

    The last characters of a run's name are enough. `wegly-batch runs` lists the names.
    """
    report = rewrite_report(run, settings_from(options), redacted=redacted)
    if as_json:
        echo(to_json(report.summary))
    else:
        steps = next_lines(report, opens=opens)
        show("\n".join([written_text(report), *([""] if steps else []), *steps]))
    if opens:
        open_page(report.written.page, is_named=not as_json)
    return ExitCode.STOPPED if report.written.missing else ExitCode.DONE

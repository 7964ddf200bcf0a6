"""`wegly-batch demo`."""

from __future__ import annotations

from pathlib import Path

import click

from batch.cli.help_i18n import SpokenCommand
from batch.cli.options import language_chosen, reports_option
from batch.model.outcomes import ExitCode


@click.command("demo", cls=SpokenCommand)
@reports_option
@click.option("-v", "--verbose", is_flag=True, help="Print the log on stderr as well.")
def command(*, reports: Path, verbose: bool) -> ExitCode:
    """Send the sample sheet to an imitation of the API on this machine, and write a report. Nothing leaves the machine.

    The sample has good, bad, duplicate and refused rows on purpose, so the report shows each outcome. Ends with 0 when
    all of that went as it should.
    """
    from batch.app.demo import run_demo
    from batch.app.settings import Settings
    from batch.cli.output.run import demo_text
    from batch.cli.progress import watcher_for

    watcher = watcher_for(yes=True, quiet=False)
    finished = run_demo(Settings(reports=reports, language=language_chosen()), watcher, verbose=verbose)
    click.echo(demo_text(finished))
    expected = (ExitCode.DONE, ExitCode.ERRORS, ExitCode.UNKNOWN)
    return ExitCode.DONE if finished.exit_code in expected else finished.exit_code

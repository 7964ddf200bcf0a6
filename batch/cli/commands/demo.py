"""`wegly-batch demo`."""

from typing import Any

import click

from batch.app.demo import run_demo, samples
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import settings_from, shared_options
from batch.cli.output.demo import demo_text
from batch.cli.progress import make_watcher
from batch.cli.terminal import show
from batch.model.outcomes import ExitCode


@click.command("demo", cls=TranslatedCommand)
@shared_options("reports", "verbose")
def command(*, verbose: bool, **options: Any) -> ExitCode:
    """Send the sample sheet to an imitation of the API on this machine, look what arrived, and write a report.

    Nothing leaves the machine.

    The sample has good, bad, duplicate and refused rows on purpose, so the report shows each outcome. Ends with 0 when
    all of that went as it should.
    """
    watcher = make_watcher(yes=True, quiet=False)
    finished, followed = run_demo(settings_from(options), watcher, verbose=verbose)
    show(demo_text(finished, followed, samples()))
    expected = (ExitCode.DONE, ExitCode.ERRORS, ExitCode.UNKNOWN)
    return ExitCode.DONE if finished.exit_code in expected else finished.exit_code

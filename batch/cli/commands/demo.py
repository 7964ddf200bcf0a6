"""`wegly-batch demo`."""

from typing import Any

import click

from batch.app.demo.run import SENDERS, run_demo, samples
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import settings_from, shared_options
from batch.cli.output.demo import demo_text, fleet_demo_text
from batch.cli.progress import make_watcher
from batch.cli.terminal import show
from batch.i18n import _
from batch.model.outcomes import ExitCode

_FEWEST = 2
"""Workers: one is killed, and another has to be there."""


def _check_workers(_context: click.Context, _option: click.Parameter, workers: int | None) -> int | None:
    if workers is None or _FEWEST <= workers <= SENDERS:
        return workers
    raise click.BadParameter(
        _(
            "{given} is not from {fewest} to {most}. One worker is killed, so a second must be there; and the sample "
            "has {most} senders, so more would have nothing to do."
        ).format(given=workers, fewest=_FEWEST, most=SENDERS)
    )


@click.command("demo", cls=TranslatedCommand)
@click.option(
    "--workers",
    type=int,
    callback=_check_workers,
    metavar="N",
    help="Send by N workers (2 to 6) over a PostgreSQL that is started for the demo, and kill one in the middle.",
)
@shared_options("reports", "verbose")
def command(*, workers: int | None, verbose: bool, **options: Any) -> ExitCode:
    """Send the sample sheet to an imitation of the API on this machine, look what arrived, and write a report.

    Nothing leaves the machine.

    The sample has good, bad, duplicate and refused rows on purpose, so the report shows each outcome. Ends with 0 when
    all of that went as it should.

    With --workers another sample goes out from six senders, and the end compares the report with what the imitation
    got. Needs PostgreSQL and the extra `fleet` installed.
    """
    watcher, settings = make_watcher(yes=True, quiet=False), settings_from(options)
    if workers is not None:
        from batch.app.demo.fleet import run_fleet_demo  # noqa: PLC0415 - needs Procrastinate

        ended = run_fleet_demo(settings, watcher, workers=workers, verbose=verbose)
        if ended is None:
            return ExitCode.INTERRUPTED
        show(fleet_demo_text(ended, samples()))
        return _exit_code(ended.finished.exit_code) if ended.log.is_true else ExitCode.DEFECT
    finished, followed = run_demo(settings, watcher, verbose=verbose)
    show(demo_text(finished, followed, samples()))
    return _exit_code(finished.exit_code)


def _exit_code(code: ExitCode) -> ExitCode:
    return ExitCode.DONE if code in (ExitCode.DONE, ExitCode.ERRORS, ExitCode.UNKNOWN) else code

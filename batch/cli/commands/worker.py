"""`wegly-batch worker`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from batch.app.fleet.worker import WorkerInfo, serve_lanes
from batch.app.settings import read_token
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import lasting_option, settings_from, shared_options
from batch.cli.terminal import say
from batch.i18n import _, ngettext, number
from batch.model.outcomes import ExitCode


@click.command("worker", cls=TranslatedCommand)
@lasting_option(
    "--lanes",
    type=click.IntRange(1, 256),
    default=16,
    show_default=True,
    metavar="N",
    help="Senders that it sends for at the same time; each takes one connection to the ledger.",
)
@shared_options("ledger", "token-file", "base-url", "trust-env", "verbose")
def command(*, lanes: int, token_file: Path | None, verbose: bool, **options: Any) -> ExitCode:
    """Send what was submitted with this token to this address, until it is stopped; as many workers as you like.

    SIGTERM or Ctrl+C: what is in flight is finished, and other workers go on with the rest; a second time ends it at
    once. A worker that dies is replaced by the others within seconds. Rows, rates and hours come from the ledger.
    """
    settings = settings_from(options)
    token = read_token(os.environ.get("WEGLY_TOKEN"), token_file, settings.endpoint)
    return serve_lanes(settings, token, lanes=lanes, verbose=verbose, begun=_say_begun, on_signal=_say_signal, tell=say)


def _say_begun(worker: WorkerInfo, _stop: Callable[[], object]) -> None:
    words = ngettext(
        "Worker {name}: serves {n} sender at a time for {endpoint}. Ledger: {ledger}",
        "Worker {name}: serves {n} senders at a time for {endpoint}. Ledger: {ledger}",
        worker.lanes,
    )
    say(words.format(name=worker.name, n=number(worker.lanes), endpoint=worker.endpoint, ledger=worker.ledger))
    say(_("It waits for runs that are submitted to this address with the same token, and takes those that are there."))


def _say_signal(again: bool) -> None:  # noqa: FBT001 - a callback
    first = _("Stopping: what is in flight is finished first, then other workers go on.")
    say(_("Ending at once.") if again else first)

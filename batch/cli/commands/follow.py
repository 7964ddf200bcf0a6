"""`wegly-batch follow`."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from batch.app.follow import FollowChoices, follow
from batch.app.ledger_admin import exposure_warnings
from batch.app.looks import DEFAULT_RATE
from batch.app.purge import parse_age
from batch.app.records.follow import follow_record
from batch.app.settings import parse_rate, read_token
from batch.cli.bars import PassingBar
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import SHEET, TextParam, settings_from, shared_options
from batch.cli.output.follow import follow_text
from batch.cli.terminal import show, warn
from batch.formatting import to_json
from batch.model.outcomes import ExitCode

_FIGURES = "{percentage:3.0f}% {bar} {n_fmt}/{total_fmt} {elapsed}<{remaining}"


@click.command("follow", cls=TranslatedCommand)
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option(
    "--since",
    type=TextParam("time", parse_age, timedelta),
    metavar="TIME",
    help="Messages no older than this: 7d, 2w. Default: 31d; of runs that are named, all.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Look at N messages at most.")
@click.option(
    "--rate",
    type=TextParam("rate", parse_rate, float),
    default=DEFAULT_RATE,
    metavar="RATE",
    help='Chats that are asked for in a second, minute or hour. [default: "2/s"]',
)
@click.option(
    "-c",
    "--campaign",
    type=SHEET,
    metavar="FILE",
    help="The campaign file of the one RUN: its rows to decide are settled when their message is found in the chat.",
)
@click.option("--file", "sheet", type=SHEET, metavar="SHEET", help="The sheet of that run, where it was moved.")
@shared_options("ledger", "reports", "token-file", "base-url", "origin", "read-timeout", "trust-env", "json")
def command(
    *,
    runs: tuple[str, ...],
    since: timedelta | None,
    limit: int | None,
    campaign: Path | None,
    sheet: Path | None,
    token_file: Path | None,
    as_json: bool,
    **options: Any,
) -> ExitCode:
    """Look into the chats of accepted messages: what arrived, who answered, who opted out. Sends nothing.

    A message is due 10 minutes, 2 hours, 1, 3, 7 and 30 days after it was sent, until it is settled. Each look is
    recorded at once; given again, the command goes on where it ended. Who answers with an opt-out as the whole reply
    is put on the suppression list; a reply that has such a word in a sentence is listed for you to decide. The reports
    of the runs are written again.

    With -c, the rows of RUN that are unknown are looked for too, in chats that earlier runs recorded; the campaign must
    give the template's text ([template] body). What is not found stays unknown: it may have been sent all the same.

    Ends with 0 when nothing that is due is left, with 6 when something is, with 5 when the API refuses to be asked.
    """
    settings = settings_from(options)
    warn(exposure_warnings(settings, token_file))
    token = read_token(os.environ.get("WEGLY_TOKEN"), token_file, settings.endpoint)
    choices = FollowChoices(runs=runs, since=since, limit=limit, campaign=campaign, sheet=sheet)
    with PassingBar(figures=_FIGURES) as bar:
        ended = follow(choices, settings=settings, token=token, on_look=bar.draw)
    show(to_json(follow_record(ended)) if as_json else follow_text(ended), as_json=as_json)
    return ended.exit_code

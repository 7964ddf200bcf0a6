"""`wegly-batch purge`."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from batch.cli.help_i18n import SpokenCommand
from batch.cli.options import json_option, lasting, ledger_option
from batch.cli.prompts import asked
from batch.model.outcomes import ExitCode

if TYPE_CHECKING:
    from batch.app.purge import Purged


_LONGEST = 1e13
"""Seconds: longer than there are dates, and short enough to be a time at all."""


class _Span(click.ParamType[timedelta]):
    """A time as in the campaign file: `180d`, `26w`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        from batch.campaign import parse_duration

        try:
            return value if isinstance(value, timedelta) else timedelta(seconds=min(parse_duration(value), _LONGEST))
        except ValueError as error:
            self.fail(f"{value!r}: {error}.", param, ctx)


@click.command("purge", cls=SpokenCommand)
@click.option("--older-than", type=_Span(), required=True, metavar="TIME", help="What ended longer ago: 180d, 26w.")
@click.option("--campaign", metavar="NAME", help="Only of the campaign of this name, as `wegly-batch runs` shows it.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed; remove nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@ledger_option
@lasting(
    "--read-timeout",
    type=click.FloatRange(min=1),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="As of the runs: what began to be sent less than this and 5 minutes ago may still be under way.",
)
@json_option
def command(
    *,
    older_than: timedelta,
    campaign: str | None,
    dry_run: bool,
    yes: bool,
    ledger: str | None,
    read_timeout: float,
    as_json: bool,
) -> ExitCode:
    """Remove people's data that are old from the ledger and the reports, for good. Sends nothing.

    Phones, chats, texts and what named a person go: from the rows of runs that ended longer ago, from messages that no
    run since has in its sheet, and from the runs' report folders, of which summary.json is left. What stays: counts,
    outcomes, reasons, times, the suppression list, and a keyed hash of each person and message, so that nobody who was
    messaged is new to a later run. Unknown rows stay unknown, but lose their phone: decide them before.

    Not touched are your own sheets, plans, and copies of reports or of the ledger elsewhere.

    Where a run is sending, or a file is open in another program, the rest is done; give the same command again later
    for what was left.
    """
    from batch.app.purge import purge
    from batch.app.settings import Settings
    from batch.cli.output.purge import purge_json, purge_text

    settings = Settings(ledger=ledger, read_timeout=read_timeout)
    asker = _Asker(ask=not yes and sys.stderr.isatty() and sys.stdin.isatty())
    ended = purge(older_than, campaign=campaign, dry_run=dry_run, settings=settings, confirm=asker.confirm)
    click.echo(purge_json(ended) if as_json else purge_text(ended))
    return ended.exit_code


class _Asker:
    """Asks a person at a terminal; elsewhere nobody is asked."""

    def __init__(self, *, ask: bool) -> None:
        self._ask = ask

    def confirm(self, plan: Purged) -> bool:
        if not self._ask:
            return True
        from batch.cli.output.purge import purge_question

        return asked(purge_question(plan))

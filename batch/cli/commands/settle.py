"""`wegly-batch settle`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from batch.cli.help_i18n import SpokenCommand
from batch.cli.options import json_option, lasting, ledger_option
from batch.cli.prompts import asked
from batch.errors import SettingsError
from batch.i18n import _
from batch.model.sheets import parse_rows

if TYPE_CHECKING:
    from batch.app.settle import Settled


F = TypeVar("F", bound=Callable[..., Any])


class _Rows(click.ParamType[tuple[int, ...]]):
    """`5,7-9`."""

    name = "rows"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        try:
            return value if isinstance(value, tuple) else parse_rows(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


def _rows_option(name: str, words: str) -> Callable[[F], F]:
    return click.option(name, type=_Rows(), multiple=True, metavar="ROWS", help=words)


@click.command("settle", cls=SpokenCommand)
@click.argument("what", metavar="RUN|REPORT")
@_rows_option("--sent", "Rows whose message was sent, like 5,7-9. Repeatable.")
@_rows_option("--not-sent", "Rows whose message was not sent: the next run sends it, like 5,7-9. Repeatable.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@ledger_option
@lasting(
    "--read-timeout",
    type=click.FloatRange(min=1),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="As of the run: what it began to send less than this and 5 minutes ago may still be under way.",
)
@json_option
def command(
    *,
    what: str,
    sent: tuple[tuple[int, ...], ...],
    not_sent: tuple[tuple[int, ...], ...],
    yes: bool,
    ledger: str | None,
    read_timeout: float,
    as_json: bool,
) -> None:
    """Decide the unknown rows of a run, after looking into WhatsApp. Sends nothing.

    Name a RUN (the last characters of its name are enough) with --sent and --not-sent. Or name a REPORT, report.xlsx or
    results.csv, to which you added a column wegly_settle: "sent" or "not sent" (enviada, não enviada, sim, não) where
    you have looked, nothing elsewhere.

    All rows are settled, or none. Until its message is sent again a row can be settled the other way.
    """
    from batch.app.settings import Settings
    from batch.app.settle import settle_report, settle_rows
    from batch.cli.output.settle import settle_json, settle_text

    settings = Settings(ledger=ledger, read_timeout=read_timeout)
    asker = _Asker(ask=not yes and sys.stderr.isatty() and sys.stdin.isatty())
    if sent or not_sent:
        rows = [_all(given) for given in (sent, not_sent)]
        ended = settle_rows(what, sent=rows[0], not_sent=rows[1], settings=settings, confirm=asker.confirm)
    elif Path(what).exists():
        ended = settle_report(Path(what), settings=settings, confirm=asker.confirm)
    else:
        raise SettingsError(
            _("There is no report {name!r}, and no row is named.").format(name=what),
            _("Name a report, or a run with its rows: wegly-batch settle RUN --sent 5,7-9 --not-sent 12"),
        )
    click.echo(settle_json(ended) if as_json else settle_text(ended, shown_before=asker.asked))


def _all(given: Sequence[tuple[int, ...]]) -> list[int]:
    return list(dict.fromkeys(row for rows in given for row in rows))


class _Asker:
    """Asks a person at a terminal; elsewhere nobody is asked."""

    def __init__(self, *, ask: bool) -> None:
        self._ask = ask
        self.asked = False

    def confirm(self, plan: Settled) -> bool:
        if not self._ask:
            return True
        from batch.cli.output.settle import settle_question

        self.asked = True
        return asked(settle_question(plan))

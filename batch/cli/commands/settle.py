"""`wegly-batch settle`."""

from collections.abc import Iterable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import click

from batch.app.records.settle import settle_record
from batch.app.settle import SettlementReport, settle_report, settle_rows
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import TextParam, settings_from, shared_options, timeout_option
from batch.cli.output.settle import settle_plan, settle_question, settle_text
from batch.cli.terminal import confirm, is_interactive, say, show
from batch.errors import Declined, SettingsError
from batch.formatting import to_json
from batch.i18n import _
from batch.model.sheets import parse_rows

_ROWS = TextParam("rows", parse_rows, tuple, names_value=False)
_rows_option = partial(click.option, type=_ROWS, multiple=True, metavar="ROWS")


@click.command("settle", cls=TranslatedCommand)
@click.argument("what", metavar="RUN|REPORT")
@_rows_option("--sent", help="Rows whose message was sent, like 5,7-9. Repeatable.")
@_rows_option("--not-sent", help="Rows whose message was not sent: the next run sends it, like 5,7-9. Repeatable.")
@click.option("--yes", is_flag=True, help="Do not ask. Where there is no terminal nothing is settled without it.")
@shared_options("ledger")
@timeout_option("As of the run: what it began to send less than this and 5 minutes ago may still be under way.")
@shared_options("json")
def command(
    *,
    what: str,
    sent: tuple[tuple[int, ...], ...],
    not_sent: tuple[tuple[int, ...], ...],
    yes: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Decide the unknown rows of a run, after looking into WhatsApp. Sends nothing.

    Name a RUN (the last characters of its name are enough) with --sent and --not-sent. Or name a REPORT, report.xlsx or
    results.csv, to which you added a column wegly_settle: "sent" or "not sent" (enviada, não enviada, sim, não) where
    you have looked, nothing elsewhere.

    All rows are settled, or none; it asks before. Until its message is sent again a row can be settled the other way.
    """

    def agrees(plan: SettlementReport) -> bool:
        if yes:
            return True
        if is_interactive():
            try:
                return confirm(settle_question(plan))
            except click.Abort:
                raise Declined(_("Nothing was settled: the question was not answered.")) from None
        say(settle_plan(plan))
        raise SettingsError(
            _("Nothing was settled: there is no terminal to ask on."),
            _("Add --yes to settle the rows as they are shown above."),
        )

    settings = settings_from(options)
    if sent or not_sent:
        ended = settle_rows(what, sent=_join(sent), not_sent=_join(not_sent), settings=settings, confirm=agrees)
    elif Path(what).exists():
        ended = settle_report(Path(what), settings=settings, confirm=agrees)
    else:
        raise SettingsError(
            _("There is no report {name!r}, and no row is named.").format(name=what),
            _("Name a report, or a run with its rows: wegly-batch settle RUN --sent 5,7-9 --not-sent 12"),
        )
    show(to_json(settle_record(ended)) if as_json else settle_text(ended, shown_before=not yes), as_json=as_json)


def _join(ranges: Iterable[tuple[int, ...]]) -> list[int]:
    """Return the rows of a repeated option, each once."""
    return list(dict.fromkeys(chain.from_iterable(ranges)))

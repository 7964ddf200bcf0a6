"""`wegly-batch runs`."""

import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import click

from batch.app.report import list_runs
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import settings_from, shared_options
from batch.cli.terminal import echo, say, show, terminal_width
from batch.formatting import format_moment, format_rows, to_json
from batch.i18n import _, number
from batch.model.messages import TRIAL
from batch.model.outcomes import Outcome
from batch.model.runs import Run, Tally

_GAP = "  "
_LONGEST_NAME = 28
"""Characters of a campaign's name in the table."""
_LEFT = 3
"""Columns of text, from the left; numbers are set to the right."""


def runs_text(
    found: Sequence[tuple[Run, Tally]], *, arrived: Mapping[str, str] | None = None, columns: int | None = None
) -> str:
    """The runs, newest first. `arrived`: by run. `columns`: width of the terminal; None for lines of any length."""
    arrived = arrived or {}
    header = [_("run"), _("started"), _("campaign"), _("rows"), *(outcome.word for outcome in Outcome), _("exit")]
    table = [header, *(_cells(run, tally) for run, tally in found)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    if columns is None or sum(widths) + len(_GAP) * (len(widths) - 1) <= columns:
        lines = [_line(cells, widths) for cells in table]
        below = ["", *(arrived.get(run.run, "") for run, _tally in found)]
        return "\n".join(f"{line}\n  {words}" if words else line for line, words in zip(lines, below, strict=True))
    return "\n\n".join(_block(run, tally, arrived.get(run.run, ""), columns) for run, tally in found)


def no_runs_text(campaign: str | None, names: Sequence[str]) -> str:
    """The reason for an empty list. `names`: the campaigns that have runs."""
    if campaign is None or not names:
        return _("There are no runs yet.")
    return _("There are no runs of a campaign whose name begins with {name!r}; there are runs of {names}.").format(
        name=campaign, names=", ".join(names)
    )


def _cells(run: Run, tally: Tally) -> list[str]:
    name = _campaign(run)
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 1]}\N{HORIZONTAL ELLIPSIS}"
    counts = [number(tally.counts[outcome]) for outcome in Outcome]
    exit_code = "-" if run.exit_code is None else str(run.exit_code)
    return [run.run, format_moment(run.started, run.timezone), name, number(tally.rows), *counts, exit_code]


def _campaign(run: Run) -> str:
    """The campaign's name; of a message to one's own number it says so."""
    name = run.campaign.removesuffix(TRIAL)
    return _("{campaign} (test message)").format(campaign=name) if run.trial else name


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    pairs = list(zip(cells, widths, strict=True))
    left = [f"{cell:<{width}}" for cell, width in pairs[:_LEFT]]
    return _GAP.join([*left, *(f"{cell:>{width}}" for cell, width in pairs[_LEFT:])])


def _block(run: Run, tally: Tally, arrived: str, columns: int) -> str:
    ended = _("exit {code}").format(code=run.exit_code) if run.exit_code is not None else _("not ended, or killed")
    counts = [f"{outcome.word} {number(tally.counts[outcome])}" for outcome in Outcome if tally.counts[outcome]]
    lines = [
        run.run,
        f"{format_moment(run.started, run.timezone)}, {_campaign(run)}, {ended}",
        f"{format_rows(tally.rows)}: {', '.join(counts)}" if counts else format_rows(0),
        *([arrived] if arrived else []),
    ]
    return "\n".join(
        textwrap.fill(
            line,
            max(columns, 20),
            initial_indent="  " if place else "",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for place, line in enumerate(lines)
    )


@click.command("runs", cls=TranslatedCommand)
@click.option("--campaign", metavar="NAME", help="Only the runs of this campaign; the beginning of its name is enough.")
@click.option("--limit", type=click.IntRange(1, 1_000_000_000), metavar="N", help="Only the newest N runs.")
@shared_options("ledger", "json")
def command(*, campaign: str | None, limit: int | None, as_json: bool, **options: Any) -> None:
    """List the runs of the ledger, newest first, with the counts of their rows as they stand now.

    A run that was looked at has what arrived below it. A trial (`run --to`) is marked so. A run without an exit code
    is going on, or was killed.
    """
    listing = list_runs(settings_from(options), campaign=campaign, limit=limit)
    if as_json:
        echo(to_json(listing.summaries))
        return
    if listing.runs:
        echo(runs_text(listing.runs, arrived=listing.arrived, columns=terminal_width(sys.stdout)))
    else:
        show(no_runs_text(campaign, listing.campaigns))
    say(_("Ledger: {place}").format(place=listing.ledger))

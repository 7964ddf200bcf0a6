"""`wegly-batch runs`."""

import sys
import textwrap
from collections.abc import Sequence
from typing import Any

import click

from batch.app.report import RunListing, list_runs
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import settings_from, shared_options
from batch.cli.output.layout import count_in_flight, early_end, end_words, rows_line, times_line
from batch.cli.terminal import echo, say, show, terminal_width
from batch.formatting import format_moment, to_json
from batch.i18n import _, ngettext, number
from batch.model.messages import TRIAL
from batch.model.outcomes import Outcome
from batch.model.runs import Run, Tally

_GAP = "  "
_LONGEST_NAME = 28
"""Characters of a campaign's name in the table."""
_LEFT = 3
"""Columns of text, from the left; numbers are set to the right."""


def runs_text(listing: RunListing, columns: int | None = None) -> str:
    """The runs, newest first. `columns`: width of the terminal; None for lines of any length."""
    header = [_("run"), _("started"), _("campaign"), _("rows"), *(outcome.word for outcome in Outcome), _("exit")]
    table = [header, *(_cells(run, tally, listing.timezone) for run, tally in listing.runs)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    if columns is not None and sum(widths) + len(_GAP) * (len(widths) - 1) > columns:
        return "\n\n".join(_block(_lines(listing, run, tally), columns) for run, tally in listing.runs)
    below = [(), *((_end_line(listing, run, tally), listing.arrived.get(run.run)) for run, tally in listing.runs)]
    lines = [[_line(cells, widths), *filter(None, words)] for cells, words in zip(table, below, strict=True)]
    return "\n".join("\n  ".join(each) for each in lines)


def no_runs_text(campaign: str | None, names: Sequence[str]) -> str:
    """The reason for an empty list. `names`: the campaigns that have runs."""
    if campaign is None or not names:
        return _("There are no runs yet.")
    return _("There are no runs of a campaign whose name begins with {name!r}; there are runs of {names}.").format(
        name=campaign, names=", ".join(names)
    )


def _end_line(listing: RunListing, run: Run, tally: Tally) -> str:
    """The end of a run, or that it goes on, where its line of numbers does not tell."""
    if not _is_with_workers(listing, run):
        return early_end(run, submitted=run.run in listing.submitted)
    words, rows = end_words(run, submitted=True), count_in_flight(tally)
    more = ngettext("{n} row under {word} is in flight", "{n} rows under {word} are in flight", rows)
    return "; ".join([words, *([more.format(n=number(rows), word=Outcome.UNKNOWN.word)] if rows else [])])


def _is_with_workers(listing: RunListing, run: Run) -> bool:
    return run.exit_code is None and run.run in listing.submitted


def _cells(run: Run, tally: Tally, timezone: str | None) -> list[str]:
    name = _campaign(run)
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 1]}\N{HORIZONTAL ELLIPSIS}"
    counts = [number(tally.counts[outcome]) for outcome in Outcome]
    exit_code = "-" if run.exit_code is None else str(run.exit_code)
    started = format_moment(run.started, timezone or run.timezone)
    return [run.run, started, name, number(tally.rows), *counts, exit_code]


def _campaign(run: Run) -> str:
    """The campaign's name; of a message to one's own number it says so."""
    name = run.campaign.removesuffix(TRIAL)
    return _("{campaign} (test message)").format(campaign=name) if run.trial else name


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    pairs = list(zip(cells, widths, strict=True))
    left = [f"{cell:<{width}}" for cell, width in pairs[:_LEFT]]
    return _GAP.join([*left, *(f"{cell:>{width}}" for cell, width in pairs[_LEFT:])])


def _lines(listing: RunListing, run: Run, tally: Tally) -> list[str]:
    """The lines about a run, its name first."""
    started = format_moment(run.started, listing.timezone or run.timezone)
    ended = end_words(run, submitted=run.run in listing.submitted)
    counts = rows_line(tally, is_going_on=_is_with_workers(listing, run))
    return [run.run, ", ".join([started, _campaign(run), ended]), counts, *filter(None, [listing.arrived.get(run.run)])]


def _block(lines: Sequence[str], columns: int) -> str:
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

    A run that ended before its rows were done, or that was looked at, has that below it. A trial (`run --to`) is marked
    so. A run without an exit code is going on, or was killed. Times are those of the newest run's campaign.
    """
    listing = list_runs(settings_from(options), campaign=campaign, limit=limit)
    if as_json:
        echo(to_json(listing.summaries))
        return
    if listing.runs:
        echo(runs_text(listing, terminal_width(sys.stdout)))
    else:
        show(no_runs_text(campaign, listing.campaigns))
    say(_("Ledger: {place}").format(place=listing.ledger))
    if listing.runs:
        say(times_line(listing.timezone))

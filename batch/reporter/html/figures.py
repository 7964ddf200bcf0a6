"""Bars, chart and facts of the pages, as lengths and texts that the templates write down. Pure.

Lengths and places are hundredths of the bar or chart, as texts with two decimals.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from babel.dates import format_date, format_datetime, format_time

from batch.formatting import format_exact_duration
from batch.i18n import _, current_language, decimal, number
from batch.model.outcomes import Outcome
from batch.model.replies import describe_undecided
from batch.model.runs import Tally
from batch.reporter.html.text import local_moment, rate_text
from batch.reporter.rows import ReportInputs
from batch.reporter.statistics import SentStep, Statistics
from batch.reporter.summary_view import (
    ReasonSummary,
    price_sentences,
    summarize_failures,
    summarize_reasons,
    summarize_steps,
    verdict,
)

_THINNEST = 0.6
"""Hundredths of a bar: the least length of a part, so that one row in 100,000 can be seen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartColumn:
    """One step of time in the chart: new chats below, existing chats above them."""

    name: str
    sent: SentStep
    left: str
    width: str
    new: str
    existing: str
    top: str
    """Where the part of the existing chats begins, from above."""


def percentage(part: int, whole: int) -> float:
    """`part` in hundredths of `whole`; 0 for no whole."""
    return 100 * part / whole if whole else 0.0


def percentage_text(part: int, whole: int) -> str:
    """`12.5%`."""
    return f"{decimal(percentage(part, whole))}%"


def bar_segments(counts: Mapping[Outcome, int]) -> list[tuple[Outcome, str, str]]:
    """A bar of all rows: outcome, beginning and length of each part. The rarest outcome still has a visible part."""
    whole = sum(counts.values())
    lengths = {outcome: max(_THINNEST, percentage(rows, whole)) for outcome, rows in counts.items() if rows}
    unit = 100 / (sum(lengths.values()) or 1)
    at, parts = 0.0, []
    for outcome in Outcome:
        if outcome in lengths:
            parts.append((outcome, f"{at:.2f}", f"{lengths[outcome] * unit:.2f}"))
            at += lengths[outcome] * unit
    return parts


def reason_bars(tally: Tally, statistics: Statistics) -> list[tuple[ReasonSummary, str]]:
    """Every reason with the length of its bar against the longest.

    The length is empty for messaged rows: they are so many that all other bars would be dots.
    """
    reasons = summarize_reasons(tally, statistics)
    longest = max((each.rows for each in reasons if not each.outcome.is_accepted), default=1)
    return [
        (each, "" if each.outcome.is_accepted else f"{max(1.0, percentage(each.rows, longest)):.2f}")
        for each in reasons
    ]


def chart_columns(statistics: Statistics) -> list[ChartColumn]:
    """The messages sent, step by step; empty for a single step, which is no course of time."""
    sent = statistics.sent
    if len(sent) <= 1:
        return []
    most = max(each.new + each.existing for each in sent) or 1
    width = 100 / len(sent)
    name = _step_naming(sent)
    return [
        ChartColumn(
            name=name(each.start),
            sent=each,
            left=f"{index * width + width * 0.1:.2f}",
            width=f"{width * 0.8:.2f}",
            new=f"{100 * each.new / most:.2f}",
            existing=f"{100 * each.existing / most:.2f}",
            top=f"{100 - 100 * (each.new + each.existing) / most:.2f}",
        )
        for index, each in enumerate(sent)
    ]


def _step_naming(sent: tuple[SentStep, ...]) -> Callable[[datetime], str]:
    """Return how the beginning of a step is written: the day, the time, or both, whatever tells the steps apart."""
    first, second, last = sent[0].start, sent[1].start, sent[-1].start
    if second - first >= timedelta(days=1):
        return lambda start: format_date(start, "short", locale=current_language())
    if first.date() == last.date():
        return lambda start: format_time(start, "medium", locale=current_language())
    return lambda start: format_datetime(start, "short", locale=current_language())


def arrived(inputs: ReportInputs) -> Mapping[str, object] | None:
    """Delivery as the page's section shows it; None when nothing was looked at."""
    counts = inputs.tally.delivery
    if counts is None or counts.looked_at is None:
        return None
    steps, others = summarize_steps(counts)
    most = max((n for _code, _words, n in summarize_failures(counts)), default=1)
    decide, commands = describe_undecided(counts.undecided)
    return {
        "steps": [(each, f"{percentage(each.messages, each.of):.2f}") for each in steps],
        "others": others,
        "choices": [each for each in (*steps, *others) if each.messages],
        "looked_at": local_moment(counts.looked_at, inputs.zone),
        "failures": [(*each, f"{max(1.0, percentage(each[2], most)):.2f}") for each in summarize_failures(counts)],
        "rates": counts.rates,
        "costs": price_sentences(counts),
        "decide": decide,
        "commands": commands,
    }


def run_facts(inputs: ReportInputs) -> Iterator[tuple[str, str, bool]]:
    """Yield label, value, and True for a value that is a code: what may be asked about the run later."""
    run, done, zone = inputs.run, inputs.tally.this_run, inputs.zone
    yield _("Run"), run.run, True
    yield _("Sheet"), run.sheet_path, True
    yield _("Started"), f"{local_moment(run.started, zone)} ({run.timezone})", False
    if run.finished:
        time = format_exact_duration(run.started, run.finished)
        yield _("Finished"), _("{at}, after {time}").format(at=local_moment(run.finished, zone), time=time), False
    yield _("Ended"), verdict(run.exit_code), False
    yield _("Attempts"), number(done.attempts), False
    yield _("Wanted rate"), rate_text(done.wanted_rate) or _("none was set"), False
    yield _("Achieved rate"), rate_text(done.achieved_rate) or _("too few attempts to measure"), False
    yield _("Endpoint"), run.endpoint, True
    if run.ledger:
        yield _("Ledger"), run.ledger, True
    yield _("Version"), f"wegly-batch {run.version}", False
    yield _("SHA-256 of the sheet"), run.sheet_sha256, True

"""The statistics of a run as the page shows them: shares, bars and facts, ready to be written down. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from babel.dates import format_date, format_datetime, format_time

from batch.i18n import N_, _, chosen, decimal, number
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason, advice
from batch.model.runs import SenderRun, Tally
from batch.reporter.html.text import harmless, moment, share
from batch.reporter.inputs import ReportInputs
from batch.reporter.statistics import SentStep, Statistics
from batch.reporter.summary_view import MEANING, by_urgency, ended, lasted, what_happened, where
from batch.reporter.xlsx.theme import TONES, Tone

_THINNEST = 0.6
"""Hundredths: the least that a part of a bar is drawn with, so that one row in 100,000 can be seen."""
_PER = (
    (N_("{rate} a second"), 1),
    (N_("{rate} a minute"), 60),
    (N_("{rate} an hour"), 3600),
    (N_("{rate} a day"), 86400),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """One outcome."""

    outcome: Outcome
    meaning: str
    rows: int
    share: str
    """With its sign, as people of the language write it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReasonLine:
    """One reason, with what to do about it."""

    outcome: Outcome
    reason: str
    rows: int
    what: str
    todo: str
    where: str
    length: str
    """Of its bar, in hundredths of the longest; empty for those who have their message, beside whom all is short."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartColumn:
    """One step of time in the chart: heights and places in hundredths of it."""

    name: str
    sent: SentStep
    left: str
    width: str
    new: str
    existing: str
    top: str
    """Where the part of the existing chats begins, from above."""


def counts(numbers: Mapping[Outcome, int]) -> list[Count]:
    """All six outcomes in their order."""
    whole = sum(numbers.values())
    return [
        Count(
            outcome=outcome,
            meaning=_(MEANING[outcome]),
            rows=numbers.get(outcome, 0),
            share=f"{decimal(share(numbers.get(outcome, 0), whole))}%",
        )
        for outcome in Outcome
    ]


def segments(numbers: Mapping[Outcome, int]) -> list[tuple[Outcome, str, str]]:
    """A bar of all rows: outcome, beginning and width in hundredths. What there is is seen, however little it is."""
    whole = sum(numbers.values())
    wide = {outcome: max(_THINNEST, share(rows, whole)) for outcome, rows in numbers.items() if rows}
    unit = 100 / (sum(wide.values()) or 1)
    at, parts = 0.0, []
    for outcome in Outcome:
        if outcome in wide:
            parts.append((outcome, f"{at:.2f}", f"{wide[outcome] * unit:.2f}"))
            at += wide[outcome] * unit
    return parts


def reasons(tally: Tally, statistics: Statistics) -> list[ReasonLine]:
    """Every reason, what needs a person first."""
    known = {(each.outcome, each.reason): each for each in statistics.reasons}
    longest = max((rows for (outcome, _reason), rows in tally.reasons.items() if not outcome.messaged), default=1)
    found = []
    for outcome, reason, rows in by_urgency(tally):
        of_it = known.get((outcome, reason))
        found.append(
            ReasonLine(
                outcome=outcome,
                reason=reason,
                rows=rows,
                what=harmless(what_happened(reason, rows, of_it)),
                todo=advice(Finding(Reason(reason))),
                where=str(where(of_it.first if of_it else (), rows)),
                length="" if outcome.messaged else f"{max(1.0, share(rows, longest)):.2f}",
            )
        )
    return found


def columns(statistics: Statistics) -> list[ChartColumn]:
    """The messages sent, step by step; nothing to draw for a single step."""
    if len(statistics.sent) < 2:  # noqa: PLR2004 - one column is no course of time
        return []
    most = max(each.new + each.existing for each in statistics.sent) or 1
    width = 100 / len(statistics.sent)
    name = _step_name(statistics)
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
        for index, each in enumerate(statistics.sent)
    ]


def facts(inputs: ReportInputs) -> Iterator[tuple[str, str, bool]]:
    """Label, value, and whether the value is a code: what somebody may ask about the run later."""
    run, tally, zone = inputs.run, inputs.tally, inputs.zone
    yield _("Run"), run.run, True
    yield _("Sheet"), run.sheet_path, True
    yield _("Started"), f"{moment(run.started, zone)} ({run.timezone})", False
    if run.finished:
        at, time = moment(run.finished, zone), lasted(run.started, run.finished)
        yield _("Finished"), _("{at}, after {time}").format(at=at, time=time), False
    yield _("Ended"), ended(run.exit_code), False
    yield _("Attempts"), number(tally.this_run.attempts), False
    yield _("Wanted rate"), rate(tally.this_run.wanted_rate) or _("none was set"), False
    yield _("Achieved rate"), rate(tally.this_run.achieved_rate) or _("too few attempts to measure"), False
    yield _("Endpoint"), run.endpoint, True
    if run.ledger:
        yield _("Ledger"), run.ledger, True
    yield _("Version"), f"wegly-batch {run.version}", False
    yield _("SHA-256 of the sheet"), run.sheet_sha256, True


def senders(tally: Tally) -> list[tuple[SenderRun, str]]:
    """Each sender with its achieved rate in words; empty when nothing is known of them."""
    return [(each, rate(each.achieved_rate) or "\N{EN DASH}") for each in tally.this_run.senders]


def rate(starts: float | None) -> str:
    """Starts a second in the unit that makes them one or more; empty for None."""
    if starts is None:
        return ""
    text, seconds = next((each for each in _PER if starts * each[1] >= 1), _PER[-1])
    value = starts * seconds
    return _(text).format(rate=number(value, ",.0f") if value == round(value) else decimal(value, 2))


class _step_name:  # noqa: N801 - used as the function that it is
    """How the beginning of a step is called: the day, the time, or both, whatever tells the steps apart."""

    def __init__(self, statistics: Statistics) -> None:
        first, last = statistics.sent[0].start, statistics.sent[-1].start
        self._by_day = statistics.sent[1].start - first >= timedelta(days=1)
        self._one_day = first.date() == last.date()

    def __call__(self, start: datetime) -> str:
        if self._by_day:
            return format_date(start, "short", locale=chosen())
        if self._one_day:
            return format_time(start, "medium", locale=chosen())
        return format_datetime(start, "short", locale=chosen())


WHITE = "FFFFFF"
SURFACE = "FFFFFF"
"""Behind everything on a light screen."""
DARK = "1A212B"
"""Behind everything on a dark screen."""


def mixed(one: str, other: str, part: float) -> str:
    """Two colours mixed: `part` (0 to 1) of the first, the rest of the other. Six hexadecimal digits each."""
    pairs = zip(bytes.fromhex(one), bytes.fromhex(other), strict=True)
    return bytes(round(a * part + b * (1 - part)) for a, b in pairs).hex().upper()


def dark_tone(tone: Tone) -> Tone:
    """The same tone for a dark screen."""
    return Tone(tint=mixed(tone.bar, DARK, 0.24), ink=mixed(tone.bar, WHITE, 0.42), bar=mixed(tone.bar, WHITE, 0.88))


def tones_css() -> str:
    """Custom properties (`--error-ink` and so on) for both kinds of screen, and a class for each outcome."""
    light = "".join(_properties(outcome, tone) for outcome, tone in TONES.items())
    dark = "".join(_properties(outcome, dark_tone(tone)) for outcome, tone in TONES.items())
    classes = "".join(
        f".is-{name}{{--tint:var(--{name}-tint);--ink-of:var(--{name}-ink);--bar:var(--{name}-bar)}}\n"
        for name in Outcome
    )
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{classes}"


def _properties(outcome: Outcome, tone: Tone) -> str:
    return f"--{outcome}-tint:#{tone.tint};--{outcome}-ink:#{tone.ink};--{outcome}-bar:#{tone.bar};"

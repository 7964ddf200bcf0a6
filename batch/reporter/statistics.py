"""Statistics of a run that the ledger does not keep: which rows have a reason, and how sending went on over time.

Memory grows with the number of reasons and of seconds in which something was sent, not with the rows. The
seconds are grouped into steps of wall-clock time.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from batch.i18n import N_
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Result

_STEPS = (
    ("second", 1, N_("Messages accepted per second")),
    ("5 seconds", 5, N_("Messages accepted per 5 seconds")),
    ("10 seconds", 10, N_("Messages accepted per 10 seconds")),
    ("30 seconds", 30, N_("Messages accepted per 30 seconds")),
    ("minute", 60, N_("Messages accepted per minute")),
    ("5 minutes", 300, N_("Messages accepted per 5 minutes")),
    ("10 minutes", 600, N_("Messages accepted per 10 minutes")),
    ("30 minutes", 1800, N_("Messages accepted per 30 minutes")),
    ("hour", 3600, N_("Messages accepted per hour")),
    ("3 hours", 10_800, N_("Messages accepted per 3 hours")),
    ("6 hours", 21_600, N_("Messages accepted per 6 hours")),
    ("12 hours", 43_200, N_("Messages accepted per 12 hours")),
    ("day", 86_400, N_("Messages accepted per day")),
    ("week", 604_800, N_("Messages accepted per week")),
    ("30 days", 2_592_000, N_("Messages accepted per 30 days")),
)
"""Each step of time: its name, its length in seconds, and the heading of a table or chart."""
SENT_PER: Mapping[str, str] = MappingProxyType({name: heading for name, _seconds, heading in _STEPS})
"""The heading of a table or chart, by the name of the step."""
_MAX_STEPS = 40
"""As many columns as a chart can show beside each other."""
_MAX_EXAMPLES = 5
"""Row numbers that are named for each reason."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReasonRows:
    """The rows that share an outcome and a reason."""

    outcome: Outcome
    reason: str
    rows: int
    first: tuple[int, ...]
    """The first row numbers, at most 5."""
    example: Finding
    """The finding of the first row, with that row's own values."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SentStep:
    """Messages accepted in one step of time."""

    start: datetime
    """Naive: wall-clock time in the campaign's time zone."""
    new: int
    existing: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """The numbers that summaries and charts show beside the counts of the tally."""

    reasons: tuple[ReasonRows, ...] = ()
    """In no particular order."""
    sent: tuple[SentStep, ...] = ()
    """Every step from the first to the last message, also those without any; empty when nothing was sent."""
    step: str = "second"
    """The length of each step: a key of `SENT_PER`."""
    last_sent: datetime | None = None
    """When the last of all accepted rows was sent, UTC; None when there is none."""


@dataclass(slots=True)
class _Group:
    """The rows that share an outcome and a reason, so far."""

    example: Finding
    rows: int = 0
    first: list[int] = field(default_factory=list)


def collect_statistics(results: Iterable[Result], zone: ZoneInfo) -> Statistics:
    """Group the results in one pass; steps of time are those of `zone`."""
    groups: dict[tuple[Outcome, Reason], _Group] = {}
    seconds: Counter[tuple[int, Outcome]] = Counter()
    last: datetime | None = None
    accepted = frozenset(outcome for outcome in Outcome if outcome.is_accepted)  # a set: this runs for every row
    for each in results:
        outcome, finding, sent_at = each.outcome, each.findings[0], each.sent_at
        group = groups.get((outcome, finding.reason))
        if group is None:
            group = groups[outcome, finding.reason] = _Group(finding)
        group.rows += 1
        if group.rows <= _MAX_EXAMPLES:
            group.first.append(each.row)
        if sent_at is not None and outcome in accepted:
            seconds[int(sent_at.timestamp()), outcome] += 1
            if last is None or sent_at > last:
                last = sent_at
    steps, step = _group_seconds(seconds, zone)
    reasons = tuple(
        ReasonRows(
            outcome=outcome, reason=reason.value, rows=group.rows, first=tuple(group.first), example=group.example
        )
        for (outcome, reason), group in groups.items()
    )
    return Statistics(reasons=reasons, sent=steps, step=step, last_sent=last)


def step_for(span: timedelta) -> tuple[str, timedelta]:
    """The shortest step, with its name, that divides a span into at most 40; the longest for spans beyond all."""
    fitting = (each for each in _STEPS if span.total_seconds() < each[1] * _MAX_STEPS)
    name, seconds, _heading = next(fitting, _STEPS[-1])
    return name, timedelta(seconds=seconds)


def _group_seconds(seconds: Mapping[tuple[int, Outcome], int], zone: ZoneInfo) -> tuple[tuple[SentStep, ...], str]:
    if not seconds:
        return (), "second"
    # Wall-clock time without its zone: where summer time ends, two hours of the same name share a step.
    moments = {at: datetime.fromtimestamp(at, zone).replace(tzinfo=None) for at, _outcome in seconds}
    first, last = min(moments.values()), max(moments.values())
    name, length = step_for(last - first)
    midnight = first.replace(hour=0, minute=0, second=0)
    counts: Counter[tuple[int, Outcome]] = Counter()
    for (at, outcome), messages in seconds.items():
        counts[(moments[at] - midnight) // length, outcome] += messages
    steps = tuple(
        SentStep(
            start=midnight + step * length, new=counts[step, Outcome.SUCCESS], existing=counts[step, Outcome.REUSED]
        )
        for step in range((first - midnight) // length, (last - midnight) // length + 1)
    )
    return steps, name

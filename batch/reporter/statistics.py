"""The figures that a reader wants and the ledger does not keep: which rows have a reason, and how sending went on.

Memory grows with the number of reasons and of seconds in which something was sent, not with the rows. pandas makes the
seconds into steps on the wall clock.
"""

from __future__ import annotations

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

_EXAMPLES = 5
_MESSAGED = frozenset(outcome for outcome in Outcome if outcome.messaged)
_MOST_STEPS = 40
_STEPS = {
    "second": timedelta(seconds=1),
    "5 seconds": timedelta(seconds=5),
    "10 seconds": timedelta(seconds=10),
    "30 seconds": timedelta(seconds=30),
    "minute": timedelta(minutes=1),
    "5 minutes": timedelta(minutes=5),
    "10 minutes": timedelta(minutes=10),
    "30 minutes": timedelta(minutes=30),
    "hour": timedelta(hours=1),
    "3 hours": timedelta(hours=3),
    "6 hours": timedelta(hours=6),
    "12 hours": timedelta(hours=12),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "30 days": timedelta(days=30),
}
SENT_PER: Mapping[str, str] = MappingProxyType(
    {
        "second": N_("Messages sent per second"),
        "5 seconds": N_("Messages sent per 5 seconds"),
        "10 seconds": N_("Messages sent per 10 seconds"),
        "30 seconds": N_("Messages sent per 30 seconds"),
        "minute": N_("Messages sent per minute"),
        "5 minutes": N_("Messages sent per 5 minutes"),
        "10 minutes": N_("Messages sent per 10 minutes"),
        "30 minutes": N_("Messages sent per 30 minutes"),
        "hour": N_("Messages sent per hour"),
        "3 hours": N_("Messages sent per 3 hours"),
        "6 hours": N_("Messages sent per 6 hours"),
        "12 hours": N_("Messages sent per 12 hours"),
        "day": N_("Messages sent per day"),
        "week": N_("Messages sent per week"),
        "30 days": N_("Messages sent per 30 days"),
    }
)
"""The heading of a table or chart, by the step's name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReasonRows:
    """The rows that share an outcome and a reason."""

    outcome: Outcome
    reason: str
    rows: int
    first: tuple[int, ...]
    """The first few row numbers."""
    example: Finding
    """Of the first row: the code with that row's own values."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SentStep:
    """Messages accepted in one step of time."""

    start: datetime
    """Naive: the clock on the wall in the campaign's time zone."""
    new: int
    existing: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """All that the summary sheet and its charts show beside the counts."""

    reasons: tuple[ReasonRows, ...] = ()
    """In no particular order."""
    sent: tuple[SentStep, ...] = ()
    """Without gaps, in order; empty when nothing was sent."""
    step: str = "second"
    """The length of a step: one of `SENT_PER`."""
    last_sent: datetime | None = None
    """Of all messaged rows, UTC; None when there is none."""


@dataclass(slots=True)
class _Alike:
    """The rows that share an outcome and a reason, so far."""

    example: Finding
    rows: int = 0
    first: list[int] = field(default_factory=list)


def collect_statistics(results: Iterable[Result], zone: ZoneInfo) -> Statistics:
    """Go once through the results and group them."""
    reasons: dict[tuple[Outcome, Reason], _Alike] = {}
    seconds: Counter[tuple[datetime, Outcome]] = Counter()
    last: datetime | None = None
    for each in results:
        outcome, finding, sent_at = each.outcome, each.findings[0], each.sent_at
        alike = reasons.get((outcome, finding.reason))
        if alike is None:
            alike = reasons[outcome, finding.reason] = _Alike(finding)
        alike.rows += 1
        if alike.rows <= _EXAMPLES:
            alike.first.append(each.row)
        if sent_at is not None and outcome in _MESSAGED:
            seconds[sent_at.replace(microsecond=0), outcome] += 1
            if last is None or sent_at > last:
                last = sent_at
    steps, step = _steps(seconds, zone)
    return Statistics(
        reasons=tuple(
            ReasonRows(
                outcome=outcome,
                reason=reason.value,
                rows=alike.rows,
                first=tuple(alike.first),
                example=alike.example,
            )
            for (outcome, reason), alike in reasons.items()
        ),
        sent=steps,
        step=step,
        last_sent=last,
    )


def step_for(span: timedelta) -> tuple[str, timedelta]:
    """The shortest step, with its name, that divides a span into at most 40; the longest for spans beyond all."""
    for name, length in _STEPS.items():
        if span < length * _MOST_STEPS:
            return name, length
    return list(_STEPS.items())[-1]


def _steps(seconds: Mapping[tuple[datetime, Outcome], int], zone: ZoneInfo) -> tuple[tuple[SentStep, ...], str]:
    if not seconds:
        return (), "second"
    import pandas as pd  # noqa: PLC0415 - slow to load, large, and needed only where something was sent

    places = pd.MultiIndex.from_arrays(
        [pd.to_datetime([at for at, _ in seconds], utc=True), [outcome.value for _, outcome in seconds]]
    )
    whole = pd.Series(list(seconds.values()), index=places).unstack(fill_value=0)
    # The wall clock without its zone: where summer time ends, two hours of the same name share a step.
    whole.index = pd.DatetimeIndex(whole.index).tz_convert(zone).tz_localize(None)
    name, length = step_for(whole.index.max() - whole.index.min())
    stepped = (
        whole.resample(length, origin="start_day")
        .sum()
        .reindex(columns=[Outcome.SUCCESS.value, Outcome.REUSED.value], fill_value=0)
    )
    rows = zip(stepped.index, stepped.itertuples(index=False, name=None), strict=True)
    return tuple(
        SentStep(start=start.to_pydatetime(), new=int(new), existing=int(old)) for start, (new, old) in rows
    ), name

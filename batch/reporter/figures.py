"""The figures that a reader wants and the ledger does not keep: which rows have a reason, and how sending went on.

pandas does the grouping, in chunks: memory grows with the number of reasons and of seconds in which something was
sent, not with the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from types import MappingProxyType
from zoneinfo import ZoneInfo

import pandas as pd

from batch.language import N_
from batch.model.outcome import Outcome
from batch.model.reason import Finding
from batch.model.run import Result

__all__ = ["SENT_PER", "Figures", "ReasonRows", "Sent", "figures", "step_for"]

_CHUNK = 50_000
_EXAMPLES = 5
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
class Sent:
    """Messages accepted in one step of time."""

    start: datetime
    """Naive: the clock on the wall in the campaign's time zone."""
    new: int
    existing: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """All that the summary sheet and its charts show beside the counts."""

    reasons: tuple[ReasonRows, ...] = ()
    """In no particular order."""
    sent: tuple[Sent, ...] = ()
    """Without gaps, in order; empty when nothing was sent."""
    step: str = "second"
    """The length of a step: one of `SENT_PER`."""
    last_sent: datetime | None = None
    """Of all messaged rows, UTC; None when there is none."""


def figures(results: Iterable[Result], zone: ZoneInfo) -> Figures:
    """Go once through the results and group them."""
    reasons: list[pd.DataFrame] = []
    seconds: list[pd.DataFrame] = []
    examples: dict[tuple[str, str], Finding] = {}
    last: datetime | None = None
    for chunk in _chunks(results):
        for each in chunk:
            examples.setdefault((each.outcome.value, each.reason), each.findings[0])
        frame = pd.DataFrame(
            [(each.row, each.outcome.value, each.reason, _accepted_at(each)) for each in chunk],
            columns=["row", "outcome", "reason", "at"],
        )
        reasons.append(_by_reason(frame))
        sent = frame.dropna(subset="at")
        if len(sent):
            seconds.append(_by_second(sent))
            latest = pd.to_datetime(sent["at"], utc=True).max().to_pydatetime()
            last = max(filter(None, (last, latest)))
    steps, step = _steps(seconds, zone)
    return Figures(reasons=_reason_rows(reasons, examples), sent=steps, step=step, last_sent=last)


def step_for(span: timedelta) -> tuple[str, timedelta]:
    """The shortest step, with its name, that divides a span into at most 40; the longest for spans beyond all."""
    for name, length in _STEPS.items():
        if span < length * _MOST_STEPS:
            return name, length
    return list(_STEPS.items())[-1]


def _chunks(results: Iterable[Result]) -> Iterator[list[Result]]:
    remaining = iter(results)
    while chunk := list(islice(remaining, _CHUNK)):
        yield chunk


def _accepted_at(result: Result) -> datetime | None:
    return result.sent_at if result.outcome.messaged else None


def _by_reason(frame: pd.DataFrame) -> pd.DataFrame:
    grouped = frame.groupby(["outcome", "reason"], sort=False)["row"]
    return pd.DataFrame({"rows": grouped.size(), "first": grouped.apply(lambda rows: rows.head(_EXAMPLES).tolist())})


def _reason_rows(parts: list[pd.DataFrame], examples: Mapping[tuple[str, str], Finding]) -> tuple[ReasonRows, ...]:
    if not parts:
        return ()
    # A sum of lists is the lists one after the other.
    whole = pd.concat(parts).groupby(level=["outcome", "reason"], sort=False).sum().reset_index()
    return tuple(
        ReasonRows(
            outcome=Outcome(outcome),
            reason=reason,
            rows=int(rows),
            first=tuple(first[:_EXAMPLES]),
            example=examples[outcome, reason],
        )
        for outcome, reason, rows, first in whole.itertuples(index=False, name=None)
    )


def _by_second(sent: pd.DataFrame) -> pd.DataFrame:
    seconds = pd.to_datetime(sent["at"], utc=True).dt.floor("s").rename("at")
    return sent.groupby([seconds, sent["outcome"]]).size().unstack(fill_value=0)


def _steps(parts: list[pd.DataFrame], zone: ZoneInfo) -> tuple[tuple[Sent, ...], str]:
    if not parts:
        return (), "second"
    whole = pd.concat(parts).fillna(0)
    # The wall clock without its zone: where summer time ends, two hours of the same name share a step.
    whole.index = pd.DatetimeIndex(whole.index).tz_convert(zone).tz_localize(None)
    name, length = step_for(whole.index.max() - whole.index.min())
    stepped = (
        whole.resample(length, origin="start_day")
        .sum()
        .reindex(columns=[Outcome.SUCCESS.value, Outcome.REUSED.value], fill_value=0)
    )
    rows = zip(stepped.index, stepped.itertuples(index=False, name=None), strict=True)
    return tuple(Sent(start=start.to_pydatetime(), new=int(new), existing=int(old)) for start, (new, old) in rows), name

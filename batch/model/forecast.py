"""Forecast of a campaign's sending by rate, cap and sending hours together.

It assumes that every message is accepted, every response prompt, and that a run is there whenever it may send. It
advances in steps of about a minute, and is never earlier than the rules allow.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from batch.model.contact_limits import DAY, SPACING
from batch.model.sending_hours import Hours, HoursState

HORIZON = timedelta(days=730)
"""Length of the forecast; a message without a moment in it counts as never going."""
STEP = timedelta(minutes=1)
MARGIN = timedelta(seconds=1)
"""Time beyond 24 hours for which a recipient counts toward the cap, as in the ledger."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """Waiting messages of one sender to recipients in one group of time zones."""

    sender: str
    zones: tuple[str, ...]
    messages: int
    people: int
    """Unique recipients of these messages."""
    most_to_one: int = 1
    """Most messages to one recipient."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cap:
    """Cap on unique recipients in any moving 24 hours, per sender; `shared`: of all senders together."""

    people: int
    shared: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Evenly spaced messages: `count` of them from `start` on, `gap` apart."""

    start: datetime
    count: int
    gap: timedelta

    @property
    def last(self) -> datetime:
        return self.start + (self.count - 1) * self.gap


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """Days and times at which messages would go."""

    first: datetime | None
    """UTC, aware; None when no message goes."""
    last: datetime | None
    days: tuple[tuple[date, int], ...]
    """Messages of each day (in the campaign's time zone) that has any."""
    never: int
    """Messages without a moment within the horizon; `days` has all others."""


def plan_schedule(
    loads: Iterable[Load],
    *,
    rate: float,
    cap: Cap | None,
    used: Mapping[str, Sequence[datetime]],
    hours: Hours,
    now: datetime,
    timezone: str,
) -> Schedule:
    """Forecast when `loads` go.

    Args:
        loads: the waiting messages; one without messages is ignored.
        rate: starts per second of each sender.
        cap: None for no cap.
        used: sender to the times at which recipients of the last 24 hours were last messaged; of a shared cap all
            count, whatever the sender.
        hours: sending hours of the campaign.
        now: begin of the forecast (aware).
        timezone: zone of the days.
    """
    waiting = [load for load in loads if load.messages > 0]
    gone: list[Step] = []
    for part in _parts(waiting, shared=cap is not None and cap.shared):
        senders = {load.sender for load in part}
        together = cap is not None and cap.shared
        reached = [at for sender, times in used.items() if together or sender in senders for at in times]
        # Senders work side by side, so that all are done when the one with the most messages is.
        each = Counter[str]()
        for load in part:
            each[load.sender] += load.messages
        together_rate = rate * sum(each.values()) / max(each.values())
        gone += plan_steps(
            part, rate=together_rate, people=cap.people if cap else None, reached=reached, hours=hours, now=now
        )
    first, last = min((step.start for step in gone), default=None), max((step.last for step in gone), default=None)
    if first is not None and last is not None:
        last = max(last, first + (max(load.most_to_one for load in waiting) - 1) * SPACING)
    days: Counter[date] = Counter()
    for step in gone:
        days[step.start.astimezone(ZoneInfo(timezone)).date()] += step.count
    return Schedule(
        first=first,
        last=last,
        days=tuple(sorted(days.items())),
        never=sum(load.messages for load in waiting) - sum(step.count for step in gone),
    )


def _parts(loads: Sequence[Load], *, shared: bool) -> list[list[Load]]:
    """Group the loads that share a rate or a cap."""
    if shared:
        return [list(loads)] if loads else []
    return [[load for load in loads if load.sender == sender] for sender in sorted({load.sender for load in loads})]


def plan_steps(
    loads: Sequence[Load], *, rate: float, people: int | None, reached: Iterable[datetime], hours: Hours, now: datetime
) -> Iterator[Step]:
    """Yield the steps in which loads go that share a rate (starts per second) and a cap.

    `people`: recipients of the cap; None: no cap. `reached`: times at which recipients were messaged that count.
    """
    end, at = now + HORIZON, now
    left = {load.zones: 0 for load in loads}
    for load in loads:
        left[load.zones] += load.messages
    total = sum(left.values())
    # A forecast over months need not be right to the minute, and would take seconds in steps of a few messages.
    months = total // (30 * people) if people else 0
    places = _Places(people, reached, grain=STEP * min(60, max(1, months)))
    per_person = max(1.0, total / max(1, sum(min(load.people, load.messages) for load in loads)))
    spans = {zones: HoursState(open=False, until=now) for zones in left}
    while any(left.values()) and at < end:
        spans = {zones: _current(hours, zones, span, at) for zones, span in spans.items() if left[zones]}
        open_now = [zones for zones, span in spans.items() if span.open]
        if not open_now:
            openings = [span.until for span in spans.values() if span.until is not None]
            if not openings:
                return
            at = min(openings)
            continue
        free, gap = places.free(at), timedelta(seconds=1 / rate)
        if free is not None and free < 1:
            # Use each place when it is freed: waiting for a minute's worth of them would lose a minute every day.
            free, back, apart = places.next_freed()
            if back is None:
                return
            at, gap = max(at, back), max(gap, apart)
            if free < 1 or any(span.until is not None and span.until <= at for span in spans.values()):
                continue
        elif free is not None:
            free, gap = places.extend(free, at, gap)
        closing = min((spans[zones].until or end for zones in open_now), default=end)
        fits = max(1, ceil(min(closing - at, STEP) / gap))
        most = fits if free is None else min(fits, max(1, int(free * per_person)))
        step = Step(start=at, count=_take(left, open_now, most), gap=gap)
        places.take(ceil(step.count / per_person), step)
        yield step
        at = step.last + gap


def _current(hours: Hours, zones: tuple[str, ...], span: HoursState, at: datetime) -> HoursState:
    return hours.state_at(at, zones) if span.until is not None and at >= span.until else span


def _take(left: dict[tuple[str, ...], int], zones: Sequence[tuple[str, ...]], most: int) -> int:
    """Take up to `most` messages from the open groups, the largest first; return their number."""
    taken = 0
    for group in sorted(zones, key=lambda each: left[each], reverse=True):
        some = min(left[group], most - taken)
        left[group] -= some
        taken += some
    return taken


class _Places:
    """Places under a cap: those that are free, and those that become free when a recipient's 24 hours are over."""

    def __init__(self, people: int | None, reached: Iterable[datetime], *, grain: timedelta) -> None:
        self._most = people
        self._back = deque(_lumps(reached, grain))
        self._taken = sum(step.count for step in self._back)

    def free(self, at: datetime) -> int | None:
        """Return the places that are free at `at`; None without a cap. `at` never goes back."""
        if self._most is None:
            return None
        while self._back and self._back[0].start <= at:
            head = self._back.popleft()
            here = head.count if head.last <= at else (at - head.start) // head.gap + 1
            self._taken -= here
            if here < head.count:
                later = Step(start=head.start + here * head.gap, count=head.count - here, gap=head.gap)
                self._back.appendleft(later)
                break
        return self._most - self._taken

    def next_freed(self) -> tuple[int, datetime | None, timedelta]:
        """Return the next places that become free: their number, the time of the first (None: none), their spacing."""
        if not self._back or self._most is None:
            return 0, None, timedelta()
        head, over = self._back[0], self._taken - self._most
        if over >= head.count:
            return 0, head.last, timedelta()
        return head.count - over, head.start + over * head.gap, head.gap

    def extend(self, free: int, at: datetime, gap: timedelta) -> tuple[int, timedelta]:
        """Return how many places can be taken without a stop, with those freed meanwhile, and the spacing for it."""
        head = self._back[0] if self._back else None
        if head is None or head.start > at + free * max(gap, head.gap):
            return free, gap
        return free + head.count, max(gap, head.gap)

    def take(self, people: int, step: Step) -> None:
        """Take places for the recipients of a step's messages."""
        if self._most is None:
            return
        self._taken += people
        gap = step.gap * step.count / max(1, people)
        back = Step(start=step.start + DAY + MARGIN, count=people, gap=gap)
        before = self._back[-1] if self._back else None
        if before is not None and before.gap == gap and before.last + gap == back.start:
            self._back[-1] = Step(start=before.start, count=before.count + people, gap=gap)
        else:
            self._back.append(back)


def _lumps(reached: Iterable[datetime], grain: timedelta) -> Iterator[Step]:
    """Yield the places of recipients reached before as they become free; within a grain, with the last of them."""
    lump: list[datetime] = []
    for at in sorted(reached):
        if lump and at - lump[0] > grain:
            yield Step(start=lump[-1] + DAY + MARGIN, count=len(lump), gap=timedelta())
            lump = []
        lump.append(at)
    if lump:
        yield Step(start=lump[-1] + DAY + MARGIN, count=len(lump), gap=timedelta())

"""Jobs of one sender that wait: those due later in this run, and why others were passed over."""

import heapq
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

from batch.formatting import format_moment
from batch.model.contact_limits import SPACING
from batch.model.messages import Job
from batch.model.phone.brazil import zones_of
from batch.model.reasons import Finding, Reason
from batch.model.sending_hours import Hours, HoursState


class DeferredQueue:
    """Deferred jobs ordered by due time, and the recipients whose message was taken up within the spacing interval."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Job]] = []
        self._numbers = count()  # breaks ties, because jobs have no order
        self._recent: OrderedDict[str, datetime] = OrderedDict()

    @property
    def next_at(self) -> datetime | None:
        """Due time of the next job; None when the queue is empty."""
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: datetime) -> Job | None:
        """Remove and return the first job that is due; None when none is."""
        return heapq.heappop(self._heap)[2] if self._heap and self._heap[0][0] <= now else None

    def defer(self, job: Job, until: datetime) -> None:
        """Keep a job until then. It was not sent, so it does not count as a message to its recipient."""
        self._recent.pop(job.person, None)
        heapq.heappush(self._heap, (until, next(self._numbers), job))

    def defer_if_too_close(self, job: Job, now: datetime) -> bool:
        """Defer the job and return True when another message to its recipient was taken up within the spacing interval.

        The claim judges the spacing in any case; this earlier check costs no start slot.
        """
        while self._recent and next(iter(self._recent.values())) + SPACING <= now:
            self._recent.popitem(last=False)
        if (last := self._recent.get(job.person)) is not None:
            heapq.heappush(self._heap, (last + SPACING, next(self._numbers), job))
            return True
        self._recent[job.person] = now
        return False


@dataclass(frozen=True, kw_only=True, slots=True)
class Deferral:
    """The reason for which jobs were passed over, and when the first of them may go."""

    finding: Finding
    until: datetime


class Deferrals(dict[Reason, Deferral]):
    """The soonest deferral of each reason, in one pass over a sender's jobs."""

    def add(self, finding: Finding, until: datetime) -> None:
        known = self.get(finding.reason)
        if known is None or until < known.until:
            self[finding.reason] = Deferral(finding=finding, until=until)

    @property
    def soonest(self) -> Deferral | None:
        """None when no job was passed over."""
        return min(self.values(), key=lambda each: each.until, default=None)


NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""Opening time of hours that never begin again."""


class RecipientHours:
    """A campaign's hours, evaluated once for each time zone and span: they are needed at every attempt."""

    def __init__(self, hours: Hours, home: str) -> None:
        """`home`: the time zone of recipients whose own is not known."""
        self._hours = hours
        self._home = home
        self._known: dict[tuple[str, ...], tuple[datetime, HoursState]] = {}

    def closed_until(self, job: Job, now: datetime) -> datetime | None:
        """Return when the recipient's hours begin again: None while they last, NEVER where none are left."""
        if not self._hours.windows:
            return None
        zones = zones_of(job.person, self._home)
        known = self._known.get(zones)
        if known is None or now < known[0] or (known[1].until is not None and now >= known[1].until):
            known = self._known[zones] = (now, self._hours.state_at(now, zones))
        state = known[1]
        return None if state.open else state.until or NEVER

    def closes_at(self, job: Job) -> datetime | None:
        """Return the end of the hours found open by the latest `closed_until`; None when they do not end soon."""
        known = self._known.get(zones_of(job.person, self._home)) if self._hours.windows else None
        return known[1].until if known is not None and known[1].open else None

    def explain(self, until: datetime) -> Finding:
        """Return the finding of a message that waits for the hours."""
        if until == NEVER:
            return Finding(Reason.NO_HOURS)
        return Finding(Reason.WINDOW, {"when": format_moment(until, self._home)})

"""Jobs of a sender that were put off: each comes back when it is due. Pure but for what it holds."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from batch.model.contact_limits import SPACING
from batch.model.messages import Job
from batch.model.reasons import Finding, Reason


class Later:
    """Jobs that wait for their time, and the people whose message was taken up just now."""

    def __init__(self) -> None:
        self._waiting: list[tuple[datetime, int, Job]] = []
        self._numbers = count()
        self._people: OrderedDict[str, datetime] = OrderedDict()

    @property
    def next_at(self) -> datetime | None:
        """When the next job is due; None when none waits."""
        return self._waiting[0][0] if self._waiting else None

    def due(self, now: datetime) -> Job | None:
        """A job whose time has come, or None."""
        return heapq.heappop(self._waiting)[2] if self._waiting and self._waiting[0][0] <= now else None

    def put_off(self, job: Job, until: datetime) -> None:
        """Keep a job until then. Nothing went out for it, so it does not come too close to itself."""
        self._people.pop(job.person, None)
        heapq.heappush(self._waiting, (until, next(self._numbers), job))

    def too_close(self, job: Job, now: datetime) -> bool:
        """Whether another message to the person was taken up just now; then the job is put off.

        The claim judges it in any case; to be asked before costs no slot.
        """
        while self._people and next(iter(self._people.values())) + SPACING <= now:
            self._people.popitem(last=False)
        if (last := self._people.get(job.person)) is not None:
            heapq.heappush(self._waiting, (last + SPACING, next(self._numbers), job))
            return True
        self._people[job.person] = now
        return False


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """Why jobs of a sender were passed over, and when the first of them may go."""

    finding: Finding
    until: datetime


class Leftovers:
    """The soonest of each reason."""

    def __init__(self) -> None:
        self._left: dict[Reason, Left] = {}

    def clear(self) -> None:
        self._left.clear()

    def leave(self, finding: Finding, until: datetime) -> None:
        known = self._left.get(finding.reason)
        if known is None or until < known.until:
            self._left[finding.reason] = Left(finding=finding, until=until)

    def because_of(self, reason: Reason) -> Left | None:
        """The soonest of that reason; None when nothing was left for it."""
        return self._left.get(reason)

    @property
    def soonest(self) -> Left | None:
        """None when nothing was left."""
        return min(self._left.values(), key=lambda each: each.until, default=None)

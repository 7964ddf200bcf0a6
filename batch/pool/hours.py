"""Whether a person may be messaged now, by the campaign's hours in the person's own time zone."""

from __future__ import annotations

from datetime import UTC, datetime

from batch.model.contact_limits import clock_text
from batch.model.messages import Job
from batch.model.phone.timezones import zones_of
from batch.model.reasons import Finding, Reason
from batch.model.sending_hours import Hours, HoursState

NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""When hours begin again that never do."""


class Windows:
    """Asks the hours once for each time zone and span, since it is asked at every attempt."""

    def __init__(self, hours: Hours, home: str) -> None:
        self._hours = hours
        self._home = home
        self._known: dict[tuple[str, ...], tuple[datetime, HoursState]] = {}

    def closed_until(self, job: Job, now: datetime) -> datetime | None:
        """When the person's hours begin again; None while they last. NEVER for hours that do not come."""
        if not self._hours.windows:
            return None
        zones = zones_of(job.person, self._home)
        known = self._known.get(zones)
        if known is None or now < known[0] or (known[1].until is not None and now >= known[1].until):
            known = self._known[zones] = (now, self._hours.state_at(now, zones))
        span = known[1]
        return None if span.open else span.until or NEVER

    def closes_at(self, job: Job) -> datetime | None:
        """When the person's hours end that last now, as was last asked; None when they do not end soon."""
        known = self._known.get(zones_of(job.person, self._home)) if self._hours.windows else None
        return known[1].until if known is not None and known[1].open else None

    def finding(self, until: datetime) -> Finding:
        """Why a message waits for the hours."""
        if until == NEVER:
            return Finding(Reason.NO_HOURS)
        return Finding(Reason.WINDOW, {"when": clock_text(until, self._home)})

"""Sending hours of recipients, each in the recipient's own time zone."""

from __future__ import annotations

from datetime import UTC, datetime

from batch.formatting import format_moment
from batch.model.messages import Job
from batch.model.phone.timezones import zones_of
from batch.model.reasons import Finding, Reason
from batch.model.sending_hours import Hours, HoursState

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

"""Limits on contacting people that hold across runs and campaigns: spacing, 24-hour cap, history."""

from dataclasses import dataclass
from datetime import timedelta

from batch.i18n import N_
from batch.model.phrases import Phrase

SPACING = timedelta(seconds=6)
"""Least time between two messages to one recipient; WhatsApp refuses a sooner one with code 131056."""

DAY = timedelta(hours=24)
"""Length of the moving window in which WhatsApp counts unique recipients."""

_UNITS = (
    (86400, N_("1 day"), "days", N_("{days:,} days")),
    (3600, N_("1 hour"), "hours", N_("{hours:,} hours")),
    (60, N_("1 minute"), "minutes", N_("{minutes:,} minutes")),
)
"""Seconds of a unit, its text for one, and for several with the name of their value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactLimits:
    """Contact limits of a campaign. The suppression list and the spacing hold for every campaign besides."""

    not_within: timedelta | None = None
    """Least time since a message of another campaign ([history]); None: no such limit."""
    skip_unreachable: timedelta | None = None
    """Time for which a person is left out whom WhatsApp could not reach; None: no such limit."""
    per_24h: int | None = None
    """Unique recipients in any moving 24 hours, counted in the ledger; None: no cap."""
    shared_cap: bool = False
    """The cap counts the recipients of all senders together, not of each sender by itself."""
    timezone: str = "UTC"
    """Zone of times that are shown to people."""


def duration_phrase(duration: timedelta) -> Phrase:
    """Return `7 days`, `36 hours`, `90 minutes`: the duration in the largest unit that divides it."""
    seconds = round(duration.total_seconds())
    for size, one, unit, many in _UNITS:
        if seconds >= size and not seconds % size:
            count = seconds // size
            return Phrase(one) if count == 1 else Phrase(many, {unit: count})
    return Phrase(N_("{seconds} seconds"), {"seconds": seconds})

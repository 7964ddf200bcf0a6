"""The rules of outreach that hold across runs and campaigns: how far apart, how many, how soon again. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from batch.i18n import N_
from batch.model.phrases import Phrase

SPACING = timedelta(seconds=6)
"""Between two messages to the same person at the least; WhatsApp refuses what comes sooner (131056)."""

DAY = timedelta(hours=24)
"""WhatsApp counts unique people over a moving time of this length."""

_UNITS = (
    (86400, N_("1 day"), "days", N_("{days:,} days")),
    (3600, N_("1 hour"), "hours", N_("{hours:,} hours")),
    (60, N_("1 minute"), "minutes", N_("{minutes:,} minutes")),
)
"""Seconds, the text of one, and of many with the name of their value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactLimits:
    """What a campaign says of whom and how many. The suppression list and the spacing hold for every campaign."""

    not_within: timedelta | None = None
    """Nobody who got a message of another campaign since is messaged; None: however recently."""
    per_24h: int | None = None
    """Unique people in any moving 24 hours, from the ledger; None: no cap."""
    shared_cap: bool = False
    """Whether the cap counts the people of all senders together; else of each sender by itself."""
    timezone: str = "UTC"
    """In which times are told to people."""


def duration_phrase(duration: timedelta) -> Phrase:
    """`7 days`, `36 hours`, `90 minutes`: in the largest unit that fits whole."""
    seconds = round(duration.total_seconds())
    for size, one, unit, many in _UNITS:
        if seconds >= size and not seconds % size:
            count = seconds // size
            return Phrase(one) if count == 1 else Phrase(many, {unit: count})
    return Phrase(N_("{seconds} seconds"), {"seconds": seconds})

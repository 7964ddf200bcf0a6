"""What one attempt came to, as decided by the failure table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from batch.model.outcomes import Evidence, Outcome
from batch.model.reasons import Finding


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatSigns:
    """What an accepted answer tells about the chat, and whether it was there before."""

    chat_id: str
    chat_status: str | None = None
    created: bool = False
    """HTTP 201."""
    older_date: bool = False
    """A date in the answer is clearly older than the request, the clocks' difference allowed for."""
    earlier_life: bool = False
    """Unread messages, archived, last message not from us, or another status than asked for."""


def weigh(signs: ChatSigns, *, known_chat: bool) -> tuple[Outcome, Evidence]:
    """Tell `success` from `reused`, strongest evidence first. `known_chat`: the id is already in the ledger."""
    if signs.created:
        return Outcome.SUCCESS, Evidence.HTTP_201
    if known_chat:
        return Outcome.REUSED, Evidence.KNOWN_CHAT
    if signs.older_date:
        return Outcome.REUSED, Evidence.OLDER_DATE
    if signs.earlier_life:
        return Outcome.REUSED, Evidence.EARLIER_LIFE
    return Outcome.SUCCESS, Evidence.NONE


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The decision about one attempt.

    `outcome` PENDING means that certainly nothing was sent: the claim must be released before anything else, and
    `repeat` tells whether this run may try the row again. Any other outcome is final for this run.
    """

    outcome: Outcome
    finding: Finding
    repeat: bool = False
    pause: float | None = None
    """Seconds that everyone of this sender waits before the next attempt; None for no pause."""
    slow_down: bool = False
    """The rate is to be cut."""
    stop: bool = False
    """Every row would fail alike: the run stops."""
    http_status: int | None = None
    signs: ChatSigns | None = None
    """Present exactly when the answer was a readable 2xx."""
    clock_skew: float | None = None
    """Seconds the API's `Date` is ahead of our wall clock; None when there was no `Date`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimRefusal:
    """A claim that a rule of outreach refused: nothing may be posted.

    `outcome` PENDING: the message still waits, and may be claimed from `until` on. Any other outcome is what the row
    has now, durably.
    """

    outcome: Outcome
    finding: Finding
    until: datetime | None = None
    """UTC, aware; present exactly when `outcome` is PENDING."""

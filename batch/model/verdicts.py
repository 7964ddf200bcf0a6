"""Verdicts on attempts: the failure table's decision about a POST, and the rules' refusals of a claim."""

from dataclasses import dataclass
from datetime import datetime

from batch.model.outcomes import Evidence, Outcome
from batch.model.reasons import Finding


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatSigns:
    """Signs in an accepted response of whether the chat existed before."""

    chat_id: str
    chat_status: str | None = None
    created: bool = False
    """HTTP 201."""
    older_date: bool = False
    """A date in the response is older than the request by more than the clocks may differ."""
    earlier_life: bool = False
    """Unread messages, an archive date, a last message not from us, or another status than requested."""
    message_id: str | None = None
    """Id of the message that the attempt sent; None where the response does not show it for certain."""
    message_status: str | None = None
    """The API's word for how far that message is; None likewise."""


def weigh(signs: ChatSigns, *, known_chat: bool) -> tuple[Outcome, Evidence]:
    """Distinguish `success` from `reused` by the strongest evidence. `known_chat`: the ledger has the chat's id."""
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
    """Decision about one attempt.

    `outcome` PENDING means that certainly nothing was sent: the claim is released before anything else happens, and
    `repeat` permits this run to try the row again. Any other outcome is final for this run.
    """

    outcome: Outcome
    finding: Finding
    repeat: bool = False
    pause: float | None = None
    """Seconds that all workers of this sender pause before the next attempt; None for no pause."""
    slow_down: bool = False
    """Cut the sender's rate."""
    stop: bool = False
    """Stop the run, because every row would fail alike."""
    http_status: int | None = None
    signs: ChatSigns | None = None
    """Present exactly when the response was a readable 2xx."""
    clock_skew: float | None = None
    """Seconds the API's `Date` is ahead of our wall clock; None when there was no `Date`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimRefusal:
    """Refusal of a claim by a contact limit: nothing may be posted.

    `outcome` PENDING: the message still waits, and may be claimed from `until` on. Any other outcome is recorded
    durably for the row.
    """

    outcome: Outcome
    finding: Finding
    until: datetime | None = None
    """UTC, aware; present exactly when `outcome` is PENDING."""

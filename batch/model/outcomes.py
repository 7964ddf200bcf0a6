"""The six outcomes. Every row has exactly one, and they add up to the rows of the sheet."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Evidence", "Outcome"]


class Outcome(StrEnum):
    """What became of a row. The order is the order of every table that lists outcomes."""

    SUCCESS = "success"
    """Accepted; a new chat (no sign of an older one)."""
    REUSED = "reused"
    """Accepted; the chat was already there."""
    ERROR = "error"
    """The row is wrong, or the API refused it; nothing was sent."""
    UNKNOWN = "unknown"
    """It may have been sent, nobody can know."""
    SKIPPED = "skipped"
    """Left out by a rule."""
    PENDING = "pending"
    """Not attempted yet."""

    @property
    def messaged(self) -> bool:
        """True when the person certainly has a message."""
        return self in (Outcome.SUCCESS, Outcome.REUSED)


class Evidence(StrEnum):
    """What told a new chat from one that was already there, strongest first; the last two told that it was sent."""

    HTTP_201 = "http_201"
    """The answer was 201: created."""
    KNOWN_CHAT = "known_chat"
    """The chat's id is already in this ledger: reused."""
    OLDER_DATE = "older_date"
    """A date in the answer is clearly older than the request: reused."""
    EARLIER_LIFE = "earlier_life"
    """Unread messages, an archive date, a last message not from us, or another status than asked for: reused."""
    NONE = "none"
    """No sign either way: taken as created."""
    SETTLED = "settled"
    """No answer came; a person looked and said that it was sent."""
    TIMELINE = "timeline"
    """No answer came; the message was found in the chat."""

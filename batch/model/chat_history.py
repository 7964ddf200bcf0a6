"""Search for the message of an attempt in a chat's history.

The history names no request, so a message is identified by its text and time alone. It settles an attempt only when it
cannot be another attempt's. A message that is not there may still be on its way, so absence never means "not sent".
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

_FAILED = frozenset({"failed", "error", "undelivered"})
"""Statuses of a message that the API accepted and WhatsApp did not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineMessage:
    """Message in a chat's history."""

    at: datetime
    """Time of sending by our clock (aware)."""
    text: str = ""
    """Empty where it has none."""
    status: str | None = None
    """The API's word."""
    id: str | None = None
    from_me: bool = True
    """Ours; else the person's."""
    by_agent: bool = False
    """Of ours, one that an agent wrote."""
    is_history: bool = False
    """Taken over from another history."""
    kind: str = "text"
    """The API's type, in small letters."""
    quoted: str | None = None
    """Id of the message that it quotes."""
    code: int | None = None
    """WhatsApp's code for its failure."""
    words: str = ""
    """The API's words for its failure."""
    several: bool = False
    """It stands for several that are alike, of which one is looked for; `at` is when their time begins."""

    @property
    def has_failed(self) -> bool:
        return (self.status or "").strip().casefold() in _FAILED


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Time in which an attempt's message can lie, both ends included."""

    start: datetime
    end: datetime

    def contains(self, at: datetime) -> bool:
        return self.start <= at <= self.end

    def overlaps(self, other: Span) -> bool:
        return self.start <= other.end and other.start <= self.end


class Trace(StrEnum):
    """Result for an attempt whose message is not found for certain."""

    NOTHING = "nothing"
    """There is no message of ours with this text in that time."""
    FAILED = "failed"
    """The message is there, but WhatsApp has not sent it."""
    ANOTHERS = "anothers"
    """A message is there, but it may be that of another attempt at the same person in the same minutes."""


def find_message(
    timeline: Sequence[TimelineMessage], *, text: str, span: Span, others: Iterable[Span]
) -> TimelineMessage | Trace:
    """Return the message that an attempt has sent, or why none is certain.

    Args:
        timeline: our messages with a text in the chat, in any order.
        text: rendered text of the attempt's message.
        span: time in which it can have been sent.
        others: spans of other attempts at this person whose text is the same or unknown.
    """
    same = [message for message in timeline if is_same_text(message.text, text) and span.contains(message.at)]
    good = [message for message in same if not message.has_failed]
    if not good:
        return Trace.FAILED if same else Trace.NOTHING
    rest = [message.at for message in timeline if not is_same_text(message.text, text)]
    rivals = _unexplained([other for other in others if other.overlaps(span)], rest)
    return min(good, key=lambda message: message.at) if len(good) > rivals else Trace.ANOTHERS


def _unexplained(spans: list[Span], times: Iterable[datetime]) -> int:
    """Count the spans that are left when each time explains one: of those that contain it, the one that ends first."""
    left = sorted(spans, key=lambda span: span.end)
    for at in sorted(times):
        taken = next((span for span in left if span.contains(at)), None)
        if taken is not None:
            left.remove(taken)
    return len(left)


def is_same_text(one: str, other: str) -> bool:
    """Return whether two texts are the same message."""
    return _plain(one) == _plain(other)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").strip()

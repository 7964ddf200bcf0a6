"""Whether a chat's timeline shows that a message was sent. Pure.

The timeline names no request, so a message is known by its text and its time alone. It settles an attempt only when
it can be no other attempt's; and what is not in a timeline may still be on its way, so nothing is ever taken for
"not sent".
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

_FAILED = frozenset({"failed", "error", "undelivered"})
"""States of a message that the API took and WhatsApp did not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineMessage:
    """A message from us in a chat's timeline."""

    at: datetime
    """When it was sent, aware, by our own clock."""
    text: str
    status: str | None = None

    @property
    def failed(self) -> bool:
        return (self.status or "").strip().casefold() in _FAILED


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """The time in which an attempt's message can lie, both ends included."""

    start: datetime
    end: datetime

    def holds(self, at: datetime) -> bool:
        return self.start <= at <= self.end

    def meets(self, other: Span) -> bool:
        return self.start <= other.end and other.start <= self.end


class Trace(StrEnum):
    """What a timeline says of an attempt whose message is not plainly there."""

    NOTHING = "nothing"
    """No message of ours with this text in that time."""
    FAILED = "failed"
    """It is there, but WhatsApp has not sent it."""
    ANOTHERS = "anothers"
    """One is there, but it may be the message of another attempt at the same person in the same minutes."""


def find_message(
    timeline: Sequence[TimelineMessage], *, text: str, span: Span, others: Iterable[Span]
) -> TimelineMessage | Trace:
    """The message that the attempt of `span` has sent, or why none can be told.

    Args:
        timeline: what we sent into the chat, in any order.
        text: the message as it would be read.
        span: when it can have been sent.
        others: the times of other attempts at this person whose text is the same or not known.
    """
    same = [message for message in timeline if _plain(message.text) == _plain(text) and span.holds(message.at)]
    good = [message for message in same if not message.failed]
    if not good:
        return Trace.FAILED if same else Trace.NOTHING
    rest = [message.at for message in timeline if _plain(message.text) != _plain(text)]
    rivals = _unexplained([other for other in others if other.meets(span)], rest)
    return min(good, key=lambda message: message.at) if len(good) > rivals else Trace.ANOTHERS


def _unexplained(spans: list[Span], times: Iterable[datetime]) -> int:
    """How many spans are left when each time is given to the span that ends first of those that hold it."""
    left = sorted(spans, key=lambda span: span.end)
    for at in sorted(times):
        taken = next((span for span in left if span.holds(at)), None)
        if taken is not None:
            left.remove(taken)
    return len(left)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").strip()

"""One POST as the wire showed it: what the failure table judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from batch.chats.transport.exceptions import Fault

__all__ = ["Attempt", "Written"]


class Written(StrEnum):
    """How much of the request went out at most, known from the connection's account or trace."""

    NOTHING = "nothing"
    """Certainly no byte."""
    PART = "part"
    """Perhaps some of the head, certainly nothing of the body."""
    WHOLE = "whole"
    """Perhaps all of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One POST, as the wire showed it."""

    written: Written
    sent_at: datetime
    """When it began, by our wall clock (aware)."""
    received_at: datetime
    """When it ended, by our wall clock (aware)."""
    fault: Fault | None = None
    """Why no whole answer came; None when one came."""
    words: str = ""
    """About the fault, for people."""
    status: int | None = None
    """HTTP status, if the head of an answer came; never None without a fault."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the answer, names in lower case."""
    body: bytes = b""
    """Of the answer, up to the client's limit."""
    oversized: bool = False
    """The answer was longer than the limit, and the rest was not read."""
    asked_status: str | None = None
    """The chat status in the request; None when none was asked for."""
    read_timeout: float = 60.0
    """Seconds that were waited at most."""

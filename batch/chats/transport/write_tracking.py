"""Tracking of what was written of a request, as the connection itself reports it, and the record of an exchange."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from batch.chats.transport.exceptions import Fault


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """One POST and its answer, as seen on the wire."""

    written: bool
    """A byte of the request may have gone out."""
    sent_at: datetime
    """When it began, by our wall clock (aware)."""
    received_at: datetime
    """When it ended, by our wall clock (aware)."""
    premature: bool = False
    """Behind a proxy, and bytes of the answer came before the request was written whole."""
    followed: bool = False
    """More bytes followed the answer, which was a refusal."""
    fault: Fault | None = None
    """Cause of a missing answer; None when a whole one came."""
    detail: str = ""
    """Message of the exception behind the fault; empty for none."""
    status: int | None = None
    """HTTP status, if the head of an answer came; never None without a fault."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the answer, names in lower case."""
    body: bytes = b""
    """Of the answer, up to the client's limit."""
    oversized: bool = False
    """The answer was longer than the limit, and the rest was not read."""
    requested_status: str | None = None
    """The chat status in the request; None when none was asked for."""
    read_timeout: float = 60.0
    """Seconds that were waited at most."""


class WriteTracker:
    """Observer of one POST's writing (`http11.WriteObserver`); it starts the answer's time-out."""

    def __init__(self, *, read_timeout: float) -> None:
        """`read_timeout`: seconds from the last written byte to the whole answer."""
        self.written = False
        """A byte of the request may have gone out. Certainly none while it is False: it is set before the write."""
        self.premature = False
        """Bytes of an answer came before the last byte of the request had gone out."""
        self.followed = False
        """More bytes came behind a refusal."""
        self.deadline: asyncio.Timeout | None = None
        """Set by the client; None leaves the time-out to others."""
        self._read_timeout = read_timeout

    def on_write(self) -> None:
        """Note that any byte of head and body may be out: they go out in one write."""
        self.written = True
        self._restart_clock()

    def on_flush(self) -> None:
        """Note that the last byte of the request went out only now."""
        self._restart_clock()

    def on_premature_answer(self) -> None:
        """Note that bytes of an answer came before `on_flush`."""
        self.premature = True

    def on_second_answer(self) -> None:
        """Note that more bytes followed a refusal."""
        self.followed = True

    def _restart_clock(self) -> None:
        if self.deadline is not None:
            self.deadline.reschedule(asyncio.get_running_loop().time() + self._read_timeout)

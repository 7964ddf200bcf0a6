"""Tracking of how much of a request was written, as the connection itself reports it; the record of an exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from batch.chats.transport.exceptions import Fault


class Written(StrEnum):
    """Extent of the request that went out at most, by the connection's own account."""

    NOTHING = "nothing"
    """Certainly no byte."""
    PART = "part"
    """Perhaps some of the head, certainly nothing of the body."""
    WHOLE = "whole"
    """Perhaps all of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """One POST and its answer, as seen on the wire."""

    written: Written
    sent_at: datetime
    """When it began, by our wall clock (aware)."""
    received_at: datetime
    """When it ended, by our wall clock (aware)."""
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
    asked_status: str | None = None
    """The chat status in the request; None when none was asked for."""
    read_timeout: float = 60.0
    """Seconds that were waited at most."""


BEFORE_WRITING: Final = frozenset(
    {"connect_tcp", "connect_unix_socket", "start_tls", "setup_socks5_connection", "retry", "close"}
)
"""Steps of a connection in which no byte of the request is written. Any step not named here counts as writing."""


class WriteTracker:
    """Tracker of one POST. Our own transport calls `on_start`, `on_write` and `on_flush` (it is its `WriteObserver`);
    httpx's calls the object itself, as its `trace` extension, at each step of the connection.

    "Nothing was written" needs proof: the connection must have spoken (now, or `alive` in an earlier attempt of the
    same client), and only of steps that are known to come before writing. A version of httpcore that renames its steps
    would so make attempts unknown, never repeated.
    """

    def __init__(self, *, read_timeout: float, alive: bool = False) -> None:
        self.alive = alive
        """The connection has spoken."""
        self.deadline: asyncio.Timeout | None = None
        """Set by the client: ends the attempt `read_timeout` seconds after the request was written."""
        self._read_timeout = read_timeout
        self._written = Written.NOTHING
        self._tunnel = False
        self._half_open: Any = None

    @property
    def written(self) -> Written:
        """Extent of the POST that went out at most, so far."""
        return self._written if self.alive else Written.WHOLE

    def on_start(self) -> None:
        """Note that the connection reports from here on; nothing is written yet."""
        self.alive = True

    def on_write(self) -> None:
        """Note that any byte of head and body may be out: they go out in one write."""
        self._written = Written.WHOLE
        self._restart_clock()

    def on_flush(self) -> None:
        """Note that the last byte of the request went out only now."""
        self._restart_clock()

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        """One step: `http11.send_request_body.started` and the like."""
        self.alive = True
        _, _, rest = event.partition(".")
        step, _, stage = rest.partition(".")
        if step in BEFORE_WRITING:
            if step == "connect_tcp" and stage == "complete":
                self._half_open = info.get("return_value")
            return
        self._half_open = None
        if step == "send_request_headers" and stage == "started":
            # A proxy's tunnel is opened by a request of its own, on the same trace.
            self._tunnel = getattr(info.get("request"), "method", b"") == b"CONNECT"
        if self._tunnel:
            return
        self._note(step, stage)

    async def abandon(self) -> None:
        """Close the connection that was being made: httpcore forgets it when cancelled during the TLS handshake."""
        if self._half_open is not None:
            await self._half_open.aclose()

    def _note(self, step: str, stage: str) -> None:
        if step == "send_request_headers":
            if self._written is Written.NOTHING:
                self._written = Written.PART
                self._restart_clock()
            return
        # The body's first byte may be out as soon as its step began, and its write may fail after the last one left.
        # A head that could not be written is followed by reading, without a body.
        if step == "send_request_body" or self._written is Written.NOTHING:
            self._written = Written.WHOLE
        if step == "send_request_body" and stage == "complete":
            self._restart_clock()

    def _restart_clock(self) -> None:
        if self.deadline is not None:
            self.deadline.reschedule(asyncio.get_running_loop().time() + self._read_timeout)

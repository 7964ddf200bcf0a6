"""One HTTP/1.1 connection over asyncio, its protocol by h11: a request goes out in one write, and is accounted for.

Every failure is raised as the exception of httpx that says what happened, with its cause.
"""

from __future__ import annotations

import asyncio
import select
import ssl
import sys
import time
from typing import Final, Protocol, cast

import h11
import httpx

from batch.i18n import N_

__all__ = ["LONGEST_HEAD", "Account", "Connection"]

LONGEST_HEAD: Final = 100 * 1024
"""Bytes of an answer's head (or of one chunk's line), beyond which it is no HTTP."""
_MOST_UNREAD: Final = 256 * 1024
"""Bytes that may wait to be read before the other side is made to wait."""
_LONGEST_HANDSHAKE: Final = 3600.0
"""Seconds; out of the way of the caller's own time-out, which is told as one."""
_END: Final = h11.EndOfMessage()


class Account(Protocol):
    """Who is told what is written. The calls come at once, in this order, from the event loop's thread."""

    def began(self) -> None:
        """The connection gives account from here on; nothing is written yet."""

    def writing(self) -> None:
        """From here on any byte of the request may be out."""

    def wrote(self) -> None:
        """What the system did not take at once, it took now. Not called when it took all at once."""


class Connection(asyncio.Protocol):
    """Made by `loop.create_connection`; one exchange at a time: `send`, `head`, `chunk` until None, `finish`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)
        self._transport: asyncio.Transport | None = None
        self._account: Account | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._error: Exception | None = None
        self._ended = False
        """No more bytes will come."""
        self._unread = 0
        self._idle_since: float | None = None

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._use(cast("asyncio.Transport", transport))

    def data_received(self, data: bytes) -> None:
        if self._account is None:
            # An answer that nobody asked for (a 408 before closing) must never be taken for the next one's.
            self.abort()
            return
        self._h11.receive_data(data)
        self._unread += len(data)
        if self._unread > _MOST_UNREAD and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._error, self._ended = exc, True
        if not self._closed.done():
            self._closed.set_result(None)
        self._wake()

    def resume_writing(self) -> None:
        if self._account is not None:
            self._account.wrote()

    # What the transport of httpx calls.

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Speak TLS from here on, with the certificate checked for `host`. Raises OSError (ssl.SSLError is one)."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError(N_("the connection was closed before TLS began"))
        secured = await self._loop.start_tls(
            self._transport,
            self,
            context,
            server_hostname=host,
            ssl_handshake_timeout=_LONGEST_HANDSHAKE,
        )
        if secured is None:
            raise ConnectionResetError(N_("the connection was closed before TLS began"))
        self._use(secured)

    def usable(self, *, idle_limit: float) -> bool:
        """True when the next request may be written: idle, not for longer than `idle_limit` seconds, not closed.

        A connection that the other side closed a moment ago is told by the socket before the event loop hears of it.
        """
        if self._transport is None or self._idle_since is None or self._ended or self._transport.is_closing():
            return False
        return time.monotonic() - self._idle_since <= idle_limit and not _readable(self._transport)

    def send(self, head: h11.Request, body: bytes, account: Account) -> None:
        """Write a request. Raises httpx.LocalProtocolError, with nothing written, when it is none."""
        if self._transport is None:
            raise httpx.LocalProtocolError(N_("no connection was made"))
        events: tuple[h11.Event, ...] = (head, h11.Data(data=body), _END) if body else (head, _END)
        try:
            written = b"".join(self._h11.send(event) or b"" for event in events)
        except h11.LocalProtocolError as error:
            raise httpx.LocalProtocolError(str(error)) from error
        self._idle_since, self._account = None, account
        account.writing()
        self._transport.write(written)

    async def head(self) -> h11.Response:
        """The answer's head; informational ones (1xx) are passed over. Raises httpx.TransportError."""
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                return event

    async def chunk(self) -> bytes | None:
        """The next piece of the body, None after the last. Raises httpx.TransportError."""
        event = await self._event()
        return bytes(event.data) if isinstance(event, h11.Data) else None

    def finish(self) -> None:
        """The exchange is over: keep the connection if both sides are through and may go on, else close it."""
        self._account = None
        if not self._through():
            self.abort()
            return
        self._h11.start_next_cycle()
        self._unread = 0
        if self._transport is not None:
            self._transport.resume_reading()  # a large answer that came whole had it paused
        self._idle_since = time.monotonic()

    def abort(self) -> None:
        """Close at once: what still waits to be written is not written. May be called twice."""
        self._account = self._idle_since = None
        if self._transport is not None:
            self._transport.abort()

    async def aclose(self) -> None:
        """Close at once, and wait until it is closed."""
        self.abort()
        if self._transport is not None:
            await self._closed

    def _use(self, transport: asyncio.Transport) -> None:
        # So that asyncio tells when the last byte went out.
        transport.set_write_buffer_limits(high=0)
        self._transport = transport
        self._idle_since = time.monotonic()

    def _through(self) -> bool:
        """Both sides are done, may go on, and nothing is left over on either way."""
        if self._transport is None or self._ended or self._transport.get_write_buffer_size():
            return False
        return self._h11.our_state is self._h11.their_state is h11.DONE and not self._h11.trailing_data[0]

    async def _event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """What h11 makes of the bytes next; never NEED_DATA, which is waited for."""
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                raise httpx.RemoteProtocolError(str(error)) from error
            if event is not h11.NEED_DATA:
                return event
            await self._more()

    async def _more(self) -> None:
        """Wait for bytes; called when all that came are used up."""
        if self._error is not None:
            raise httpx.ReadError(str(self._error)) from self._error
        if self._ended:
            if self._h11.their_state is h11.SEND_RESPONSE:
                raise httpx.RemoteProtocolError(N_("Server disconnected without sending a response."))
            self._h11.receive_data(b"")
            return
        if self._unread > _MOST_UNREAD and self._transport is not None:
            self._transport.resume_reading()
        self._unread = 0
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _readable(transport: asyncio.Transport) -> bool:
    """True when the idle connection has something to read: its end, or what nobody asked for."""
    number = transport.get_extra_info("socket").fileno()
    if sys.platform == "win32":
        return bool(select.select([number], [], [], 0)[0])
    poll = select.poll()  # unlike select(), it takes numbers beyond 1023
    poll.register(number, select.POLLIN)
    return bool(poll.poll(0))

"""One HTTP/1.1 connection over asyncio, its protocol by h11: a request goes out in one write, and is reported.

Every failure is raised as the exception of httpx that names it, with its cause.
"""

from __future__ import annotations

import asyncio
import select
import ssl
import sys
import time
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from typing import Final, Protocol, cast

import h11
import httpx

from batch.i18n import N_

LONGEST_HEAD: Final = 100 * 1024
"""Bytes of an answer's head (or of one chunk's line) at most."""
_MOST_UNREAD: Final = 256 * 1024
"""Bytes that may wait to be read before the other side is made to wait."""
_LONGEST_HANDSHAKE: Final = 3600.0
"""Seconds; longer than the caller's own time-out, which is raised as one."""
_END: Final = h11.EndOfMessage()


class WriteObserver(Protocol):
    """Observer of a request's writing. The calls come at once, in this order, from the event loop's thread."""

    def on_start(self) -> None:
        """The connection reports from here on; nothing is written yet."""

    def on_write(self) -> None:
        """Any byte of the request may be out from here on."""

    def on_flush(self) -> None:
        """The system took the last byte. Not called when it took all bytes at once."""


class Connection(asyncio.Protocol):
    """Made by `loop.create_connection`; one exchange at a time: `send`, `head`, `chunk` until None, `finish`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)
        self._transport: asyncio.Transport | None = None
        self._observer: WriteObserver | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._error: Exception | None = None
        self._ended = False
        """No more bytes will come."""
        self._unread = 0
        self._idle_since: float | None = None

    # Called by asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._use(cast("asyncio.Transport", transport))

    def data_received(self, data: bytes) -> None:
        if self._observer is None:
            # An answer without a request (a 408 before closing) must never be taken for the next one's.
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
        if self._observer is not None:
            self._observer.on_flush()

    # Called by Http11Transport.

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

        The socket knows that the other side closed the connection a moment before the event loop hears of it.
        """
        if self._transport is None or self._idle_since is None or self._ended or self._transport.is_closing():
            return False
        return time.monotonic() - self._idle_since <= idle_limit and not _readable(self._transport)

    def send(self, head: h11.Request, body: bytes, observer: WriteObserver) -> None:
        """Write a request. Raises httpx.LocalProtocolError, with nothing written, when it is none."""
        if self._transport is None:
            raise httpx.LocalProtocolError(N_("no connection was made"))
        events: tuple[h11.Event, ...] = (head, h11.Data(data=body), _END) if body else (head, _END)
        try:
            written = b"".join(self._h11.send(event) or b"" for event in events)
        except h11.LocalProtocolError as error:
            raise httpx.LocalProtocolError(str(error)) from error
        self._idle_since, self._observer = None, observer
        observer.on_write()
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
        self._observer = None
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
        self._observer = self._idle_since = None
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
        """Return h11's next event; never NEED_DATA, because more bytes are waited for."""
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
    """True when the idle connection has something to read: its end, or an answer without a request."""
    number = transport.get_extra_info("socket").fileno()
    if sys.platform == "win32":
        return bool(select.select([number], [], [], 0)[0])
    poll = select.poll()  # unlike select(), it takes numbers beyond 1023
    poll.register(number, select.POLLIN)
    return bool(poll.poll(0))


_SECOND_ADDRESS: Final = 0.25
"""Seconds after which a name's next address is tried besides (RFC 8305)."""
_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}


class Http11Transport(httpx.AsyncBaseTransport):
    """One connection at a time, for one task at a time.

    Of a request's extensions it obeys `timeout["connect"]` (seconds, for the connection and again for TLS) and
    `observer` (a `WriteObserver`). How long an answer may take is the caller's: a request that is
    cancelled closes its connection.
    """

    def __init__(self, *, ssl_context: ssl.SSLContext, idle_limit: float) -> None:
        """`ssl_context` is for https; `idle_limit`: seconds after which an idle connection is not used again."""
        # The context is shared; setting it again changes nothing.
        ssl_context.set_alpn_protocols(["http/1.1"])
        self._ssl_context = ssl_context
        self._idle_limit = idle_limit
        self._connection: Connection | None = None
        self._origin: tuple[str, bytes, int | None] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send once; the answer's head is there on return, its body is in the response's stream.

        Raises:
            httpx.TransportError: with the cause. Nothing is repeated.
        """
        observer: WriteObserver = request.extensions.get("observer") or _NoObserver()
        observer.on_start()
        head, body = _head(request.method, request.url.raw_path, tuple(request.headers.raw)), await request.aread()
        connection = await self.connect(request.url, request.extensions.get("timeout", {}).get("connect"))
        try:
            connection.send(head, body, observer)
            answer = await connection.head()
        except BaseException:
            connection.abort()
            raise
        return httpx.Response(answer.status_code, headers=answer.headers.raw_items(), stream=_Body(connection))

    async def aclose(self) -> None:
        """Close the connection. May be called twice, and the transport used again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.aclose()

    async def connect(self, url: httpx.URL, seconds: float | None) -> Connection:
        """The connection for the next request to `url`: the one that is there, while it may be used, else a new one.

        `seconds` are for the connection and again for TLS; None: any. Nothing is written but TLS's own. Raises
        httpx.TransportError.
        """
        origin = url.scheme, url.raw_host, url.port
        if self._connection is not None:
            if origin == self._origin and self._connection.usable(idle_limit=self._idle_limit):
                return self._connection
            self._connection.abort()
        self._connection, self._origin = None, origin
        self._connection = await self._connect(url, seconds)
        return self._connection

    async def _connect(self, url: httpx.URL, seconds: float | None) -> Connection:
        if url.scheme not in _PORTS:
            raise httpx.UnsupportedProtocol(f"{url.scheme!r} is neither http nor https")
        host = url.raw_host.decode("ascii")
        try:
            connection = await _tcp(host, url.port or _PORTS[url.scheme], seconds)
            if url.scheme == "https":
                await self._start_tls(connection, host, seconds)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        return connection

    async def _start_tls(self, connection: Connection, host: str, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await connection.start_tls(self._ssl_context, host)
        except BaseException:
            connection.abort()
            raise


async def _tcp(host: str, port: int, seconds: float | None) -> Connection:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(seconds):
        _, connection = await loop.create_connection(Connection, host, port, happy_eyeballs_delay=_SECOND_ADDRESS)
    return connection


@lru_cache(maxsize=256)  # posts differ in their length alone, and to check a head costs more than to send it
def _head(method: str, target: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> h11.Request:
    try:
        return h11.Request(method=method, target=target, headers=list(headers))
    except h11.LocalProtocolError as error:
        raise httpx.LocalProtocolError(str(error)) from error


class _Body(httpx.AsyncByteStream):
    """An answer's body, read once."""

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._connection is not None and (chunk := await self._connection.chunk()) is not None:
            yield chunk

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.finish()


class _NoObserver:
    def on_start(self) -> None: ...
    def on_write(self) -> None: ...
    def on_flush(self) -> None: ...

"""One HTTP/1.1 connection over asyncio, its protocol by h11; a proxy is passed through a tunnel (CONNECT).

A request goes out in one write, and its writing is reported to an observer. An answer counts only for a request: bytes
that lie there before a request's first byte is written end the connection, a new one too, and behind a proxy each
exchange has a connection of its own. Every failure is raised as the exception of httpx that names it, with its cause.
"""

import asyncio
import base64
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
_SECOND_ADDRESS: Final = 0.25
"""Seconds after which a name's next address is tried besides (RFC 8305)."""
_QUIET: Final = 0.01
"""Seconds that a new connection is left alone, so that an answer sent right at its beginning comes before the request:
some servers that are overloaded answer without reading."""
_MOST_TURNS: Final = 100
"""Turns of the event loop in which bytes that lie there are read; TLS has some of its own, e.g. session tickets."""
_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}
_END: Final = h11.EndOfMessage()


class WriteObserver(Protocol):
    """Observer of a request's writing. The calls come at once, from the event loop's thread."""

    def on_write(self) -> None:
        """Any byte of the request may be out from here on."""

    def on_flush(self) -> None:
        """The system took the last byte. Not called when it took all bytes at once."""

    def on_premature_answer(self) -> None:
        """Bytes of an answer came while some of the request still waited to be written."""

    def on_second_answer(self) -> None:
        """More bytes followed a refusal."""


class _NoObserver:
    def on_write(self) -> None: ...
    def on_flush(self) -> None: ...
    def on_premature_answer(self) -> None: ...
    def on_second_answer(self) -> None: ...


class Connection(asyncio.Protocol):
    """Made by `loop.create_connection`; one exchange at a time: `send`, `head`, `chunk` until None, `finish`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)
        self._transport: asyncio.Transport | None = None
        self._layers: list[asyncio.Transport] = []
        """The transport, and those below it when it is TLS; each buffers bytes to be written."""
        self._observer: WriteObserver | None = None
        """Present while an answer is due."""
        self._waiter: asyncio.Future[None] | None = None
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self.error: Exception | None = None
        """The cause of a connection that was lost; None for a regular end."""
        self._ended = False
        """No more bytes will come."""
        self._unread = 0
        self._idle_since: float | None = None
        self.single_use = False
        """It ends with its first exchange."""

    # Called by asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._use(cast("asyncio.Transport", transport))

    def data_received(self, data: bytes) -> None:
        if self._observer is None:
            # An answer without a request (a 408 before closing) must never be taken for the next one's.
            self.abort()
            return
        if self._unwritten():
            self._observer.on_premature_answer()
        self._h11.receive_data(data)
        self._unread += len(data)
        if self._unread > _MOST_UNREAD and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.error, self._ended = exc, True
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
            self._transport, self, context, server_hostname=host, ssl_handshake_timeout=_LONGEST_HANDSHAKE
        )
        if secured is None:
            raise ConnectionResetError(N_("the connection was closed before TLS began"))
        self._use(secured)

    async def open_tunnel(self, request: h11.Request) -> None:
        """Ask a proxy for a tunnel; afterwards the connection is one to the server behind it.

        Raises httpx.TransportError, as ProxyError when the proxy refuses.
        """
        self.send(request, b"", _NoObserver())
        answer = await self.head()
        if not 200 <= answer.status_code <= 299:  # noqa: PLR2004 - success
            raise httpx.ProxyError(f"{answer.status_code} {answer.reason.decode('ascii', 'replace')}".strip())
        if self._h11.trailing_data[0]:
            raise httpx.ProxyError(N_("the proxy sent more than its answer"))
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)
        self._observer, self._unread, self._idle_since = None, 0, time.monotonic()

    @property
    def idle_seconds(self) -> float:
        """Seconds since it was made or last used; infinite while it is in use or closed."""
        return float("inf") if self._idle_since is None else time.monotonic() - self._idle_since

    async def is_clean(self) -> bool:
        """Return True when a request may be written at once: open, idle, and nothing to read.

        Bytes that lie there are read first. TLS's own are no harm; the end of the connection, or an answer without a
        request, closes it.
        """
        for _ in range(_MOST_TURNS):
            if self._transport is None or self._idle_since is None or self._ended or self._transport.is_closing():
                return False
            if not _readable(self._transport):
                return True
            await asyncio.sleep(0)
        return False

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
        """Return the answer's head; informational ones (1xx) are passed over. Raises httpx.TransportError."""
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                return event

    async def chunk(self) -> bytes | None:
        """Return the next piece of the body, None after the last. Raises httpx.TransportError."""
        event = await self._event()
        return bytes(event.data) if isinstance(event, h11.Data) else None

    async def check_refusal(self) -> None:
        """Report to the observer if more bytes follow an answer at once: then it may not belong to the request.

        An answer that a server sent at the connection's beginning may arrive after the request was written.
        """
        if self._h11.their_state not in {h11.DONE, h11.MUST_CLOSE}:
            return
        if not self._ended:
            await asyncio.sleep(_QUIET)
        if self._observer is not None and self._h11.trailing_data[0]:
            self._observer.on_second_answer()

    def finish(self) -> None:
        """End the exchange: keep the connection if both sides are through and may go on, else close it."""
        self._observer = None
        done = self._h11.our_state is self._h11.their_state is h11.DONE and not self._h11.trailing_data[0]
        # Where reading is paused, bytes may lie in TLS's buffers, where `is_clean` does not see them.
        paused = self._unread > _MOST_UNREAD
        if not done or paused or self._ended or self._unwritten() or self.single_use:
            self.abort()
            return
        self._h11.start_next_cycle()
        self._unread = 0
        self._idle_since = time.monotonic()

    def abort(self) -> None:
        """Close at once: bytes that wait to be written are dropped. May be called twice."""
        self._observer = self._idle_since = None
        if self._transport is not None:
            self._transport.abort()

    async def aclose(self) -> None:
        """Close at once, and wait until it is closed."""
        self.abort()
        if self._transport is not None:
            await self._closed

    def _use(self, transport: asyncio.Transport) -> None:
        transport.set_write_buffer_limits(high=0)  # so that asyncio tells when the last byte went out
        self._transport = transport
        self._layers.append(transport)
        self._idle_since = time.monotonic()

    def _unwritten(self) -> int:
        """Return the bytes of the request that the system has not taken yet."""
        return sum(layer.get_write_buffer_size() for layer in self._layers)

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
        if self.error is not None:
            raise httpx.ReadError(str(self.error)) from self.error
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
    """Return True when the socket has something to read, which the event loop may not have heard of yet."""
    number = transport.get_extra_info("socket").fileno()
    if sys.platform == "win32":
        return bool(select.select([number], [], [], 0)[0])
    poll = select.poll()  # unlike select(), it takes numbers beyond 1023
    poll.register(number, select.POLLIN)
    return bool(poll.poll(0))


class Http11Transport(httpx.AsyncBaseTransport):
    """One connection at a time, for one task at a time.

    Of a request's extensions it obeys `timeout["connect"]` (seconds, for the connection, again for TLS, and again for
    each of both that a proxy adds) and `observer` (a `WriteObserver`). The answer's time-out is the caller's: a request
    that is cancelled closes its connection.
    """

    def __init__(self, *, ssl_context: ssl.SSLContext, idle_limit: float, proxy: httpx.Proxy | None = None) -> None:
        """Make a transport; nothing is connected yet.

        Args:
            ssl_context: for https.
            idle_limit: seconds after which an idle connection is not used again.
            proxy: goes before the server, as `http` or `https`; no connection is used twice then.
        """
        # The context is shared; setting it again changes nothing.
        ssl_context.set_alpn_protocols(["http/1.1"])
        self._ssl_context = ssl_context
        self._idle_limit = idle_limit
        self._proxy = proxy
        self._connection: Connection | None = None
        self._origin: tuple[str, bytes, int | None] | None = None

    @property
    def uses_proxy(self) -> bool:
        """True when every connection goes through a proxy."""
        return self._proxy is not None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send once; the answer's head is there on return, its body is in the response's stream.

        Raises:
            httpx.TransportError: with the cause. Nothing is repeated.
        """
        observer: WriteObserver = request.extensions.get("observer") or _NoObserver()
        head, body = _head(request.method, request.url.raw_path, tuple(request.headers.raw)), await request.aread()
        connection = await self.connect(request.url, request.extensions.get("timeout", {}).get("connect"))
        try:
            connection.send(head, body, observer)
            answer = await connection.head()
        except BaseException:
            connection.abort()
            raise
        return httpx.Response(
            answer.status_code,
            headers=answer.headers.raw_items(),
            stream=_Body(connection, refusal=not 200 <= answer.status_code <= 299),  # noqa: PLR2004 - success
        )

    async def aclose(self) -> None:
        """Close the connection. May be called twice, and the transport used again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.aclose()

    async def connect(self, url: httpx.URL, seconds: float | None) -> Connection:
        """Return the connection for the next request to `url`, to be written at once: the kept one, else a new one.

        Nothing is written but TLS's own and the request for a proxy's tunnel. Raises httpx.TransportError.
        `seconds`: for each step; None: no limit.
        """
        origin = url.scheme, url.raw_host, url.port
        if (kept := self._connection) is not None:
            if origin == self._origin and kept.idle_seconds <= self._idle_limit and await kept.is_clean():
                return kept
            kept.abort()
        self._connection, self._origin = None, origin
        self._connection = await self._connect(url, seconds)
        return self._connection

    async def _connect(self, url: httpx.URL, seconds: float | None) -> Connection:
        if url.scheme not in _PORTS:
            raise httpx.UnsupportedProtocol(f"{url.scheme!r} is neither http nor https")
        first = self._proxy.url if self._proxy else url
        try:
            async with asyncio.timeout(seconds):
                _, connection = await asyncio.get_running_loop().create_connection(
                    Connection, _host(first), _port(first), happy_eyeballs_delay=_SECOND_ADDRESS
                )
            try:
                if self._proxy is not None:
                    await self._pass_proxy(connection, self._proxy, url, seconds)
                if url.scheme == "https":
                    async with asyncio.timeout(seconds):
                        await connection.start_tls(self._ssl_context, _host(url))
                await asyncio.sleep(_QUIET)
                clean = await connection.is_clean()
            except BaseException:
                connection.abort()
                raise
        except TimeoutError as error:
            raise httpx.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        if not clean:
            await connection.aclose()  # then its error, if any, is known
            raise httpx.ConnectError(N_("it was closed, or answered before the request")) from connection.error
        return connection

    async def _pass_proxy(
        self, connection: Connection, proxy: httpx.Proxy, url: httpx.URL, seconds: float | None
    ) -> None:
        connection.single_use = True
        if proxy.url.scheme == "https":
            async with asyncio.timeout(seconds):
                await connection.start_tls(self._ssl_context, _host(proxy.url))
        host = _host(url)
        target = f"[{host}]:{_port(url)}" if ":" in host else f"{host}:{_port(url)}"
        headers = [("Host", target), *proxy.headers.items()]
        if proxy.raw_auth is not None:
            headers.append(("Proxy-Authorization", "Basic " + base64.b64encode(b":".join(proxy.raw_auth)).decode()))
        async with asyncio.timeout(seconds):
            await connection.open_tunnel(h11.Request(method="CONNECT", target=target, headers=headers))


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii")


def _port(url: httpx.URL) -> int:
    return url.port or _PORTS[url.scheme]


@lru_cache(maxsize=256)  # posts differ in their length alone, and to check a head costs more than to send it
def _head(method: str, target: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> h11.Request:
    try:
        return h11.Request(method=method, target=target, headers=list(headers))
    except h11.LocalProtocolError as error:
        raise httpx.LocalProtocolError(str(error)) from error


class _Body(httpx.AsyncByteStream):
    """An answer's body, read once."""

    def __init__(self, connection: Connection, *, refusal: bool) -> None:
        self._connection: Connection | None = connection
        self._refusal = refusal

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._connection is not None and (chunk := await self._connection.chunk()) is not None:
            yield chunk

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            if self._refusal:
                await connection.check_refusal()
        finally:
            connection.finish()

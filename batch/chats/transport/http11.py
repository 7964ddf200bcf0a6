"""httpx's transport for a POST: one connection at a time; a proxy is passed through a tunnel (CONNECT).

Behind a proxy each exchange has a connection of its own. A failure is raised as the exception of httpx or h11 that
names it, with its cause.
"""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from typing import Final

import h11
import httpx

from batch.chats.transport.connection import QUIET, Connection, WriteTracker, keep_quiet
from batch.i18n import N_

_SECOND_ADDRESS: Final = 0.25
"""Seconds after which a name's next address is tried besides (RFC 8305)."""
_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}


class Http11Transport(httpx.AsyncBaseTransport):
    """One connection at a time, for one task at a time.

    Of a request's extensions it obeys `timeout["connect"]` (seconds, for the connection, again for TLS, and again for
    each of both that a proxy adds) and `tracker` (a `WriteTracker`). The answer's time-out is the caller's: a request
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
            httpx.TransportError, h11.ProtocolError: with the cause. Nothing is repeated.
        """
        tracker = request.extensions.get("tracker") or WriteTracker()
        head, body = _head(request.method, request.url.raw_path, tuple(request.headers.raw)), await request.aread()
        connection = await self.connect(request.url, request.extensions.get("timeout", {}).get("connect"))
        try:
            connection.send(head, body, tracker)
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

        Nothing is written but TLS's own and the request for a proxy's tunnel. Errors as of a request.
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
                await keep_quiet(QUIET)
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
    return h11.Request(method=method, target=target, headers=list(headers))


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

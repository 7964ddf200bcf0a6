"""Our own transport for httpx: one connection, no pool, HTTP/1.1. A post over it costs half as much CPU.

httpx.Request in, httpx.Response out, httpx's exceptions; between them asyncio and h11, the protocol library that httpx
stands on too. It knows no proxy: where the environment may name one, httpx's own transport is used.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from typing import Final

import h11
import httpx

from batch.chats.transport.http11 import Account, Connection

__all__ = ["DirectTransport"]

_SECOND_ADDRESS: Final = 0.25
"""Seconds after which a name's next address is tried besides (RFC 8305)."""
_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}


class DirectTransport(httpx.AsyncBaseTransport):
    """One connection at a time, for one task at a time.

    Of a request's extensions it obeys `timeout["connect"]` (seconds, for the connection and again for TLS) and
    `account` (an `Account`, told what is written). How long an answer may take is the caller's: a request that is
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
        account: Account = request.extensions.get("account") or _Nobody()
        account.began()
        head, body = _head(request.method, request.url.raw_path, tuple(request.headers.raw)), await request.aread()
        connection = await self.connect(request.url, request.extensions.get("timeout", {}).get("connect"))
        try:
            connection.send(head, body, account)
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


class _Nobody:
    """For requests of which nobody keeps account."""

    def began(self) -> None: ...
    def writing(self) -> None: ...
    def wrote(self) -> None: ...

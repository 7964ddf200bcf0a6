"""The transport of a POST: one connection at a time; a proxy is passed through a tunnel (CONNECT).

Behind a proxy each exchange has a connection of its own. A failure is raised as the exception of httpx or h11 that
names it, with its cause: h11 writes the heads of requests, and refuses what is none.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import h11
import httpx

from batch.chats.transport.answer_parser import AnswerParser, is_success
from batch.chats.transport.connection import QUIET, Connection, WriteTracker, keep_quiet
from batch.i18n import N_

_SECOND_ADDRESS: Final = 0.25
"""Seconds after which a name's next address is tried besides (RFC 8305)."""
_PACKED: Final = frozenset({"gzip", "x-gzip", "deflate"})
_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}


class Http11Transport:
    """One connection at a time, for one task at a time.

    The answer's time-out is the caller's: an exchange that is cancelled closes its connection.
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
        self._url: httpx.URL | None = None
        """Of the connection."""

    @property
    def uses_proxy(self) -> bool:
        """True when every connection goes through a proxy."""
        return self._proxy is not None

    async def post(self, url: httpx.URL, request: bytes, tracker: WriteTracker, seconds: float | None) -> Answer | None:
        """Post once; the answer's head is there on return. None: the request was void when it was to be written.

        Args:
            url: where the request goes.
            request: head and body.
            tracker: gets an account of its writing.
            seconds: as of `connect`.

        Raises:
            httpx.TransportError: with the cause. Nothing is repeated.
        """
        connection = await self.connect(url, seconds)
        if tracker.is_void():  # from here to the first byte nothing is waited for
            return None
        try:
            connection.send(request, tracker)
            return Answer(connection, await connection.head())
        except BaseException:
            connection.abort()
            raise

    async def aclose(self) -> None:
        """Close the connection. May be called twice, and the transport used again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.aclose()

    async def connect(self, url: httpx.URL, seconds: float | None, *, ahead: bool = False) -> Connection:
        """Return the connection for the next request to `url`: the kept one, else a new one.

        Nothing is written but TLS's own and the request for a proxy's tunnel. Errors as of a request.

        Args:
            url: where the request goes.
            seconds: for each step (the connection, TLS, and again for both that a proxy adds); None: no limit.
            ahead: the request is not written at once, so that nothing is gained by looking for bytes now.
        """
        if (kept := self._connection) is not None:
            known = url is self._url or (self._url is not None and _origin(url) == _origin(self._url))
            if known and kept.idle_seconds <= self._idle_limit and (kept.is_open if ahead else await kept.is_clean()):
                return kept
            kept.abort()
        self._connection, self._url = None, url
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
            await connection.open_tunnel(_write_head(h11.Request(method="CONNECT", target=target, headers=headers)))


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii")


def _port(url: httpx.URL) -> int:
    return url.port or _PORTS[url.scheme]


def _origin(url: httpx.URL) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port


@lru_cache(maxsize=256)  # posts differ in their length alone, and to check a head costs more than to send it
def head_of_post(target: bytes, headers: tuple[tuple[bytes, bytes], ...], length: int) -> bytes:
    """Return the head of a POST with a body of so many bytes. Raises h11.LocalProtocolError when it is none."""
    fields = [*headers, (b"Content-Length", b"%d" % length)]
    return _write_head(h11.Request(method="POST", target=target, headers=fields))


def _write_head(request: h11.Request) -> bytes:
    return h11.Connection(h11.CLIENT).send(request) or b""


class Answer:
    """An answer whose head is there; its body is read once."""

    def __init__(self, connection: Connection, parsed: AnswerParser) -> None:
        self._connection = connection
        self.status = parsed.status
        self.headers: Mapping[str, str] = parsed.headers
        """By names in lower case; values of one name are joined."""

    async def read(self, limit: int) -> tuple[bytes, bool]:
        """Read the body up to `limit` bytes; True when it was longer. The exchange is ended on return."""
        pieces: list[bytes] = []
        size = 0
        try:
            while size <= limit and (piece := await self._connection.piece()):
                pieces.append(piece)
                size += len(piece)
            if not is_success(self.status):
                await self._connection.check_refusal()
        finally:
            self._connection.finish()
        return unpack_body(b"".join(pieces), self.headers, limit)


def unpack_body(body: bytes, headers: Mapping[str, str], limit: int) -> tuple[bytes, bool]:
    """Return at most `limit` bytes of a body, unpacked; True when it was longer.

    A small body can unpack to gigabytes: no more than that is unpacked.
    """
    if headers.get("content-encoding", "").strip().lower() not in _PACKED:
        return body[:limit], len(body) > limit
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        unpacked = unpacker.decompress(body, limit)
    except zlib.error:
        return body[:limit], False
    return unpacked, bool(unpacker.unconsumed_tail)

"""The client: one POST at a time over one connection of its own, and a verdict for whatever happens."""

from __future__ import annotations

import asyncio
import json
import ssl
import zlib
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final, cast

import httpx

from batch._version import __version__
from batch.chats.endpoint import chats_url, parse_endpoint, parse_origin
from batch.chats.failure_table import judge
from batch.chats.token import Token
from batch.chats.transport.exceptions import FAULT_WORDS, FOREIGN, Fault, fault_of
from batch.chats.transport.factory import IDLE_LIMIT, make_transport
from batch.chats.transport.http11 import DirectTransport
from batch.chats.transport.write_tracking import Attempt, Wire, Written
from batch.model.verdicts import Verdict

_PACKED: Final = frozenset({"gzip", "x-gzip", "deflate"})


def request_headers(token: Token, origin: str | None, more: Mapping[str, str] | None = None) -> httpx.Headers:
    """The headers that are the same for every request, `more` among them; `origin` None leaves it out."""
    headers = {
        "Authorization": token.header(),
        **(more or {}),
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"wegly-batch/{__version__}",
    }
    if origin is not None:
        headers |= {"Origin": origin, "Referer": f"{origin}/"}
    return httpx.Headers(headers)


def response_headers(response: httpx.Response) -> dict[str, str]:
    """The answer's headers, names in lower case; what comes twice is joined by a comma."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers.raw:
        name, value = raw_name.decode("latin-1").lower(), _text(raw_value)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


async def response_body(response: httpx.Response, headers: Mapping[str, str], *, limit: int) -> tuple[bytes, bool]:
    """The answer's body up to `limit` bytes, and whether it was longer; the response is closed on return.

    Some proxies compress unasked: gzip and deflate are unpacked, within the same limit.
    """
    body = await _raw(response, limit)
    if headers.get("content-encoding", "").strip().lower() in _PACKED:
        return _unpacked(body, limit)
    return body[:limit], len(body) > limit


async def _raw(response: httpx.Response, limit: int) -> bytes:
    # The stream itself: what httpx puts around it (decoding, counting, chunking) costs as much as the reading.
    stream = cast("httpx.AsyncByteStream", response.stream)
    pieces: list[bytes] = []
    size = 0
    try:
        # It is a generator, though httpx does not say so; closed here, so that none is left to the garbage collector.
        async with aclosing(cast("AsyncGenerator[bytes, None]", aiter(stream))) as chunks:
            async for chunk in chunks:
                pieces.append(chunk)
                size += len(chunk)
                if size > limit:
                    break
    finally:
        await stream.aclose()
    return b"".join(pieces)


def _unpacked(packed: bytes, limit: int) -> tuple[bytes, bool]:
    """Bounded, because a small body can unpack to gigabytes."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        body = unpacker.decompress(packed, limit)
    except zlib.error:
        return packed[:limit], False
    return body, bool(unpacker.unconsumed_tail)


MAX_ANSWER: Final = 1024 * 1024
"""Bytes that are read of an answer, whatever its Content-Length says."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ChatsClient:
    """One worker's client. Not for use by two tasks at once.

    It follows no redirect, keeps no cookie, reads no proxy or netrc from the environment (unless `trust_env`),
    verifies TLS, and reuses its connection only within `idle_limit` seconds. An answer is waited for `read_timeout`
    seconds after the request was written, all of it: a server that drips a byte a second does not hold a worker.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        token: Token,
        origin: str | None = None,
        read_timeout: float = 60.0,
        connect_timeout: float = 10.0,
        ssl_context: ssl.SSLContext | None = None,
        trust_env: bool = False,
        idle_limit: float = IDLE_LIMIT,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        """Make a client; nothing is connected yet.

        Args:
            endpoint: the API's base URL; checked again, so that no token leaves in clear.
            token: for `Authorization`.
            origin: for `Origin` and `Referer`, when the key has an `allowed_domain`; None leaves both out.
            read_timeout: seconds from the written request to the whole answer.
            connect_timeout: seconds for the connection, and again for TLS.
            ssl_context: shared by the clients of a run (`make_ssl_context`); None makes one if the endpoint needs it.
            trust_env: use the proxy that the environment names.
            idle_limit: seconds after which an idle connection is not used again.
            now: the wall clock (aware).

        Raises:
            SettingsError: for an endpoint, origin or proxy that cannot be used.
        """
        self._endpoint = parse_endpoint(endpoint)
        self._url = httpx.URL(chats_url(self._endpoint))
        self._token = token
        headers = request_headers(
            token, None if origin is None else parse_origin(origin), {"Content-Type": "application/json"}
        )
        self._headers = httpx.Headers([(b"Host", self._url.netloc), *headers.raw])
        self._read_timeout = read_timeout
        self._timeouts = {"connect": connect_timeout, "pool": connect_timeout, "read": None, "write": None}
        self._idle_limit = idle_limit
        self._transport = make_transport(
            self._endpoint,
            ssl_context=ssl_context,
            trust_env=trust_env,
            idle_limit=idle_limit,
        )
        self._now = now
        self._last_used: datetime | None = None
        self._wire: Wire | None = None
        self._alive = False

    @property
    def written(self) -> bool:
        """True when a byte of the latest `post` may have been written.

        Meant for after `asyncio.CancelledError` came out of `post`: False means that nothing was sent and the claim
        may be released, True that the row is unknown. `connect` and `post` set it back to False as their first step,
        before they wait for anything; so a caller that was cancelled before it called either must not ask.
        """
        return self._wire is not None and self._wire.written is not Written.NOTHING

    async def connect(self) -> Verdict | None:
        """Make the connection that the next `post` goes over, so that it begins at its moment; None: it is there.

        A verdict says why there is none; certainly nothing was sent. With `trust_env` the connection is made by `post`.
        Never raises for what the network or the server does.
        """
        self._end_last()
        if not isinstance(self._transport, DirectTransport):
            return None
        began = self._now()
        try:
            await self._drop_idle(began)
            await self._transport.connect(self._url, self._timeouts["connect"])
        except FOREIGN as error:
            fault, words = fault_of(error)
        else:
            self._last_used = self._now()
            return None
        attempt = Attempt(written=Written.NOTHING, sent_at=began, received_at=self._now(), fault=fault, words=words)
        return judge(attempt, had_answer=False, redact=self._token.redact)

    async def post(self, payload: str, *, had_answer: bool) -> Verdict:
        """Post once and say what came of it. Connects, where `connect` has not, or its connection is gone meanwhile.

        Args:
            payload: the body, as `encode` made it; sent as it is, in UTF-8.
            had_answer: this sender already had a readable 2xx in this run.

        Never raises for what the network or the server does. `asyncio.CancelledError` passes through; then `written`
        tells whether a byte had left.
        """
        self._end_last()
        self._wire = wire = Wire(read_timeout=self._read_timeout, alive=self._alive)
        attempt = await self._attempt(payload, wire)
        return judge(attempt, had_answer=had_answer, redact=self._token.redact)

    async def aclose(self) -> None:
        """Close the connection. May be called twice."""
        await self._transport.aclose()

    def _end_last(self) -> None:
        self._alive = self._alive or (self._wire is not None and self._wire.alive)
        self._wire = None

    async def _attempt(self, payload: str, wire: Wire) -> Attempt:
        sent_at = self._now()
        response: httpx.Response | None = None
        headers: dict[str, str] = {}
        body, oversized = b"", False
        fault, words = None, ""
        try:
            async with asyncio.timeout(None) as wire.deadline:
                await self._drop_idle(sent_at)
                response = await self._transport.handle_async_request(self._request(payload, wire))
                headers = response_headers(response)
                body, oversized = await response_body(response, headers, limit=MAX_ANSWER)
        except TimeoutError:
            fault, words = Fault.TIMEOUT, FAULT_WORDS[Fault.TIMEOUT]
        except FOREIGN as error:
            fault, words = fault_of(error)
        except asyncio.CancelledError:
            await wire.abandon()
            raise
        received_at = self._last_used = self._now()
        status = None if response is None else response.status_code
        return Attempt(
            written=wire.written,
            sent_at=sent_at,
            received_at=received_at,
            fault=fault,
            words=words,
            status=status,
            headers=headers,
            body=body,
            oversized=oversized,
            asked_status=_asked_status(payload) if response is not None and response.is_success else None,
            read_timeout=self._read_timeout,
        )

    def _request(self, payload: str, wire: Wire) -> httpx.Request:
        body = payload.encode()
        # Given as a stream, httpx takes the headers as they are; finding out what to add costs more than to add it.
        return httpx.Request(
            "POST",
            self._url,
            headers=[*self._headers.raw, (b"Content-Length", b"%d" % len(body))],
            stream=httpx.ByteStream(body),
            extensions={"timeout": self._timeouts, "trace": wire, "account": wire},
        )

    async def _drop_idle(self, now: datetime) -> None:
        """Close a connection that is idle by the wall clock: the monotonic one stands still while a laptop sleeps."""
        if self._last_used is not None and abs((now - self._last_used).total_seconds()) > self._idle_limit:
            await self._transport.aclose()


def _asked_status(payload: str) -> str | None:
    if '"status"' not in payload:  # as with most; `encode` writes names as they are
        return None
    try:
        request = json.loads(payload)
    except ValueError:
        return None
    status = request.get("status") if isinstance(request, dict) else None
    return status if isinstance(status, str) else None

"""What both clients say, and how they read: the headers of a request, the head and the body of an answer."""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final, cast

import httpx

from batch._version import __version__
from batch.chats.token import Token

__all__ = ["request_headers", "response_body", "response_headers"]

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

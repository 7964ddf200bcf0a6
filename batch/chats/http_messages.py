"""Header fields and bodies of requests and answers, as the client and the chat history need them."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final, cast

import httpx

from batch._version import __version__
from batch.chats.endpoint import parse_origin
from batch.chats.token import Token
from batch.chats.transport.http11 import unpack_body

USER_AGENT: Final = f"wegly-batch/{__version__}"


def request_headers(token: Token, origin: str | None, extra: Mapping[str, str] | None = None) -> httpx.Headers:
    """Return the header fields that are the same for every request, `extra` among them.

    `origin` None leaves out `Origin` and `Referer`. Raises SettingsError for an origin that is none.
    """
    headers = {
        "Authorization": token.header(),
        **(extra or {}),
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": USER_AGENT,
    }
    if origin is not None:
        origin = parse_origin(origin)
        headers |= {"Origin": origin, "Referer": f"{origin}/"}
    return httpx.Headers(headers)


async def read_body(response: httpx.Response, *, limit: int) -> tuple[bytes, bool]:
    """Read the answer's body up to `limit` bytes; True when it was longer. The response is closed on return.

    Some proxies compress although the request forbids it: gzip and deflate are unpacked, within the same limit.
    """
    # The stream itself: httpx's own layers around it (decoding, counting, chunking) cost as much as the reading.
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
    return unpack_body(b"".join(pieces), response.headers, limit)

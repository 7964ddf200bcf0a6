"""Exchanges that end badly: responses that reset the connection or never come.

They need the connection itself, which the server's protocol (`server.py`) puts into the scope.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

__all__ = ["DROP", "Dropped", "Halved", "Hanging"]

DROP: Final = "batch.sandbox.drop"
"""The ASGI extension: a callable that resets the connection at once."""


async def _gone(receive: Receive) -> None:
    """Wait until the connection is gone. To return earlier would make the server answer 500."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _drop(scope: Scope) -> None:
    drop: Callable[[], None] = scope["extensions"][DROP]
    drop()


class Dropped(Response):
    """Resets the connection without an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        _drop(scope)
        await _gone(receive)


class Hanging(Response):
    """Never answers; ends when the other side, or the server, gives up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        await _gone(receive)


class Halved(JSONResponse):
    """Promises the whole answer, sends half of it and closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytes(self.body)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half: dict[str, Any] = {"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True}
        await send(half)
        _drop(scope)
        await _gone(receive)

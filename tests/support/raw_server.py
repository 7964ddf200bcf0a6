"""The end of a server of asyncio's, with all its connections."""

from __future__ import annotations

import asyncio

__all__ = ["ended"]


async def ended(server: asyncio.Server) -> None:
    """Close the server, and wait until its connections are gone: behind a proxy that takes a moment."""
    server.close()
    async with asyncio.timeout(5):
        while getattr(server, "_active_count", 0):  # noqa: ASYNC110 - later Pythons wait for them by themselves
            await asyncio.sleep(0.002)
        await server.wait_closed()

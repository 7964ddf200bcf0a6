"""The end of a server of asyncio's with all its connections, and of one of them by a reset."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys

__all__ = ["ended", "reset"]

_AT_ONCE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""SO_LINGER: closing resets the connection."""


def reset(writer: asyncio.StreamWriter) -> None:
    """Reset a connection (RST) and forget what was not sent."""
    raw = writer.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    if sys.platform == "win32":  # there asyncio would end it regularly before it closes it
        raw._sock.close()
    writer.transport.abort()


async def ended(server: asyncio.Server) -> None:
    """Close the server, and wait until its connections are gone: behind a proxy that takes a moment."""
    server.close()
    async with asyncio.timeout(5):
        while getattr(server, "_active_count", 0):  # noqa: ASYNC110 - later Pythons wait for them by themselves
            await asyncio.sleep(0.002)
        await server.wait_closed()

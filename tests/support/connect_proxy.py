"""A proxy that opens tunnels (CONNECT), in a thread of its own: it relays what comes, and ends as either side ends."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from functools import cache

from raw_server import reset

__all__ = ["CONNECTED", "proxy_address"]

CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_REFUSED = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"

first_bytes_wait = 0.0
"""Seconds that the proxy waits for what the far side says by itself, to pass it on right behind its own answer."""


@cache
def proxy_address() -> str:
    """The URL of the proxy; it runs until the process ends, as its thread is a daemon."""
    ready: list[int] = []
    listening = threading.Event()

    async def work() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # tests break connections on purpose
        server = await asyncio.start_server(_serve, "127.0.0.1", 0, backlog=1024)
        ready.append(server.sockets[0].getsockname()[1])
        listening.set()
        await server.serve_forever()

    threading.Thread(target=lambda: asyncio.run(work()), name="proxy", daemon=True).start()
    listening.wait()
    return f"http://127.0.0.1:{ready[0]}"


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    sides = [writer]
    try:
        target = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        host, _, port = target.rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host.strip("[]"), int(port))
        sides.append(far_writer)
        first = b""
        if first_bytes_wait:
            with contextlib.suppress(TimeoutError):
                first = await asyncio.wait_for(far_reader.read(0x10000), first_bytes_wait)
        writer.write(CONNECTED + first)
        relays = [asyncio.create_task(_relay(reader, far_writer)), asyncio.create_task(_relay(far_reader, writer))]
        await asyncio.wait(relays, return_when=asyncio.FIRST_COMPLETED)
        for relay in relays:
            relay.cancel()
        await asyncio.gather(*relays, return_exceptions=True)
    except asyncio.IncompleteReadError:  # it went away without a word
        pass
    except OSError:
        writer.write(_REFUSED)
    finally:
        for side in sides:
            await _close(side)


async def _close(writer: asyncio.StreamWriter) -> None:
    """Close when all is written, but wait for nobody who does not read."""
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(1):
            await writer.wait_closed()
    writer.transport.abort()


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until the reading side ends; a reset is passed on as one."""
    try:
        while piece := await reader.read(0x10000):
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        reset(writer)

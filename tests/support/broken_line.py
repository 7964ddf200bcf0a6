"""A line to a PostgreSQL that fails as lines do: it forwards nothing any more, one way or both, or is cut."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

TO_SERVER, TO_CLIENT = 0, 1


class Line:
    """A port of this machine behind which a server's socket is. It forwards whole messages of the protocol."""

    def __init__(self, folder: Path) -> None:
        """`folder`: of the server's socket."""
        self.folder = folder
        """May be changed, as an address leads to another server after a failover."""
        self.passed = 0
        """Messages that were forwarded since the last `watch`, both ways."""
        self._last: int | None = None
        self._gates = asyncio.Event(), asyncio.Event()
        self._stopped = asyncio.Event()
        self._ends: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()

    async def serve(self, begun: Callable[[], None]) -> None:
        """Listen until `stop`, and leave no connection open: whoever runs later would be told of it."""
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda *_: None)  # connections are broken on purpose
        self._set(*self._gates)
        server = await asyncio.start_server(self._forward, "127.0.0.1", 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        begun()
        await self._stopped.wait()
        server.close()
        await asyncio.sleep(0)  # a connection that just came in begins its task
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # an aborted connection is closed in the next turn of the loop

    @property
    def url(self) -> str:
        """The URL of a ledger behind it. Its messages are to be read, so that nothing is encrypted."""
        return f"postgresql://wegly@127.0.0.1:{self.port}/postgres?sslmode=disable&gssencmode=disable"

    def hold(self, *ways: int) -> None:
        """Forward nothing in these directions; both ends stay connected."""
        self._do(lambda: [self._gates[way].clear() for way in ways])

    def heal(self) -> None:
        """Forward again, what was held back first."""
        self._do(lambda: self._set(*self._gates))

    def cut(self, *ends: int) -> None:
        """Close all connections at these ends. The other end hears of it as far as it is not held back."""
        self._do(lambda: [pair[end].close() for pair in self._ends for end in ends or (TO_SERVER, TO_CLIENT)])

    def watch(self, cut_after: int | None = None) -> None:
        """Count messages anew; cut the connection right after so many of them."""
        self.passed, self._last = 0, cut_after

    def stop(self) -> None:
        """Listen no more, and end all connections."""
        self._do(self._stopped.set)

    def _do(self, step: Callable[[], Any]) -> None:
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (step(), done.set()))
        done.wait(10)

    @staticmethod
    def _set(*gates: asyncio.Event) -> None:
        for gate in gates:
            gate.set()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(str(self.folder / ".s.PGSQL.5432"))
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
            return
        pair = (far_writer, writer)
        self._ends.add(pair)
        try:
            await asyncio.gather(self._pump(reader, TO_SERVER, pair), self._pump(far_reader, TO_CLIENT, pair))
        except asyncio.CancelledError:
            for end in pair:
                end.transport.abort()
        self._ends.discard(pair)

    async def _pump(self, reader: asyncio.StreamReader, way: int, pair: tuple[asyncio.StreamWriter, ...]) -> None:
        size = 4 if way == TO_SERVER else 5  # a client's first message begins with its length, all others with a letter
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head, size = await reader.readexactly(size), 5
                body = await reader.readexactly(int.from_bytes(head[-4:]) - 4)
                await self._gates[way].wait()
                pair[way].write(head + body)
                await pair[way].drain()
                self.passed += 1
                if self.passed == self._last:
                    for end in pair:
                        end.close()
        await self._gates[way].wait()
        pair[way].close()


@contextmanager
def broken_line(folder: Path) -> Iterator[Line]:
    """Give a line to the server whose socket is in that folder, for a block."""
    line, begun = Line(folder), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(line.serve(begun.set)), name="line", daemon=True)
    thread.start()
    begun.wait()
    try:
        yield line
    finally:
        line.stop()
        thread.join(10)

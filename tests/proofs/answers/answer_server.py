"""The server of the proof: each POST gets an answer drawn by seed, contact and attempt, and its truth is logged."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from answer_draw import Answer, accept, draw, greet

_GREETED = 0.004
"""Share of the connections that get bytes before any request."""
_SPLIT = 0.003
"""Seconds between the pieces of an answer."""


@dataclass
class Log:
    """What the server did, which is the truth."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    """Contact to the answers given to its POSTs."""
    kinds: Counter[str] = field(default_factory=Counter)
    greeted: int = 0
    """Connections with bytes before any request."""
    calm: int = 0
    """Plain acceptances to come: a run whose first answers are none is ended by rule, and would get few others."""

    @property
    def count(self) -> int:
        return sum(map(len, self.answers.values()))

    def applied(self, contact: str) -> int:
        """Messages that this contact got."""
        return sum(answer.applied for answer in self.answers.get(contact, ()))


class _Server:
    def __init__(self, seed: str, token: str) -> None:
        self.log = Log()
        self._seed, self._token = seed, token
        self._connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, EOFError, asyncio.IncompleteReadError, ValueError):
                await self._serve(reader, writer)
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        dice = random.Random(f"{self._seed} connection {self._connections}")  # noqa: S311 - repeatable, no secret
        if dice.random() < _GREETED:
            self.log.greeted += 1
            early = greet(dice)
            writer.write(early.pieces[0])
            self._note(await _contact(reader), early)
            return
        while True:
            contact = await _contact(reader)
            attempt = len(self.log.answers.get(contact, ()))
            dice = random.Random(f"{self._seed} {contact} {attempt}")  # noqa: S311 - likewise
            self.log.calm -= 1
            answer = accept(dice, contact) if self.log.calm >= 0 else draw(dice, token=self._token, contact=contact)
            self._note(contact, answer)
            for piece in answer.pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(_SPLIT if len(answer.pieces) > 1 else 0)
            if answer.end == "stall":
                await reader.read()
                return
            if answer.end == "reset":
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
                return
            if answer.end == "close":
                return

    def _note(self, contact: str, answer: Answer) -> None:
        self.log.answers.setdefault(contact, []).append(answer)
        self.log.kinds[answer.kind] += 1


async def _contact(reader: asyncio.StreamReader) -> str:
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.splitlines()[1:-1])
    asked = json.loads(await reader.readexactly(int(fields[b"content-length"])))
    return str(asked["wa_contact_id"])


@contextmanager
def answering(seed: str, token: str) -> Iterator[tuple[str, Log]]:
    """Serve on loopback while the block runs; the base URL and the log."""
    server = _Server(seed, token)
    loop = asyncio.new_event_loop()
    listening = loop.run_until_complete(asyncio.start_server(server.serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", server.log
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listening.close()
        loop.run_until_complete(_end_tasks())
        loop.close()


async def _end_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

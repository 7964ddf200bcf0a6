"""`follow` against the server: looks that meet any answer, and what the ledger holds of them compared with the log.

A chat's answer is drawn by its number and the attempt: as for posts, or a timeline with odd records, so that a whole
pass meets hostile forms and hostile content.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import moving_messages
from answer_draw import draw
from answer_runs import TOKEN
from moving_messages import ORDER, MovingApi, known

from batch.app.follow import FollowChoices, FollowReport, follow
from batch.app.looks import LookPace
from batch.app.settings import Settings
from batch.chats import Token
from batch.ledger import Ledger
from batch.model.delivery import DeliveryState

_MOST_SECONDS = 5.0
"""Of the processor, for one pass of forty looks."""
_LATER = tuple(timedelta(hours=hours) for hours in (2, 30, 150, 720))
"""When the passes are made, after the first message was sent."""
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_STATES = {"delivered": "delivered", "read": "read", "sent": "sent", "processing": "processing", "failed": "failed"}
_ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 1e308, 10**30, "", " ", "\x1b]0;x\x07", "\u202eabc", "x" * 5000, TOKEN, [], {}, [[[]]]),
    *("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2026-11-03T12:00:00", "2026-02-30", "1e999", 2**63),
)


@dataclass
class Followed:
    """Result of the passes."""

    answers: int = 0
    looks: int = 0
    breaches: list[str] = field(default_factory=list)


class _Server:
    """Serves chats; `shown` is every status that a good timeline has shown of our message, by chat."""

    def __init__(self, seed: str, api: MovingApi) -> None:
        self.answers = 0
        self.shown: dict[str, set[str]] = {}
        self.replied: set[str] = set()
        self._seed, self._api = seed, api
        self._asked = Counter[str]()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, asyncio.IncompleteReadError, ValueError, IndexError):
            while True:
                path = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1].decode()
                chat = path.partition("?")[0].split("/")[-2]
                self._asked[chat] += 1
                self.answers += 1
                dice = random.Random(f"{self._seed} {chat} {self._asked[chat]}")  # noqa: S311 - repeatable, no secret
                if not await self._answer(dice, chat, writer):
                    break
        writer.close()

    async def _answer(self, dice: random.Random, chat: str, writer: asyncio.StreamWriter) -> bool:
        if dice.random() < 0.4:
            drawn = draw(dice, token=TOKEN, contact="11")
            for piece in drawn.pieces:
                writer.write(piece)
            with suppress(OSError):
                await writer.drain()
            return drawn.end == "keep"
        body = self._timeline(dice, chat)
        for start in range(0, len(body), 65536):
            writer.write(body[start : start + 65536])
        await writer.drain()
        return True

    def _timeline(self, dice: random.Random, chat: str) -> bytes:
        message = self._api.by_chat[chat]
        records: list[Any] = []
        for record in message.records(self._api.now):
            if record["message"].get("status") == "failed" and dice.random() < 0.4:
                record["message"]["error"] = {"code": 131026, "message": f"for Bearer {TOKEN}"}
            if dice.random() < 0.3:
                record = _spoil(dice, record)  # noqa: PLW2901 - the record as it is shown
            records.append(record)
        records += [dice.choice(_ODD) for _ in range(dice.choice((0, 0, 2, 300)))]
        dice.shuffle(records)
        total = dice.choice((None, len(records), 10**9, -5, "x"))
        for record in records:
            self._note(chat, message.id, record)
        text = json.dumps({"total": total, "records": records}).encode()
        if dice.random() < 0.1:
            text += b" " * dice.choice((10, 9_000_000))
        date = dice.choice(("", "", "Date: Fri, 31 Dec 9999 23:59:59 -2300\r\n", "Date: \x80\x9b31m\r\n"))
        return f"HTTP/1.1 200 X\r\n{date}Content-Length: {len(text)}\r\n\r\n".encode("latin-1") + text

    def _note(self, chat: str, own: str, record: Any) -> None:
        message = record.get("message") if isinstance(record, dict) else None
        if not isinstance(message, dict):
            return
        if message.get("from_me") is False:
            self.replied.add(chat)
        elif isinstance(message.get("status"), str):
            self.shown.setdefault(chat, set()).add(message["status"].strip().casefold())


def _spoil(dice: random.Random, record: dict[str, Any]) -> dict[str, Any]:
    """Change some values of a record, or of its message."""
    spoilt: dict[str, Any] = json.loads(json.dumps(record))
    for _ in range(dice.choice((1, 1, 3))):
        holder = dice.choice([spoilt, *([spoilt["message"]] if isinstance(spoilt.get("message"), dict) else [])])
        names = [*holder, "error", "error_code", "meta_timestamp", "quoted_message", "agent", "sent_via"]
        holder[dice.choice(names)] = dice.choice(_ODD)
    return spoilt


@contextmanager
def _serving(server: _Server) -> Iterator[str]:
    loop = asyncio.new_event_loop()
    listening = loop.run_until_complete(asyncio.start_server(server.serve, "127.0.0.1", 0, family=socket.AF_INET))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listening.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
            with suppress(asyncio.CancelledError):
                loop.run_until_complete(task)
        loop.close()


async def _at_once(_pace: LookPace, _seconds: float) -> None:
    """A pause that takes no time."""


def follow_all(seed: int, folder: Path, *, messages: int, passes: int) -> Followed:
    """Follow so many messages in so many passes, two hours to a month later; a pass may be ended by its answers."""
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
    api = MovingApi(moving_messages.draw(messages, seed, began=began), began)
    seen, server = Followed(), _Server(str(seed), api)
    ledger_url = f"sqlite:///{folder / f'follow-{seed}.sqlite3'}"
    with _serving(server) as api.url, Ledger.open(ledger_url) as ledger, patch.object(LookPace, "pause", _at_once):
        moving_messages.accept(ledger, api)
        settings = Settings(base_url=api.url, ledger=ledger_url, rate=5000.0, read_timeout=0.5)
        for number in range(passes):
            api.now, before = began + _LATER[number % len(_LATER)], known(ledger)
            begin, found = time.process_time(), []
            try:
                report = follow(
                    FollowChoices(),
                    settings=settings,
                    token=Token(TOKEN),
                    on_look=lambda *_: None,
                    clock=lambda: api.now,
                )
            except Exception:  # noqa: BLE001 - whatever it is, a person would see a traceback
                found.append(traceback.format_exc())
            else:
                seen.looks += report.looks
                found += _wrong(report, ledger, server, api, before)
            if (took := time.process_time() - begin) > _MOST_SECONDS:
                found.append(f"{took:.1f} s of the processor")
            seen.breaches += [f"follow {seed}, pass {number + 1}: {each}" for each in found]
    seen.answers = server.answers
    return seen


def _wrong(
    report: FollowReport, ledger: Ledger, server: _Server, api: MovingApi, before: Mapping[str, tuple[str, int]]
) -> Iterator[str]:
    words = repr(report)
    if TOKEN[:20] in words:
        yield "the report shows the token"
    if _CONTROL.search(words):
        yield "the report shows a control character"
    chats = {message.person: message.chat for message in api.by_chat.values()}
    for person, (state, _looks) in known(ledger).items():
        shown = server.shown.get(chats[person], set())
        if state in _STATES and state != DeliveryState.PROCESSING and state not in shown:
            yield f"{person}: {state}, but {sorted(shown)} was shown"
        if person in before and ORDER.index(state) < ORDER.index(before[person][0]):
            yield f"{person}: climbed down from {before[person][0]} to {state}"
    for entry in ledger.suppression.entries():
        chat = chats.get(entry.person, "")
        if chat not in server.replied and "failed" not in server.shown.get(chat, set()):
            yield f"{entry.person} is on the suppression list for nothing"
    with ledger._engine.connect() as connection:
        kept = repr(connection.exec_driver_sql("SELECT * FROM deliveries").fetchall())
    if TOKEN[:20] in kept:
        yield "the ledger shows the token"

"""The looks of a life: the program's own passes, with a reader whose requests go to the simulated API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any
from urllib.parse import unquote

from batch.app.looks import LookPass
from batch.app.runs.due_looks import LOOKING
from batch.app.runs.progress import Watcher
from batch.chats import ChatsReader, Timeline, TimelineFailure, Token
from batch.chats.history import _Answer
from batch.chats.transport.exceptions import Fault
from batch.ledger import FollowedMessage, Ledger
from simulated.api import Api
from simulated.chats import Moves, Shown
from simulated.process import Process
from simulated.sheet import ENDPOINT

__all__ = ["SIMULATED_TOKEN", "CanaryWatcher", "Looking", "SimulatedSettings", "draw_looking", "make_looks"]

SIMULATED_TOKEN = Token("simulated")
_ANSWERED = 0.05
_TIME_OUT = 60.0


@dataclass(frozen=True, kw_only=True)
class Looking:
    """The looks that are in store for one life."""

    follows: bool = False
    """It makes a pass of `follow` first."""
    replaces: bool = False
    """It replaces failed messages."""
    canary: float = 0.0
    """Seconds for which it looks at its first messages; 0: it does not."""
    undelivered: float = 1.0
    """The share of failed messages above which it stops."""


def draw_looking(rng: Random, moves: Moves) -> Looking:
    """The looks of a life in a world with these moves."""
    replaces = rng.random() < moves.replaces
    return Looking(
        follows=replaces or rng.random() < moves.follows,
        replaces=replaces,
        canary=rng.choice((5.0, 60.0, 180.0)) if rng.random() < moves.canaries else 0.0,
        undelivered=1.0 if moves.replaces else rng.choice((0.2, 0.5, 1.0)),
    )


class SimulatedReader(ChatsReader):
    """The program's reader of timelines, whose requests reach the simulated API."""

    def __init__(
        self, api: Api, process: Process, *, now: Callable[[], datetime], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._api = api
        self._process = process
        self._now = now
        self._sleep = sleep
        self._url = f"{ENDPOINT}/chats"
        self._token = SIMULATED_TOKEN
        self._shown: list[Shown] = []

    async def timeline(self, chat_id: str, *, since: datetime | None = None) -> Timeline | TimelineFailure:
        self._shown = []
        read = await super().timeline(chat_id, since=since)
        if isinstance(read, Timeline) and since is not None:
            self._api.showed(self._process, self._shown, at=self._now(), since=since)
        return read

    async def aclose(self) -> None:
        self._process.tick("close reader")

    async def _get(self, url: str) -> _Answer | Fault:
        place, _, query = url.partition("?")
        self._process.tick("look")
        failure, body, shown = self._api.read(
            self._process, unquote(place.split("/")[-2]), int(query.partition("=")[2] or 1)
        )
        await asyncio.sleep(_TIME_OUT if failure == "time-out" else _ANSWERED)
        self._process.tick("looked")
        if failure == "time-out":
            return Fault.TIMEOUT
        self._shown += shown
        status = int(failure[:3]) if failure and failure[:3].isdigit() else 200
        headers = {"date": self._api.date()} | ({"retry-after": "7"} if failure == "429, come back" else {})
        return _Answer(status=status, headers=headers, text=body, received_at=self._now(), oversized=False)


@dataclass(frozen=True, kw_only=True)
class SimulatedSettings:
    """What a pass of looks needs of the settings."""

    api: Api
    process: Process
    endpoint: str = ENDPOINT

    def make_client(self, _kind: object, _token: object, **more: Any) -> SimulatedReader:
        return SimulatedReader(self.api, self.process, **more)


class CanaryWatcher(Watcher):
    """Notes when the first messages are looked at."""

    def __init__(self, api: Api, process: Process) -> None:
        super().__init__()
        self._api = api
        self._process = process

    def look_at_canary(self, messages: int, seconds: float) -> None:
        self._api.looks_at_canary(self._process)


async def make_looks(ledger: Ledger, due: list[FollowedMessage], settings: SimulatedSettings) -> LookPass:
    """Make a pass over what is due, as `follow` does, and a run before it sends. Raises LedgerFailed."""
    passing = LookPass(ledger, due)
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOKING):
            await passing.work(settings, SIMULATED_TOKEN)  # type: ignore[arg-type]
    return passing

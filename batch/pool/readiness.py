"""Makes claimed jobs ready to be posted at their moment: few of them ahead, each with its connection."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from math import ceil
from typing import Any

from batch.model.messages import Job
from batch.pool.attempt import Attempt, Exchange
from batch.pool.hours import Windows
from batch.pool.ports import ChatsClient
from batch.pool.rate_limiter import Slot, Throttle

__all__ = ["Begun", "Readiness"]

AHEAD = 0.25
"""Seconds of starts for which claims and connections are made ready. More of them would only wait: each with a claim
that is an unknown row if the machine dies, and a connection that grows old."""
_LEAST_AHEAD = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """A claimed job whose moment has come."""

    held: Any
    client: ChatsClient | Attempt
    """What to post over; else why there is no connection."""
    due: float
    """When it was to begin, by the loop's clock."""


class Readiness:
    """What one sender has claimed. Must be made and used on a running event loop."""

    def __init__(self, exchange: Exchange, throttle: Throttle, windows: Windows, *, rate: float) -> None:
        self._exchange = exchange
        self._throttle = throttle
        self._windows = windows
        self.ahead = asyncio.Semaphore(max(_LEAST_AHEAD, ceil(rate * AHEAD)))
        """To be held from the slot to the moment of the start."""
        self.held = 0
        """Claims that were made ready, or are being so, and are not `done`."""

    async def make(self, job: Job, held: Any, slot: Slot) -> Begun | None:
        """Connect, and wait for the slot's moment: then the post must follow at once, and after it `done`. None: the
        moment did not come, and the claim was given back."""
        self.held += 1
        begun = None
        try:
            client = await self._exchange.connect(held)
            if isinstance(client, Attempt) or await self._may_start(job, held, slot, client):
                begun = Begun(held=held, client=client, due=slot.time)
        finally:
            self.held -= begun is None
        return begun

    def done(self) -> None:
        """What became of a claim is written."""
        self.held -= 1

    async def _may_start(self, job: Job, held: Any, slot: Slot, client: ChatsClient) -> bool:
        """Wait for the moment of the start; when it does not come, or this is cancelled, the claim is given back."""
        started = False
        try:
            started = await self._throttle.start(slot)
            # What waited past the end of its hours is to be passed over.
            started = started and self._windows.closed_until(job, self._exchange.now()) is None
        finally:
            if not started:
                await self._exchange.give_back(held, client)
        return started

"""Spaces the attempts of one sender, on the event loop's clock."""

from __future__ import annotations

import asyncio
from collections import deque

from batch.pool import pacing as pace
from batch.pool.stop import Stop

CLAIM_LEAD = 0.02
"""Seconds before its slot at which a worker claims, so that the claim's commit does not delay the start."""
HEAD_START = 0.1
"""Seconds before the first slot, in which workers come to their places and make their first claims: who is late at the
beginning makes up for it for a while, and holds claims meanwhile."""


class Slot:
    """A reserved start. Worthless once everyone was paused after it was reserved."""

    __slots__ = ("generation", "time")

    def __init__(self, time: float, generation: int) -> None:
        self.time = time
        self.generation = generation


class Throttle:
    """The pace of one sender. Must be made and used on a running event loop."""

    def __init__(self, rate: float, stop: Stop) -> None:
        self._loop = asyncio.get_running_loop()
        self._pace = pace.Pace.begin(rate, self._loop.time() + HEAD_START)
        self._stop = stop
        self._door = asyncio.Lock()
        self._starts: deque[float] = deque(maxlen=pace.most_in_a_second(rate))
        self.cuts = 0
        """How often the rate was cut."""

    @property
    def rate(self) -> float:
        """Starts a second at this moment."""
        return pace.climbed(self._pace, self._loop.time()).rate

    async def next_slot(self) -> Slot | None:
        """Wait until shortly before the next slot that is free; None when the run stops meanwhile."""
        while not self._stop.requested:
            self._pace, time = pace.reserved(self._pace, self._loop.time())
            slot = Slot(time, self._pace.generation)
            if not await self._wait_until(time - CLAIM_LEAD):
                return None
            if slot.generation == self._pace.generation:
                return slot
        return None

    async def start(self, slot: Slot) -> bool:
        """Wait for the exact moment of a start; False when the run stops or everyone was paused first.

        When it is True the caller must start at once, without awaiting anything else.
        """
        if not await self._wait_until(slot.time):
            return False
        # One after the other: after a stall of the machine several come at the same moment.
        async with self._door:
            while (earliest := pace.earliest(self._pace, self._starts)) > self._loop.time():
                if not await self._wait_until(earliest):
                    return False
            if slot.generation != self._pace.generation or self._stop.requested:
                return False
            self._starts.append(self._loop.time())
            return True

    async def _wait_until(self, time: float) -> bool:
        return await self._stop.sleep(time - self._loop.time())

    def pause(self, seconds: float) -> None:
        """Nobody of this sender starts for `seconds`."""
        self._pace = pace.paused(self._pace, self._loop.time(), seconds)

    def slow_down(self) -> None:
        """Cut the rate; it climbs back slowly."""
        before = self._pace.cut_at
        self._pace = pace.cut(self._pace, self._loop.time())
        self.cuts += self._pace.cut_at != before


class Starts:
    """Counts starts. Passes are apart: what is waited for between them (the hours of tomorrow) is no pace."""

    def __init__(self) -> None:
        self.count = 0
        self._seconds = 0.0
        """Between first and last start of each pass."""
        self._gaps = 0
        self._latest: float | None = None

    def new_pass(self) -> None:
        """The next start begins a pass."""
        self._latest = None

    def note(self, now: float) -> None:
        """A start, by a monotonic clock."""
        if self._latest is not None:
            self._seconds += now - self._latest
            self._gaps += 1
        self._latest = now
        self.count += 1

    @property
    def rate(self) -> float | None:
        """Starts a second between the first and the last of each pass; None when no pass had two."""
        return self._gaps / self._seconds if self._gaps and self._seconds > 0 else None

"""The simulated clock: an event loop that never waits, and whose time jumps to the next timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

__all__ = ["SimulatedLoop", "Stuck"]

_BEGIN = datetime(2026, 11, 3, 12, tzinfo=UTC)
_MOST_JUMPS = 400_000


class Stuck(RuntimeError):
    """Nothing will ever happen again, or the end does not come: somebody waits for ever."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """An event loop without sockets. `stall` is asked at each jump for seconds by which the machine oversleeps."""

    def __init__(self, stall: Callable[[], float]) -> None:
        super().__init__()
        self._selector = self  # what BaseEventLoop waits with
        self._stall = stall
        self._now = 1000.0
        self._jumps = 0

    def time(self) -> float:
        return self._now

    def wall(self) -> datetime:
        """The true time of day, in UTC."""
        return _BEGIN + timedelta(seconds=self._now - 1000.0)

    def select(self, timeout: float | None) -> Sequence[object]:
        """Called by the loop when it would wait for the network."""
        if timeout is None:
            raise Stuck("nothing is left that could wake anybody")
        if timeout > 0:
            self._jumps += 1
            if self._jumps > _MOST_JUMPS:
                raise Stuck("the end does not come")
            self._now += timeout + self._stall()
        return ()

    def _process_events(self, event_list: Sequence[object]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in `select`, so nobody is to be woken."""

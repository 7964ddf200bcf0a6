"""The event loop of a run: timers that fire at their moment, or a few together where many come in a second."""

import asyncio
import selectors
import sys
import time
from collections.abc import Callable

from batch.pool.pacing import WAKING


class GatheringSelector(selectors.DefaultSelector):
    """Wakes no more often than every `apart` seconds: what comes meanwhile, timers too, is seen at one waking.

    To wake a process costs as much CPU as a tenth of a row, and a row has three events of its own.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        super().__init__()
        self.apart = 0.0
        """Seconds."""
        self._clock = clock
        self._sleep = sleep
        self._woken = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait as any selector; up to `apart` seconds longer."""
        if timeout is not None and timeout <= 0:  # the loop has work left
            return super().select(timeout)
        pause = self._woken + self.apart - self._clock()
        if pause > 0:
            self._sleep(pause)
            timeout = None if timeout is None else max(0.0, timeout - pause)
        found = super().select(timeout)
        self._woken = self._clock()
        return found


class GatheringLoop(asyncio.SelectorEventLoop):
    """A loop with that selector."""

    def __init__(self) -> None:
        self._gathering = GatheringSelector()
        super().__init__(self._gathering)

    def gather(self) -> None:
        """Wake no more often than starts need it."""
        self._gathering.apart = WAKING


def precise_loop(*, selects: bool = False) -> asyncio.AbstractEventLoop:
    """Return a new event loop whose timers do not fire early, so that starts stay spaced.

    `selects`: on Windows too it is one that selects, which psycopg needs; it has room for some 500 connections there.
    The clock of Windows stands still for 15.6 ms at a time, and a loop there fires timers by so much too early.
    """
    on_windows = sys.platform == "win32"
    loop = asyncio.new_event_loop() if on_windows and not selects else GatheringLoop()
    if on_windows:
        loop.time = time.perf_counter  # type: ignore[method-assign]
        loop._clock_resolution = time.get_clock_info("perf_counter").resolution  # type: ignore[attr-defined]
    return loop


def gather_wakings(loop: asyncio.AbstractEventLoop) -> None:
    """Let a loop wake less often, for a run of many starts a second. One of another kind stays as it is."""
    if isinstance(loop, GatheringLoop):
        loop.gather()

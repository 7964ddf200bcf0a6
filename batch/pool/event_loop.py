"""Event loop of a run: timers that fire on time, and coalesced wakeups for runs of many starts a second."""

import asyncio
import selectors
import sys
import time
from collections.abc import Callable

from batch.pool.pacing import WAKEUP_INTERVAL


class CoalescingSelector(selectors.DefaultSelector):
    """Selector that looks at most every `interval` seconds; events and timers in between are seen at one wakeup.

    A wakeup costs as much CPU as a tenth of a row, and a row has three events of its own. A loop that has work left
    looks no sooner either: each wakeup is followed by some turns of it.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        super().__init__()
        self.interval = 0.0
        """Seconds."""
        self._clock = clock
        self._sleep = sleep
        self._woken = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for events as any selector does, up to `interval` seconds longer."""
        pause = self._woken + self.interval - self._clock()
        if pause > 0:
            if timeout is not None and timeout <= 0:  # the loop has work left
                return []
            self._sleep(pause)
            timeout = None if timeout is None else max(0.0, timeout - pause)
        found = super().select(timeout)
        self._woken = self._clock()
        return found


class CoalescingLoop(asyncio.SelectorEventLoop):
    """Event loop with a `CoalescingSelector`."""

    def __init__(self) -> None:
        self._coalescing = CoalescingSelector()
        super().__init__(self._coalescing)

    def coalesce(self) -> None:
        """Wake at most every `WAKEUP_INTERVAL` seconds from now on."""
        self._coalescing.interval = WAKEUP_INTERVAL


def precise_loop(*, selects: bool = False) -> asyncio.AbstractEventLoop:
    """Return a new event loop whose timers do not fire early, so that starts stay spaced.

    `selects`: on Windows too it is one that selects, which psycopg needs; it has room for some 500 connections there.
    The clock of Windows stands still for 15.6 ms at a time, and a loop there fires timers by so much too early.
    """
    on_windows = sys.platform == "win32"
    loop = asyncio.new_event_loop() if on_windows and not selects else CoalescingLoop()
    if on_windows:
        loop.time = time.perf_counter  # type: ignore[method-assign]
        loop._clock_resolution = time.get_clock_info("perf_counter").resolution  # type: ignore[attr-defined]
    return loop


def coalesce_wakeups(loop: asyncio.AbstractEventLoop) -> None:
    """Coalesce the wakeups of a loop, for a run of many starts a second. A loop of another kind stays as it is."""
    if isinstance(loop, CoalescingLoop):
        loop.coalesce()

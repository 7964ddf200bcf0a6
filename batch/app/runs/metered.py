"""A run that is measured while it goes on: its watcher hears of everything, and the log has a line now and then."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Protocol

import structlog

from batch.app.runs.progress import Headway, Meter
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding
from batch.pool import Progress

__all__ = ["LOG_EVERY", "Metered", "SendingWatcher", "tell_as_time_passes"]

log = structlog.get_logger()

_TICK = 1.0
"""Seconds between two looks at the clock: what is shown counts down while nothing happens."""
LOG_EVERY = 30
"""Ticks between two lines of the log."""


class SendingWatcher(Progress, Protocol):
    """Who watches the pool, hears of signals, and may look at the canary's messages before the rest goes out."""

    def signalled(self, *, again: bool) -> None: ...
    def go_on(self, sent: int) -> bool: ...
    def tick(self) -> None:
        """A second has passed."""


class Metered:
    """Tells the meter, then the watcher."""

    def __init__(self, meter: Meter, watcher: SendingWatcher) -> None:
        self._meter = meter
        self._watcher = watcher

    def done(self, row: int, outcome: Outcome) -> None:
        self._meter.done(outcome)
        self._watcher.done(row, outcome)

    def waiting(self, seconds: float, finding: Finding, sender: str) -> None:
        self._meter.waiting(sender, seconds)
        self._watcher.waiting(seconds, finding, sender)

    def signalled(self, *, again: bool) -> None:
        self._watcher.signalled(again=again)

    def go_on(self, sent: int) -> bool:
        with self._meter.held():
            return self._watcher.go_on(sent)


async def tell_as_time_passes(meter: Meter, watcher: SendingWatcher) -> None:
    """Until it is cancelled: tick for the watcher, and log how far the run has come."""
    for tick in count(1):
        await asyncio.sleep(_TICK)
        watcher.tick()
        if tick % LOG_EVERY == 0:
            _log(meter.look())


def _log(now: Headway) -> None:
    """Also where a bar is shown: it is gone afterwards, and Windows has no signal by which to ask."""
    log.info(
        "progress",
        counts={outcome.value: number for outcome, number in now.counts.items()},
        left=now.left,
        achieved_rate=None if now.rate is None else round(now.rate, 3),
        waits_seconds=round(now.waits),
        eta_seconds=None if now.eta is None else round(now.eta),
    )

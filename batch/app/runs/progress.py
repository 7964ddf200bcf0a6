"""How far a run has come: what became of its messages, how fast it really goes, and how long it still takes.

Cheap enough to be told of each of a million rows. Time is that of the clock it is given (seconds, monotonic).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Protocol

import structlog

from batch.model.outcomes import Outcome
from batch.model.reasons import Finding
from batch.pool import Progress

_WINDOW = 30.0
"""Seconds over which the rate is measured: a rate that was cut shows soon, and single answers do not shake it."""
_FEWEST = 10
"""Messages over which it is measured at least, so that a slow run has a steady rate too."""
_STEP = 1.0
"""Seconds between two samples."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Headway:
    """How far a run has come at one moment."""

    counts: Mapping[Outcome, int]
    """What became of the messages of this run so far; all six."""
    total: int
    """Messages that the run set out to send."""
    rate: float | None
    """Messages a second that came to an end of late, while somebody was allowed to send; None before the first."""
    waits: float
    """Seconds that nobody may send from now on; 0 when somebody may."""
    eta: float | None
    """Seconds until the end at this rate, the present wait included; None while nothing tells."""

    @property
    def done(self) -> int:
        """Messages that came to an end."""
        return sum(self.counts.values())

    @property
    def sent(self) -> int:
        """Messages that were accepted, into new chats and old ones."""
        return sum(number for outcome, number in self.counts.items() if outcome.messaged)

    @property
    def left(self) -> int:
        return max(0, self.total - self.done)


class Meter:
    """Counts outcomes and the time in which they came. `look` changes nothing."""

    def __init__(
        self, *, total: int, senders: int = 1, wanted: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`senders`: how many there are; only when all of them pause does the run. `wanted`: messages a second of all
        of them together, by which the time is reckoned until the true rate is known."""
        self._total = total
        self._senders = max(1, senders)
        self._wanted = wanted
        self._clock = clock
        self._begun = clock()
        self._counts: Counter[Outcome] = Counter()
        self._done = 0
        self._untils: dict[str, float] = {}
        self._pause = (self._begun, self._begun)
        """Begin and end of the latest time in which nobody may send."""
        self._paused = 0.0
        """Seconds of the pauses before it."""
        self._samples = deque([(0.0, 0)])
        """(seconds worked, messages done)."""

    def done(self, outcome: Outcome) -> None:
        """Count what became of a message."""
        self._counts[outcome] += 1
        self._done += 1
        worked = self._worked(self._clock())
        if worked - self._samples[-1][0] >= _STEP:
            self._sample(worked)

    def waiting(self, sender: str, seconds: float) -> None:
        """Note that a sender may not send for so long."""
        now = self._clock()
        self._untils[sender] = max(now + seconds, self._untils.get(sender, now))
        if len(self._untils) >= self._senders:
            self._nobody_until(min(self._untils.values()), now)

    @contextmanager
    def held(self) -> Iterator[None]:
        """The time inside is no time of work: a person is being asked."""
        begun = self._clock()
        try:
            yield
        finally:
            end = self._clock()
            self._nobody_until(end, max(begun, self._pause[1]))

    def look(self) -> Headway:
        """How far it is now."""
        now = self._clock()
        rate = self._rate(self._worked(now))
        waits = max(0.0, self._pause[1] - now)
        left = max(0, self._total - self._done)
        expected = rate or self._wanted
        return Headway(
            counts={outcome: self._counts[outcome] for outcome in Outcome},
            total=self._total,
            rate=rate,
            waits=waits if left else 0.0,
            eta=(waits + left / expected) if expected and left else None if left else 0.0,
        )

    def _nobody_until(self, until: float, since: float) -> None:
        begin, end = self._pause
        if since <= end:
            self._pause = (begin, max(end, until))
        elif until > since:
            self._paused += end - begin
            self._pause = (since, until)

    def _worked(self, now: float) -> float:
        begin, end = self._pause
        return now - self._begun - self._paused - max(0.0, min(now, end) - begin)

    def _sample(self, worked: float) -> None:
        self._samples.append((worked, self._done))
        while len(self._samples) > 1 and self._old(worked):
            self._samples.popleft()

    def _old(self, worked: float) -> bool:
        """Whether the oldest sample is not needed: the next one reaches far enough back."""
        since, done = self._samples[1]
        return worked - since >= _WINDOW and self._done - done >= _FEWEST

    def _rate(self, worked: float) -> float | None:
        since, done = self._samples[0]
        if self._done == done or worked <= since:
            return None
        return (self._done - done) / (worked - since)


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


class MeteredWatcher:
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


async def tick_every_second(meter: Meter, watcher: SendingWatcher) -> None:
    """Until it is cancelled: tick for the watcher, and log how far the run has come."""
    for tick in count(1):
        await asyncio.sleep(_TICK)
        watcher.tick()
        if tick % LOG_EVERY == 0:
            _log(meter.look())


def _log(now: Headway) -> None:
    """Log the state also where a bar is shown: the bar is gone afterwards."""
    log.info(
        "progress",
        counts={outcome.value: number for outcome, number in now.counts.items()},
        left=now.left,
        achieved_rate=None if now.rate is None else round(now.rate, 3),
        waits_seconds=round(now.waits),
        eta_seconds=None if now.eta is None else round(now.eta),
    )

"""Progress of a run: outcomes so far, the rate that is achieved, and the time that is left.

A row costs about a microsecond. Time is that of the clock that a `Meter` is given (seconds, monotonic).
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from batch.app.check import Check
from batch.event_log import log
from batch.model.lanes import Service
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding
from batch.model.runs import Run

LOG_EVERY = 30
"""Ticks between two lines of the log."""
_TICK = 1.0
"""Seconds between two ticks: what is shown counts down while nothing happens."""
_WINDOW = 30.0
"""Seconds over which the rate is measured: a rate that was cut shows soon, and single answers do not shake it."""
_FEWEST = 10
"""Messages over which it is measured at least, so that a slow run has a steady rate too."""
_STEP = 1.0
"""Seconds between two samples."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunProgress:
    """Progress at one moment."""

    counts: Mapping[Outcome, int]
    """Outcomes of this run so far; all six."""
    total: int
    """Messages that the run set out to send."""
    rate: float | None
    """Recent messages a second, pauses left out; None before the first."""
    waits: float
    """Seconds of pause from now on, for all senders; 0 when any may send."""
    eta: float | None
    """Seconds until the end at this rate, the present pause included; None while it is not known."""

    @property
    def done(self) -> int:
        """Messages that came to an end."""
        return sum(self.counts.values())

    @property
    def sent(self) -> int:
        """Messages that were accepted, into new chats and old ones."""
        return sum(number for outcome, number in self.counts.items() if outcome.is_accepted)

    @property
    def remaining(self) -> int:
        return max(0, self.total - self.done)


class Meter:
    """Counts outcomes and the time in which they came."""

    def __init__(
        self,
        *,
        total: int,
        senders: int = 1,
        wanted: float = 0.0,
        closed: float = 0.0,
        before: Mapping[Outcome, int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`senders`: how many there are; only when all of them pause does the run. `wanted`: messages a second of all
        of them together, by which the time is reckoned until the true rate is known. `closed`: seconds until the hours
        begin that are waited for. `before`: outcomes that there are already, at no known rate."""
        self.total = total
        self._senders = max(1, senders)
        self._wanted = wanted
        self._clock = clock
        self._begun = clock()
        self._counts = Counter(before or {})
        self._done = self._counts.total()
        self._untils: dict[str, float] = {}
        self._pause = (self._begun, self._begun + closed)
        """Begin and end of the latest pause of all senders."""
        self._paused = 0.0
        """Seconds of the pauses before it."""
        self._samples = deque([(0.0, self._done)])
        """(seconds worked, messages done)."""

    def done(self, outcome: Outcome) -> None:
        """Count the outcome of a message."""
        self._counts[outcome] += 1
        self._done += 1
        self._measure()

    def take(self, counts: Mapping[Outcome, int], *, wanted: float, waits: float = 0.0) -> None:
        """Take the outcomes so far of a run that others send. `wanted`: as at the beginning, of the senders that send
        now. `waits`: seconds for which certainly none does."""
        self._counts, self._wanted = Counter(counts), wanted
        self._done = self._counts.total()
        self._measure()
        (begin, end), now = self._pause, self._clock()
        self._pause = (begin, min(end, now))
        self._extend_pause(now + waits, now)

    def pause(self, sender: str, seconds: float) -> None:
        """Note that a sender may not send for so long."""
        now = self._clock()
        self._untils[sender] = max(now + seconds, self._untils.get(sender, now))
        if len(self._untils) >= self._senders:
            self._extend_pause(min(self._untils.values()), now)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Do not count the time of the block as work: a person is being asked."""
        begun = self._clock()
        try:
            yield
        finally:
            end = self._clock()
            self._extend_pause(end, max(begun, self._pause[1]))

    def look(self) -> RunProgress:
        """Return the progress now; changes nothing."""
        now = self._clock()
        rate = self._rate(self._worked(now))
        waits = max(0.0, self._pause[1] - now)
        left = max(0, self.total - self._done)
        expected = rate or self._wanted
        return RunProgress(
            counts={outcome: self._counts[outcome] for outcome in Outcome},
            total=self.total,
            rate=rate,
            waits=waits if left else 0.0,
            eta=(waits + left / expected) if expected and left else None if left else 0.0,
        )

    def _extend_pause(self, until: float, since: float) -> None:
        begin, end = self._pause
        if since <= end:
            self._pause = (begin, max(end, until))
        elif until > since:
            self._paused += end - begin
            self._pause = (since, until)

    def _measure(self) -> None:
        worked = self._worked(self._clock())
        if worked - self._samples[-1][0] >= _STEP:
            self._sample(worked)

    def _worked(self, now: float) -> float:
        begin, end = self._pause
        return now - self._begun - self._paused - max(0.0, min(now, end) - begin)

    def _sample(self, worked: float) -> None:
        self._samples.append((worked, self._done))
        while len(self._samples) > 1 and self._is_stale(worked):
            self._samples.popleft()

    def _is_stale(self, worked: float) -> bool:
        """True when the oldest sample is not needed: the next one reaches far enough back."""
        since, done = self._samples[1]
        return worked - since >= _WINDOW and self._done - done >= _FEWEST

    def _rate(self, worked: float) -> float | None:
        since, done = self._samples[0]
        if self._done <= done or worked <= since:
            return None
        return (self._done - done) / (worked - since)


class Watcher:
    """Watcher of a run without a person: it counts what it is shown, agrees to everything, and prints nothing."""

    has_reader = False
    """True when a person reads along, also what needs no attention."""

    def __init__(self) -> None:
        self.meter = Meter(total=0)
        self.problems: list[str] = []
        """Sentences for the run's end."""
        self.interrupt: Callable[[], object] | None = None
        """Stops the run from any thread, as SIGINT does in the main one; None while there is nothing to stop."""

    def read(self, rows: int, of: int) -> None:
        """Take note that so many of the sheet's rows were read."""

    def take_check(self, plan: Check) -> None:
        """Take note of what the run would do, before anything is asked or done."""

    def confirm(self, plan: Check) -> bool:  # noqa: ARG002 - for those that ask
        """Return whether the plan is to be sent."""
        return True

    def wait_for_hours(self, until: datetime, timezone: str) -> bool:  # noqa: ARG002 - likewise
        """Return whether to wait for the campaign's hours, which begin then, instead of ending."""
        return False

    def skip_hours(self, until: datetime, timezone: str) -> bool:  # noqa: ARG002 - likewise
        """Return whether a rehearsal is to send now, though the campaign's hours begin only then."""
        return False

    def look_first(self, people: int, seconds: float) -> None:
        """Take note that the chats of so many people are looked into before anything is sent, for so long at most."""

    def look_at_canary(self, messages: int, seconds: float) -> None:
        """Take note that the first messages are looked at until they are sent on, for so long at most."""

    def start_workers(self, workers: int, postgres: int) -> None:
        """Take note that a demo starts so many workers, and a PostgreSQL of that version for them."""

    def miss_workers(self, run: Run, service: Service) -> None:
        """Take note that none of the workers that are connected, if any, could send a run."""

    def lose_worker(self, pid: int, senders: int) -> None:
        """Take note that a demo has killed a worker, which was sending for so many senders."""

    def confirm_trial(self, row: int, people: Sequence[str], endpoint: str) -> bool:  # noqa: ARG002 - likewise
        """Return whether the message of a row is to be sent to `people`, as a trial."""
        return True

    def begin(self, meter: Meter) -> None:
        """Take the meter of a run that begins to send."""
        self.meter = meter

    def end(self) -> None:
        """End what `begin` began; nothing is sent any more."""

    def done(self, row: int, outcome: Outcome) -> None:  # noqa: ARG002 - likewise
        self.meter.done(outcome)

    def pause(self, seconds: float, finding: Finding, sender: str) -> None:  # noqa: ARG002 - likewise
        self.meter.pause(sender, seconds)

    def on_signal(self, *, again: bool) -> None: ...

    def go_on(self, sent: int) -> bool:  # noqa: ARG002 - likewise
        """Return whether the rest is to be sent after the canary's messages."""
        return True

    def tick(self) -> None:
        """Take note that a second has passed."""


async def tick_every_second(watcher: Watcher) -> None:
    """Tick for the watcher and log the progress, until it is cancelled."""
    for tick in count(1):
        await asyncio.sleep(_TICK)
        watcher.tick()
        if tick % LOG_EVERY == 0:
            now = watcher.meter.look()
            log.info(  # also where a bar is shown: it is gone afterwards
                "progress",
                counts={outcome.value: number for outcome, number in now.counts.items()},
                left=now.remaining,
                achieved_rate=None if now.rate is None else round(now.rate, 3),
                waits_seconds=round(now.waits),
                eta_seconds=None if now.eta is None else round(now.eta),
            )

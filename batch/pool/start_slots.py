"""Start slots of one sender on the event loop's clock, and the rate it achieved."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Any

from batch.pool import pacing
from batch.pool.stop import StopSignal

CLAIM_LEAD = 0.02
"""Seconds before its slot at which a worker claims, so that the claim's commit does not delay the start."""
FAST_LEAD = 0.035
"""The same for a fast sender, whose groups of writes are committed further apart."""
LONGEST_LEAD = 0.2
"""The most by which it follows what claims take: less than the seconds of starts that are made ready ahead."""
_LATEST = 200
_RECKONED = 16
"""Claims by which what they take is known, and those after which it is reckoned anew."""
CLAIMED_TOGETHER = 0.02
"""Seconds of slots whose workers claim at the same moment, in one turn of the loop and one commit of the ledger: those
of a fast sender. A slower one sees what became of a row before it judges the next."""
HEAD_START = 0.1
"""Seconds before the first slot, in which workers start and make their first claims: lateness at the beginning would be
made up for over a while, with claims held meanwhile."""


@dataclass(slots=True)
class StartSlot:
    """A reserved start, by the loop's clock. Void once the sender was paused after it was reserved."""

    time: float
    generation: int


class ClaimLead:
    """Seconds before its slot at which a worker claims.

    `follows`: as many as nearly all of the latest claims took, at the least; as long as none has ended, the most.
    """

    def __init__(self, *, follows: bool) -> None:
        self._follows = follows
        self._latest: deque[float] = deque(maxlen=_LATEST)
        self._noted = 0
        self._p99 = LONGEST_LEAD if follows else 0.0

    def note(self, seconds: float) -> None:
        """Note what a claim took, from its wish to its commit."""
        if not self._follows:
            return
        self._latest.append(seconds)
        self._noted += 1
        if self._noted < _RECKONED or self._noted % _RECKONED == 0:
            self._p99 = sorted(self._latest)[(99 * len(self._latest) - 1) // 100]

    def seconds(self, rate: float) -> float:
        """Return the lead of a sender with so many starts a second."""
        return max(FAST_LEAD if rate >= pacing.FAST else CLAIM_LEAD, min(self._p99, LONGEST_LEAD))


class StartSlots:
    """Hands out the start slots of one sender, in order. Must be made and used on a running event loop.

    Workers wait in two queues, for a slot and for its moment, with one timer for each queue: a semaphore, a lock and
    two timers for each worker cost a tenth of a row. A worker that is cancelled while it holds a slot does not give it
    back: only the end of the run cancels.
    """

    def __init__(self, rate: float, stop: StopSignal, lead: ClaimLead, ahead: int) -> None:
        """`ahead`: slots that are out at most, from their claims to their starts."""
        self._lead = lead
        self._loop = asyncio.get_running_loop()
        self._pace = pacing.Pace.begin(rate, self._loop.time() + HEAD_START)
        self._stop = stop
        stop.on_request(self._end)
        self._free = ahead
        """Slots that may be handed out besides those that are out."""
        self._slot_queue: deque[asyncio.Future[StartSlot | None]] = deque()
        self._slot_timer: asyncio.TimerHandle | None = None
        """Set when a worker waits for a slot, and it is too soon to claim for it."""
        self._start_queue: list[tuple[float, int, asyncio.Future[float | None], Callable[[float], bool]]] = []
        """A heap of the attempts that wait for their moment."""
        self._numbers = count()  # breaks ties, because futures have no order
        self._start_timer: asyncio.TimerHandle | None = None
        """Set when the first of them has to wait."""
        self._starts: deque[float] = deque(maxlen=pacing.most_in_a_second(rate))
        self.cuts = 0
        """How often the rate was cut."""

    @property
    def pace(self) -> tuple[float, float]:
        """Starts a second at the moment, and the end of the latest pause by the loop's clock."""
        self._pace = pacing.recover_rate(self._pace, self._loop.time())
        return self._pace.rate, self._pace.until

    def resume(self, wait: float, rate: float | None, cuts: int) -> None:
        """Make the first start in `wait` seconds, at a rate that was cut before. Before any slot is taken."""
        self.cuts = cuts
        self._pace = pacing.pause(self._pace, self._loop.time(), wait)
        if rate is not None:
            self._pace = self._pace._replace(rate=min(rate, self._pace.wanted))

    async def next_slot(self) -> StartSlot | None:
        """Wait until shortly before the next free slot; None when the run stops meanwhile. `leave` ends a slot."""
        if self._stop.is_requested:
            return None
        waits: asyncio.Future[StartSlot | None] = self._loop.create_future()
        self._slot_queue.append(waits)
        if self._slot_timer is None:
            self._hand_out()
        return await waits

    def leave(self) -> None:
        """Make room for another slot, once its attempt has begun, or will not."""
        self._free += 1
        if self._slot_timer is None:
            self._hand_out()

    def _hand_out(self) -> None:
        """Give slots to those who waited longest, as far as it is time to claim for them."""
        self._slot_timer = None
        while self._slot_queue and self._free:
            if self._slot_queue[0].done():  # it was cancelled
                self._slot_queue.popleft()
                continue
            now = self._loop.time()
            pace, time = pacing.reserve_slot(self._pace, now)
            claims = time - self._lead.seconds(pace.rate)
            if pace.rate >= pacing.FAST:
                claims -= claims % CLAIMED_TOGETHER
            if claims > now:
                self._slot_timer = self._loop.call_at(claims, self._hand_out)
                return
            self._pace = pace
            self._free -= 1
            self._slot_queue.popleft().set_result(StartSlot(time, pace.generation))

    async def start(self, slot: StartSlot, is_void: Callable[[float], bool] = lambda _seconds: False) -> bool:
        """Wait for the exact moment of a start; False when the run stops or the sender was paused first.

        `is_void` tells of a moment so many seconds ahead that it is too late: then it is left to the next at once, so
        that what is too old keeps none waiting. When it is True the caller must start at once, without awaiting
        anything else.
        """
        if self._stop.is_requested:
            return False
        begins: asyncio.Future[float | None] = self._loop.create_future()
        heappush(self._start_queue, (slot.time, next(self._numbers), begins, is_void))
        if self._start_timer is None or self._start_queue[0][2] is begins:
            self._begin()
        if (at := await begins) is None:
            return False
        if slot.generation == self._pace.generation and not self._stop.is_requested and not is_void(0.0):
            return True
        self._starts.remove(at)
        self._begin()
        return False

    def _begin(self) -> None:
        """Let those begin whose moment has come.

        One after the other: after a stall of the machine several come at the same moment.
        """
        if self._start_timer is not None:
            self._start_timer.cancel()
            self._start_timer = None
        while self._start_queue:
            time, _, begins, is_void = self._start_queue[0]
            now = self._loop.time()
            earliest = max(time, pacing.earliest_start(self._pace, self._starts))
            if begins.done():  # it was cancelled
                heappop(self._start_queue)
            elif now < time or (now < earliest and not is_void(earliest - now)):
                self._start_timer = self._loop.call_at(time if now < time else earliest, self._begin)
                return
            else:
                heappop(self._start_queue)
                at = None if now < earliest else now
                if at is not None:
                    self._starts.append(at)
                begins.set_result(at)

    def _end(self) -> None:
        """Let all go who wait, as the run stops."""
        all_waits: list[asyncio.Future[Any]] = [*self._slot_queue, *(each[2] for each in self._start_queue)]
        for waits in all_waits:
            if not waits.done():
                waits.set_result(None)
        self._slot_queue.clear()
        self._start_queue.clear()
        for timer in (self._slot_timer, self._start_timer):
            if timer is not None:
                timer.cancel()

    def pause(self, seconds: float) -> None:
        """Pause this sender for `seconds`."""
        self._pace = pacing.pause(self._pace, self._loop.time(), seconds)

    def slow_down(self) -> None:
        """Cut the rate; it climbs back slowly."""
        before = self._pace.cut_at
        self._pace = pacing.cut_rate(self._pace, self._loop.time())
        self.cuts += self._pace.cut_at != before


class AchievedRate:
    """Starts counted within passes: the time between two passes (the night before tomorrow's hours) does not count."""

    def __init__(self, *, count: int = 0, gaps: int = 0, seconds: float = 0.0, latest: float | None = None) -> None:
        """The starts of another process, where this one goes on; `latest` when it is within a pass."""
        self.count = count
        self.seconds = seconds
        """Between first and last start of each pass."""
        self.gaps = gaps
        self.latest = latest
        """The latest start of this pass."""
        self._goes_on = True

    def begin_pass(self) -> None:
        if not self._goes_on:
            self.latest = None
        self._goes_on = False

    def add(self, now: float) -> None:
        """Count a start, by a monotonic clock in seconds."""
        if self.latest is not None:
            self.seconds += now - self.latest
            self.gaps += 1
        self.latest = now
        self.count += 1

    @property
    def rate(self) -> float | None:
        """Starts a second between the first and the last of each pass; None when no pass had two."""
        return self.gaps / self.seconds if self.gaps and self.seconds > 0 else None

"""Pacing arithmetic: evenly spaced start slots, pauses, and a rate that is cut and climbs back slowly (AIMD).

And the retry policy of a row whose attempt certainly sent nothing. Every function of the pace takes the time and
returns a new `Pace`. Times are seconds of a monotonic clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

CUT_TO = 0.7
"""Share of the rate that is left after a 429. Gentle, because the pause that comes with it has already emptied the
API's bucket."""
CLIMB_PER_SECOND = 1.01
"""Factor by which the rate grows each second after a cut: a share of itself, so that it settles near the API's limit,
however far above that the wanted rate lies."""
CATCH_UP = 1.01
"""Factor on the rate while lateness is made up for."""
JITTER = 0.002
"""Seconds by which a start may be late for its slot because timers are no finer; the next may come so much closer."""
FAST = 400.0
"""Starts a second from which those of a moment are claimed, and begun, together."""
WAKEUP_INTERVAL = 0.004
"""Seconds between two wakeups of a run with a fast sender: its `JITTER`."""
UNEVEN = 0.015
"""Seconds beyond one over which starts are counted at least: the promised rate is that of arrivals at the API, and
posts do not arrive quite as evenly as they were started."""
EASE = 0.99
"""Used share of the starts that a second may hold: with none to spare, the gap of one stall comes back every second,
and lateness is never made up for."""
FORGIVEN = 2.0
"""Seconds of lateness that are made up for."""
LOWEST = 0.02
"""Share of the wanted rate below which it is not cut."""
_LONGEST_CLIMB = 1000.0  # seconds: from the lowest rate to the wanted one, and no overflow
CUT_ONCE_IN = 1.0
"""Seconds in which several refusals count as one: they speak of the same burst."""


class Pace(NamedTuple):
    """State of one sender's pacing. A named tuple: two are made for each start, at a fifth of a dataclass' cost."""

    wanted: float
    """Starts a second that the user asked for."""
    rate: float
    """Starts a second now; at most `wanted`."""
    due: float
    """When the next start would be if none had ever been late."""
    slot: float
    """The earliest time of the next slot; behind `due` while lateness is made up for."""
    changed: float
    """When `rate` was last computed."""
    until: float = float("-inf")
    """The end of the latest pause."""
    cut_at: float = float("-inf")
    generation: int = 0
    """Raised by every pause: slots reserved before it are void."""

    @classmethod
    def begin(cls, wanted: float, now: float) -> Pace:
        return cls(wanted=wanted, rate=wanted, due=now, slot=now, changed=now)


def reserve_slot(pace: Pace, now: float) -> tuple[Pace, float]:
    """Take the next slot and return its time, now at the earliest.

    Lateness (a busy machine, too few workers for a moment) is made up for by gaps that are 1 % shorter, so that the
    mean is kept; lateness beyond `FORGIVEN` is lost, so that a machine that slept does not hurry afterwards.
    """
    pace = recover_rate(pace, now)
    due = max(pace.due, now - FORGIVEN)
    slot = max(due, pace.slot)
    start = max(slot, now)
    gap = 1 / min(pace.rate, sustained_rate(pace.wanted))
    return pace._replace(due=due + gap, slot=start + shortest_gap(pace.rate)), start


def earliest_start(pace: Pace, starts: Sequence[float]) -> float:
    """Return the earliest time of the next start. `starts`: the latest ones, at most `most_in_a_second`, in order.

    Slots are even, but a slow disk or a busy machine makes workers late for theirs. Late starts may come closer
    together, but never so close that a moving second holds more than its limit.
    """
    gap = 1 / pace.rate
    # Timers are no finer than this, so of fast rates a few starts together are held to their gaps.
    jitter = WAKEUP_INTERVAL if pace.wanted >= FAST else JITTER
    few = max(1, round(2 * jitter / gap))
    apart = starts[-few] + max(few * gap - jitter, few * gap / 2) if len(starts) >= few else -math.inf
    most = most_in_a_second(pace.wanted)
    return max(apart, starts[0] + _second(pace.wanted)) if len(starts) >= most else apart


@lru_cache(maxsize=64)
def sustained_rate(wanted: float) -> float:
    """Return the rate that `earliest_start` lets through in the long run: of fast rates up to 2 % less than wanted.

    Slots are no closer, else starts would fall behind them ever more, with their claims held meanwhile.
    """
    return min(wanted, EASE * most_in_a_second(wanted) / _second(wanted))


@lru_cache(maxsize=64)
def _second(wanted: float) -> float:
    """Return the seconds over which `earliest_start` counts starts."""
    return 1 + max(UNEVEN, 0.9 * (most_in_a_second(wanted) / wanted - 1))


@lru_cache(maxsize=64)  # each of these is asked at every start, and a rate stays
def most_in_a_second(rate: float) -> int:
    """Return the starts that any moving second may hold: the rate plus 1 %, or plus one where that is more."""
    return math.floor(max(rate + 1, rate * CATCH_UP))


def shortest_gap(rate: float) -> float:
    """Return the seconds between two slots while lateness is made up for."""
    return 1 / min(rate * CATCH_UP, most_in_a_second(rate)) if rate >= 1 else 1 / (rate * CATCH_UP)


def recover_rate(pace: Pace, now: float) -> Pace:
    """Let the rate grow for the time since it was last computed; of the wanted rate that time says nothing."""
    if pace.rate == pace.wanted:
        return pace
    grown = pace.rate * CLIMB_PER_SECOND ** min(max(0.0, now - pace.changed), _LONGEST_CLIMB)
    return pace._replace(rate=min(pace.wanted, grown), changed=max(now, pace.changed))


def cut_rate(pace: Pace, now: float) -> Pace:
    """Cut the rate, because the API asked to slow down; once for one burst of refusals."""
    pace = recover_rate(pace, now)
    if now - pace.cut_at < CUT_ONCE_IN:
        return pace
    rate = max(pace.rate * CUT_TO, pace.wanted * LOWEST)
    return pace._replace(rate=rate, cut_at=now, changed=max(now, pace.changed))


def pause(pace: Pace, now: float, seconds: float) -> Pace:
    """Allow no start for `seconds`; the rate does not climb meanwhile.

    Every slot reserved so far is void, so the next one is at the end of the pause. A pause never shortens another.
    """
    until = now + seconds
    if until <= pace.until:
        return pace
    return pace._replace(
        until=until,
        due=until,
        slot=until,
        changed=max(pace.changed, until),
        cut_at=max(pace.cut_at, until - CUT_ONCE_IN),
        generation=pace.generation + 1,
    )


FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
"""Seconds; bounds of our own doubling wait."""
FIRST_CONNECTION = 3
"""Tries before the API has answered once in this run: a dead address is reported at once, not after minutes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryRules:
    """The limit of safe retries of one row within a run."""

    tries: int = 8
    """Retries after the first attempt."""
    seconds: float = 900.0
    """Time from the first failure within which a retry may begin."""


def next_wait(rules: RetryRules, *, failures: int, since_first: float, pause: float | None) -> float | None:
    """Return the seconds until the next try of a row that failed `failures` times; None when the limit is used up.

    `pause`: seconds that the API asked to wait; they count when longer than our own doubling wait.
    """
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failures - 1, 16))
    if pause is not None:
        wait = max(wait, pause) if failures > 1 else pause
    if failures > rules.tries or since_first + wait > rules.seconds:
        return None
    return wait


class RetryCounter:
    """Failures of one row so far."""

    def __init__(self, rules: RetryRules) -> None:
        self._rules = rules
        self._failures = 0
        self._first = 0.0

    def next_wait(self, now: float, pause: float | None, *, reached: bool = True) -> float | None:
        """Count a failure at `now` (seconds, monotonic) and return the wait as `next_wait` does.

        `reached`: the API has answered in this run; until then there are FIRST_CONNECTION tries.
        """
        if not self._failures:
            self._first = now
        self._failures += 1
        if not reached and self._failures >= FIRST_CONNECTION:
            return None
        since_first = now - self._first
        return next_wait(self._rules, failures=self._failures, since_first=since_first, pause=pause)

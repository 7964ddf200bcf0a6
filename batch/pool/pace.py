"""The arithmetic of pacing: evenly spaced slots, a pause for everyone, a rate that is cut and climbs back slowly.

Pure: every function takes the time and returns a new `Pace`. Times are seconds of a monotonic clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

__all__ = ["Pace", "climbed", "cut", "paused", "reserved", "shortest_gap", "started"]

CUT_TO = 0.7
"""What a 429 leaves of the rate. Gentle, because the pause that comes with it has already emptied the API's bucket."""
CLIMB_PER_SECOND = 1.01
"""By what the rate grows each second after a cut: by a share of itself, so that it settles near what the API takes,
however far above that the wanted rate lies."""
CATCH_UP = 1.01
"""How much faster than the rate starts may follow each other while lateness is made up for."""
FORGIVEN = 2.0
"""Seconds of lateness that are made up for."""
LOWEST = 0.02
"""The share of the wanted rate below which it is not cut."""
_LONGEST_CLIMB = 1000.0  # seconds: from the lowest rate to the wanted one, and no overflow
CUT_ONCE_IN = 1.0
"""Seconds in which several refusals count as one: they speak of the same burst."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """Where the pacing of one sender stands."""

    wanted: float
    """Starts a second that the user asked for."""
    rate: float
    """Starts a second now; at most `wanted`."""
    due: float
    """When the next start would be if none had ever been late."""
    slot: float
    """The earliest time of the next slot; behind `due` while lateness is made up for."""
    changed: float
    """When `rate` was last reckoned."""
    gate: float = float("-inf")
    """No start before this time: keeps late starts apart."""
    until: float = float("-inf")
    """The end of the latest pause."""
    cut_at: float = float("-inf")
    generation: int = 0
    """Raised by every pause: who reserved a slot before it must reserve again."""

    @classmethod
    def begin(cls, wanted: float, now: float) -> Pace:
        return cls(wanted=wanted, rate=wanted, due=now, slot=now, changed=now)


def reserved(pace: Pace, now: float) -> tuple[Pace, float]:
    """Take the next slot; returns its time, which may lie in the past by a little or in the future.

    Lateness (a busy machine, too few workers for a moment) is made up for by gaps that are 1 % shorter, so that the
    mean is kept; what is older than `FORGIVEN` is lost, so that a machine that slept does not hurry afterwards.
    """
    pace = climbed(pace, now)
    due = max(pace.due, now - FORGIVEN)
    slot = max(due, pace.slot)
    start = max(slot, now)
    return replace(pace, due=due + 1 / pace.rate, slot=start + shortest_gap(pace.rate)), slot


def started(pace: Pace, now: float) -> Pace:
    """Note a start that is made now: the next one waits for the gate.

    Slots are even, but a worker may be late for its own, its claim delayed by a slow disk, or the machine by its other
    work. The gate keeps such starts nearly a whole gap apart.
    """
    return replace(pace, gate=now + shortest_gap(pace.rate))


def shortest_gap(rate: float) -> float:
    """Seconds between two starts at the least, so that no moving second holds more than it may.

    That is the rate plus 1 %, or plus one where that is more; as starts are whole, the whole number below it.
    """
    most = math.floor(max(rate + 1, rate * CATCH_UP))
    return 1 / max(1.0, min(rate * CATCH_UP, most)) if rate >= 1 else 1 / (rate * CATCH_UP)


def climbed(pace: Pace, now: float) -> Pace:
    """The rate after the time that has passed since it was last reckoned."""
    grown = pace.rate * CLIMB_PER_SECOND ** min(max(0.0, now - pace.changed), _LONGEST_CLIMB)
    return replace(pace, rate=min(pace.wanted, grown), changed=max(now, pace.changed))


def cut(pace: Pace, now: float) -> Pace:
    """The pace after the API asked to slow down."""
    pace = climbed(pace, now)
    if now - pace.cut_at < CUT_ONCE_IN:
        return pace
    return replace(pace, rate=max(pace.rate * CUT_TO, pace.wanted * LOWEST), cut_at=now)


def paused(pace: Pace, now: float, seconds: float) -> Pace:
    """No start before `seconds` from now, for everyone; the rate does not climb meanwhile.

    Every slot reserved so far is void, so the next one is at the end of the pause. A pause never shortens another.
    """
    until = now + seconds
    if until <= pace.until:
        return pace
    return replace(
        pace,
        until=until,
        due=until,
        slot=until,
        changed=max(pace.changed, until),
        cut_at=max(pace.cut_at, until - CUT_ONCE_IN),
        generation=pace.generation + 1,
    )

"""How often, and after what wait, a row is tried again when certainly nothing was sent."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
FIRST_CONNECTION = 3
"""Tries while nobody has answered in this run: a wrong or dead address is told at once, not after minutes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RepeatRules:
    """The limit of safe repeats of one row within a run."""

    tries: int = 8
    """Repeats after the first attempt."""
    seconds: float = 900.0
    """Time from the first failure within which a repeat may begin."""


def next_wait(rules: RepeatRules, *, failures: int, since_first: float, told: float | None) -> float | None:
    """Seconds until the next try of a row that failed `failures` times, or None when the limit is used up.

    `told`: what the API asked to wait; it counts when it is longer than our own doubling wait.
    """
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failures - 1, 16))
    if told is not None:
        wait = max(wait, told) if failures > 1 else told
    if failures > rules.tries or since_first + wait > rules.seconds:
        return None
    return wait


class Repeats:
    """Counts the failures of one row."""

    def __init__(self, rules: RepeatRules) -> None:
        self._rules = rules
        self._failures = 0
        self._first = 0.0

    def next_wait(self, now: float, told: float | None, *, reached: bool = True) -> float | None:
        """Note a failure at `now` (seconds, monotonic); returns what `next_wait` says of it.

        `reached`: somebody has answered in this run; until then there are only a few tries.
        """
        if not self._failures:
            self._first = now
        self._failures += 1
        if not reached and self._failures >= FIRST_CONNECTION:
            return None
        return next_wait(self._rules, failures=self._failures, since_first=now - self._first, told=told)

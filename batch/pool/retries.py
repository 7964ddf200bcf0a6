"""Retry policy of a row whose attempt certainly sent nothing: how often, and after what wait."""

from dataclasses import dataclass

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

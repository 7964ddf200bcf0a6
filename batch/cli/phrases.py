"""Phrases that several commands print: counts, rates, times."""

from __future__ import annotations

from collections.abc import Mapping

from batch.model.outcome import Outcome
from batch.model.reason import Reason
from batch.model.run import ranked

__all__ = ["counts", "messages", "rate", "rows", "time"]

_UP_TO = 100
"""So many of a unit, and the time is told in the next larger one."""


def counts(numbers: Mapping[Outcome, int], reasons: Mapping[tuple[Outcome, str], int]) -> str:
    """A line for each outcome that occurs, its reasons below it, and the sum."""
    lines = []
    for outcome in Outcome:
        if not numbers[outcome]:
            continue
        of_it = [(reason, rows) for kind, reason, rows in ranked(reasons) if kind is outcome]
        lines.append(f"  {outcome.value:<8}{numbers[outcome]:>8,}")
        if not outcome.messaged and of_it != [(Reason.WAITING.value, numbers[outcome])]:
            lines += [f"    {number:>12,}  {reason}" for reason, number in of_it]
    return "\n".join([*lines, f"  {'rows':<8}{sum(numbers.values()):>8,}"])


def rows(count: int) -> str:
    """`1 row`, `1,200 rows`."""
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def messages(count: int) -> str:
    """`1 message`, `1,200 messages`."""
    return f"{count:,} message" if count == 1 else f"{count:,} messages"


def rate(starts: float) -> str:
    """Starts a second in the unit that makes them one or more: `10 a second`, `1 an hour`."""
    for per, seconds in (("a second", 1), ("a minute", 60), ("an hour", 3600)):
        if starts * seconds >= 1:
            return f"{starts * seconds:,.4g} {per}"
    return f"{starts * 86400:,.4g} a day"


def time(seconds: float) -> str:
    """Whole seconds, minutes, hours or days: `45 s`, `90 min`, `19 h`, `5 days`."""
    for unit, size in (("s", 1), ("min", 60), ("h", 3600)):
        if seconds < _UP_TO * size:
            return f"{max(1, round(seconds / size)):,} {unit}"
    return f"{round(seconds / 86400):,} days"

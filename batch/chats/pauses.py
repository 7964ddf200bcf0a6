"""What the API says about when to come back: `Retry-After`, `RateLimit-*`, and the difference of the clocks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final

__all__ = ["DEFAULT_PAUSE", "MAX_PAUSE", "clock_skew", "http_date", "rate_limit_reset", "retry_after"]

DEFAULT_PAUSE: Final = 1.0
"""Seconds after a 429 that names no time; short, because the rate is cut besides."""
MAX_PAUSE: Final = 86_400.0
"""Seconds; what asks for more than a day is taken as a day."""

_EPOCH: Final = 1_000_000_000
"""A reset from here on is a point in time (seconds since 1970), below it a number of seconds."""
_NUMBER = re.compile(r"\d{1,15}(\.\d{1,9})?", re.ASCII)
_RESET = re.compile(r"(?:^|[;,\s])(?:reset|t)\s*=\s*(\d{1,15})", re.ASCII | re.IGNORECASE)


@lru_cache(maxsize=64)  # all answers of a second have the same `Date`, and each is asked for it more than once
def http_date(text: str | None) -> datetime | None:
    """The instant (UTC) of a header's date; None when there is none or it is no date."""
    try:
        parsed = parsedate_to_datetime(text) if text else None
    except (ValueError, OverflowError):
        return None
    if parsed is None:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)


def clock_skew(headers: Mapping[str, str], *, received: datetime) -> float | None:
    """Seconds the API's `Date` is ahead of our clock (`received`: when the answer came); None without a `Date`."""
    date = http_date(headers.get("date"))
    return None if date is None else (date - received).total_seconds()


def retry_after(headers: Mapping[str, str], *, received: datetime) -> float | None:
    """Seconds to wait by `Retry-After` (seconds or a date), from 0 to MAX_PAUSE; None when absent or unreadable.

    A date is compared with the answer's own `Date`, so that a difference of the clocks does not count.
    """
    text = headers.get("retry-after", "").strip()
    if _NUMBER.fullmatch(text):
        return _clamped(float(text))
    date = http_date(text)
    return None if date is None else _clamped(_until(date, headers, received))


def rate_limit_reset(headers: Mapping[str, str], *, received: datetime) -> float | None:
    """Seconds to wait by `RateLimit-Reset`, `X-RateLimit-Reset` or `RateLimit`; None when they say nothing."""
    for name in ("ratelimit-reset", "x-ratelimit-reset"):
        text = headers.get(name, "").strip()
        if _NUMBER.fullmatch(text):
            return _seconds(float(text), headers, received)
    found = _RESET.search(headers.get("ratelimit", ""))
    return _seconds(float(found[1]), headers, received) if found else None


def _seconds(value: float, headers: Mapping[str, str], received: datetime) -> float:
    if value < _EPOCH:
        return _clamped(value)
    seconds = value / 1000 if value >= _EPOCH * 1000 else value
    server_now = http_date(headers.get("date")) or received
    return _clamped(seconds - server_now.timestamp())


def _until(date: datetime, headers: Mapping[str, str], received: datetime) -> float:
    return (date - (http_date(headers.get("date")) or received)).total_seconds()


def _clamped(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_PAUSE)

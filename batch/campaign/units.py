"""Parsers for rates, durations and shares as people write them."""

from __future__ import annotations

import re

from batch.i18n import _

FASTEST = 10_000.0
"""Starts per second; WhatsApp grants a number 1,000 at most."""

_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_RATE = re.compile(r"([0-9]+(?:[.,][0-9]+)?) ?/ ?(s|min|h)")
_DURATION = re.compile(r"([0-9]+(?:[.,][0-9]+)?) ?(s|m|min|h|d|w)")
_SHARE = re.compile(r"([0-9]+(?:[.,][0-9]+)?) ?%")


def parse_rate(text: str) -> float:
    """Return starts per second: 10.0 for "10/s", "600/min", "36000/h". Raises ValueError with what is allowed."""
    match = _RATE.fullmatch(text.strip())
    rate = _number(match[1]) / _SECONDS[match[2]] if match else 0.0
    if not 0 < rate <= FASTEST:
        raise ValueError(_('allowed is a rate above 0 like "10/s", "600/min" or "5000/h", of at most 10,000 a second'))
    return rate


def parse_duration(text: str) -> float:
    """Return seconds: 900.0 for "15m". Raises ValueError with what is allowed."""
    match = _DURATION.fullmatch(text.strip())
    seconds = _number(match[1]) * _SECONDS[match[2]] if match else 0.0
    if seconds <= 0:
        raise ValueError(_('allowed is a time above 0 like "90s", "15m", "2h" or "7d"'))
    return seconds


def parse_share(text: str) -> float:
    """Return a share of one: 0.2 for "20%". Raises ValueError with what is allowed."""
    match = _SHARE.fullmatch(text.strip())
    share = _number(match[1]) / 100 if match else 0.0
    if not 0 < share <= 1:
        raise ValueError(_('allowed is a share above 0 like "20%", of at most "100%"'))
    return share


def _number(text: str) -> float:
    return float(text.replace(",", "."))

"""Parsers for rates, durations, shares and names with a date in them, as people write them."""

import re
import unicodedata
from datetime import datetime
from zoneinfo import ZoneInfo

from batch.i18n import _

FASTEST = 10_000.0
"""Starts per second; WhatsApp grants a number 1,000 at most."""

_LONGEST_DURATION = 99_999 * 86_400.0
"""Seconds. Longer ones are no difference of two dates."""
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
    if not 0 < seconds <= _LONGEST_DURATION:
        raise ValueError(_('allowed is a time above 0 like "90s", "15m", "2h" or "7d", of at most "99999d"'))
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


_LONGEST_NAME = 100
_LONGEST_SLUG = 60
_FORMATS = {"yyyy-mm": "%Y-%m", "yyyy-mm-dd": "%Y-%m-%d"}
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_BETWEEN_WORDS = re.compile(r"[^a-z0-9]+")


def name_problem(name: str) -> str | None:
    """Return the problem of a campaign's name as it stands in the file, or None."""
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        return _("allowed is one line of 1 to {longest} characters").format(longest=_LONGEST_NAME)
    if "{" in _without_known(name) or "}" in _without_known(name):
        return _("allowed in braces are {yyyy-mm} and {yyyy-mm-dd}")
    return None


def _without_known(name: str) -> str:
    return _PLACEHOLDER.sub(lambda match: "" if match[1] in _FORMATS else match[0], name)


def fill_date(name: str, *, now: datetime, timezone: str) -> str:
    """Replace the placeholders of a checked name by the date of `now` (aware) in `timezone`."""
    local = now.astimezone(ZoneInfo(timezone))
    return _PLACEHOLDER.sub(lambda match: local.strftime(_FORMATS[match[1]]), name.strip())


def slug(name: str) -> str:
    """Return a name for folders: lower-case ASCII letters, digits and dashes, never empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _BETWEEN_WORDS.sub("-", plain).strip("-")[:_LONGEST_SLUG].rstrip("-") or "campaign"

"""Names of campaigns: placeholders for the date, and their form in the names of folders."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from zoneinfo import ZoneInfo

from batch.i18n import _

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

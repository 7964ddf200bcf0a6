"""A campaign's name: the scope in which a person is messaged once."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from zoneinfo import ZoneInfo

from batch.i18n import _

__all__ = ["filled", "name_problem", "slug"]

_LONGEST_NAME = 100
_LONGEST_SLUG = 60
_FORMATS = {"yyyy-mm": "%Y-%m", "yyyy-mm-dd": "%Y-%m-%d"}
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_BETWEEN_WORDS = re.compile(r"[^a-z0-9]+")


def name_problem(name: str) -> str | None:
    """What is wrong with a name as it stands in the file."""
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        return _("allowed is one line of 1 to {longest} characters").format(longest=_LONGEST_NAME)
    if "{" in _known_left_out(name) or "}" in _known_left_out(name):
        return _("allowed in braces are {yyyy-mm} and {yyyy-mm-dd}")
    return None


def _known_left_out(name: str) -> str:
    return _PLACEHOLDER.sub(lambda match: "" if match[1] in _FORMATS else match[0], name)


def filled(name: str, *, now: datetime, timezone: str) -> str:
    """A checked name with the date of `now` (aware) in `timezone` filled in."""
    local = now.astimezone(ZoneInfo(timezone))
    return _PLACEHOLDER.sub(lambda match: local.strftime(_FORMATS[match[1]]), name.strip())


def slug(name: str) -> str:
    """The name for folders: lower-case ASCII letters, digits and dashes, never empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _BETWEEN_WORDS.sub("-", plain).strip("-")[:_LONGEST_SLUG].rstrip("-") or "campaign"

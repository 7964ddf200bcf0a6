"""Text, JSON and dates as a page in a browser can hold them. Pure.

Jinja2 escapes what goes into markup. What it cannot do is done here: signs that turn the direction of all text after
them are written out, texts of any length are cut, and JSON is made so that no value ends the script element it is in.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from batch.i18n import chosen
from batch.reporter.printable_text import printable

__all__ = ["LONGEST_CELL", "harmless", "lang", "moment", "script_json", "share"]

LONGEST_CELL = 2_000
"""Characters of a cell that the page shows; results.csv has all of them."""

_TURNING = {ord(sign): f"[U+{ord(sign):04X}]" for sign in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}
_IN_SCRIPT = re.compile("[<>&\u2028\u2029]")


def harmless(text: str, longest: int = LONGEST_CELL) -> str:
    """The text as the page shows it: valid, no longer than `longest` and an ellipsis, its direction its own."""
    if len(text) <= longest and text.isprintable():
        return text
    cut = text if len(text) <= longest else text[:longest] + "\N{HORIZONTAL ELLIPSIS}"
    return printable(cut).translate(_TURNING)


def script_json(value: object) -> str:
    """A value as JSON that can stand, as it is, inside a `<script type="application/json">`, whatever texts it has."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _IN_SCRIPT.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def lang() -> str:
    """The language that is spoken now, as HTML and JavaScript name it."""
    return chosen().replace("_", "-")


def moment(at: datetime, zone: ZoneInfo | None, form: str = "medium") -> str:
    """A moment (aware) on the clock of a zone (None: its own), as people of the language write it.

    `form` is the length as Babel names it.
    """
    there = at.astimezone(zone) if zone else at
    return format_datetime(there.replace(tzinfo=None), form, locale=chosen())


def share(part: int, whole: int) -> float:
    """`part` in hundredths of `whole`; 0 for no whole."""
    return 100 * part / whole if whole else 0.0

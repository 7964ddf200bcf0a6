"""Counts, rates, durations, days and moments as text for people, and records as JSON. Pure.

Screens, reports and pages write them by these functions only. Numbers themselves are `i18n.number` and `i18n.decimal`.
The day comes before the month in both languages: the users are in Brazil. Only report.html and index.html, where a
browser may show any language, write dates by Babel (`reporter.html.text`).
"""

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from zoneinfo import ZoneInfo

from batch.control_characters import escape_controls
from batch.i18n import N_, _, decimal, ngettext, number

_RATES = ((N_("{n} a second"), 1), (N_("{n} a minute"), 60), (N_("{n} an hour"), 3600), (N_("{n} a day"), 86400))
_SMALL_UNITS = (("s", 1), ("min", 60), ("h", 3600))
_LIMIT = 100
"""From this many of a unit on, a duration is written in the next larger one."""


def format_rows(count: int) -> str:
    """`1 row`, `1,200 rows`."""
    return ngettext("{n} row", "{n} rows", count).format(n=number(count))


def format_messages(count: int) -> str:
    """`1 message`, `1,200 messages`."""
    return ngettext("{n} message", "{n} messages", count).format(n=number(count))


def format_significant(value: float) -> str:
    """A number by its first four digits: `7.5`, `0.3333`, `1,234`."""
    return number(value, ",.4g")


def format_exactly(value: float) -> str:
    """A whole number as it is, any other with two decimals: `10`, `7.90`."""
    return number(value, ",.0f") if value == round(value) else decimal(value, 2)


def format_rate(starts: float, write: Callable[[float], str] = format_significant) -> str:
    """Starts per second in the unit that makes them one or more: `10 a second`, `1 an hour`."""
    text, seconds = next((each for each in _RATES if starts * each[1] >= 1), _RATES[-1])
    return _(text).format(n=write(starts * seconds))


def format_short_rate(starts: float) -> str:
    """Starts per second for the narrow line of the progress bar: `10.0/s`, `30.0/min`."""
    unit, seconds = next((each for each in _SMALL_UNITS if starts * each[1] >= 1), _SMALL_UNITS[-1])
    return f"{decimal(starts * seconds)}/{unit}"


def format_duration(seconds: float) -> str:
    """A duration in one unit, at least 1 s: `45 s`, `90 min`, `19 h`, `5 days`."""
    for unit, size in _SMALL_UNITS:
        if seconds < _LIMIT * size:
            return f"{number(max(1, round(seconds / size)))} {unit}"
    days = round(seconds / 86400)
    return ngettext("{n} day", "{n} days", days).format(n=number(days))


def format_exact_duration(start: datetime, end: datetime) -> str:
    """The time between two moments to the second: `1 h 20 min 5 s`."""
    minutes, seconds = divmod(max(0, round((end - start).total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or _("less than a second")


def format_day(day: date) -> str:
    """`03/11/2026`."""
    return f"{day:%d/%m/%Y}"


def format_moment(at: datetime, timezone: str | None = None, *, seconds: bool = False) -> str:
    """`03/11/2026 14:05`, or with seconds `03/11/2026 14:05:09`.

    On the clock of a time zone, where a naive `at` is UTC; without a zone, as `at` has it.
    """
    there = at.replace(tzinfo=at.tzinfo or UTC).astimezone(ZoneInfo(timezone)) if timezone else at
    return f"{there:%d/%m/%Y %H:%M:%S}" if seconds else f"{there:%d/%m/%Y %H:%M}"


def from_here(path: Path) -> Path:
    """Return a path as the current folder shows it, when it is in it; else as it is."""
    try:
        return path.relative_to(Path.cwd())
    except (ValueError, OSError):  # elsewhere, or the current folder is gone
        return path


def quote_path(path: Path | str) -> str:
    """Quote a path, or a URL with one, for this system's command line."""
    return subprocess.list2cmdline([str(path)]) if os.name == "nt" else shlex.quote(str(path))


OMIT_NONE = {"omit_none": True}
"""Metadata of a record's field that is left out when it is None, instead of being null."""


def to_json(value: object, *, indent: int | None = 2) -> str:
    """Write a value as JSON in UTF-8; `indent` None puts it on one line. Control characters are escaped.

    A record becomes an object with the names of its fields, in their order. A moment is ISO 8601 in whole seconds with
    its offset, an enum its value, a path or a decimal number a text, None null. Anything else raises TypeError.
    """
    return escape_controls(json.dumps(value, ensure_ascii=False, indent=indent, default=_encode))


def _encode(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((field, getattr(value, field.name)) for field in fields(value))
        return {field.name: each for field, each in pairs if each is not None or not field.metadata.get("omit_none")}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Path | Decimal):
        return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")

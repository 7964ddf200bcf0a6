"""The filter `date:FORMAT`: dates of cells in another form.

The day stands first (03/04/2026 is 3 April), unless the campaign says `[sheet] dates = "mdy"`. A column in which one
date can only be month first (12/31/2026) is judged as a whole: its dates that could be both are errors.
"""

import re
from collections.abc import Callable
from datetime import datetime
from types import MappingProxyType

from batch.i18n import N_, _
from batch.model.phrases import Phrase
from batch.model.reasons import Finding, Reason

_TIME = r"(?P<H>[0-9]{1,2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,][0-9]+)?)?(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?"
_READ = (
    re.compile(rf"(?P<d>[0-9]{{1,2}})([/.-])(?P<m>[0-9]{{1,2}})\2(?P<y>[0-9]{{4}})(?:[ T]+{_TIME})?"),
    re.compile(rf"(?P<y>[0-9]{{4}})([/.-])(?P<m>[0-9]{{1,2}})\2(?P<d>[0-9]{{1,2}})(?:[ T]+{_TIME})?"),
    re.compile(_TIME),
)
"""dd/mm/yyyy, yyyy-mm-dd, both with or without a time, and a time alone. Years have four digits: 24 may be any."""

MONTH_FIRST = re.compile(r"(?:0?[1-9]|1[0-2])([/.-])(?:1[3-9]|2[0-9]|3[01])\1[0-9]{4}(?![0-9])")
"""Beginning of a date that can only be month first."""
_BOTH = re.compile(r"\s*([0-9]{1,2})([/.-])([0-9]{1,2})\2([0-9]{4})((?:[ T].*)?)\s*")
_DOUBT = N_('{value} (day first or month first? Write dates = "mdy" or "dmy" under [sheet] in the campaign file)')
_DOUBT_IN_WORKBOOK = N_("{value} (day first or month first? Make the column one of dates in Excel)")
_MONTHS = _NOON = 12
_SHORT_YEAR = re.compile(rf"[0-9]{{1,2}}([/.-])[0-9]{{1,2}}\1[0-9]{{2}}(?:[ T]+{_TIME})?")

_SHORT_YEAR_FOUND = N_("{value} (write the year with four digits)")

_TOKEN = re.compile(r"yyyy|aaaa|dd|mm|yy|HH|MM|SS")
_WRITTEN = MappingProxyType(
    {"yyyy": "%Y", "aaaa": "%Y", "dd": "%d", "mm": "%m", "yy": "%y", "HH": "%H", "MM": "%M", "SS": "%S"}
)
_TIME_TOKENS = frozenset({"HH", "MM", "SS"})
_RUN = re.compile(r"([dDmMyYaAhHsS])\1+")
"""Letters that stand for a part of a date, or are mistaken for one (`DD`, `yyy`)."""
_ANY_YEAR, _ANY_MONTH, _ANY_DAY = 2000, 1, 1


def date_filter(form: str) -> Callable[[str], str | Reason | Finding]:
    """Return a filter that writes dates as `form` says. Raises ValueError for a form without a known part.

    A cell without a time or date that the form asks for is refused as no date.
    """
    tokens = frozenset(_TOKEN.findall(form))
    if not tokens or any(run[0] not in _WRITTEN for run in _RUN.finditer(form)):
        raise ValueError(
            _(
                "'date:{form}' is no form of a date; allowed are dd, mm, yyyy, yy, HH, MM, SS, like 'date:dd/mm/yyyy'"
            ).format(form=form)
        )
    needs_time, needs_date = bool(tokens & _TIME_TOKENS), bool(tokens - _TIME_TOKENS)

    def write(value: str) -> str | Reason | Finding:
        if _SHORT_YEAR.fullmatch(value.strip()):
            return Finding(Reason.VALUE_NOT_A_DATE, {"found": Phrase(_SHORT_YEAR_FOUND, {"value": value})})
        read = _read(value.strip())
        if read is None or (needs_time and not read[2]) or (needs_date and not read[1]):
            return Reason.VALUE_NOT_A_DATE
        return _TOKEN.sub(lambda match: _piece(read[0], match[0]), form)

    return write


def month_first_filter(value: str) -> str:
    """Return a date that is written month first as yyyy-mm-dd; any other text as it is."""
    match = _BOTH.fullmatch(value)
    return f"{match[4]}-{match[1]:>02}-{match[3]:>02}{match[5]}" if match else value


def doubtful_filter(*, in_workbook: bool) -> Callable[[str], str | Finding]:
    """Return a filter that refuses dates of which day and month cannot be known."""

    def refuse(value: str) -> str | Finding:
        match = _BOTH.fullmatch(value)
        if match is None or match[1].zfill(2) == match[3].zfill(2) or int(match[1]) > _MONTHS:
            return value
        doubt = _DOUBT_IN_WORKBOOK if in_workbook else _DOUBT
        return Finding(Reason.VALUE_NOT_A_DATE, {"found": Phrase(doubt, {"value": value})})

    return refuse


def _piece(moment: datetime, token: str) -> str:
    return f"{moment.year:04}" if _WRITTEN[token] == "%Y" else moment.strftime(_WRITTEN[token])


def _read(value: str) -> tuple[datetime, bool, bool] | None:
    """Return the moment, True if it has a date, True if it has a time; None for a text that is no date."""
    match = next((match for form in _READ if (match := form.fullmatch(value))), None)
    if match is None:
        return None
    named = match.groupdict()
    half = (named.pop("half") or "").lower()
    parts = {name: int(digits) for name, digits in named.items() if digits}
    if half:
        if not 1 <= parts["H"] <= _NOON:
            return None
        parts["H"] = parts["H"] % _NOON + (_NOON if half == "p" else 0)
    try:
        moment = datetime(  # noqa: DTZ001 - a cell has no time zone, and the text made of it has none
            parts.get("y", _ANY_YEAR),
            parts.get("m", _ANY_MONTH),
            parts.get("d", _ANY_DAY),
            parts.get("H", 0),
            parts.get("M", 0),
            parts.get("S", 0),
        )
    except ValueError:
        return None
    return moment, "y" in parts, "H" in parts

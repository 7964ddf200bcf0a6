"""The filter `date:FORMAT`: dates of cells in another form."""

import re
from collections.abc import Callable
from datetime import datetime
from types import MappingProxyType

from batch.i18n import N_, _
from batch.model.phrases import Phrase
from batch.model.reasons import Finding, Reason

_TIME = r"(?P<H>[0-9]{1,2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,][0-9]+)?)?"
_READ = (
    re.compile(rf"(?P<d>[0-9]{{1,2}})([/.-])(?P<m>[0-9]{{1,2}})\2(?P<y>[0-9]{{4}})(?:[ T]+{_TIME})?"),
    re.compile(rf"(?P<y>[0-9]{{4}})([/.-])(?P<m>[0-9]{{1,2}})\2(?P<d>[0-9]{{1,2}})(?:[ T]+{_TIME})?"),
    re.compile(_TIME),
)
"""dd/mm/yyyy, yyyy-mm-dd, both with or without a time, and a time alone. Years have four digits: 24 may be any."""

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


def _piece(moment: datetime, token: str) -> str:
    return f"{moment.year:04}" if _WRITTEN[token] == "%Y" else moment.strftime(_WRITTEN[token])


def _read(value: str) -> tuple[datetime, bool, bool] | None:
    """Return the moment, True if it has a date, True if it has a time; None for a text that is no date."""
    match = next((match for form in _READ if (match := form.fullmatch(value))), None)
    if match is None:
        return None
    parts = {name: int(digits) for name, digits in match.groupdict().items() if digits}
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

"""Cells as text, as a person reads them: the only place that makes text of values. Pure.

Text stays as it is, ends trimmed. A whole number is its digits, another number its shortest decimal form with a comma,
of the 15 digits that a spreadsheet keeps. A date is dd/mm/yyyy, with a time ` HH:MM` (seconds when not 0), a time
HH:MM. A boolean is SIM or NÃO. This is the cell's value; what its number format shows is of `number_format`.
"""

import math
import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import NoReturn

from batch.i18n import N_
from batch.model.phrases import Phrase, in_english

NO_STORED_VALUE = Phrase(N_("formula without a stored value; open the file in Excel and save it"))
UNSHOWABLE_DATE = Phrase(N_("error cell #####: a date outside the years 1900 to 9999"))
NOT_A_NUMBER = Phrase(N_("error cell: the stored number cannot be read"))

_DAY_SECONDS = 86_400
_DIGITS = 15
"""What a spreadsheet keeps of a number; further ones are noise of binary fractions."""
_TOO_LONG = 10**_DIGITS
_LONGEST_SHOWN = 50
_LOST_DIGITS = N_(
    "the number {digits} has lost digits: a spreadsheet keeps the first 15; take it from its source again, into a "
    "column formatted as text"
)
_LAST_SERIAL = 2_958_466
"""The first serial after 31/12/9999."""
_OFFSET_1904 = 1462
_LONGEST_FORMAT = 255
_PLAIN_INTEGER = re.compile(r"-?[1-9][0-9]*|0")
_PLAIN_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,8})\.[0-9]{0,3}[1-9]")
"""Few enough digits to be the shortest form already."""
_ISO_DURATION = re.compile(
    r"(-)?P(?:([0-9]{1,9})D)?(?:T(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9}(?:[.,][0-9]+)?)S)?)?"
)
_BRAZILIAN = {
    5: '"R$" #,##0_);("R$" #,##0)',
    7: '"R$" #,##0.00_);("R$" #,##0.00)',
    37: "#,##0_);(#,##0)",
    39: "#,##0.00_);(#,##0.00)",
    41: '_(* #,##0_);_(* (#,##0);_(* "-"_);_(@_)',
    42: '_("R$"* #,##0_);_("R$"* (#,##0);_("R$"* "-"_);_(@_)',
    43: '_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)',
    44: '_("R$"* #,##0.00_);_("R$"* (#,##0.00);_("R$"* "-"??_);_(@_)',
}
_BUILT_IN = {
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    17: "mmm/yy",
    48: "##0.0E+0",
    **{each + more: code for each, code in _BRAZILIAN.items() for more in (0, 1) if each + more < 41},  # noqa: PLR2004
    **_BRAZILIAN,
}
"""Codes by the ids that a workbook need not list; of those that differ from country to country, Brazil's."""
_BUILT_IN_DATES = frozenset((*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)))
_BUILT_IN_ELAPSED = frozenset((46,))
_NOT_CODES = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!(?:h+|m+|s+)\])[^\[\]]*\]', re.IGNORECASE | re.DOTALL)


class NumberKind(Enum):
    """Kind of value that a number format makes of a stored number."""

    NUMBER = "number"
    DATE = "date"
    ELAPSED = "elapsed"
    """A duration, whose hours may go past 24."""


ERROR_CODES = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}
"""Errors by their codes in binary workbooks."""


class UnreadableCell(ValueError):
    """A stored value that cannot be shown."""

    def __init__(self, error: Phrase, text: str | None = None) -> None:
        super().__init__(in_english(error))
        self.error = error
        """Fault of the cell."""
        self.text = text
        """Text that is left of it, by which its row may be known; None for none."""


def error_cell(code: str) -> Phrase:
    """Return the fault of a cell that holds an error such as `#N/A`. `code`: empty for an unknown one."""
    return Phrase(N_("error cell {code}"), {"code": code}) if code else Phrase(N_("error cell (unknown)"))


def plain_text(text: str) -> str | None:
    """Trim a text (every kind of space, tabs, line breaks); None when nothing is left."""
    return text.strip() or None


def truth_text(value: bool) -> str:  # noqa: FBT001 (the value itself is a boolean, not a switch)
    """Return SIM or NÃO."""
    return "SIM" if value else "NÃO"


def number_text(stored: str) -> str | None:
    """Return a number as a person reads it; None for blanks.

    `stored`: any spelling that XML allows (`11999990001`, `1.19E10`).

    Raises:
        UnreadableCell: it is not a finite number, or a whole one of more digits than a spreadsheet keeps.
    """
    if stored.isdecimal() and stored.isascii() and stored[0] != "0":
        return stored if len(stored) <= _DIGITS else _refuse_lost_digits(stored)
    if _PLAIN_DECIMAL.fullmatch(stored):
        return stored.replace(".", ",")
    if _PLAIN_INTEGER.fullmatch(stored):
        return stored if len(stored.lstrip("-")) <= _DIGITS else _refuse_lost_digits(stored)
    value = _finite(stored)
    if value is None:
        return None
    text = _float_text(value)
    return text if abs(value) < _TOO_LONG or "," in text else _refuse_lost_digits(text)


def _refuse_lost_digits(text: str) -> NoReturn:
    raise UnreadableCell(Phrase(_LOST_DIGITS, {"digits": text[:_LONGEST_SHOWN]}), text)


def _finite(stored: str) -> float | None:
    if not stored or stored.isspace():
        return None
    try:
        value = float(stored)
    except ValueError:
        raise UnreadableCell(NOT_A_NUMBER) from None
    if not math.isfinite(value):
        raise UnreadableCell(NOT_A_NUMBER)
    return value


def _float_text(value: float) -> str:
    if value.is_integer():
        return str(int(value))
    shortest = repr(value)
    if len(shortest) > _DIGITS + 1 or "e" in shortest:
        shortest = format(Decimal(format(value, ".15g")), "f")
    return shortest.rstrip("0").rstrip(".").replace(".", ",") if "." in shortest else shortest


def serial_text(stored: str, *, epoch_1904: bool, elapsed: bool) -> str | None:
    """Return the text of a stored date: days since the workbook's epoch, a part of a day being the time.

    `elapsed`: the format counts hours past 24 (`[h]:mm`), so the value is a duration.

    Raises:
        UnreadableCell: no number, or not a date that Excel can show.
    """
    value = _finite(stored)
    if value is None:
        return None
    if elapsed:
        return _duration_text(round(value * _DAY_SECONDS))
    if value < 0 or value >= _LAST_SERIAL:
        raise UnreadableCell(UNSHOWABLE_DATE)
    days, seconds = divmod(round(value * _DAY_SECONDS), _DAY_SECONDS)
    if value < 1:
        return _clock_text(seconds)
    if epoch_1904:
        days += _OFFSET_1904
    day = _day_text(days)
    return f"{day} {_clock_text(seconds)}" if seconds else day


@lru_cache(maxsize=4096)
def _day_text(serial: int) -> str:
    if serial == 60:  # noqa: PLR2004 (the 29th of February 1900, which Excel has and the calendar has not)
        return "29/02/1900"
    first = date(1899, 12, 31) if serial < 60 else date(1899, 12, 30)  # noqa: PLR2004 (same day)
    return _date_text(first + timedelta(days=serial))


def _date_text(day: date) -> str:
    return f"{day.day:02d}/{day.month:02d}/{day.year:04d}"


def _clock_text(seconds: int) -> str:
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
    return f"{text}:{seconds % 60:02d}" if seconds % 60 else text


def _duration_text(seconds: int) -> str:
    return f"-{_clock_text(-seconds)}" if seconds < 0 else _clock_text(seconds)


def _time_text(moment: time | datetime) -> str:
    return _clock_text((moment.hour * 60 + moment.minute) * 60 + moment.second)


def _moment_text(moment: datetime) -> str:
    day = _date_text(moment)
    return day if moment.time() == time() else f"{day} {_time_text(moment)}"


def iso_text(stored: str) -> str | None:
    """Return the text of a date, time or both in ISO 8601 (`2021-01-01T10:10:10`), as XLSX and ODS have it.

    Raises:
        UnreadableCell: it is none of them.
    """
    text = stored.strip()
    if not text:
        return None
    try:
        if "T" in text or " " in text:
            return _moment_text(_rounded(datetime.fromisoformat(text)))
        if ":" in text:
            return _time_text(time.fromisoformat(text))
        return _date_text(date.fromisoformat(text))
    except ValueError:
        raise UnreadableCell(Phrase(N_("error cell: the stored date cannot be read"))) from None


def duration_text(stored: str) -> str | None:
    """Return the text of a duration as ODS has it (`PT12H30M00S`): 12:30; 36:00 for 1.5 days.

    Raises:
        UnreadableCell: it is none.
    """
    match = _ISO_DURATION.fullmatch(stored.strip())
    if match is None:
        raise UnreadableCell(Phrase(N_("error cell: the stored time cannot be read")))
    days, hours, minutes, seconds = (float((part or "0").replace(",", ".")) for part in match.groups()[1:])
    total = round(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
    return _duration_text(-total if match[1] else total)


def _rounded(moment: datetime) -> datetime:
    """Round to the second: times are kept as fractions of a day, so 10:10:10 may be stored as 10:10:09.9999."""
    whole = moment.replace(microsecond=0)
    return whole + timedelta(seconds=1) if moment.microsecond >= 500_000 else whole  # noqa: PLR2004 (half a second)


def format_code(format_id: int, formats: Mapping[int, str]) -> str:
    """Return the code of a number format; empty for General and those whose code is not needed."""
    return formats.get(format_id) or _BUILT_IN.get(format_id, "")


def number_kind(format_id: int, formats: Mapping[int, str]) -> NumberKind:
    """Return the kind of a number format. `formats`: codes of the workbook's own formats, by id."""
    if format_id in formats:
        return format_kind(formats[format_id])
    if format_id in _BUILT_IN_ELAPSED:
        return NumberKind.ELAPSED
    return NumberKind.DATE if format_id in _BUILT_IN_DATES else NumberKind.NUMBER


def format_kind(code: str) -> NumberKind:
    """Return the kind of a format code, such as `dd/mm/yyyy`."""
    bare = _NOT_CODES.sub("", code[:_LONGEST_FORMAT].partition(";")[0]).lower()
    if "general" in bare:
        return NumberKind.NUMBER
    if any(unit in bare for unit in ("[h", "[m", "[s")):
        return NumberKind.ELAPSED
    return NumberKind.DATE if re.search(r"[ymdhs]", bare) else NumberKind.NUMBER

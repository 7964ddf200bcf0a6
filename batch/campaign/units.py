"""Rates, durations and shares as people write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationError

from batch.errors import nearest
from batch.i18n import N_, _

FASTEST = 10_000.0
"""Starts a second; WhatsApp grants a number 1,000 at most."""

_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_RATE = re.compile(r"([0-9]+(?:[.,][0-9]+)?) ?/ ?(s|min|h)")
_DURATION = re.compile(r"([0-9]+(?:[.,][0-9]+)?) ?(s|m|min|h|d|w)")
_BYTES = {"KB": 1024, "MB": 1024**2, "GB": 1024**3}
_SIZE = re.compile(r"([0-9]+(?:[.,][0-9]+)?) ?(KB|MB|GB)", re.IGNORECASE)
_SHARE = re.compile(r"([0-9]+(?:[.,][0-9]+)?) ?%")


def parse_rate(text: str) -> float:
    """Starts a second: 10.0 for "10/s", "600/min" and "36000/h". Raises ValueError, whose text says what is allowed."""
    match = _RATE.fullmatch(text.strip())
    rate = _number(match[1]) / _SECONDS[match[2]] if match else 0.0
    if not 0 < rate <= FASTEST:
        raise ValueError(_('allowed is a rate above 0 like "10/s", "600/min" or "5000/h", of at most 10,000 a second'))
    return rate


def parse_duration(text: str) -> float:
    """Seconds: 900.0 for "15m". Raises ValueError, whose text says what is allowed."""
    match = _DURATION.fullmatch(text.strip())
    seconds = _number(match[1]) * _SECONDS[match[2]] if match else 0.0
    if seconds <= 0:
        raise ValueError(_('allowed is a time above 0 like "90s", "15m", "2h" or "7d"'))
    return seconds


def parse_share(text: str) -> float:
    """A share of one: 0.2 for "20%". Raises ValueError, whose text says what is allowed."""
    match = _SHARE.fullmatch(text.strip())
    share = _number(match[1]) / 100 if match else 0.0
    if not 0 < share <= 1:
        raise ValueError(_('allowed is a share above 0 like "20%", of at most "100%"'))
    return share


def parse_size(text: str) -> int:
    """Bytes: 2147483648 for "2GB" (a KB has 1,024). Raises ValueError, whose text says what is allowed."""
    match = _SIZE.fullmatch(text.strip())
    size = round(_number(match[1]) * _BYTES[match[2].upper()]) if match else 0
    if size <= 0:
        raise ValueError(_('allowed is a size above 0 like "500MB" or "2GB", or a whole number of bytes'))
    return size


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def _amount(parse: Callable[[str], int] | None, allowed: str) -> PlainValidator:
    def validate(raw: object) -> int:
        if isinstance(raw, int) and not isinstance(raw, bool) and raw > 0:
            return raw
        if parse is not None and isinstance(raw, str):
            return parse(raw)
        raise ValueError(_("allowed is {allowed}").format(allowed=_(allowed)))

    return PlainValidator(validate)


_Count = Annotated[int | None, _amount(None, N_("a whole number above 0, like 64_000_000"))]
_Size = Annotated[int | None, _amount(parse_size, N_('a size like "500MB" or "2GB", or a whole number of bytes'))]


class SheetLimits(BaseModel):
    """The limits that are set; None is the program's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file_bytes: _Size = None
    unzipped_bytes: _Size = None
    ratio: _Count = None
    ratio_from_bytes: _Size = None
    parts: _Count = None
    sheets: _Count = None
    cells: _Count = None
    columns: _Count = None
    row_bytes: _Size = None
    shared_strings: _Count = None
    shared_text_bytes: _Size = None
    text_bytes: _Size = None
    text_characters: _Count = None
    markup_bytes: _Size = None
    loaded_bytes: _Size = None
    loaded_cells: _Count = None

    def given(self) -> dict[str, int]:
        """Those that are set, by name."""
        return {name: value for name, value in self if value is not None}


def parse_limit(text: str) -> tuple[str, int]:
    """Name and value of a limit written `cells=64000000` or `file_bytes=2GB`.

    Raises ValueError, whose text says what is allowed.
    """
    name, _sign, value = (part.strip() for part in text.partition("="))
    if name not in SheetLimits.model_fields:
        raise ValueError(
            _("there is no limit {name!r}{nearest}").format(name=name, nearest=nearest(name, SheetLimits.model_fields))
        )
    try:
        return next(
            iter(SheetLimits.model_validate({name: int(value) if value.isdecimal() else value}).given().items())
        )
    except ValidationError as invalid:
        raise ValueError(str(invalid.errors()[0]["ctx"]["error"])) from None

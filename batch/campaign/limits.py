"""[sheet.limits]: the limits that refuse a hostile file, as far as a campaign sets them itself.

Their names are those of `batch.loader.Limits`, which has the defaults and says what each is for; a test keeps the two
alike. A refusal names the limit it met, so that a person knows which to raise for a file that can be trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationError

from batch.campaign.units import parse_size
from batch.errors import nearest
from batch.i18n import N_, _

__all__ = ["SheetLimits", "parse_limit"]


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

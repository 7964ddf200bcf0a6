"""How a sheet was read, noted with its run, so that a report made later reads it just so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from batch.campaign import Campaign
from batch.loader import Limits, Sheet, open_sheet
from batch.model.sheets import SheetInfo

__all__ = ["limits_of", "noted_limits", "open_as_noted", "reading_of"]

_LIMIT = "limit_"


def limits_of(campaign: Campaign) -> Limits:
    """The limits that refuse a hostile file, with those that the campaign sets."""
    return Limits(**campaign.sheet.limits.given())


def reading_of(campaign: Campaign, info: SheetInfo) -> dict[str, str]:
    """What `Run.sheet_options` keeps: worksheet, header row, and the limits that the campaign sets."""
    noted = {"name": info.sheet, "header_row": info.header_row}
    limits = {f"{_LIMIT}{name}": value for name, value in campaign.sheet.limits.given().items()}
    return {name: str(value) for name, value in (noted | limits).items() if value is not None}


def noted_limits(options: Mapping[str, str]) -> Limits:
    """The limits that a run was made with."""
    return Limits(**{name.removeprefix(_LIMIT): int(options[name]) for name in options if name.startswith(_LIMIT)})


def open_as_noted(path: Path, options: Mapping[str, str], *, shown_as: str) -> Sheet:
    """Open a sheet as a run opened it. Raises SheetError."""
    row = options.get("header_row")
    return open_sheet(
        path,
        name=options.get("name"),
        header_row=int(row) if row else None,
        limits=noted_limits(options),
        shown_as=shown_as,
    )

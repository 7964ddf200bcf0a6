"""Where a row that is run again comes from: the sheet in which it was wrong, and its number there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from batch.model.messages import campaign_scope

__all__ = ["ORIGIN_COLUMNS", "Origin", "has_origins", "sheet_key"]

ORIGIN_COLUMNS = ("wegly_origin_file", "wegly_origin_row", "wegly_origin_run")
"""By these columns a sheet of rows to correct is known, and each of its rows leads back to where it was wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """A row of the sheet of a run."""

    run: str
    """The run that found the row wrong."""
    row: int
    """Its number in that run's sheet, as Excel shows it."""
    file: str = ""
    """The name of that sheet's file, for people."""


def has_origins(header: Iterable[str | None]) -> bool:
    """Whether a header with these names is that of a sheet of rows to correct."""
    return set(ORIGIN_COLUMNS) <= {(name or "").strip().casefold() for name in header}


def sheet_key(*, endpoint: str, campaign: str, sha256: str, tab: str | None) -> str:
    """What makes two sheets the same one: 64 hex digits. The same file, worksheet (None: a text file), and campaign.

    Another campaign corrects nothing of this one, and no rehearsal at another endpoint does.
    """
    parts = [endpoint, campaign_scope(campaign), sha256, tab or ""]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()

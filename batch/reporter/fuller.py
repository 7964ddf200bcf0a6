"""Whether a folder has a report already that says more than the ledger alone can."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile, ZipFile

__all__ = ["LEDGER_ONLY", "has_fuller"]

LEDGER_ONLY = "ledger only"
"""What a workbook made without its sheet has as its category, and such files have in their names."""

_BARE_CSV = b"\xef\xbb\xbfrow;wegly_status;"


def has_fuller(folder: Path) -> bool:
    """True when a workbook or CSV file of the usual name is there that was made from the sheet itself.

    What cannot be read counts as such, so that it is kept.
    """
    workbooks = any((folder / name).exists() and not _is_bare(folder / name) for name in ("report.xlsx", "report.xlsm"))
    table = folder / "results.csv"
    return workbooks or (table.exists() and not _begins_bare(table))


def _is_bare(workbook: Path) -> bool:
    try:
        with ZipFile(workbook) as archive:
            return f">{LEDGER_ONLY}</".encode() in archive.read("docProps/core.xml")
    except (BadZipFile, KeyError, OSError):
        return False


def _begins_bare(table: Path) -> bool:
    try:
        with table.open("rb") as file:
            return file.read(len(_BARE_CSV)) == _BARE_CSV
    except OSError:
        return False

"""Failures of the ledger's location: SQLite's errors mapped to remedies for people."""

import sqlite3

from batch.errors import LedgerFailed
from batch.i18n import N_, _

_MAKE_WRITABLE = N_(
    "Make the ledger and its folder writable for you, then run the same command again: it sends only what is left."
)
_CLOSE_OTHERS = N_(
    "Another program holds the ledger: close it, then run the same command again: it sends only what is left."
)
DAMAGED = "SQLITE_CORRUPT"
_REMEDIES = {
    "SQLITE_FULL": N_(
        "Free space on the ledger's disk and where temporary files go, "
        "then run the same command again: it sends only what is left."
    ),
    "SQLITE_READONLY": _MAKE_WRITABLE,
    "SQLITE_PERM": _MAKE_WRITABLE,
    "SQLITE_CANTOPEN": N_(
        "Make the ledger and its folder readable and writable for you, "
        "then run the same command again: it sends only what is left."
    ),
    "SQLITE_BUSY": _CLOSE_OTHERS,
    "SQLITE_LOCKED": _CLOSE_OTHERS,
    "SQLITE_IOERR": N_(
        "Look whether the ledger's disk or the one for temporary files is full or failing; "
        "then run the same command again: it sends only what is left."
    ),
    DAMAGED: N_(
        "Put back the newest copy that `wegly-batch ledger backup` made, and keep the damaged file: "
        "who was messaged since that copy can be read in the reports."
    ),
    "SQLITE_NOTADB": N_("Name the ledger with --ledger, or put back the newest copy of `wegly-batch ledger backup`."),
    "SQLITE_NOMEM": N_("Close other programs, then run the same command again: it sends only what is left."),
}
"""Remedies by primary result code. An error that is not here is no failure of the location, but a defect of ours."""


def remedy_for(error: BaseException | None) -> str | None:
    """Return one sentence on what to do about an error of SQLite; None when the ledger's location is not at fault."""
    name = getattr(error, "sqlite_errorname", None)
    if not isinstance(name, str):
        return None
    return remedy_for_code("_".join(name.split("_")[:2])) or None


def remedy_for_code(name: str) -> str:
    """Return one sentence on what to do about an error of this primary result code; empty when there is none."""
    return _(_REMEDIES[name]) if name in _REMEDIES else ""


def translate_failure(error: BaseException, place: str) -> LedgerFailed | None:
    """Return the LedgerFailed for an error of the driver; None for an error of the statement itself."""
    remedy = remedy_for(error) if isinstance(error, sqlite3.Error) else None
    if remedy is None:
        return None
    return LedgerFailed(_("The ledger {place} failed: {error}.").format(place=place, error=error), remedy)

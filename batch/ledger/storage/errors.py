"""Failures of the ledger's location: errors of SQLite and PostgreSQL mapped to remedies for people."""

import sqlalchemy as sa

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

_AWAY = N_(
    "See that the ledger's server runs and can be reached from here, then run the same command again: it sends only "
    "what is left."
)
_REFUSED = N_(
    "The server answers, and refuses the connection: look at the user, the password (in ~/.pgpass or the file that "
    "PGPASSFILE names, which must have mode 0600, else it is not read; or in WEGLY_BATCH_LEDGER) and the name of the "
    "database, which createdb makes."
)
CREATE_RIGHTS = N_("Give the ledger's user the right to create a schema in the database, and to write in it.")
_REMEDIES_OF_SERVER = {
    "08": _AWAY,
    "57P": _AWAY,
    "25P03": _AWAY,
    "25006": N_(
        "The server only reads now: after a failover name the new primary with --ledger, then run the same command "
        "again: it sends only what is left."
    ),
    "28": _REFUSED,
    "3D": _REFUSED,
    "42501": CREATE_RIGHTS,
    "53": N_("Free what the ledger's server lacks, then run the same command again: it sends only what is left."),
    "57014": N_("The server ended a statement that took long: run the same command again, it sends only what is left."),
    "58": N_("Look after the disk of the ledger's server, then run the same command again."),
    "XX": N_("Look after the ledger's server, whose data may be damaged: its log says more."),
}
"""Remedies by the beginning of an SQLSTATE, the longest that fits."""
NOT_REPLICATED = "01000"
"""SQLSTATE of the warning with a commit that may not have reached the standby."""
_PASSING = ("40001", "40P01", "55P03")
"""SQLSTATEs of a transaction that took no effect, and may be repeated as it was."""


def remedy_for(error: BaseException | None) -> str | None:
    """Return one sentence on what to do about a driver's error; None when the ledger's location is not at fault."""
    name = getattr(error, "sqlite_errorname", None)
    if isinstance(name, str):
        return remedy_for_code("_".join(name.split("_")[:2])) or None
    state = getattr(error, "sqlstate", "") or (_state_of(error) if type(error).__name__ == "OperationalError" else "")
    found = [remedy for begin, remedy in _REMEDIES_OF_SERVER.items() if state.startswith(begin)]
    return _(found[-1]) if found and hasattr(error, "sqlstate") else None


def _state_of(error: BaseException | None) -> str:
    """Return the class of an error that psycopg gives no code: a connection was not made, or lost."""
    words = str(error)
    # "FATAL:" and the function's name stand there in any language.
    was_refused = words.startswith("connection failed:") and ("FATAL:" in words or "fe_sendauth:" in words)
    return "28" if was_refused else "08"


def describe(error: BaseException | None) -> str:
    """Return a driver's words about its error on one line, without those that a server adds for its developers."""
    words = getattr(getattr(error, "diag", None), "message_primary", None) or str(error)
    return " ".join(words.split()).rstrip(".")


def is_passing(error: sa.exc.SQLAlchemyError) -> bool:
    """Return whether a transaction failed by what others did at the same moment, and took no effect."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) in _PASSING


def remedy_for_code(name: str) -> str:
    """Return one sentence on what to do about an error of this primary result code; empty when there is none."""
    return _(_REMEDIES[name]) if name in _REMEDIES else ""


def translate_failure(error: BaseException, place: str) -> LedgerFailed | None:
    """Return the LedgerFailed for an error of the driver; None for an error of the statement itself."""
    if (remedy := remedy_for(error)) is None:
        return None
    return LedgerFailed(_("The ledger {place} failed: {error}.").format(place=place, error=describe(error)), remedy)

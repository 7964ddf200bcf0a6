"""What the page calls things: the result columns, and the sentences that its script fills in."""

from __future__ import annotations

from batch.i18n import N_, _
from batch.reporter.columns import COLUMNS

__all__ = ["column_names", "script_words"]

_NAMES = {
    "wegly_status": N_("Outcome"),
    "wegly_reason": N_("Reason"),
    "wegly_message": N_("What happened"),
    "wegly_action": N_("What to do"),
    "wegly_phone": N_("Phone"),
    "wegly_chat_id": N_("Chat"),
    "wegly_chat_status": N_("Status of the chat"),
    "wegly_evidence": N_("How new and existing were told apart"),
    "wegly_http_status": N_("HTTP status"),
    "wegly_attempts": N_("Attempts"),
    "wegly_sent_at": N_("Last attempt"),
    "wegly_duration_ms": N_("Time to the answer (ms)"),
    "wegly_run": N_("Run"),
}

_WORDS = {
    "row": N_("Row {row}"),
    "hits": N_("{n} of {total} rows"),
    "none": N_("No row is like that. Take a filter away, or search for less."),
    "page": N_("Page {n} of {pages}"),
    "details": N_("Details of row {row}"),
    "copy": N_("Copy"),
    "copyRow": N_("Copy row {row}"),
    "copied": N_("Row {row} is copied: paste it into a sheet."),
    "notCopied": N_("The browser does not allow copying."),
    "empty": N_("empty"),
    "sortedUp": N_("Sorted by {column}, ascending."),
    "sortedDown": N_("Sorted by {column}, descending."),
    "own": N_("In your sheet"),
    "results": N_("Results"),
    "tools": N_("Copy the row"),
}


def column_names() -> list[tuple[str, str]]:
    """Each of `COLUMNS` with its name for people."""
    return [(column, _(_NAMES[column])) for column in COLUMNS]


def script_words() -> dict[str, str]:
    """The sentences of the page's script; values in braces are filled in there."""
    return {key: _(text) for key, text in _WORDS.items()}

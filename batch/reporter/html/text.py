"""Text, JSON and dates as a page in a browser can hold them. Pure.

Jinja2 escapes what goes into markup. The rest is done here: control characters are written out, long texts are cut,
and JSON is made so that no value can end the script element around it.
"""

import json
import re
from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_time

from batch.control_characters import show_controls
from batch.formatting import format_exactly, format_rate
from batch.i18n import N_, _, current_language
from batch.model.replies import KIND_WORDS
from batch.reporter.printable_text import printable

LONGEST_CELL = 2_000
"""Characters of a cell that the page shows; results.csv has the whole text."""

_UNSAFE_IN_SCRIPT = re.compile("[<>&\u2028\u2029]")


def harmless(text: str, longest: int = LONGEST_CELL) -> str:
    """Return the text as the page shows it: valid, control characters written out, cut to `longest` and an ellipsis."""
    if len(text) <= longest and text.isprintable():
        return text
    cut = text if len(text) <= longest else text[:longest] + "\N{HORIZONTAL ELLIPSIS}"
    return show_controls(printable(cut))


def to_script_json(value: object) -> str:
    """Write a value as JSON that can stand, as it is, inside a `<script type="application/json">`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _UNSAFE_IN_SCRIPT.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def language_tag() -> str:
    """The current language, as HTML and JavaScript name it."""
    return current_language().replace("_", "-")


def local_moment(at: datetime, zone: ZoneInfo | None) -> str:
    """An aware moment on the clock of a zone (None: its own), as people of the language write it."""
    there = at.astimezone(zone) if zone else at
    return format_datetime(there.replace(tzinfo=None), "medium", locale=current_language())


def local_time(at: datetime) -> str:
    """Return the time of day of an aware moment, on its own clock."""
    return format_time(at.replace(tzinfo=None), "medium", locale=current_language())


def rate_text(starts: float | None) -> str:
    """Starts per second in words; empty for None."""
    return "" if starts is None else format_rate(starts, format_exactly)


_COLUMN_NAMES = {
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
    "wegly_delivery": N_("Delivery"),
    "wegly_delivery_seen_at": N_("First seen so"),
    "wegly_delivery_reason": N_("Why it failed"),
    "wegly_reply": N_("Reply"),
    "wegly_replied_at": N_("Replied at"),
}

_SCRIPT_TEXTS = {
    "row": N_("Row {row}"),
    "hits": N_("{n} of {total} rows"),
    "none": N_("No row is like that. Take a filter away, or search for less."),
    "page": N_("Page {n} of {pages}"),
    "details": N_("Details of row {row}"),
    "copy": N_("Copy"),
    "copyRow": N_("Copy row {row}"),
    "copied": N_("Row {row} is copied: paste it into a sheet."),
    "message": N_("The message"),
    "messageId": N_("Message {id}"),
    "template": N_("Template {template} ({language})"),
    "sender": N_("From the sender {sender}"),
    "maybe": N_("The message, if it was sent"),
    "changed": N_("The sheet or the campaign has changed since, so the text is not known."),
    "copiedText": N_("Copied."),
    "copyText": N_("Copy {text}"),
    "notCopied": N_("The browser does not allow copying."),
    "empty": N_("empty"),
    "sortedUp": N_("Sorted by {column}, ascending."),
    "sortedDown": N_("Sorted by {column}, descending."),
    "own": N_("In your sheet"),
    "results": N_("Results"),
    "tools": N_("Copy the row"),
}


def column_names(columns: Iterable[str]) -> list[tuple[str, str]]:
    """Each of these result columns with its name in the current language."""
    return [(column, _(_COLUMN_NAMES[column])) for column in columns]


def reply_words() -> dict[str, str]:
    """Return the codes of the kinds of replies, each with its words in the current language."""
    return {kind: _(words) for kind, words in KIND_WORDS.items()}


def script_texts() -> dict[str, str]:
    """The sentences of the page's script by key; values in braces are filled in there."""
    return {key: _(text) for key, text in _SCRIPT_TEXTS.items()}

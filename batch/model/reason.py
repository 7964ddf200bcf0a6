"""The stable reason codes, each with its sentence for people and what to do about it.

A finding is a code plus the values its sentence names. Only codes and values are stored, and the sentence is made when
somebody reads it, so that a report can be written again in other words or another language.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

__all__ = [
    "EXPLANATIONS",
    "Explanation",
    "Finding",
    "Reason",
    "advice",
    "findings_from_json",
    "findings_to_json",
    "impersonal",
    "in_general",
    "sentence",
]


class Reason(StrEnum):
    """What `wegly_reason` may hold. Codes are never renamed: people filter and count by them."""

    # success, reused
    CREATED = "created"
    REUSED = "reused"
    SETTLED_SENT = "settled_sent"
    FOUND_IN_CHAT = "found_in_chat"
    # error: the phone
    PHONE_MISSING = "phone_missing"
    PHONE_DIGITS_LOST = "phone_digits_lost"
    PHONE_SEVERAL = "phone_several"
    PHONE_NO_AREA_CODE = "phone_no_area_code"
    PHONE_BAD_AREA_CODE = "phone_bad_area_code"
    PHONE_SERVICE_NUMBER = "phone_service_number"
    PHONE_NOT_A_NUMBER = "phone_not_a_number"
    PHONE_TOO_SHORT = "phone_too_short"
    PHONE_TOO_LONG = "phone_too_long"
    PHONE_INVALID = "phone_invalid"
    # error: the row's other cells
    CELL_UNREADABLE = "cell_unreadable"
    ROW_MALFORMED = "row_malformed"
    VALUE_MISSING = "value_missing"
    VALUE_NOT_UUID = "value_not_uuid"
    VALUE_TOO_LONG = "value_too_long"
    VALUE_NOT_ALLOWED = "value_not_allowed"
    VALUE_BAD_CHARACTERS = "value_bad_characters"
    VALUE_NOT_A_DATE = "value_not_a_date"
    VALUE_NOT_MONEY = "value_not_money"
    VALUE_NOT_A_NUMBER = "value_not_a_number"
    TEXT_TOO_LONG = "text_too_long"
    # error: refused by the API
    API_REFUSED = "api_refused"
    NOT_ON_WHATSAPP = "not_on_whatsapp"
    RECIPIENT_IS_SENDER = "recipient_is_sender"
    TEMPLATE_VALUES = "template_values"
    NOT_DELIVERED_BY_CHOICE = "not_delivered_by_choice"
    OPTED_OUT = "opted_out"
    WHATSAPP_REFUSED = "whatsapp_refused"
    # unknown
    ANSWER_LOST = "answer_lost"
    ANSWER_TIMEOUT = "answer_timeout"
    REQUEST_TIMEOUT = "request_timeout"
    SERVER_ERROR = "server_error"
    UNREADABLE_ANSWER = "unreadable_answer"
    REDIRECTED = "redirected"
    RUN_DIED = "run_died"
    CUT_OFF = "cut_off"
    IN_FLIGHT = "in_flight"
    # skipped
    DUPLICATE = "duplicate"
    HIDDEN_ROW = "hidden_row"
    SENT_ELSEWHERE = "sent_elsewhere"
    SUPPRESSED = "suppressed"
    NOT_ALLOWED = "not_allowed"
    RECENTLY_MESSAGED = "recently_messaged"
    # pending
    WAITING = "waiting"
    SETTLED_NOT_SENT = "settled_not_sent"
    LIMIT = "limit"
    CAP = "cap"
    WINDOW = "window"
    NO_HOURS = "no_hours"
    NOT_CHOSEN = "not_chosen"
    NOT_PLANNED = "not_planned"
    SPACING = "spacing"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    RATE_LIMITED = "rate_limited"
    NOT_CONNECTED = "not_connected"
    TRY_LATER = "try_later"
    NOT_AUTHORIZED = "not_authorized"
    FORBIDDEN = "forbidden"
    WRONG_ADDRESS = "wrong_address"
    LEDGER_FAILED = "ledger_failed"
    ACCOUNT_STOPPED = "account_stopped"
    TEMPLATE_STOPPED = "template_stopped"
    # notes on good rows
    NOTE_NINTH_DIGIT = "note_ninth_digit"
    NOTE_LANDLINE = "note_landline"
    NOTE_UNDOCUMENTED = "note_undocumented"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The words of a reason. Both may name values in braces; a value that is missing shows as `?`."""

    sentence: str
    action: str = ""


_SEND_AGAIN = "Run the same command again."
_CORRECT_PHONE = "Correct the phone and run again."
_CORRECT_CELL = "Correct the cell and run again."
_DECIDE = "Look in WhatsApp whether the message is there, then settle the row; it is not sent again by itself."

EXPLANATIONS: Mapping[Reason, Explanation] = MappingProxyType(
    {
        Reason.CREATED: Explanation("Accepted: a new chat was opened."),
        Reason.REUSED: Explanation("Accepted: the chat was already there, and got the message."),
        Reason.SETTLED_SENT: Explanation("Sent, as {who} decided on {when}: no answer of the API says so."),
        Reason.FOUND_IN_CHAT: Explanation(
            "Sent: no answer had come, but the message of {at} lies in the chat (looked up on {when})."
        ),
        Reason.PHONE_MISSING: Explanation("There is no phone number.", "Fill in the phone and run again."),
        Reason.PHONE_DIGITS_LOST: Explanation(
            "The phone {found} has lost its last digits: it was saved in Excel's scientific form.",
            "Take the number from its source again; format the column as text before saving as CSV.",
        ),
        Reason.PHONE_SEVERAL: Explanation(
            "There is more than one number in the cell: {found}.", "Keep one number in the cell and run again."
        ),
        Reason.PHONE_NO_AREA_CODE: Explanation(
            "The phone {found} has no area code (DDD).", "Add the area code and run again."
        ),
        Reason.PHONE_BAD_AREA_CODE: Explanation(
            "The phone {found} begins with {area}, which is no area code (DDD) of Brazil.", _CORRECT_PHONE
        ),
        Reason.PHONE_SERVICE_NUMBER: Explanation(
            "{found} is a service number (0800, 300x, 400x); it cannot be messaged.",
            "Fill in the person's own number and run again.",
        ),
        Reason.PHONE_NOT_A_NUMBER: Explanation("{found} is not a phone number.", _CORRECT_PHONE),
        Reason.PHONE_TOO_SHORT: Explanation("The phone {found} has too few digits.", _CORRECT_PHONE),
        Reason.PHONE_TOO_LONG: Explanation("The phone {found} has too many digits.", _CORRECT_PHONE),
        Reason.PHONE_INVALID: Explanation("The phone {found} is not a valid number of {region}.", _CORRECT_PHONE),
        Reason.CELL_UNREADABLE: Explanation("Column {column}: {found}.", _CORRECT_CELL),
        Reason.ROW_MALFORMED: Explanation("The row cannot be read: {found}.", "Correct the row and run again."),
        Reason.VALUE_MISSING: Explanation(
            "{field} is empty (column {column}).", "Fill in the cell, or give a default in the campaign."
        ),
        Reason.VALUE_NOT_UUID: Explanation("{field} (column {column}) must be a UUID, but is {found}.", _CORRECT_CELL),
        Reason.VALUE_TOO_LONG: Explanation(
            "{field} (column {column}) has {length} characters; {limit} are allowed.", "Shorten the text and run again."
        ),
        Reason.VALUE_NOT_ALLOWED: Explanation(
            "{field} (column {column}) is {found}; allowed are {allowed}.", _CORRECT_CELL
        ),
        Reason.VALUE_BAD_CHARACTERS: Explanation(
            "{field} (column {column}) holds {found}, which WhatsApp refuses.", "Take it out of the cell and run again."
        ),
        Reason.VALUE_NOT_A_DATE: Explanation("{field} (column {column}): {found} is not a date.", _CORRECT_CELL),
        Reason.VALUE_NOT_MONEY: Explanation(
            "{field} (column {column}): {found} is not an amount of money.", _CORRECT_CELL
        ),
        Reason.VALUE_NOT_A_NUMBER: Explanation("{field} (column {column}): {found} is not a number.", _CORRECT_CELL),
        Reason.TEXT_TOO_LONG: Explanation(
            "The {field} with its values has {length} characters; WhatsApp allows {limit}.",
            "Shorten the values and run again.",
        ),
        Reason.API_REFUSED: Explanation(
            "The API refused the row (HTTP {status}): {words}", "Correct the row after what the API says and run again."
        ),
        Reason.NOT_ON_WHATSAPP: Explanation(
            "The number is not on WhatsApp, or cannot get this message ({code}).", "Ask the person for another number."
        ),
        Reason.RECIPIENT_IS_SENDER: Explanation("The number is the sender's own ({code}).", _CORRECT_PHONE),
        Reason.TEMPLATE_VALUES: Explanation(
            "WhatsApp refused the template's values ({code}): {words}",
            "Compare the template with the campaign's fields.",
        ),
        Reason.NOT_DELIVERED_BY_CHOICE: Explanation(
            "WhatsApp chose not to deliver to this person now ({code}).", "Try again after 24 hours at the earliest."
        ),
        Reason.OPTED_OUT: Explanation(
            "The person has stopped marketing messages from this sender ({code}).", "Do not message this person again."
        ),
        Reason.WHATSAPP_REFUSED: Explanation(
            "WhatsApp refused the message ({code}): {words}", "Correct the row after what WhatsApp says and run again."
        ),
        Reason.ANSWER_LOST: Explanation(
            "The connection was lost after the request had gone out: {words}. The message may have been sent.", _DECIDE
        ),
        Reason.ANSWER_TIMEOUT: Explanation(
            "No answer came within {seconds} seconds. The message may have been sent.", _DECIDE
        ),
        Reason.REQUEST_TIMEOUT: Explanation(
            "The API gave up waiting for the request (HTTP 408). The message may have been sent.", _DECIDE
        ),
        Reason.SERVER_ERROR: Explanation(
            "The API failed (HTTP {status}): {words} The message may have been sent.", _DECIDE
        ),
        Reason.UNREADABLE_ANSWER: Explanation(
            "The API accepted (HTTP {status}), but its answer is unreadable: {words}. The message may have been sent.",
            _DECIDE,
        ),
        Reason.REDIRECTED: Explanation(
            "The API answered with a redirect (HTTP {status}). The message may have been sent.",
            "Check the base URL, and look in WhatsApp whether the message is there.",
        ),
        Reason.RUN_DIED: Explanation(
            "The run {run} ended while this message was being sent. It may have been sent.", _DECIDE
        ),
        Reason.CUT_OFF: Explanation(
            "The run was ended at once while this message was being sent. It may have been sent.", _DECIDE
        ),
        Reason.IN_FLIGHT: Explanation(
            "The message was being sent when this report was written.", "Write the report again when the run has ended."
        ),
        Reason.DUPLICATE: Explanation("The same message as row {row}; it is sent once.", ""),
        Reason.HIDDEN_ROW: Explanation(
            "The row is hidden in the sheet (often by a filter).",
            'Show the row, or set hidden_rows = "send" in the campaign, and run again.',
        ),
        Reason.SENT_ELSEWHERE: Explanation(
            "By the sheet's own result columns the run {run} has sent it ({status}), which this ledger does not know.",
            "Use the ledger that sent it (--ledger), or delete the columns wegly_status and wegly_run to send it.",
        ),
        Reason.SUPPRESSED: Explanation(
            "The person is on the suppression list ({where}): nobody on it is messaged.",
            "Leave it so; `wegly-batch suppress remove` takes a person off the list who wants messages again.",
        ),
        Reason.NOT_ALLOWED: Explanation(
            "The person is not among the only ones who may be messaged ({where}).",
            "Add the person to that list, or run without --only-allowed.",
        ),
        Reason.RECENTLY_MESSAGED: Explanation(
            "The person got a message of the campaign {campaign} on {when}, less than {within} ago.",
            "Run again later, or shorten [history] not_within in the campaign.",
        ),
        Reason.WAITING: Explanation("Not sent yet.", _SEND_AGAIN),
        Reason.SETTLED_NOT_SENT: Explanation(
            "Not sent, as {who} decided on {when}; it waits to be sent again.", _SEND_AGAIN
        ),
        Reason.LIMIT: Explanation("Not sent yet: the limit of this run was reached.", _SEND_AGAIN),
        Reason.CAP: Explanation(
            "Not sent yet: {people} people in 24 hours were reached ([throttle] per_24h); the next can go at {when}.",
            "Run the same command again then.",
        ),
        Reason.WINDOW: Explanation(
            "Not sent yet: outside the hours in which this person may get messages; the next hours begin at {when} "
            "at the earliest.",
            "Run the same command again then, or use --wait.",
        ),
        Reason.NO_HOURS: Explanation(
            "Not sent: no hour of the campaign suits every time zone in which this number may live.",
            'Give the [[window]] longer hours or a zone of its own (timezone = "America/Sao_Paulo").',
        ),
        Reason.NOT_CHOSEN: Explanation("Not sent yet: the row was not chosen for this run (--rows).", _SEND_AGAIN),
        Reason.NOT_PLANNED: Explanation("Not sent yet: the message is not in the plan that was sent.", _SEND_AGAIN),
        Reason.SPACING: Explanation(
            "Not sent yet: another message to the same person went out less than 6 seconds before.", _SEND_AGAIN
        ),
        Reason.STOPPED: Explanation(
            "Not sent yet: the run stopped before this row.", "See why the run stopped, then run again."
        ),
        Reason.INTERRUPTED: Explanation("Not sent yet: the run was interrupted before this row.", _SEND_AGAIN),
        Reason.RATE_LIMITED: Explanation(
            "Not sent: the API asked to slow down (HTTP {status}) until the tries were used up.", _SEND_AGAIN
        ),
        Reason.NOT_CONNECTED: Explanation(
            "Not sent: no connection to the API: {words}.", "Check the network and run again."
        ),
        Reason.TRY_LATER: Explanation("Not sent: the API asked to try later: {words}", _SEND_AGAIN),
        Reason.NOT_AUTHORIZED: Explanation(
            "Not sent: the API does not accept the token (HTTP 401).", "Check WEGLY_TOKEN, then run again."
        ),
        Reason.FORBIDDEN: Explanation(
            "Not sent: the API forbids it (HTTP 403): {words}",
            "Check the token's rights and its allowed domain (WEGLY_ORIGIN), then run again.",
        ),
        Reason.WRONG_ADDRESS: Explanation(
            "Not sent: this address is not the API (HTTP {status}).", "Check the base URL, then run again."
        ),
        Reason.LEDGER_FAILED: Explanation("The ledger takes no writes: {words}", "Mend that, then run again."),
        Reason.ACCOUNT_STOPPED: Explanation(
            "Not sent: WhatsApp has stopped this sender or account ({code}): {words}",
            "Solve it in the WhatsApp account, then run again.",
        ),
        Reason.TEMPLATE_STOPPED: Explanation(
            "Not sent: the template cannot be used ({code}): {words}",
            "Check the template's name, language and state, then run again.",
        ),
        Reason.NOTE_NINTH_DIGIT: Explanation("The phone {found} lacked its ninth digit; it was added."),
        Reason.NOTE_LANDLINE: Explanation(
            "The phone {found} is a landline; it gets the message only if WhatsApp is on it."
        ),
        Reason.NOTE_UNDOCUMENTED: Explanation("{field} is {found}, which the API's page does not name; sent as it is."),
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A reason and the values its sentence names. Values are text, ready to be shown."""

    reason: Reason
    values: Mapping[str, str] = field(default_factory=dict)


class _Lenient(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"


class _Elided(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "\N{HORIZONTAL ELLIPSIS}"


def sentence(finding: Finding) -> str:
    """What happened, for people."""
    return EXPLANATIONS[finding.reason].sentence.format_map(_Lenient(finding.values))


def advice(finding: Finding) -> str:
    """What to do about it, for people; empty when there is nothing to do."""
    return EXPLANATIONS[finding.reason].action.format_map(_Lenient(finding.values))


def in_general(reason: Reason) -> str:
    """The sentence of a reason, speaking of no single row: what differs between rows is left out, as an ellipsis."""
    return EXPLANATIONS[reason].sentence.format_map(_Elided())


_IMPERSONAL = frozenset(
    (
        *("allowed", "at", "campaign", "code", "column", "field", "length", "limit", "people", "region", "row", "run"),
        *("seconds", "status", "when", "who", "within"),
    )
)
"""The values that come from the campaign, the program or its user, and never from a row or an answer."""


def impersonal(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings without what may tell who somebody is: words of a cell or an answer become an ellipsis."""
    return tuple(
        Finding(
            each.reason,
            {name: text if name in _IMPERSONAL else "\N{HORIZONTAL ELLIPSIS}" for name, text in each.values.items()},
        )
        for each in findings
    )


def findings_to_json(findings: Iterable[Finding]) -> str:
    """Findings as the ledger stores them."""
    return json.dumps([[finding.reason.value, dict(finding.values)] for finding in findings], ensure_ascii=False)


def findings_from_json(text: str) -> tuple[Finding, ...]:
    """Findings as `findings_to_json` wrote them."""
    return tuple(Finding(Reason(code), values) for code, values in json.loads(text))

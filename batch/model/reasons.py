"""Reason codes, each with its sentence for people and the action to take.

A `Finding` is a code and the values that its sentence names, some of them phrases (`batch.model.phrases`). The ledger
stores findings, never sentences, so that a report can be written again in another language or with better words.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

from batch.i18n import N_, _
from batch.model.phrases import Value, fill, to_json, value_from_json


class Reason(StrEnum):
    """Code of a row's reason, as `wegly_reason` has it. Codes are never renamed: people filter and count by them."""

    # success and reused
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
    CORRECTED = "corrected"
    SENT_IN_ORIGINAL = "sent_in_original"
    # pending
    WAITING = "waiting"
    CORRECTION_WAITS = "correction_waits"
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
    # notes on rows that were corrected in a sheet of their own
    NOTE_CORRECTED = "note_corrected"
    NOTE_STILL_WRONG = "note_still_wrong"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Texts of a reason, as they are marked for the catalogues; both may name values in braces."""

    sentence: str
    action: str = ""


_SEND_AGAIN = N_("Run the same command again.")
_CORRECT_PHONE = N_("Correct the phone and run again.")
_CORRECT_CELL = N_("Correct the cell and run again.")
_DECIDE = N_("Look in WhatsApp whether the message is there, then settle the row; it is not sent again by itself.")

EXPLANATIONS: Mapping[Reason, Explanation] = MappingProxyType(
    {
        Reason.CREATED: Explanation(N_("Accepted: a new chat was opened.")),
        Reason.REUSED: Explanation(N_("Accepted: the chat was already there, and got the message.")),
        Reason.SETTLED_SENT: Explanation(N_("Sent, as {who} decided on {when}: no answer of the API says so.")),
        Reason.FOUND_IN_CHAT: Explanation(
            N_("Sent: no response arrived, but the message from {at} was found in the chat (checked {when}).")
        ),
        Reason.PHONE_MISSING: Explanation(N_("There is no phone number."), N_("Fill in the phone and run again.")),
        Reason.PHONE_DIGITS_LOST: Explanation(
            N_("The phone {found} has lost its last digits: it was saved in Excel's scientific form."),
            N_("Take the number from its source again; format the column as text before saving as CSV."),
        ),
        Reason.PHONE_SEVERAL: Explanation(
            N_("There is more than one number in the cell: {found}."), N_("Keep one number in the cell and run again.")
        ),
        Reason.PHONE_NO_AREA_CODE: Explanation(
            N_("The phone {found} has no area code (DDD)."), N_("Add the area code and run again.")
        ),
        Reason.PHONE_BAD_AREA_CODE: Explanation(
            N_("The phone {found} begins with {area}, which is no area code (DDD) of Brazil."), _CORRECT_PHONE
        ),
        Reason.PHONE_SERVICE_NUMBER: Explanation(
            N_("{found} is a service number (0800, 300x, 400x); it cannot be messaged."),
            N_("Fill in the person's own number and run again."),
        ),
        Reason.PHONE_NOT_A_NUMBER: Explanation(N_("{found} is not a phone number."), _CORRECT_PHONE),
        Reason.PHONE_TOO_SHORT: Explanation(N_("The phone {found} has too few digits."), _CORRECT_PHONE),
        Reason.PHONE_TOO_LONG: Explanation(N_("The phone {found} has too many digits."), _CORRECT_PHONE),
        Reason.PHONE_INVALID: Explanation(N_("The phone {found} is not a valid number of {region}."), _CORRECT_PHONE),
        Reason.CELL_UNREADABLE: Explanation(N_("Column {column}: {found}."), _CORRECT_CELL),
        Reason.ROW_MALFORMED: Explanation(N_("The row cannot be read: {found}."), N_("Correct the row and run again.")),
        Reason.VALUE_MISSING: Explanation(
            N_("{field} is empty (column {column})."), N_("Fill in the cell, or give a default in the campaign.")
        ),
        Reason.VALUE_NOT_UUID: Explanation(
            N_("{field} (column {column}) must be a UUID, but is {found}."), _CORRECT_CELL
        ),
        Reason.VALUE_TOO_LONG: Explanation(
            N_("{field} (column {column}) has {length} characters; {limit} are allowed."),
            N_("Shorten the text and run again."),
        ),
        Reason.VALUE_NOT_ALLOWED: Explanation(
            N_("{field} (column {column}) is {found}; allowed are {allowed}."), _CORRECT_CELL
        ),
        Reason.VALUE_BAD_CHARACTERS: Explanation(
            N_("{field} (column {column}) holds {found}, which WhatsApp refuses."),
            N_("Take it out of the cell and run again."),
        ),
        Reason.VALUE_NOT_A_DATE: Explanation(N_("{field} (column {column}): {found} is not a date."), _CORRECT_CELL),
        Reason.VALUE_NOT_MONEY: Explanation(
            N_("{field} (column {column}): {found} is not an amount of money."), _CORRECT_CELL
        ),
        Reason.VALUE_NOT_A_NUMBER: Explanation(
            N_("{field} (column {column}): {found} is not a number."), _CORRECT_CELL
        ),
        Reason.TEXT_TOO_LONG: Explanation(
            N_("The {field} with its values has {length} characters; WhatsApp allows {limit}."),
            N_("Shorten the values and run again."),
        ),
        Reason.API_REFUSED: Explanation(
            N_("The API refused the row (HTTP {status}): {words}"),
            N_("Correct the row after what the API says and run again."),
        ),
        Reason.NOT_ON_WHATSAPP: Explanation(
            N_("The number is not on WhatsApp, or cannot get this message ({code})."),
            N_("Ask the person for another number."),
        ),
        Reason.RECIPIENT_IS_SENDER: Explanation(N_("The number is the sender's own ({code})."), _CORRECT_PHONE),
        Reason.TEMPLATE_VALUES: Explanation(
            N_("WhatsApp refused the template's values ({code}): {words}"),
            N_("Compare the template with the campaign's fields."),
        ),
        Reason.NOT_DELIVERED_BY_CHOICE: Explanation(
            N_("WhatsApp chose not to deliver to this person now ({code})."),
            N_("Try again after 24 hours at the earliest."),
        ),
        Reason.OPTED_OUT: Explanation(
            N_("The person has stopped marketing messages from this sender ({code})."),
            N_("Do not message this person again."),
        ),
        Reason.WHATSAPP_REFUSED: Explanation(
            N_("WhatsApp refused the message ({code}): {words}"),
            N_("Correct the row after what WhatsApp says and run again."),
        ),
        Reason.ANSWER_LOST: Explanation(
            N_("The connection was lost after the request had gone out: {words}. The message may have been sent."),
            _DECIDE,
        ),
        Reason.ANSWER_TIMEOUT: Explanation(
            N_("No answer came within {seconds} seconds. The message may have been sent."), _DECIDE
        ),
        Reason.REQUEST_TIMEOUT: Explanation(
            N_("The API gave up waiting for the request (HTTP 408). The message may have been sent."), _DECIDE
        ),
        Reason.SERVER_ERROR: Explanation(
            N_("The API failed (HTTP {status}): {words} The message may have been sent."), _DECIDE
        ),
        Reason.UNREADABLE_ANSWER: Explanation(
            N_(
                "The API accepted (HTTP {status}), but its answer is unreadable: {words}. The message may have "
                "been sent."
            ),
            _DECIDE,
        ),
        Reason.REDIRECTED: Explanation(
            N_("The API answered with a redirect (HTTP {status}). The message may have been sent."),
            N_("Check the base URL, and look in WhatsApp whether the message is there."),
        ),
        Reason.RUN_DIED: Explanation(
            N_("The run {run} ended while this message was being sent. It may have been sent."), _DECIDE
        ),
        Reason.CUT_OFF: Explanation(
            N_("The run was ended at once while this message was being sent. It may have been sent."), _DECIDE
        ),
        Reason.IN_FLIGHT: Explanation(
            N_("The message was being sent when this report was written."),
            N_("Write the report again when the run has ended."),
        ),
        Reason.DUPLICATE: Explanation(N_("The same message as row {row}; it is sent once.")),
        Reason.HIDDEN_ROW: Explanation(
            N_("The row is hidden in the sheet (often by a filter)."),
            N_('Show the row, or set hidden_rows = "send" in the campaign, and run again.'),
        ),
        Reason.SENT_ELSEWHERE: Explanation(
            N_(
                "By the sheet's own result columns the run {run} has sent it ({status}), which this ledger does "
                "not know."
            ),
            N_("Use the ledger that sent it (--ledger), or delete the columns wegly_status and wegly_run to send it."),
        ),
        Reason.SUPPRESSED: Explanation(
            N_("The person is on the suppression list ({where}): nobody on it is messaged."),
            N_("Leave it so; `wegly-batch suppress remove` takes a person off the list who wants messages again."),
        ),
        Reason.NOT_ALLOWED: Explanation(
            N_("The recipient is not on the allow list ({where})."),
            N_("Add the person to that list, or run without --only-allowed."),
        ),
        Reason.RECENTLY_MESSAGED: Explanation(
            N_("The person got a message of the campaign {campaign} on {when}, less than {within} ago."),
            N_("Run again later, or shorten [history] not_within in the campaign."),
        ),
        Reason.CORRECTED: Explanation(
            N_("The row was corrected in {file}, row {row} of run {run}, and counts as it stands there.")
        ),
        Reason.SENT_IN_ORIGINAL: Explanation(
            N_(
                "The row was sent, or may have been, as it stands in {file}, row {row}, after run {run} found it wrong."
            ),
            N_(
                "See what became of that row; to send this one as well, put it into a sheet without the wegly_ columns."
            ),
        ),
        Reason.WAITING: Explanation(N_("Not sent yet."), _SEND_AGAIN),
        Reason.CORRECTION_WAITS: Explanation(
            N_("Corrected in {file}, row {row} of run {run}, and not sent yet."),
            N_("Run that file again with the same campaign."),
        ),
        Reason.SETTLED_NOT_SENT: Explanation(
            N_("Not sent, as {who} decided on {when}; it waits to be sent again."), _SEND_AGAIN
        ),
        Reason.LIMIT: Explanation(N_("Not sent yet: the limit of this run was reached."), _SEND_AGAIN),
        Reason.CAP: Explanation(
            N_(
                "Not sent yet: {people:,} people in 24 hours were reached ([throttle] per_24h); the next can go "
                "at {when}."
            ),
            N_("Run the same command again then."),
        ),
        Reason.WINDOW: Explanation(
            N_(
                "Not sent yet: outside the hours in which this person may get messages; the next hours begin at "
                "{when} "
                "at the earliest."
            ),
            N_("Run the same command again then, or use --wait."),
        ),
        Reason.NO_HOURS: Explanation(
            N_("Not sent: no hour of the campaign suits every time zone in which this number may live."),
            N_('Give the [[window]] longer hours or a zone of its own (timezone = "America/Sao_Paulo").'),
        ),
        Reason.NOT_CHOSEN: Explanation(N_("Not sent yet: the row was not chosen for this run (--rows)."), _SEND_AGAIN),
        Reason.NOT_PLANNED: Explanation(N_("Not sent yet: the message is not in the plan that was sent."), _SEND_AGAIN),
        Reason.SPACING: Explanation(
            N_("Not sent yet: another message to the same person went out less than 6 seconds before."), _SEND_AGAIN
        ),
        Reason.STOPPED: Explanation(
            N_("Not sent yet: the run stopped before this row."), N_("See why the run stopped, then run again.")
        ),
        Reason.INTERRUPTED: Explanation(N_("Not sent yet: the run was interrupted before this row."), _SEND_AGAIN),
        Reason.RATE_LIMITED: Explanation(
            N_("Not sent: the API asked to slow down (HTTP {status}) until the tries were used up."), _SEND_AGAIN
        ),
        Reason.NOT_CONNECTED: Explanation(
            N_("Not sent: no connection to the API: {words}."), N_("Check the network and run again.")
        ),
        Reason.TRY_LATER: Explanation(N_("Not sent: the API asked to try later: {words}"), _SEND_AGAIN),
        Reason.NOT_AUTHORIZED: Explanation(
            N_("Not sent: the API does not accept the token (HTTP 401)."), N_("Check WEGLY_TOKEN, then run again.")
        ),
        Reason.FORBIDDEN: Explanation(
            N_("Not sent: the API forbids it (HTTP 403): {words}"),
            N_("Check the token's rights and its allowed domain (WEGLY_ORIGIN), then run again."),
        ),
        Reason.WRONG_ADDRESS: Explanation(
            N_("Not sent: this address is not the API (HTTP {status})."), N_("Check the base URL, then run again.")
        ),
        Reason.LEDGER_FAILED: Explanation(N_("The ledger takes no writes: {words}"), N_("Mend that, then run again.")),
        Reason.ACCOUNT_STOPPED: Explanation(
            N_("Not sent: WhatsApp has stopped this sender or account ({code}): {words}"),
            N_("Solve it in the WhatsApp account, then run again."),
        ),
        Reason.TEMPLATE_STOPPED: Explanation(
            N_("Not sent: the template cannot be used ({code}): {words}"),
            N_("Check the template's name, language and state, then run again."),
        ),
        Reason.NOTE_NINTH_DIGIT: Explanation(N_("The phone {found} lacked its ninth digit; it was added.")),
        Reason.NOTE_LANDLINE: Explanation(
            N_("The phone {found} is a landline; it gets the message only if WhatsApp is on it.")
        ),
        Reason.NOTE_UNDOCUMENTED: Explanation(
            N_("{field} is {found}, which the API's page does not name; sent as it is.")
        ),
        Reason.NOTE_CORRECTED: Explanation(N_("Corrected in {file}, row {row} of run {run}.")),
        Reason.NOTE_STILL_WRONG: Explanation(N_("It is still an error in {file}, row {row} of run {run}.")),
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Reason of a row's outcome, with the values that its sentence names."""

    reason: Reason
    values: Mapping[str, Value] = field(default_factory=dict)


def sentence(finding: Finding) -> str:
    """Return the sentence of a finding in the current language. A value that is missing shows as `?`."""
    return fill(_(EXPLANATIONS[finding.reason].sentence), finding.values)


def advice(finding: Finding) -> str:
    """Return the action for a finding in the current language; empty when there is nothing to do."""
    return fill(_(EXPLANATIONS[finding.reason].action), finding.values)


def general_sentence(reason: Reason) -> str:
    """Return the sentence of a reason for many rows: an ellipsis stands for each value."""
    return fill(_(EXPLANATIONS[reason].sentence), {}, missing="\N{HORIZONTAL ELLIPSIS}")


def findings_to_json(findings: Iterable[Finding]) -> str:
    """Encode findings as the ledger stores them."""
    return json.dumps(
        [[finding.reason.value, dict(finding.values)] for finding in findings], ensure_ascii=False, default=to_json
    )


@lru_cache(maxsize=1024)
def findings_from_json(text: str) -> tuple[Finding, ...]:
    """Decode findings of the ledger. Those of a ledger before version 0.1 have phrases as English text.

    Cached, because most rows of a report have the same few findings.
    """
    return tuple(
        Finding(Reason(code), {name: value_from_json(value) for name, value in values.items()})
        for code, values in json.loads(text)
    )

"""Reason codes, each with its sentence for people and the action to take.

A `Finding` is a code and the values that its sentence names, some of them phrases (`batch.model.phrases`). The ledger
stores findings, never sentences, so that a report can be written again in another language or with better words.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Self

from batch.i18n import N_, _
from batch.model.phrases import Phrase, Value, fill, to_json, value_from_json

_SEND_AGAIN = N_("Run the same command again.")
_CORRECT_PHONE = N_("Correct the phone and run again.")
_CORRECT_CELL = N_("Correct the cell and run again.")
_DECIDE = N_("Look in WhatsApp whether the message is there, then settle the row; it is not sent again by itself.")


def _explain(code: str, sentence: str, action: str = "") -> tuple[str, str, str]:
    return code, sentence, action


class Reason(StrEnum):
    """Code of a row's reason (`wegly_reason`), with its texts. Codes are never renamed: people count by them."""

    _value_: str
    sentence: str
    """Says what happened; marked for the catalogues, with values in braces."""
    action: str
    """Says what to do; empty when there is nothing to do."""

    def __new__(cls, code: str, sentence: str = "", action: str = "") -> Self:
        member = str.__new__(cls, code)
        member._value_, member.sentence, member.action = code, sentence, action
        return member

    # success and reused
    CREATED = _explain("created", N_("Accepted: a new chat was opened."))
    REUSED = _explain("reused", N_("Accepted: the chat was already there, and got the message."))
    SETTLED_SENT = _explain("settled_sent", N_("Sent, as {who} decided on {when}: no answer of the API says so."))
    FOUND_IN_CHAT = _explain(
        "found_in_chat",
        N_("Sent: no response arrived, but the message from {at} was found in the chat (checked {when})."),
    )
    # error: the phone
    PHONE_MISSING = _explain("phone_missing", N_("There is no phone number."), N_("Fill in the phone and run again."))
    PHONE_DIGITS_LOST = _explain(
        "phone_digits_lost",
        N_("The phone {found} has lost its last digits: it was saved in Excel's scientific form."),
        N_("Take the number from its source again; format the column as text before saving as CSV."),
    )
    PHONE_SEVERAL = _explain(
        "phone_several",
        N_("There is more than one number in the cell: {found}."),
        N_("Keep one number in the cell and run again."),
    )
    PHONE_NO_AREA_CODE = _explain(
        "phone_no_area_code", N_("The phone {found} has no area code (DDD)."), N_("Add the area code and run again.")
    )
    PHONE_BAD_AREA_CODE = _explain(
        "phone_bad_area_code",
        N_("The phone {found} begins with {area}, which is no area code (DDD) of Brazil."),
        _CORRECT_PHONE,
    )
    PHONE_SERVICE_NUMBER = _explain(
        "phone_service_number",
        N_("{found} is a service number (0800, 300x, 400x); it cannot be messaged."),
        N_("Fill in the person's own number and run again."),
    )
    PHONE_NOT_A_NUMBER = _explain("phone_not_a_number", N_("{found} is not a phone number."), _CORRECT_PHONE)
    PHONE_TOO_SHORT = _explain("phone_too_short", N_("The phone {found} has too few digits."), _CORRECT_PHONE)
    PHONE_TOO_LONG = _explain("phone_too_long", N_("The phone {found} has too many digits."), _CORRECT_PHONE)
    WHATSAPP_USER_ID = _explain(
        "whatsapp_user_id",
        N_("{found} is WhatsApp's own name for a person who hides the phone number; it cannot be messaged here."),
        N_("Ask the person for the number, and fill it in."),
    )
    PHONE_COUNTRY_UNCLEAR = _explain(
        "phone_country_unclear",
        N_("The phone {found} may be of Brazil or of {region}."),
        N_("Write + and the country's code before it, or name the column of countries in [phone] country_column."),
    )
    COUNTRY_UNKNOWN = _explain(
        "country_unknown",
        N_("{found} (column {column}) is no country that is known."),
        N_("Write its name, its two letters (BR) or its code (+55), and run again."),
    )
    PHONE_INVALID = _explain(
        "phone_invalid", N_("The phone {found} is not a valid number of {region}."), _CORRECT_PHONE
    )
    # error: the row's other cells
    CELL_UNREADABLE = _explain("cell_unreadable", N_("Column {column}: {found}."), _CORRECT_CELL)
    ROW_MALFORMED = _explain(
        "row_malformed", N_("The row cannot be read: {found}."), N_("Correct the row and run again.")
    )
    VALUE_MISSING = _explain(
        "value_missing",
        N_("{field} is empty (column {column})."),
        N_("Fill in the cell, or give a default in the campaign."),
    )
    VALUE_NOT_UUID = _explain(
        "value_not_uuid", N_("{field} (column {column}) must be a UUID, but is {found}."), _CORRECT_CELL
    )
    VALUE_TOO_LONG = _explain(
        "value_too_long",
        N_("{field} (column {column}) has {length} characters; {limit} are allowed."),
        N_("Shorten the text and run again."),
    )
    CONSENT_UNCLEAR = _explain(
        "consent_unclear",
        N_("{column} is {found}, which is neither a clear yes nor a no: nothing is sent."),
        N_("Write sim or n\u00e3o there, or add the text to yes = [...] under [consent], and run again."),
    )
    VALUE_NOT_ALLOWED = _explain(
        "value_not_allowed", N_("{field} (column {column}) is {found}; allowed are {allowed}."), _CORRECT_CELL
    )
    VALUE_BAD_CHARACTERS = _explain(
        "value_bad_characters",
        N_("{field} (column {column}) holds {found}, which cannot be sent."),
        N_("Take it out of the cell and run again."),
    )
    VALUE_NOT_A_DATE = _explain(
        "value_not_a_date", N_("{field} (column {column}): {found} is not a date."), _CORRECT_CELL
    )
    VALUE_NOT_MONEY = _explain(
        "value_not_money", N_("{field} (column {column}): {found} is not an amount of money."), _CORRECT_CELL
    )
    VALUE_NOT_A_NUMBER = _explain(
        "value_not_a_number", N_("{field} (column {column}): {found} is not a number."), _CORRECT_CELL
    )
    VALUE_NULL = _explain(
        "value_null",
        N_("{field} (column {column}) is {found}, which stands for an empty cell."),
        N_("Fill in the cell, give a default, or list the word in the campaign ([values] allow), and run again."),
    )
    VALUE_BROKEN = _explain(
        "value_broken",
        N_("{field} (column {column}) holds {found}."),
        N_("Correct the cell, or list the word in the campaign ([values] allow), and run again."),
    )
    VALUE_DIGITS_LOST = _explain(
        "value_digits_lost",
        N_("{field} (column {column}): {found} has lost digits: it was saved in the scientific form of a spreadsheet."),
        N_("Take the number from its source again; format the column as text before saving as CSV."),
    )
    VALUE_NOT_A_NAME = _explain(
        "value_not_a_name", N_("{field} (column {column}): {found} holds no name."), _CORRECT_CELL
    )
    TEXT_TOO_LONG = _explain(
        "text_too_long",
        N_("The {field} with its values has {length} characters; WhatsApp allows {limit}."),
        N_("Shorten the values and run again."),
    )
    # error: refused by the API
    API_REFUSED = _explain(
        "api_refused",
        N_("The API refused the row (HTTP {status}): {words}"),
        N_("Correct the row after what the API says and run again."),
    )
    NOT_ON_WHATSAPP = _explain(
        "not_on_whatsapp",
        N_("The number is not on WhatsApp, or cannot get this message ({code})."),
        N_("Ask the person for another number."),
    )
    RECIPIENT_IS_SENDER = _explain(
        "recipient_is_sender", N_("The number is the sender's own ({code})."), _CORRECT_PHONE
    )
    TEMPLATE_VALUES = _explain(
        "template_values",
        N_("WhatsApp refused the template's values ({code}): {words}"),
        N_("Compare the template with the campaign's fields."),
    )
    NOT_DELIVERED_BY_CHOICE = _explain(
        "not_delivered_by_choice",
        N_("WhatsApp chose not to deliver to this person now ({code})."),
        N_("Try again after 24 hours at the earliest."),
    )
    OPTED_OUT = _explain(
        "opted_out",
        N_("The person has stopped marketing messages from this sender ({code})."),
        N_("Do not message this person again."),
    )
    WHATSAPP_REFUSED = _explain(
        "whatsapp_refused",
        N_("WhatsApp refused the message ({code}): {words}"),
        N_("Correct the row after what WhatsApp says and run again."),
    )
    # unknown
    ANSWER_LOST = _explain(
        "answer_lost",
        N_("The connection was lost after the request had gone out: {words}. The message may have been sent."),
        _DECIDE,
    )
    ANSWER_TIMEOUT = _explain(
        "answer_timeout", N_("No answer came within {seconds} seconds. The message may have been sent."), _DECIDE
    )
    REQUEST_TIMEOUT = _explain(
        "request_timeout",
        N_("The API gave up waiting for the request (HTTP 408). The message may have been sent."),
        _DECIDE,
    )
    SERVER_ERROR = _explain(
        "server_error", N_("The API failed (HTTP {status}): {words} The message may have been sent."), _DECIDE
    )
    UNREADABLE_ANSWER = _explain(
        "unreadable_answer",
        N_("The API accepted (HTTP {status}), but its answer is unreadable: {words}. The message may have been sent."),
        _DECIDE,
    )
    REDIRECTED = _explain(
        "redirected",
        N_("The API answered with a redirect (HTTP {status}). The message may have been sent."),
        N_("Check the base URL, and look in WhatsApp whether the message is there."),
    )
    RUN_DIED = _explain(
        "run_died",
        N_("The program that was sending this message in the run {run} was lost. It may have been sent."),
        _DECIDE,
    )
    CUT_OFF = _explain(
        "cut_off", N_("What was sending this message was ended before an answer came. It may have been sent."), _DECIDE
    )
    IN_FLIGHT = _explain(
        "in_flight",
        N_("The message was being sent when this report was written."),
        N_("Write the report again when the run has ended."),
    )
    # skipped
    DUPLICATE = _explain(
        "duplicate",
        N_("The same person as row {row}, which stands for both: one message is sent."),
        N_("If each row is to get its own message, name in unique_by the column that differs (invoice, order)."),
    )
    HIDDEN_ROW = _explain(
        "hidden_row",
        N_("The row is hidden in the sheet (often by a filter)."),
        N_('Show the row, or set hidden_rows = "send" in the campaign, and run again.'),
    )
    FOOTER = _explain(
        "footer",
        N_("The row is no contact: it stands below the last blank row, with one or two cells and no phone."),
        N_("If it is a person, fill in the phone and run again."),
    )
    TOTALS_ROW = _explain(
        "totals_row",
        N_("The row is no contact: it is the totals row of the table."),
        N_("If it is a person, switch the table's totals row off, and run again."),
    )
    SENT_ELSEWHERE = _explain(
        "sent_elsewhere",
        N_("By the sheet's own result columns the run {run} has sent it ({status}), which this ledger does not know."),
        N_("Use the ledger that sent it (--ledger), or delete the columns wegly_status and wegly_run to send it."),
    )
    SUPPRESSED = _explain(
        "suppressed",
        N_("The person is on the suppression list ({where}): nobody on it is messaged."),
        N_("Leave it so; `wegly-batch suppress remove` takes a person off the list who wants messages again."),
    )
    NO_CONSENT = _explain(
        "no_consent",
        N_("The person did not consent to messages ({where})."),
        N_("Leave it so; with the person's consent, correct the column that [consent] column names, and run again."),
    )
    OPTOUT_UNUSED_COLUMN = _explain(
        "optout_unused_column",
        N_("The person wants no messages by a column that the campaign does not use ({where})."),
        N_(
            "Leave it so, and name the column under [suppress] or [consent] (column = ...); if it means something "
            "else, name it in ignore = [...] under [suppress] and run again."
        ),
    )
    NOT_SELECTED = _explain(
        "not_selected",
        N_("The row is not selected: {column} is {found}."),
        N_("Leave it so; [select] in the campaign says which rows get the message."),
    )
    NOT_ALLOWED = _explain(
        "not_allowed",
        N_("The recipient is not on the allow list ({where})."),
        N_("Add the person to that list, or run without --only-allowed."),
    )
    RECENTLY_MESSAGED = _explain(
        "recently_messaged",
        N_("The person got a message of the campaign {campaign} on {when}, less than {within} ago."),
        N_("Run again later, or shorten [history] not_within in the campaign."),
    )
    NOT_FAILED = _explain(
        "not_failed", N_("The look right before sending again showed no failure that may be repeated.")
    )
    UNREACHABLE = _explain(
        "unreachable",
        N_("WhatsApp could not reach the person's number on {when} (131026), less than {within} ago."),
        N_("Ask the person for another number, or shorten [history] skip_unreachable in the campaign."),
    )
    CORRECTED = _explain(
        "corrected", N_("The row was corrected in {file}, row {row} of run {run}, and counts as it stands there.")
    )
    SENT_IN_ORIGINAL = _explain(
        "sent_in_original",
        N_("The row was sent, or may have been, as it stands in {file}, row {row}, after run {run} found it wrong."),
        N_("See what became of that row; to send this one as well, put it into a sheet without the wegly_ columns."),
    )
    # pending
    WAITING = _explain("waiting", N_("Not sent yet."), _SEND_AGAIN)
    CORRECTION_WAITS = _explain(
        "correction_waits",
        N_("Corrected in {file}, row {row} of run {run}, and not sent yet."),
        N_("Run that file again with the same campaign."),
    )
    SETTLED_NOT_SENT = _explain(
        "settled_not_sent", N_("Not sent, as {who} decided on {when}; it waits to be sent again."), _SEND_AGAIN
    )
    LIMIT = _explain("limit", N_("Not sent yet: the limit of this run was reached."), _SEND_AGAIN)
    CAP = _explain(
        "cap",
        N_("Not sent yet: {people:,} people in 24 hours were reached ([throttle] per_24h); the next can go at {when}."),
        N_("Run the same command again then."),
    )
    WINDOW = _explain(
        "window",
        N_(
            "Not sent yet: outside the hours in which this person may get messages; the next hours begin at {when} at "
            "the earliest."
        ),
        N_("Run the same command again then, or use --wait."),
    )
    NO_HOURS = _explain(
        "no_hours",
        N_("Not sent: no hour of the campaign suits every time zone in which this number may live."),
        N_('Give the [[window]] longer hours or a zone of its own (timezone = "America/Sao_Paulo").'),
    )
    NOT_CHOSEN = _explain("not_chosen", N_("Not sent yet: the row was not chosen for this run (--rows)."), _SEND_AGAIN)
    NOT_PLANNED = _explain(
        "not_planned", N_("Not sent yet: the message is not in the plan that was sent."), _SEND_AGAIN
    )
    SPACING = _explain(
        "spacing",
        N_("Not sent yet: another message to the same person went out less than 6 seconds before."),
        _SEND_AGAIN,
    )
    STOPPED = _explain(
        "stopped", N_("Not sent yet: the run stopped before this row."), N_("See why the run stopped, then run again.")
    )
    INTERRUPTED = _explain("interrupted", N_("Not sent yet: the run was interrupted before this row."), _SEND_AGAIN)
    RATE_LIMITED = _explain(
        "rate_limited",
        N_("Not sent: the API asked to slow down (HTTP {status}), and the run ended before another try."),
        _SEND_AGAIN,
    )
    NOT_CONNECTED = _explain(
        "not_connected", N_("Not sent: no connection to the API: {words}."), N_("Check the network and run again.")
    )
    TRY_LATER = _explain("try_later", N_("Not sent: the API asked to try later: {words}"), _SEND_AGAIN)
    NOT_AUTHORIZED = _explain(
        "not_authorized",
        N_("Not sent: the API does not accept the token (HTTP 401)."),
        N_("Check WEGLY_TOKEN, then run again."),
    )
    FORBIDDEN = _explain(
        "forbidden",
        N_("Not sent: the API forbids it (HTTP 403): {words}"),
        N_("Check the token's rights and its allowed domain (WEGLY_ORIGIN), then run again."),
    )
    WRONG_ADDRESS = _explain(
        "wrong_address",
        N_("Not sent: this address is not the API (HTTP {status})."),
        N_("Check the base URL, then run again."),
    )
    LEDGER_FAILED = _explain(
        "ledger_failed", N_("The ledger takes no writes: {words}"), N_("Mend that, then run again.")
    )
    NOT_SENT_ON = _explain(
        "not_sent_on",
        N_("Looked at {all} of the messages: {failed} failed, {going} were sent on."),
        N_(
            "Look in Wegly at the template (its name, language and state) and at the sender, and correct the campaign. "
            "Then run the same command again: it sends what is left, the first rows alone again."
        ),
    )
    LOOKS_REFUSED = _explain(
        "looks_refused",
        N_("The API refuses to be asked what became of messages ({why}), so that the first rows prove nothing."),
        N_('See that the token may read chats; or write look = "0s" under [canary] to go on once they are accepted.'),
    )
    LOOKS_ENDED = _explain("looks_ended", N_("While sending no further messages of this run were looked at: {why}."))
    NOT_REPLACED = _explain(
        "not_replaced",
        N_("Failed messages were not sent again: the API refuses to be asked what became of them ({why})."),
    )
    CLAIMS_LOST = _explain(
        "claims_lost",
        N_("Another server took the place of the ledger's, and lacks what was claimed since {since}, or before."),
        N_(
            "Rows that wait may have their message: find out at the API or in the chats what was sent since then, and "
            "decide those rows, before anything is sent again. Then let a failover go to a standby in "
            "synchronous_standby_names alone."
        ),
    )
    WORKERS_LOST = _explain(
        "workers_lost",
        N_(
            "{workers} workers were lost one after the other in this sender's rows, the last on {host}, and none "
            "brought a row to an end."
        ),
        N_(
            "Find out what ended them (out of memory, killed, cut off from the ledger) and mend that. Then decide the "
            "rows in doubt, and submit the sheet again: it sends what is left."
        ),
    )
    ACCOUNT_STOPPED = _explain(
        "account_stopped",
        N_("Not sent: WhatsApp has stopped this sender or account ({code}): {words}"),
        N_("Solve it in the WhatsApp account, then run again."),
    )
    TEMPLATE_STOPPED = _explain(
        "template_stopped",
        N_("Not sent: the template cannot be used ({code}): {words}"),
        N_("Check the template's name, language and state, then run again."),
    )
    # notes on good rows
    NOTE_NINTH_DIGIT = _explain("note_ninth_digit", N_("The phone {found} lacked its ninth digit; it was added."))
    NOTE_LANDLINE = _explain(
        "note_landline", N_("The phone {found} is a landline; it gets the message only if WhatsApp is on it.")
    )
    NOTE_UNDOCUMENTED = _explain(
        "note_undocumented", N_("{field} is {found}, which the API's page does not name; sent as it is.")
    )
    NOTE_INVISIBLE = _explain(
        "note_invisible", N_("Invisible characters were taken out of the text (column {column}).")
    )
    # notes on rows that were corrected in a sheet of their own
    NOTE_CORRECTED = _explain("note_corrected", N_("Corrected in {file}, row {row} of run {run}."))
    NOTE_UNPROVEN = _explain(
        "note_unproven",
        N_(
            "It names row {row} of run {run} without the code that the ledger wrote beside it, so it counts as a row "
            "of this sheet alone."
        ),
    )
    NOTE_STILL_WRONG = _explain("note_still_wrong", N_("It is still an error in {file}, row {row} of run {run}."))


@dataclass(frozen=True, slots=True)
class Finding:
    """Reason of a row's outcome, with the values that its sentence names."""

    reason: Reason
    values: Mapping[str, Value] = field(default_factory=dict)


LEFT_OUT_BY_COLUMN = ("suppressed", "no_consent", "optout_unused_column")
"""Codes of reasons for which a column of the sheet leaves out all rows of a person."""
ROW_OF_SHEET = N_("row {row} of the sheet")
"""Place (`where`) of people whom a row of the sheet itself leaves out by its opt-out column."""

_OPTOUT_COLUMN = (
    N_("The person wants no messages by the opt-out column of the sheet ({where}): none of the person's rows is sent."),
    N_(
        "Leave it so; if the person wants messages again, correct the column that [suppress] column names ({where}), "
        "and run again."
    ),
)
"""Texts of SUPPRESSED where the sheet's own column leaves the person out, and not a list."""


def sentence(finding: Finding) -> str:
    """Return the sentence of a finding in the current language. A value that is missing shows as `?`."""
    text = _OPTOUT_COLUMN[0] if _is_of_column(finding) else finding.reason.sentence
    return fill(_(text), finding.values)


def advice(finding: Finding) -> str:
    """Return the action for a finding in the current language; empty when there is nothing to do."""
    text = _OPTOUT_COLUMN[1] if _is_of_column(finding) else finding.reason.action
    return fill(_(text), finding.values)


def _is_of_column(finding: Finding) -> bool:
    where = finding.values.get("where")
    return finding.reason is Reason.SUPPRESSED and isinstance(where, Phrase) and where.text == ROW_OF_SHEET


def general_sentence(reason: Reason) -> str:
    """Return the sentence of a reason for many rows: an ellipsis stands for each value."""
    return fill(_(reason.sentence), {}, missing="\N{HORIZONTAL ELLIPSIS}")


_encode = json.JSONEncoder(ensure_ascii=False, default=to_json).encode  # json.dumps makes an encoder for each


def findings_to_json(findings: Iterable[Finding]) -> str:
    """Encode findings as the ledger stores them."""
    return _encode([[finding.reason.value, dict(finding.values)] for finding in findings])


@lru_cache(maxsize=1024)
def findings_from_json(text: str) -> tuple[Finding, ...]:
    """Decode findings of the ledger. Those of a ledger before version 0.1 have phrases as English text.

    Cached, because most rows of a report have the same few findings.
    """
    return tuple(
        Finding(Reason(code), {name: value_from_json(value) for name, value in values.items()})
        for code, values in json.loads(text)
    )


def explain(findings: Iterable[Finding]) -> str:
    """Return the sentences and advice of a row, each once."""
    return " ".join(dict.fromkeys(part for each in findings for part in (sentence(each), advice(each)) if part))

"""WhatsApp's own error codes: finding one in an answer, and its meaning for the row and the run.

Source: `Error codes` of Meta's pages for the Cloud API, as of 2026.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from batch.i18n import N_
from batch.model.reasons import Reason


class Treatment(StrEnum):
    """Treatment of a row whose answer holds a code; in every case nothing was sent."""

    SLOW_DOWN = "slow_down"
    """Throttle the sender and retry the row."""
    RETRY = "retry"
    """Retry the row later."""
    ROW_FAILS = "row_fails"
    """Fail the row; never send it again as it is."""
    STOP = "stop"
    """Stop the run; every row would fail alike."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """A code's treatment, the reason the row gets, and WhatsApp's meaning in words."""

    treatment: Treatment
    reason: Reason
    words: str


def _slow(words: str) -> Meaning:
    return Meaning(Treatment.SLOW_DOWN, Reason.RATE_LIMITED, words)


def _retry(words: str) -> Meaning:
    return Meaning(Treatment.RETRY, Reason.TRY_LATER, words)


def _fails(words: str, reason: Reason = Reason.WHATSAPP_REFUSED) -> Meaning:
    return Meaning(Treatment.ROW_FAILS, reason, words)


def _stop(words: str, reason: Reason = Reason.ACCOUNT_STOPPED) -> Meaning:
    return Meaning(Treatment.STOP, reason, words)


CODES: Final[Mapping[int, Meaning]] = MappingProxyType(
    {
        # slow down, or retry later
        4: _slow(N_("the app has reached its limit of calls")),
        80007: _slow(N_("the account has reached its limit of calls")),
        130429: _slow(N_("too many messages at once")),
        131056: _retry(N_("too many messages to the same person in a short time")),
        131057: _retry(N_("the account is in maintenance")),
        2: _retry(N_("the service is busy or down")),
        131000: _retry(N_("something went wrong at WhatsApp")),
        131016: _retry(N_("the service is overloaded")),
        133004: _retry(N_("the server is not available")),
        134101: _retry(N_("the template is still being made ready")),
        # the row fails
        131026: _fails(N_("the number cannot get the message"), Reason.NOT_ON_WHATSAPP),
        131021: _fails(N_("the recipient is the sender"), Reason.RECIPIENT_IS_SENDER),
        131047: _fails(N_("more than 24 hours since the person last wrote")),
        132005: _fails(N_("the text with its values is too long")),
        132007: _fails(N_("the text breaks WhatsApp's rules")),
        132018: _fails(N_("a value holds line breaks, tabs or too many blanks")),
        100: _fails(N_("a value is wrong or not allowed")),
        131008: _fails(N_("a value is missing")),
        131009: _fails(N_("a value is wrong")),
        130472: _fails(N_("the number takes part in an experiment of WhatsApp")),
        130497: _fails(N_("the account may not message people in this country")),
        131049: _fails(N_("WhatsApp chose not to deliver"), Reason.NOT_DELIVERED_BY_CHOICE),
        131050: _fails(N_("the person stopped marketing messages"), Reason.OPTED_OUT),
        # the row fails; the pool stops after the first few in a row
        132000: _fails(N_("the template has another number of values"), Reason.TEMPLATE_VALUES),
        132012: _fails(N_("a value has another form than the template's"), Reason.TEMPLATE_VALUES),
        # stop the run
        0: _stop(N_("the app cannot be authenticated")),
        190: _stop(N_("WhatsApp's access token has expired")),
        3: _stop(N_("a right is missing")),
        10: _stop(N_("a right is missing")),
        131005: _stop(N_("access denied")),
        368: _stop(N_("the account is blocked for breaking rules")),
        131031: _stop(N_("the account is locked")),
        131042: _stop(N_("a problem with the payment")),
        131037: _stop(N_("the display name is not approved")),
        133010: _stop(N_("the sender's number is not registered")),
        131048: _stop(N_("the limit for spam has been reached")),
        131064: _stop(N_("the account is restricted")),
        131063: _stop(N_("the account is restricted")),
        132001: _stop(N_("there is no such template in this language"), Reason.TEMPLATE_STOPPED),
        132015: _stop(N_("the template is paused"), Reason.TEMPLATE_STOPPED),
        132016: _stop(N_("the template is disabled"), Reason.TEMPLATE_STOPPED),
    }
)

_RIGHTS: Final = _stop(N_("a right is missing"))
_OWN_NUMBERS: Final = range(130_000, 10_000_000)
"""Numbers that are WhatsApp's wherever they stand as a code; smaller ones are used by other systems too."""
_DEPTH: Final = 6
_DIGITS = re.compile(r"\d{1,7}", re.ASCII)


def meaning_of(code: int) -> Meaning | None:
    """Return the meaning of a code; None for a code that the table lacks."""
    return _RIGHTS if 200 <= code <= 299 else CODES.get(code)  # noqa: PLR2004 - Meta's codes for missing rights


def find_code(content: object) -> int | None:
    """Find WhatsApp's code in an answer's JSON, outermost first; None unless one is plainly WhatsApp's.

    Plainly: a `code` from 130000 up, or any `code` in an object `error` that has `error_data` or `fbtrace_id`.
    """
    return next(_codes(content, depth=_DEPTH), None)


def _codes(content: object, *, depth: int) -> Iterator[int]:
    if depth == 0:
        return
    if isinstance(content, list):
        for item in content:
            yield from _codes(item, depth=depth - 1)
    elif isinstance(content, dict):
        own = _number(content.get("code"))
        if own is not None and own in _OWN_NUMBERS:
            yield own
        error = content.get("error")
        if isinstance(error, dict) and ("error_data" in error or "fbtrace_id" in error):
            inner = _number(error.get("code"))
            if inner is not None:
                yield inner
        for value in content.values():
            yield from _codes(value, depth=depth - 1)


def _number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else None

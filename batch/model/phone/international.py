"""Phones of every country but Brazil, read by the `phonenumbers` library."""

from types import MappingProxyType

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType

from batch.i18n import N_
from batch.model.phone.brazil import COUNTRY, read_national
from batch.model.phone.digits import Digits, Phone, refuse
from batch.model.phrases import Phrase
from batch.model.reasons import Finding, Reason

ANY_COUNTRY = Phrase(N_("any country"))
_REFUSALS = MappingProxyType(
    {
        NumberParseException.TOO_SHORT_AFTER_IDD: Reason.PHONE_TOO_SHORT,
        NumberParseException.TOO_SHORT_NSN: Reason.PHONE_TOO_SHORT,
        NumberParseException.TOO_LONG: Reason.PHONE_TOO_LONG,
        NumberParseException.NOT_A_NUMBER: Reason.PHONE_NOT_A_NUMBER,
        NumberParseException.INVALID_COUNTRY_CODE: Reason.PHONE_INVALID,
    }
)
_SERVICES = frozenset(
    {
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.UAN,
        PhoneNumberType.PAGER,
        PhoneNumberType.VOICEMAIL,
    }
)


def read_international(cleaned: Digits, *, region: str) -> Phone | Finding:
    """Read digits that are not Brazilian by their form. `region`: country of digits without a country code."""
    found = cleaned.found
    try:
        number = phonenumbers.parse(("+" if cleaned.international else "") + cleaned.digits, region)
    except NumberParseException as failure:
        reason = _REFUSALS.get(failure.error_type, Reason.PHONE_INVALID)
        return refuse(reason, found, region=ANY_COUNTRY)
    if str(number.country_code) == COUNTRY:
        return read_national(phonenumbers.national_significant_number(number), found=found)
    return _judge(number, found)


def _judge(number: PhoneNumber, found: str) -> Phone | Finding:
    if not phonenumbers.is_valid_number(number):
        return refuse(Reason.PHONE_INVALID, found, region=_country(number))
    kind = phonenumbers.number_type(number)
    if kind in _SERVICES:
        return refuse(Reason.PHONE_SERVICE_NUMBER, found)
    landline = kind == PhoneNumberType.FIXED_LINE
    return Phone(
        e164=phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
        notes=(Finding(Reason.NOTE_LANDLINE, {"found": found}),) if landline else (),
    )


def _country(number: PhoneNumber) -> str:
    code = number.country_code or 0
    return f"{phonenumbers.region_code_for_country_code(code)} (+{code})"


def format_international(e164: str) -> str:
    """Return `+351 912 345 678`; text that is no number as it is."""
    try:
        number = phonenumbers.parse(e164, None)
    except NumberParseException:
        return e164
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def country_code(region: str) -> str:
    """Return the country code of a region: `351` for PT."""
    return str(phonenumbers.country_code_for_region(region))


def regions() -> frozenset[str]:
    """Return the two-letter regions that `read_phone` takes."""
    return frozenset(phonenumbers.SUPPORTED_REGIONS)

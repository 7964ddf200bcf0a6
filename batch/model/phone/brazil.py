"""Brazilian numbering plan: find the one recipient that digits mean.

Length decides, not the prefix: 10 or 11 digits are national, 12 or 13 that begin with 55 carry the country code. So
`55999998888` is a number of area 55. A mobile has nine digits and begins with 9; one without its ninth digit, as in
many of WhatsApp's own ids, is repaired, and the repaired number identifies the recipient.
"""

import re
from functools import cache, lru_cache

from batch.i18n import N_
from batch.model.phone.digits import Digits, Phone, refuse
from batch.model.phrases import Phrase
from batch.model.reasons import Finding, Reason

COUNTRY = "55"
_BRAZIL = Phrase(N_("Brazil"))

AREAS = frozenset(
    str(area)
    for areas in (
        range(11, 20),
        (21, 22, 24, 27, 28),
        (31, 32, 33, 34, 35, 37, 38),
        range(41, 50),
        (51, 53, 54, 55),
        range(61, 70),
        (71, 73, 74, 75, 77, 79),
        range(81, 90),
        range(91, 100),
    )
    for area in areas
)
"""The 67 area codes (DDD)."""

_CARRIERS = frozenset({"12", "14", "15", "21", "22", "23", "25", "31", "41", "43", "55", "65", "99"})
"""Codes of long-distance carriers, dialled between the 0 and the area. Source: libphonenumber."""

_SERVICE = re.compile(r"0?(?:800|300|303|500|900)[0-9]{6,7}|[34]00[0-9]{5}")
"""0800 and the like (Excel drops their zero; no area is 80, 30, 50 or 90), and 300x, 400x, dialled without an area."""

_WITHOUT_AREA = (8, 9)
_WITH_AREA = (10, 11)
_WITH_COUNTRY = (12, 13)
_WITH_COUNTRY_AND_ZERO = (13, 14, 15, 16)
_MOBILE_LENGTH = 9


def read_domestic(given: Digits, *, area: str = "") -> Phone | Finding:
    """Read digits without `+`: with or without the country code, a leading 0 or a carrier. `area`: where none is."""
    digits = given.digits
    lengths = _WITH_COUNTRY_AND_ZERO if digits.startswith(COUNTRY + "0") else _WITH_COUNTRY
    if digits.startswith(COUNTRY) and len(digits) in lengths:
        digits = digits.removeprefix(COUNTRY)
    return read_national(digits, given, area=area)


def read_national(digits: str, given: Digits, *, area: str = "") -> Phone | Finding:
    """Read digits without the country code: area and number, perhaps after 0 and a carrier.

    `given`: the digits as they are written. `area`: the area code of a number that has none.
    """
    found = given.found
    if _is_service(digits):
        return refuse(Reason.PHONE_SERVICE_NUMBER, found)
    if digits.startswith("0"):
        digits = _without_carrier(digits[1:])
    length = len(digits)
    if length in _WITH_AREA:
        return _read_subscriber(digits[:2], digits[2:], given)
    if length in _WITHOUT_AREA and area:
        return _read_subscriber(area, digits, given)
    if length in _WITHOUT_AREA:
        return refuse(Reason.PHONE_NO_AREA_CODE, found)
    return refuse(Reason.PHONE_TOO_SHORT if length < min(_WITHOUT_AREA) else Reason.PHONE_TOO_LONG, found)


def _is_service(digits: str) -> bool:
    # Nine digits that begin with 900 are a mobile whose area is missing.
    return bool(_SERVICE.fullmatch(digits)) and not (digits.startswith("900") and len(digits) in _WITHOUT_AREA)


def _without_carrier(digits: str) -> str:
    """Remove the carrier of `15 11 999999999`; digits that may be a typing error stay as they are."""
    carrier, rest = digits[:2], digits[2:]
    if carrier not in _CARRIERS or len(rest) not in _WITH_AREA:
        return digits
    one_digit_too_many = carrier in AREAS and len(rest) == min(_WITH_AREA) and rest.startswith("9")
    return digits if one_digit_too_many else rest


def _read_subscriber(area: str, number: str, given: Digits) -> Phone | Finding:
    found = given.found
    if area not in AREAS:
        return refuse(Reason.PHONE_BAD_AREA_CODE, found, area=area)
    if _is_service(number):
        return refuse(Reason.PHONE_SERVICE_NUMBER, found)
    first = number[0]
    if len(number) == _MOBILE_LENGTH:
        return _phone(area, number) if first == "9" else refuse(Reason.PHONE_INVALID, found, region=_BRAZIL)
    if first in "6789":
        repaired = _phone(area, "9" + number, Finding(Reason.NOTE_NINTH_DIGIT, {"found": found}))
        return repaired if given.ends_in_eight else refuse(Reason.PHONE_TOO_SHORT, found)
    if first in "2345":
        return _phone(area, number, Finding(Reason.NOTE_LANDLINE, {"found": found}))
    return refuse(Reason.PHONE_INVALID, found, region=_BRAZIL)


def _phone(area: str, number: str, *notes: Finding) -> Phone:
    return Phone(e164=f"+{COUNTRY}{area}{number}", notes=notes)


_BRASILIA = ("America/Sao_Paulo",)
_BY_AREA = {
    "65": ("America/Cuiaba",),
    "66": ("America/Cuiaba",),
    "67": ("America/Campo_Grande",),
    "68": ("America/Rio_Branco",),
    "69": ("America/Porto_Velho",),
    "92": ("America/Manaus",),
    "95": ("America/Boa_Vista",),
    "97": ("America/Eirunepe", "America/Manaus"),  # western and eastern Amazonas: the hours must suit both
}


def zones_of(person: str, home: str) -> tuple[str, ...]:
    """Return the zones (IANA) in which a person (E.164) may live, sorted; equal ones are one object.

    `home` stands in for a number that gives none.
    """
    if person.startswith("+55"):
        return _BY_AREA.get(person[3:5], _BRASILIA)
    return _abroad(person) or (home,)


@lru_cache(maxsize=65536)
def _abroad(person: str) -> tuple[str, ...]:
    from phonenumbers import NumberParseException, parse  # noqa: PLC0415 - only numbers abroad pay for the tables
    from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_number  # noqa: PLC0415 - likewise

    try:
        zones = time_zones_for_number(parse(person))
    except NumberParseException:
        return ()
    return _shared(tuple(sorted(set(zones) - {UNKNOWN_TIMEZONE})))


@cache
def _shared(zones: tuple[str, ...]) -> tuple[str, ...]:
    # One object for equal zones: there are a few hundred, for any number of people.
    return zones

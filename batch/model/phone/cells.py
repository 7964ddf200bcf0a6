"""A phone as people type it, read as the one person it belongs to.

Brazil is read by a rule of our own (`phone_brazil`), every other country by the `phonenumbers` library
(`phone_world`, loaded only when a number needs it: the import is slow). Whatever the spelling, one person has one E.164
number; a number that cannot be read for certain is refused by name, never guessed.

The rule is versioned: who counts as the same person must not change between two runs of a campaign unnoticed. A table
of spellings in the tests guards it.
"""

from __future__ import annotations

import re
from typing import Literal

from batch.model.phone.brazil import AREAS, COUNTRY, read_domestic, read_national
from batch.model.phone.digits import Digits, Phone, clean, refuse
from batch.model.reasons import Finding, Reason

PHONE_RULE_VERSION = 1
"""To be raised with any change that makes a spelling another person, or a refused one a person."""

Form = Literal["national", "e164", "digits"]
"""How the number goes out: `11988887777`, `+5511988887777` or `5511988887777`."""

_BRAZIL = "BR"
_INTERNATIONAL = "00"
_PLAIN_MOBILE = re.compile(r"(?:(?:\+ ?)?55 ?)?\(?([1-9][1-9])\)? ?(9[0-9]{4})[- ]?([0-9]{4})")
"""The spellings that nearly every row has. What matches is read by `read_text` alike, only slower."""
_BRAZILIAN_PARTS = re.compile(r"\+55([0-9]{2})([0-9]{4,5})([0-9]{4})")


def plain_mobile(text: str, *, region: str = _BRAZIL) -> str | None:
    """E.164 of a Brazilian mobile in a spelling that nearly every row has; None for all else."""
    plain = _PLAIN_MOBILE.fullmatch(text) if region == _BRAZIL else None
    return f"+{COUNTRY}{plain[1]}{plain[2]}{plain[3]}" if plain and plain[1] in AREAS else None


def read_phone(text: str, *, region: str = _BRAZIL) -> Phone | Finding:
    """The person behind a cell's text, or the finding that says why there is none. Never raises for data.

    `region` (two letters, upper case, one that `phonenumbers` knows) is the country of numbers without a country code.
    """
    e164 = plain_mobile(text, region=region)
    if e164:
        return Phone(e164=e164)
    return read_text(text, region=region)


def read_text(text: str, *, region: str) -> Phone | Finding:
    """`read_phone` without its short cut."""
    cleaned = clean(text)
    if isinstance(cleaned, Finding):
        return cleaned
    if region == _BRAZIL and not cleaned.international and cleaned.digits.startswith(_INTERNATIONAL):
        cleaned = Digits(digits=cleaned.digits.lstrip("0"), found=cleaned.found, international=True)
    if not cleaned.digits:
        return refuse(Reason.PHONE_NOT_A_NUMBER, cleaned.found)
    if cleaned.international and cleaned.digits.startswith(COUNTRY):
        return read_national(cleaned.digits.removeprefix(COUNTRY), found=cleaned.found)
    if region == _BRAZIL and not cleaned.international:
        return read_domestic(cleaned.digits, found=cleaned.found)
    return _read_world(cleaned, region)


def _read_world(cleaned: Digits, region: str) -> Phone | Finding:
    from batch.model.phone.international import read_world  # noqa: PLC0415 - phonenumbers loads slowly and is seldom needed

    return read_world(cleaned, region=region)


def format_for_api(e164: str, form: Form, region: str = _BRAZIL) -> str:
    """The number as the API is to get it.

    `national` leaves out the country code of `region`; a number of another country keeps `+` and its code, since the
    API takes a number without `+` for one of the sender's country.
    """
    if form == "digits":
        return e164.removeprefix("+")
    prefix = f"+{_country_code(region)}"
    return e164.removeprefix(prefix) if form == "national" and e164.startswith(prefix) else e164


def format_phone(e164: str) -> str:
    """The number for people: `+55 11 98888-7777`. The spaces keep Excel from making it a number.

    One that is masked is given as it is.
    """
    if "*" in e164:
        return e164
    parts = _BRAZILIAN_PARTS.fullmatch(e164)
    if parts:
        return f"+{COUNTRY} {parts[1]} {parts[2]}-{parts[3]}"
    from batch.model.phone.international import format_international  # noqa: PLC0415 - phonenumbers loads slowly and is seldom needed

    return format_international(e164)


def _country_code(region: str) -> str:
    if region == _BRAZIL:
        return COUNTRY
    from batch.model.phone.international import country_code  # noqa: PLC0415 - phonenumbers loads slowly and is seldom needed

    return country_code(region)


def is_region(text: str) -> bool:
    """Whether `read_phone` takes this as a region: `BR`, `PT`."""
    if text == _BRAZIL:
        return True
    from batch.model.phone.international import regions  # noqa: PLC0415 - phonenumbers loads slowly and is seldom needed

    return text in regions()

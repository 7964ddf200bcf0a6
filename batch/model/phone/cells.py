"""Phones as people type them, read as the one recipient they mean.

Brazilian numbers are read by rules of our own (`brazil`), those of other countries by the `phonenumbers` library
(`international`, imported only for a number that needs it, because the import is slow). Whatever its spelling, a
recipient has one E.164 number; a number that cannot be read for certain is refused with a reason, never guessed.

The rules are versioned, because who counts as the same recipient must not change unnoticed between two runs of a
campaign. A table of spellings in the tests pins them.
"""

import re
from dataclasses import replace
from typing import Literal

from batch.model.phone.brazil import AREAS, COUNTRY, read_domestic, read_national
from batch.model.phone.digits import Digits, Phone, extract_digits, refuse
from batch.model.reasons import Finding, Reason

PHONE_RULE_VERSION = 1
"""Raise with each change by which a spelling means another recipient, or a refused one means any."""

Form = Literal["national", "e164", "digits"]
"""Form of a number for the API: `11988887777`, `+5511988887777` or `5511988887777`."""

_BRAZIL = "BR"
_INTERNATIONAL = "00"
_FOREIGN_BLOCKS = (3, 3, 3)
"""Blocks of digits in which no Brazilian number is written, and many of other countries are."""
_USUAL_MOBILE = re.compile(r"(?:(?:\+ ?)?55 ?)?\(?([1-9][1-9])\)? ?(9[0-9]{4})[- ]?([0-9]{4})")
_BRAZILIAN_PARTS = re.compile(r"\+55([0-9]{2})([0-9]{4,5})([0-9]{4})")


def read_phone(text: str, *, region: str = _BRAZIL, area: str = "", sure: bool = False) -> Phone | Finding:
    """Return the phone in a cell's text, or the finding that says why there is none. Never raises for data.

    Args:
        text: the cell.
        region: two upper-case letters, a region of `phonenumbers`: the country of numbers without a country code.
        area: Brazilian area code of numbers without one.
        sure: the row itself names the country.
    """
    # The spellings of nearly every row. Below they are read alike, at ten times the work (a third of a whole check).
    usual = _USUAL_MOBILE.fullmatch(text) if region == _BRAZIL else None
    if usual and usual[1] in AREAS:
        return Phone(f"+{COUNTRY}{usual[1]}{usual[2]}{usual[3]}")
    cleaned = extract_digits(text)
    if isinstance(cleaned, Finding):
        return cleaned
    if region == _BRAZIL and not cleaned.international and cleaned.digits.startswith(_INTERNATIONAL):
        cleaned = Digits(digits=cleaned.digits.lstrip("0"), found=cleaned.found, international=True)
    if not cleaned.digits:
        return refuse(Reason.PHONE_NOT_A_NUMBER, cleaned.found)
    if cleaned.international and cleaned.digits.startswith(COUNTRY):
        return read_national(cleaned.digits.removeprefix(COUNTRY), cleaned, area=area)
    if region == _BRAZIL and not cleaned.international:
        here = read_domestic(cleaned, area=area)
        return here if sure or cleaned.blocks[-3:] != _FOREIGN_BLOCKS else _refuse_unclear(here, cleaned)
    from batch.model.phone import international  # noqa: PLC0415 - phonenumbers loads slowly and is seldom needed

    return international.read_international(cleaned, region=region)


def _refuse_unclear(here: Phone | Finding, cleaned: Digits) -> Phone | Finding:
    """Refuse a number that is not written as Brazilians do where it is one of another country as well."""
    from batch.model.phone import international  # noqa: PLC0415 - phonenumbers loads slowly and is seldom needed

    there = international.read_international(replace(cleaned, international=True), region=_BRAZIL)
    if isinstance(here, Finding) or isinstance(there, Finding):
        return here
    return refuse(Reason.PHONE_COUNTRY_UNCLEAR, cleaned.found, region=format_phone(there.e164))


def format_for_api(e164: str, form: Form, region: str = _BRAZIL) -> str:
    """Return a number as the API gets it.

    `national` omits the country code of `region`; a number of another country keeps `+` and its code, because the API
    takes a number without `+` for one of the sender's country.
    """
    return e164.removeprefix(omitted_prefix(form, region))


def omitted_prefix(form: Form, region: str = _BRAZIL) -> str:
    """Return what `format_for_api` omits of a number that begins with it."""
    if form != "national":
        return "+" if form == "digits" else ""
    if region == _BRAZIL:
        return f"+{COUNTRY}"
    from batch.model.phone import international  # noqa: PLC0415 - phonenumbers loads slowly and is seldom needed

    return f"+{international.country_code(region)}"


def format_phone(e164: str) -> str:
    """Return a number for people: `+55 11 98888-7777`, whose spaces keep Excel from taking it for a number.

    A masked number is returned as it is.
    """
    if "*" in e164:
        return e164
    parts = _BRAZILIAN_PARTS.fullmatch(e164)
    if parts:
        return f"+{COUNTRY} {parts[1]} {parts[2]}-{parts[3]}"
    from batch.model.phone import international  # noqa: PLC0415 - phonenumbers loads slowly and is seldom needed

    return international.format_international(e164)


def find_region(text: str) -> str | None:
    """Return the region that a cell names (`Brasil`, `BR`, `+55`); None where it names none."""
    from batch.model.phone import international  # noqa: PLC0415 - phonenumbers loads slowly and is seldom needed

    return international.find_region(text)


def is_region(text: str) -> bool:
    """Return True for a region that `read_phone` takes: `BR`, `PT`."""
    return text == _BRAZIL or find_region(text) == text

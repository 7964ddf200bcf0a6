"""Phones of every country but Brazil, read by the `phonenumbers` library."""

import unicodedata
from functools import cache
from types import MappingProxyType

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType

from batch.i18n import N_
from batch.model.phone.brazil import COUNTRY, read_national
from batch.model.phone.digits import Digits, Phone, refuse, unify_forms
from batch.model.phrases import Phrase
from batch.model.reasons import Finding, Reason

ANY_COUNTRY = Phrase(N_("any country"))
_REFUSALS = MappingProxyType(
    {
        NumberParseException.TOO_SHORT_AFTER_IDD: Reason.PHONE_TOO_SHORT,
        NumberParseException.TOO_SHORT_NSN: Reason.PHONE_TOO_SHORT,
        NumberParseException.TOO_LONG: Reason.PHONE_TOO_LONG,
        NumberParseException.NOT_A_NUMBER: Reason.PHONE_NOT_A_NUMBER,
    }
)
_MEXICO = 52
"""Its mobiles were written with a 1 after the code until 2019, and still are."""
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
        return read_national(phonenumbers.national_significant_number(number), cleaned)
    return _judge(number, found)


def _judge(number: PhoneNumber, found: str) -> Phone | Finding:
    if not phonenumbers.is_valid_number(number) and number.country_code == _MEXICO:
        number = PhoneNumber(country_code=_MEXICO, national_number=int(str(number.national_number).removeprefix("1")))
    if not phonenumbers.is_valid_number(number):
        return refuse(Reason.PHONE_INVALID, found, region=_country(number))
    kind = phonenumbers.number_type(number)
    if kind in _SERVICES:
        return refuse(Reason.PHONE_SERVICE_NUMBER, found)
    landline = kind == PhoneNumberType.FIXED_LINE
    dialled = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    e164 = unify_forms(dialled)
    return Phone(
        e164=e164,
        notes=(Finding(Reason.NOTE_LANDLINE, {"found": found}),) if landline else (),
        dialled=None if dialled == e164 else dialled,
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


_ALIASES = {
    **dict.fromkeys(("eua", "eeuu", "estadosunidosdaamerica", "america"), "US"),
    **dict.fromkeys(("uk", "inglaterra", "england", "grabretanha", "greatbritain"), "GB"),
}
"""Usual names of countries that the names of `phonenumbers` lack."""
_ALPHA_3 = 3


def fold_name(name: str) -> str:
    """Return a name in lower case without accents, spaces and punctuation."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(char for char in plain if char.isalnum())


@cache
def _region_names() -> dict[str, str]:
    """Return the names of the regions in Portuguese, English and Spanish, folded, with their two letters.

    The codes of three letters are names too, as CLDR lists them.
    """
    from babel.core import get_global  # noqa: PLC0415 - only a column of countries pays for it
    from phonenumbers.geodata.locale import LOCALE_DATA  # noqa: PLC0415 - likewise

    codes = get_global("territory_aliases").items()
    names = {
        code.lower(): region for code, (region, *_) in codes if len(code) == _ALPHA_3 and code.isalpha()
    } | _ALIASES
    for region, by_language in LOCALE_DATA.items():
        for language in filter(by_language.__contains__, ("pt", "en", "es")):
            name = by_language[language]
            # A star leads to the language that has the same name.
            names[fold_name(by_language[name[1:]] if name.startswith("*") else name)] = region
    return names


def find_region(text: str) -> str | None:
    """Return the region that a text names (`Brasil`, `BR`, `+55`); None where it names none."""
    digits = text.strip().removeprefix("+").lstrip("0")
    if digits.isascii() and digits.isdigit():
        region = phonenumbers.region_code_for_country_code(int(digits[:4]))
        return region if region in phonenumbers.SUPPORTED_REGIONS else None
    code = text.strip().upper()
    if code in phonenumbers.SUPPORTED_REGIONS:
        return code
    named = _region_names().get(fold_name(text))
    return named if named in phonenumbers.SUPPORTED_REGIONS else None

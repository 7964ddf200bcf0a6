"""Time zones in which a recipient may live, by the phone number.

For Brazil by a table of our own: `phonenumbers` puts area code 81 (Recife) into the zone of Noronha.
"""

from __future__ import annotations

from functools import cache, lru_cache

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

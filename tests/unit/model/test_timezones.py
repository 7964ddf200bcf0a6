"""The time zones of a person: by area code in Brazil, by the number elsewhere."""

from __future__ import annotations

import subprocess
import sys
from zoneinfo import ZoneInfo

import pytest

from batch.model.phone.brazil import AREAS, zones_of

HOME = "America/Noronha"
ELSEWHERE = {
    "65": ("America/Cuiaba",),
    "66": ("America/Cuiaba",),
    "67": ("America/Campo_Grande",),
    "68": ("America/Rio_Branco",),
    "69": ("America/Porto_Velho",),
    "92": ("America/Manaus",),
    "95": ("America/Boa_Vista",),
    "97": ("America/Eirunepe", "America/Manaus"),
}


@pytest.mark.parametrize("area", sorted(AREAS))
def test_each_area_of_brazil_has_its_zone(area: str) -> None:
    """Mobiles and landlines; Brasilia where nothing else is said, Recife (81) as well."""
    expected = ELSEWHERE.get(area, ("America/Sao_Paulo",))
    assert zones_of(f"+55{area}912345678", HOME) == expected
    assert zones_of(f"+55{area}32345678", HOME) == expected


def test_there_are_67_areas() -> None:
    """So that the test above has seen them all."""
    assert len(AREAS) == 67
    assert ELSEWHERE.keys() <= AREAS


@pytest.mark.parametrize(
    ("person", "zones"),
    [
        ("+351212345678", ("Europe/Lisbon",)),
        ("+351912345678", ("Atlantic/Azores", "Europe/Lisbon")),
        ("+12125550123", ("America/New_York",)),
        ("+819012345678", ("Asia/Tokyo",)),
    ],
)
def test_abroad_the_number_tells(person: str, zones: tuple[str, ...]) -> None:
    """As far as its country publishes it."""
    assert zones_of(person, HOME) == zones


def test_a_country_of_many_zones_has_them_all_once_and_in_order() -> None:
    """A Russian mobile may be anywhere from Kaliningrad to Kamchatka."""
    zones = zones_of("+79161234567", HOME)
    assert len(zones) > 5
    assert list(zones) == sorted(set(zones))
    assert all(ZoneInfo(zone) for zone in zones)


@pytest.mark.parametrize("person", ["+99912345678", "+0", "", "+80012345678", "no number"])
def test_where_the_number_tells_nothing_the_home_stands_in(person: str) -> None:
    """The campaign's zone is the best guess there is."""
    assert zones_of(person, HOME) == (HOME,)


@pytest.mark.parametrize("person", ["+5511912345678", "+5597912345678", "+351912345678"])
def test_the_same_zones_are_the_same_object(person: str) -> None:
    """A million rows do not hold a million of them."""
    other = person[:-1] + "0"
    assert zones_of(person, HOME) is zones_of(other, HOME)


def test_brazil_needs_no_tables_of_other_countries() -> None:
    """They take time to load, and nearly no campaign needs them."""
    code = (
        "import sys; from batch.model.phone.brazil import zones_of; zones_of('+5511912345678', 'UTC'); "
        "sys.exit('phonenumbers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""The hours in which messages may go out: exact at their edges, by the clock on the wall."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from batch.model.sending_hours import Hours, HoursState, Window, check_holidays, parse_day, parse_hours

BRASILIA = ("America/Sao_Paulo",)
ACRE = ("America/Rio_Branco",)
NEW_YORK = ("America/New_York",)
WEEKDAYS = frozenset(range(5))
TICK = timedelta(microseconds=1)


def next_open(hours: Hours, at: datetime, zones: tuple[str, ...]) -> datetime | None:
    """`at` or the next opening; None when there is none within 400 days."""
    span = hours.state_at(at, zones)
    return at if span.open else span.until


def _window(hours: str, days: frozenset[int] = frozenset(range(7)), **more: str) -> Window:
    begin, end = parse_hours(hours)
    return Window(days=days, begin=begin, end=end, **more)


def _at(text: str, zones: tuple[str, ...] = BRASILIA, fold: int = 0) -> datetime:
    """A moment as the clocks of the first zone show it."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zones[0]), fold=fold)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_without_windows_it_is_always_open() -> None:
    """And nothing has to be looked up."""
    at = _at("2026-11-24T03:00")
    assert Hours(()).state_at(at, BRASILIA) == HoursState(open=True, until=None)
    assert next_open(Hours(()), at, BRASILIA) == at


def test_the_begin_is_in_it_and_the_end_is_not() -> None:
    """To the microsecond."""
    hours = Hours((_window("09:00-20:00"),))
    nine, eight = _at("2026-11-24T09:00"), _at("2026-11-24T20:00")
    assert hours.state_at(nine - TICK, BRASILIA) == HoursState(open=False, until=_utc("2026-11-24T12:00"))
    assert hours.state_at(nine, BRASILIA) == HoursState(open=True, until=_utc("2026-11-24T23:00"))
    assert hours.state_at(eight - TICK, BRASILIA) == HoursState(open=True, until=_utc("2026-11-24T23:00"))
    assert hours.state_at(eight, BRASILIA) == HoursState(open=False, until=_utc("2026-11-25T12:00"))


def test_moments_are_told_in_utc() -> None:
    """Whatever zone they were asked in."""
    hours = Hours((_window("09:00-20:00"),))
    for at in (_at("2026-11-24T03:00"), _at("2026-11-24T10:00")):
        span = hours.state_at(at, BRASILIA)
        assert span.until is not None
        assert span.until.tzinfo == UTC


def test_the_days_between_are_closed() -> None:
    """From Friday evening to Saturday morning, and to Monday."""
    hours = Hours((_window("09:00-20:00", WEEKDAYS), _window("10:00-16:00", frozenset({5}))))
    assert next_open(hours, _at("2026-11-27T20:00"), BRASILIA) == _at("2026-11-28T10:00")
    assert next_open(hours, _at("2026-11-28T16:00"), BRASILIA) == _at("2026-11-30T09:00")
    assert hours.state_at(_at("2026-11-29T12:00"), BRASILIA).open is False


@pytest.mark.parametrize("second", ["12:00-20:00", "10:30-20:00", "09:00-20:00"])
def test_windows_that_touch_or_overlap_are_one_span(second: str) -> None:
    """Nobody stops at noon for nothing."""
    hours = Hours((_window("09:00-12:00"), _window(second)))
    assert hours.state_at(_at("2026-11-24T09:30"), BRASILIA).until == _at("2026-11-24T20:00")


def test_a_window_that_reaches_midnight_goes_on_in_that_of_the_next_day() -> None:
    """Weekdays around the clock are one span from Monday to Saturday."""
    hours = Hours((_window("00:00-24:00", WEEKDAYS),))
    assert hours.state_at(_at("2026-11-23T00:00"), BRASILIA) == HoursState(open=True, until=_at("2026-11-28T00:00"))
    assert Hours((_window("00:00-24:00"),)).state_at(_at("2026-11-23T00:00"), BRASILIA) == HoursState(
        open=True, until=None
    )


def test_past_midnight_the_day_it_began_decides() -> None:
    """Friday's window holds on Saturday morning, and Sunday's does not begin on Saturday night."""
    hours = Hours((_window("22:00-02:00", WEEKDAYS),))
    assert hours.state_at(_at("2026-11-28T01:59"), BRASILIA) == HoursState(open=True, until=_at("2026-11-28T02:00"))
    assert next_open(hours, _at("2026-11-28T02:00"), BRASILIA) == _at("2026-11-30T22:00")
    assert hours.state_at(_at("2026-11-30T01:00"), BRASILIA).open is False  # it would be Sunday's


def test_past_midnight_the_holiday_of_the_day_it_began_decides() -> None:
    """New Year's Eve reaches into the holiday; the holiday's own window does not open."""
    hours = Hours((_window("22:00-02:00", holidays="BR"),))
    assert hours.state_at(_at("2027-01-01T01:00"), BRASILIA) == HoursState(open=True, until=_at("2027-01-01T02:00"))
    assert next_open(hours, _at("2027-01-01T02:00"), BRASILIA) == _at("2027-01-02T22:00")


def test_holidays_are_skipped_national_ones_and_the_states() -> None:
    """Christmas everywhere; the ninth of July only for those who named Sao Paulo."""
    national, state, none = (
        Hours((_window("09:00-20:00", **more),)) for more in ({"holidays": "BR"}, {"holidays": "BR-SP"}, {})
    )
    christmas, july = _at("2026-12-25T12:00"), _at("2026-07-09T12:00")
    assert [hours.state_at(christmas, BRASILIA).open for hours in (national, state, none)] == [False, False, True]
    assert [hours.state_at(july, BRASILIA).open for hours in (national, state, none)] == [True, False, True]
    assert next_open(national, _at("2026-12-24T20:00"), BRASILIA) == _at("2026-12-26T09:00")


def test_a_holiday_is_one_of_the_places_own_calendar() -> None:
    """It begins and ends at the person's midnight, not at that of UTC."""
    hours = Hours((_window("00:00-24:00", holidays="BR"),))
    assert hours.state_at(_at("2026-12-20T12:00"), BRASILIA).until == _at("2026-12-25T00:00")
    assert next_open(hours, _at("2026-12-25T12:00", ACRE), ACRE) == _utc("2026-12-26T05:00")


def test_recipients_hours_are_read_in_the_persons_zone_and_others_in_their_own() -> None:
    """Nine in Acre is eleven in Brasilia."""
    recipient, fixed = Hours((_window("09:00-20:00"),)), Hours((_window("09:00-20:00", zone=BRASILIA[0]),))
    at = _utc("2026-11-24T12:30")
    assert (recipient.state_at(at, BRASILIA).open, recipient.state_at(at, ACRE).open) == (True, False)
    assert next_open(recipient, at, ACRE) == _utc("2026-11-24T14:00")
    assert (
        fixed.state_at(at, ACRE)
        == fixed.state_at(at, BRASILIA)
        == HoursState(open=True, until=_utc("2026-11-24T23:00"))
    )


def test_somebody_with_two_zones_is_messaged_when_both_suit() -> None:
    """Area 97: from nine in the west (UTC-5) to twenty in the east (UTC-4)."""
    hours, zones = Hours((_window("09:00-20:00"),)), ("America/Eirunepe", "America/Manaus")
    assert next_open(hours, _utc("2026-11-24T10:00"), zones) == _utc("2026-11-24T14:00")
    assert hours.state_at(_utc("2026-11-24T14:00"), zones) == HoursState(open=True, until=_utc("2026-11-25T00:00"))


def test_another_window_may_suit_each_zone() -> None:
    """While the clocks of one show the morning's hours, those of the other show the afternoon's."""
    hours = Hours((_window("09:00-10:00"), _window("10:30-12:00")))
    zones = ("America/Manaus", "America/Sao_Paulo")  # an hour apart
    assert hours.state_at(_utc("2026-11-24T13:00"), zones).open is False  # 9:00 and 10:00
    assert next_open(hours, _utc("2026-11-24T13:00"), zones) == _utc("2026-11-24T13:30")
    assert hours.state_at(_utc("2026-11-24T13:30"), zones).until == _utc("2026-11-24T14:00")


def test_hours_that_never_suit_all_zones_never_open() -> None:
    """None, and no endless search."""
    hours = Hours((_window("09:00-10:00"),))
    assert next_open(hours, _utc("2026-11-24T12:00"), ("America/Sao_Paulo", "Asia/Tokyo")) is None
    assert hours.state_at(_utc("2026-11-24T12:00"), ("America/Sao_Paulo", "Asia/Tokyo")) == HoursState(
        open=False, until=None
    )


def test_a_day_that_comes_seldom_is_found() -> None:
    """A Friday that is Christmas: a fortnight without an open moment is looked over."""
    hours = Hours((_window("09:00-10:00", frozenset({4}), holidays="BR"),))
    assert next_open(hours, _at("2026-12-18T10:00"), BRASILIA) == _at("2027-01-08T09:00")  # 25 December and 1 January


def test_a_time_that_no_clock_shows_is_in_no_window() -> None:
    """New York's clocks go from 2:00 to 3:00 on 14 March 2027: hours within stay closed, others are cut."""
    jump = _utc("2027-03-14T07:00")
    within = Hours((_window("02:15-02:45"),))
    assert next_open(within, _utc("2027-03-14T00:00"), NEW_YORK) == _at("2027-03-15T02:15", NEW_YORK)
    ends = Hours((_window("01:00-02:30"),))
    assert ends.state_at(jump - TICK, NEW_YORK) == HoursState(open=True, until=jump)
    assert ends.state_at(jump, NEW_YORK).open is False
    begins = Hours((_window("02:30-05:00"),))
    assert next_open(begins, jump - TICK, NEW_YORK) == jump
    assert begins.state_at(jump, NEW_YORK) == HoursState(open=True, until=_utc("2027-03-14T09:00"))


def test_a_time_that_clocks_show_twice_is_open_twice() -> None:
    """New York's clocks go from 2:00 back to 1:00 on 7 November 2027."""
    hours = Hours((_window("01:15-01:45"),))
    first, second = _utc("2027-11-07T05:15"), _utc("2027-11-07T06:15")
    half = timedelta(minutes=30)
    assert next_open(hours, _utc("2027-11-07T00:00"), NEW_YORK) == first
    assert hours.state_at(first, NEW_YORK) == HoursState(open=True, until=first + half)
    assert hours.state_at(first + half, NEW_YORK) == HoursState(open=False, until=second)
    assert hours.state_at(second, NEW_YORK) == HoursState(open=True, until=second + half)
    assert next_open(hours, second + half, NEW_YORK) == _at("2027-11-08T01:15", NEW_YORK)


def test_hours_that_begin_in_a_repeated_hour_close_when_it_is_shown_again() -> None:
    """From 1:30 on; half an hour later the clocks show 1:00, which is not in it."""
    hours = Hours((_window("01:30-20:00"),))
    back = _utc("2027-11-07T06:00")
    assert hours.state_at(back - TICK, NEW_YORK) == HoursState(open=True, until=back)
    assert hours.state_at(back, NEW_YORK) == HoursState(open=False, until=back + timedelta(minutes=30))


def test_an_ordinary_day_in_lisbon_is_an_hour_shorter_or_longer_in_utc_only() -> None:
    """9 to 20 by its clocks, in summer and in winter."""
    hours, zones = Hours((_window("09:00-20:00"),)), ("Europe/Lisbon",)
    assert next_open(hours, _utc("2027-03-27T20:00"), zones) == _utc("2027-03-28T08:00")
    assert next_open(hours, _utc("2027-10-30T20:00"), zones) == _utc("2027-10-31T09:00")
    around = Hours((_window("22:00-03:00", frozenset({5})),))
    assert around.state_at(_utc("2027-03-27T23:00"), zones).until == _utc("2027-03-28T02:00")
    assert around.state_at(_utc("2027-10-30T23:00"), zones).until == _utc("2027-10-31T03:00")


def test_a_midnight_that_no_clock_shows_does_no_harm() -> None:
    """Santiago's clocks go from 24:00 to 1:00; the day's hours are those that its clocks show."""
    hours, zones = Hours((_window("00:00-09:00", frozenset({6})),)), ("America/Santiago",)
    begin = next_open(hours, _utc("2027-09-04T12:00"), zones)
    assert begin == _utc("2027-09-05T04:00")
    assert hours.state_at(begin, zones).until == _at("2027-09-05T09:00", zones)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("09:00-20:00", (540, 1200)),
        ("9:00-20:00", (540, 1200)),
        ("9h-20h", (540, 1200)),
        ("9-20", (540, 1200)),
        ("9h30 - 18H", (570, 1080)),
        (" 9:00 \u2013 20:00 ", (540, 1200)),
        ("00:00-24:00", (0, 1440)),
        ("22:00-02:00", (1320, 1560)),
        ("22:00-00:00", (1320, 1440)),
        ("00:01-00:00", (1, 1440)),
    ],
)
def test_hours_as_people_write_them(text: str, minutes: tuple[int, int]) -> None:
    """An end before the begin is of the next day."""
    assert parse_hours(text) == minutes


@pytest.mark.parametrize(
    "text",
    [
        *("", "9", "09:00", "9 to 20", "25:00-26:00", "24:00-02:00", "09:60-20:00", "9:0-20:00", "09:00-24:01", "9-9"),
        *("09:00-20:00-22:00", "9am-8pm", "-1-5", "\u0669-20", "09:00-20:99"),
    ],
)
def test_other_hours_are_refused_with_what_is_allowed(text: str) -> None:
    """None is guessed; the same time twice may be a day or nothing."""
    with pytest.raises(ValueError, match='allowed are two times of a day like "09:00-20:00"'):
        parse_hours(text)


def test_days_as_people_write_them() -> None:
    """Short and long, English and Portuguese, with and without accents."""
    assert [parse_day(day) for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")] == list(range(7))
    assert [parse_day(day) for day in ("seg", "ter", "qua", "qui", "sex", "s\u00e1b", "dom")] == list(range(7))
    assert [parse_day(day) for day in ("Monday", "SATURDAY", " Sab ", "SA\u0301B", "Ter\u00e7a-feira")] == [
        0,
        5,
        5,
        5,
        1,
    ]


@pytest.mark.parametrize(("text", "near"), [("tues", "did you mean 'tue'"), ("mondey", "'monday'"), ("xyz", "allowed")])
def test_other_days_are_refused_with_the_nearest(text: str, near: str) -> None:
    """And with all that are allowed."""
    with pytest.raises(ValueError, match=f"there is no day '{text}'.*{near}.*sun"):
        parse_day(text)


def test_places_with_holidays_have_one_form() -> None:
    """Case and blanks are no matter."""
    assert [check_holidays(place) for place in ("BR", " br ", "br-sp", "BR - SP", "PT")] == [
        "BR",
        "BR",
        "BR-SP",
        "BR-SP",
        "PT",
    ]
    capital = check_holidays("BR-s\u00e3o paulo capital")
    assert Hours((_window("09:00-20:00", holidays=capital),)).state_at(_at("2027-01-25T12:00"), BRASILIA).open is False


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("", "no holidays of '' are known; allowed is a country"),
        ("BRR", "did you mean 'BR'"),
        ("XX", 'allowed is a country like "BR", or a state of it like "BR-SP"'),
        ("Brasil", "no holidays of 'BRASIL' are known"),
        ("BR-XX", "BR has no state 'XX'; allowed are AC, AL, .*SP"),
        ("BR-SPP", "did you mean 'SP'"),
        ("BR-", "BR has no state ''"),
        ("HK-1", "its states have no holidays of their own"),
    ],
)
def test_other_places_are_refused_with_what_is_allowed(place: str, said: str) -> None:
    """A window that kept no holiday, although one was named, would message somebody on it."""
    with pytest.raises(ValueError, match=said):
        check_holidays(place)


def test_the_holidays_are_loaded_only_when_named() -> None:
    """A campaign without them does not pay for the package."""
    code = (
        "import sys; from datetime import datetime, UTC; from batch.model.sending_hours import *; "
        "hours = Hours((Window(days=frozenset(range(7)), begin=0, end=60),)); "
        "hours.state_at(datetime.now(UTC), ('America/Sao_Paulo',)); "
        "sys.exit('holidays' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

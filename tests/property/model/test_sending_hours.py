"""Whatever the windows, the zones and the moment: the hours do what a person reading a clock on the wall would do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch.model.sending_hours import Hours, Window

unhurried = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""

ZONES = (
    "America/Sao_Paulo",
    "America/Rio_Branco",
    "America/New_York",
    "America/Santiago",
    "Europe/Lisbon",
    "Asia/Kolkata",
    "Pacific/Kiritimati",
)
TICK = timedelta(microseconds=1)
FAR = timedelta(days=400)

names = st.sampled_from(ZONES)
zones = st.lists(names, min_size=1, max_size=3, unique=True).map(lambda found: tuple(sorted(found)))
days = st.frozensets(st.integers(0, 6), min_size=1)
places = st.sampled_from([None, None, "BR", "BR-SP"])
# About where clocks change in New York, Lisbon and Santiago, and about holidays, as well as anywhere.
marks = st.sampled_from(
    [
        datetime(2027, 3, 14, 7, tzinfo=UTC),
        datetime(2027, 11, 7, 6, tzinfo=UTC),
        datetime(2027, 3, 28, 1, tzinfo=UTC),
        datetime(2027, 10, 31, 1, tzinfo=UTC),
        datetime(2027, 9, 5, 4, tzinfo=UTC),
        datetime(2027, 1, 1, 3, tzinfo=UTC),
        datetime(2026, 12, 25, 3, tzinfo=UTC),
    ]
)
near = st.builds(
    lambda mark, minutes: mark + timedelta(minutes=minutes),
    marks,
    st.integers(-1500, 1500) | st.sampled_from([0, -60, 60]),
)
moments = near | st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def next_open(hours: Hours, at: datetime, zones: tuple[str, ...]) -> datetime | None:
    """`at` or the next opening; None when there is none within 400 days."""
    span = hours.state_at(at, zones)
    return at if span.open else span.until


@st.composite
def windows(draw: st.DrawFn) -> Window:
    """Any hours, often on the quarter or just those at which clocks change."""
    begin = draw(st.sampled_from([0, 60, 75, 90, 120, 135, 150, 180, 540, 1320, 1380]) | st.integers(0, 1439))
    length = draw(st.sampled_from([15, 30, 60, 120, 660, 1440]) | st.integers(1, 1440))
    zone = draw(st.none() | names)
    return Window(days=draw(days), begin=begin, end=begin + length, zone=zone, holidays=draw(places))


weeks = st.lists(windows(), min_size=1, max_size=3).map(lambda found: Hours(tuple(found)))


@cache
def _free_days(place: str, year: int) -> list[date]:
    country, _, state = place.partition("-")
    return sorted(holidays.country_holidays(country, subdiv=state or None, years=year))


def _read_on_the_wall(window: Window, at: datetime, zone: str) -> bool:
    """The rule in other words: the minutes since some day's midnight, as its clocks show them."""
    shown = at.astimezone(ZoneInfo(window.zone or zone)).replace(tzinfo=None)
    for back in range(3):
        day = shown.date() - timedelta(days=back)
        minutes = (shown - datetime.combine(day, datetime.min.time())) / timedelta(minutes=1)
        free = window.holidays is not None and day in _free_days(window.holidays, day.year)
        if day.weekday() in window.days and not free and window.begin <= minutes < window.end:
            return True
    return False


def _open(hours: Hours, at: datetime, zones: tuple[str, ...]) -> bool:
    return all(any(_read_on_the_wall(window, at, zone) for window in hours.windows) for zone in zones)


def _between(begin: datetime, end: datetime) -> list[datetime]:
    """The moments just at the ends, every few minutes near them, and a hundred more."""
    length = end - begin
    close = [begin + timedelta(minutes=7 * step) for step in range(60)]
    return [
        at
        for at in (begin, *close, *(begin + length * step / 100 for step in range(100)), end - TICK)
        if begin <= at < end
    ]


@unhurried
@given(weeks, moments, zones)
def test_it_is_open_when_a_clock_on_the_wall_says_so(hours: Hours, at: datetime, zones: tuple[str, ...]) -> None:
    """In every zone that the person may live in."""
    assert hours.state_at(at, zones).open == _open(hours, at, zones)


@unhurried
@given(weeks, moments, zones)
def test_a_span_ends_at_the_first_moment_at_which_the_answer_changes(
    hours: Hours, at: datetime, zones: tuple[str, ...]
) -> None:
    """Nothing changes before, and at that very microsecond it does."""
    span = hours.state_at(at, zones)
    assert {_open(hours, moment, zones) for moment in _between(at, span.until or at + FAR)} == {span.open}
    if span.until is not None:
        assert (span.until > at, span.until.tzinfo) == (True, UTC)
        assert _open(hours, span.until, zones) is not span.open


@unhurried
@given(weeks, moments, zones)
def test_the_next_open_moment_is_open_and_none_before_is(hours: Hours, at: datetime, zones: tuple[str, ...]) -> None:
    """An open moment is its own."""
    opens = next_open(hours, at, zones)
    assert [moment for moment in _between(at, opens or at + FAR) if _open(hours, moment, zones)] == []
    if opens is not None:
        assert opens >= at
        assert hours.state_at(opens, zones).open


@unhurried
@given(weeks, moments, zones)
def test_several_zones_are_open_when_each_of_them_is(hours: Hours, at: datetime, zones: tuple[str, ...]) -> None:
    """And stay so until the first of them closes."""
    together, each = hours.state_at(at, zones), [hours.state_at(at, (zone,)) for zone in zones]
    assert together.open == all(span.open for span in each)
    if together.open:
        assert together.until == min((span.until for span in each if span.until), default=None)


@unhurried
@given(st.builds(lambda window, place: (window, place), windows(), st.sampled_from(["BR", "BR-SP"])), st.data())
def test_nothing_begins_on_a_skipped_day(drawn: tuple[Window, str], data: st.DataObject) -> None:
    """A window within one day is closed all through a holiday."""
    window, place = drawn
    within = Window(days=window.days, begin=window.begin, end=min(1440, window.end), holidays=place)
    year = data.draw(st.integers(2026, 2028))
    day = data.draw(st.sampled_from(_free_days(place, year)))
    zone = data.draw(names)
    minutes = data.draw(st.integers(0, 1439))
    shown = datetime.combine(day, datetime.min.time(), ZoneInfo(zone)) + timedelta(minutes=minutes)
    if shown.astimezone(UTC).astimezone(ZoneInfo(zone)).date() == day:
        assert not Hours((within,)).state_at(shown, (zone,)).open

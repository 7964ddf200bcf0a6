"""The hours in which messages may go out: windows of days, times and holidays, in a person's time zone or a fixed one.

Pure: the time is an argument. What counts is what a clock on the wall shows. Where clocks are put back, hours that are
shown twice are open twice; where they are put forward, a time that no clock shows is open in no window.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from batch.errors import nearest
from batch.i18n import _

_AHEAD = (8, 400)
"""Days that are looked ahead: mostly a week is enough, and after more than a year nothing is to be expected."""
_AROUND = 2
"""Days by which a local date may lie beside that of UTC, a window's reach past midnight included."""
_MIDNIGHT = 24 * 60
_HOUR = 60
_SECOND = timedelta(seconds=1)

_DAYS = {
    name: day
    for week in (
        "mon tue wed thu fri sat sun",
        "monday tuesday wednesday thursday friday saturday sunday",
        "seg ter qua qui sex sab dom",
        "segunda terca quarta quinta sexta sabado domingo",
    )
    for day, name in enumerate(week.split())
}
_TIME = r"(\d{1,2})(?:[:h](\d{2}))?h?"
_HOURS = re.compile(rf"{_TIME}\s*[-\u2013\u2014]\s*{_TIME}", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Days and times of a week."""

    days: frozenset[int]
    """Monday is 0."""
    begin: int
    """Minutes from the local midnight of the day it begins, by the clock on the wall; below 1440."""
    end: int
    """Likewise, exclusive; above 1440 when it passes midnight, and at most `begin` + 1440. The day it begins decides
    weekday and holiday."""
    zone: str | None = None
    """None: the recipient's."""
    holidays: str | None = None
    """`BR`, or `BR-SP` with the state's: on these days it does not open. None: no holidays."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HoursState:
    """Whether one may send, and until when (aware, UTC) that stays so; None: for the next 400 days at least."""

    open: bool
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Hours:
    """All windows of a campaign. Without any, one may always send."""

    windows: tuple[Window, ...]

    def state_at(self, at: datetime, zones: tuple[str, ...]) -> HoursState:
        """Whether a person in these time zones may get a message at `at` (aware), and until when that stays so.

        Somebody whose number leaves several zones possible may get it when the hours suit every one of them.
        """
        at = at.astimezone(UTC)
        now = self._is_open(at, zones)
        for days in _AHEAD if self.windows else ():
            changes = (edge for edge in self._edges(at, zones, days) if self._is_open(edge, zones) != now)
            if (change := next(changes, None)) is not None:
                return HoursState(open=now, until=change)
        return HoursState(open=now, until=None)

    def next_open(self, at: datetime, zones: tuple[str, ...]) -> datetime | None:
        """`at` itself, or when the hours begin next (UTC); None when they do not within 400 days."""
        span = self.state_at(at, zones)
        return at.astimezone(UTC) if span.open else span.until

    def _is_open(self, at: datetime, zones: tuple[str, ...]) -> bool:
        if not self.windows:
            return True
        return all(any(_holds(window, at, window.zone or zone) for window in self.windows) for zone in zones)

    def _edges(self, at: datetime, zones: tuple[str, ...], days: int) -> list[datetime]:
        """Every moment within so many days after `at` at which the answer may change, in order."""
        places = {(window, window.zone or zone) for window in self.windows for zone in zones}
        dates = [at.date() + timedelta(days=day) for day in range(-_AROUND, days + _AROUND)]
        edges = {edge for window, zone in places for day in dates for edge in _ends(window, day, zone)}
        edges |= {jump for _place, zone in places for day in dates for jump in _jumps(day, zone)}
        return sorted(edge for edge in edges if at < edge <= at + timedelta(days=days))


def _holds(window: Window, at: datetime, zone: str) -> bool:
    """Whether the window is open at `at` (UTC) by the clocks of that zone."""
    shown = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    for day in (shown.date(), shown.date() - timedelta(days=1)):  # it may have begun the day before
        begin, end = _shown(day, window.begin), _shown(day, window.end)
        if begin <= shown < end and _opens(window, day):
            return True
    return False


def _opens(window: Window, day: date) -> bool:
    return day.weekday() in window.days and not (window.holidays and day in _holidays(window.holidays, day.year))


def _shown(day: date, minutes: int) -> datetime:
    """What the clocks show (without a zone) so long after midnight."""
    return datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)  # noqa: DTZ001 - what a clock shows


@lru_cache(maxsize=8192)
def _ends(window: Window, day: date, zone: str) -> tuple[datetime, ...]:
    """The moments (UTC) at which the window that begins on that local day does so, or ends; none when none does."""
    if not _opens(window, day):
        return ()
    return tuple(moment for minutes in (window.begin, window.end) for moment in _moments(_shown(day, minutes), zone))


def _moments(shown: datetime, zone: str) -> Iterator[datetime]:
    """The moments at which the clocks of the zone show this: two where they were put back between."""
    for fold in (0, 1):
        yield shown.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


@lru_cache(maxsize=8192)
def _jumps(day: date, zone: str) -> tuple[datetime, ...]:
    """The moment of that day (UTC) from which on the clocks of the zone show another time; none on nearly every day."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    end = begin + timedelta(days=1)
    before = _offset(begin, zone)
    if _offset(end, zone) == before:
        return ()
    while end - begin > _SECOND:
        middle = begin + (end - begin) // 2 // _SECOND * _SECOND
        begin, end = (middle, end) if _offset(middle, zone) == before else (begin, middle)
    return (end,)


def _offset(at: datetime, zone: str) -> timedelta | None:
    return at.astimezone(ZoneInfo(zone)).utcoffset()


@lru_cache(maxsize=64)
def _holidays(place: str, year: int) -> frozenset[date]:
    import holidays  # noqa: PLC0415 - slow to load, and needed only by campaigns that name holidays

    country, _dash, state = place.partition("-")
    return frozenset(holidays.country_holidays(country, subdiv=state or None, years=year))


def check_holidays(place: str) -> str:
    """`BR` or `BR-SP` in its usual form. Raises ValueError, whose text says what is allowed."""
    import holidays  # noqa: PLC0415 - as above

    country, dash, state = (part.strip() for part in place.upper().partition("-"))
    known = holidays.list_supported_countries(include_aliases=False)
    if country not in known:
        raise ValueError(
            _(
                'no holidays of {country!r} are known{nearest}; allowed is a country like "BR", or a state '
                'of it like "BR-SP"'
            ).format(country=country, nearest=nearest(country, known))
        )
    states = {name.upper(): name for name in known[country]}
    if dash and state not in states:
        allowed = (
            _("allowed are {states}").format(states=", ".join(states.values()))
            if states
            else _("its states have no holidays of their own")
        )
        raise ValueError(
            _("{country} has no state {state!r}{nearest}; {allowed}").format(
                country=country, state=state, nearest=nearest(state, states), allowed=allowed
            )
        )
    return f"{country}-{states[state]}" if dash else country


def parse_hours(text: str) -> tuple[int, int]:
    """(begin, end) in minutes of `09:00-20:00`, `9h-20h` or `22:00-02:00`; the end may be above 1440.

    Raises ValueError, whose text says what is allowed.
    """
    match = _HOURS.fullmatch(text.strip().lower())
    begin, end = (_minutes(match[1], match[2]), _minutes(match[3], match[4])) if match else (-1, -1)
    if not (0 <= begin < _MIDNIGHT and 0 <= end <= _MIDNIGHT) or begin == end:
        raise ValueError(_('allowed are two times of a day like "09:00-20:00", or "22:00-02:00" past midnight'))
    return begin, end if end > begin else end + _MIDNIGHT


def _minutes(hours: str, minutes: str | None) -> int:
    """From midnight; -1 for what is no time."""
    return int(hours) * _HOUR + int(minutes or 0) if int(minutes or 0) < _HOUR else -1


def parse_day(text: str) -> int:
    """0 (Monday) to 6 of `mon`, `Monday`, `seg`. Raises ValueError, whose text says what is allowed."""
    plain = unicodedata.normalize("NFKD", text.strip().casefold()).removesuffix("-feira")
    name = "".join(letter for letter in plain if not unicodedata.combining(letter))
    if name not in _DAYS:
        raise ValueError(
            _("there is no day {day!r}{nearest}; allowed are mon, tue, wed, thu, fri, sat and sun").format(
                day=text, nearest=nearest(name, _DAYS)
            )
        )
    return _DAYS[name]

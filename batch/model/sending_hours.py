"""Sending hours: windows of days, times and holidays, in the recipient's time zone or in a fixed one.

Windows are local clock time. Where clocks are put back, an hour that is shown twice is open twice; where they are put
forward, a time that no clock shows is in no window.
"""

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
"""Days to look ahead: first a week, which is mostly enough, then more than a year, after which nothing changes."""
_AROUND = 2
"""Days between a local date and that of UTC at most, with a window's part past midnight."""
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
    """Opening hours on some days of the week."""

    days: frozenset[int]
    """Monday is 0."""
    begin: int
    """Minutes after local midnight of the day on which it begins, by local clock time; below 1440."""
    end: int
    """Likewise, exclusive; above 1440 when it passes midnight, at most `begin` + 1440. Weekday and holiday are those of
    the day on which it begins."""
    zone: str | None = None
    """IANA name; None: the recipient's zone."""
    holidays: str | None = None
    """`BR`, or `BR-SP` with those of the state; the window stays closed on them. None: no holidays."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HoursState:
    """State of the sending hours at a moment."""

    open: bool
    until: datetime | None
    """Next change (UTC, aware); None: no change within 400 days."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Windows of a campaign. Without any, sending is always allowed."""

    windows: tuple[Window, ...]

    def state_at(self, at: datetime, zones: tuple[str, ...]) -> HoursState:
        """Return whether a recipient in these time zones may get a message at `at` (aware), and until when.

        Several zones are those that a number leaves possible: the hours must suit each of them.
        """
        at = at.astimezone(UTC)
        now = self._is_open(at, zones)
        for days in _AHEAD if self.windows else ():
            changes = (edge for edge in self._edges(at, zones, days) if self._is_open(edge, zones) != now)
            if (change := next(changes, None)) is not None:
                return HoursState(open=now, until=change)
        return HoursState(open=now, until=None)

    def _is_open(self, at: datetime, zones: tuple[str, ...]) -> bool:
        if not self.windows:
            return True
        return all(any(_is_open(window, at, window.zone or zone) for window in self.windows) for zone in zones)

    def _edges(self, at: datetime, zones: tuple[str, ...], days: int) -> list[datetime]:
        """Return the moments within so many days after `at` at which the state may change, in order."""
        places = {(window, window.zone or zone) for window in self.windows for zone in zones}
        dates = [at.date() + timedelta(days=day) for day in range(-_AROUND, days + _AROUND)]
        edges = {edge for window, zone in places for day in dates for edge in _ends(window, day, zone)}
        edges |= {jump for _place, zone in places for day in dates for jump in _jumps(day, zone)}
        return sorted(edge for edge in edges if at < edge <= at + timedelta(days=days))


def _is_open(window: Window, at: datetime, zone: str) -> bool:
    shown = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    for day in (shown.date(), shown.date() - timedelta(days=1)):  # it may have begun the day before
        begin, end = _shown(day, window.begin), _shown(day, window.end)
        if begin <= shown < end and _opens(window, day):
            return True
    return False


def _opens(window: Window, day: date) -> bool:
    return day.weekday() in window.days and not (window.holidays and day in _holidays(window.holidays, day.year))


def _shown(day: date, minutes: int) -> datetime:
    return datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)  # noqa: DTZ001 - what a clock shows


@lru_cache(maxsize=8192)
def _ends(window: Window, day: date, zone: str) -> tuple[datetime, ...]:
    """Return the moments (UTC) at which the window of that local day begins and ends; none when it stays closed."""
    if not _opens(window, day):
        return ()
    return tuple(moment for minutes in (window.begin, window.end) for moment in _moments(_shown(day, minutes), zone))


def _moments(shown: datetime, zone: str) -> Iterator[datetime]:
    """Yield the moments (UTC) at which clocks of the zone show this time: two, and different where they go back."""
    for fold in (0, 1):
        yield shown.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


@lru_cache(maxsize=8192)
def _jumps(day: date, zone: str) -> tuple[datetime, ...]:
    """Return the moment of that day (UTC) at which the zone's offset changes; none on nearly every day."""
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
    """Return `BR` or `BR-SP` in its usual form. Raises ValueError with what is allowed."""
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
    """Return begin and end of `09:00-20:00`, `9h-20h` or `22:00-02:00` in minutes; the end may be above 1440.

    Raises ValueError with what is allowed.
    """
    match = _HOURS.fullmatch(text.strip().lower())
    begin, end = (_minutes(match[1], match[2]), _minutes(match[3], match[4])) if match else (-1, -1)
    if not (0 <= begin < _MIDNIGHT and 0 <= end <= _MIDNIGHT) or begin == end:
        raise ValueError(_('allowed are two times of a day like "09:00-20:00", or "22:00-02:00" past midnight'))
    return begin, end if end > begin else end + _MIDNIGHT


def _minutes(hours: str, minutes: str | None) -> int:
    """Return minutes after midnight; -1 for no time of a day."""
    return int(hours) * _HOUR + int(minutes or 0) if int(minutes or 0) < _HOUR else -1


def parse_day(text: str) -> int:
    """Return 0 (Monday) to 6 for `mon`, `Monday`, `seg`. Raises ValueError with what is allowed."""
    plain = unicodedata.normalize("NFKD", text.strip().casefold()).removesuffix("-feira")
    name = "".join(letter for letter in plain if not unicodedata.combining(letter))
    if name not in _DAYS:
        raise ValueError(
            _("there is no day {day!r}{nearest}; allowed are mon, tue, wed, thu, fri, sat and sun").format(
                day=text, nearest=nearest(name, _DAYS)
            )
        )
    return _DAYS[name]

"""When to come back."""

from datetime import UTC, datetime, timedelta

import pytest

from batch.chats.response import MAX_PAUSE, clock_skew, parse_http_date, rate_limit_reset, retry_after

NOW = datetime(2026, 3, 11, 12, 0, 0, tzinfo=UTC)
DATE = "Wed, 11 Mar 2026 12:05:00 GMT"  # the API's clock is 5 minutes ahead


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 0 "}, 0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "99999999"}, MAX_PAUSE),
        ({"retry-after": "Wed, 11 Mar 2026 12:00:30 GMT"}, 30),
        ({"retry-after": "Wed, 11 Mar 2026 12:05:30 GMT", "date": DATE}, 30),
        ({"retry-after": "Wed, 11 Mar 2020 12:00:00 GMT"}, 0),
        ({"retry-after": "Wed, 11 Mar 2099 12:00:00 GMT"}, MAX_PAUSE),
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "\u0663"}, None),
        ({"retry-after": "9" * 400}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds or a date (by the API's own clock), never negative, never beyond a day, None for nonsense."""
    assert retry_after(headers, received=NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"ratelimit-reset": "12"}, 12),
        ({"x-ratelimit-reset": str(int((NOW + timedelta(seconds=40)).timestamp()))}, 40),
        ({"x-ratelimit-reset": str(int((NOW + timedelta(seconds=40)).timestamp()) * 1000)}, 40),
        ({"ratelimit": "limit=100, remaining=0, reset=50"}, 50),
        ({"ratelimit": '"default";r=0;t=30'}, 30),
        ({"ratelimit": '"default";r=0'}, None),
        ({"ratelimit-reset": "tomorrow"}, None),
        ({}, None),
    ],
)
def test_rate_limit_headers(headers: dict[str, str], seconds: float | None) -> None:
    """The drafts' and the usual forms: seconds to go, or a point in time in seconds or milliseconds."""
    assert rate_limit_reset(headers, received=NOW) == seconds


def test_the_difference_of_the_clocks() -> None:
    """Seconds that the API is ahead; None without a date that can be read."""
    assert clock_skew({"date": DATE}, received=NOW) == 300
    assert clock_skew({"date": "today"}, received=NOW) is None
    assert clock_skew({}, received=NOW) is None
    assert parse_http_date("Wed, 11 Mar 2026 12:05:00 -0000") == datetime(2026, 3, 11, 12, 5, tzinfo=UTC)


@pytest.mark.parametrize("name", ["date", "retry-after"])
@pytest.mark.parametrize(
    "text",
    [
        "Fri, 31 Dec 9999 23:59:59 -2300",
        "Fri, 31 Dec 9999 23:59:59 -9999",
        "Mon, 01 Jan 0001 00:00:00 +2300",
        "Mon, 01 Jan 0101 00:00:00 +2300",
        "Wed, 11 Mar 99999 12:00:00 GMT",
        "," * 50_000,
        "9" * 50_000,
        "Wed, 11 Mar 2026 12:00:00 +" + "9" * 50,
    ],
)
def test_a_date_beyond_all_calendars_is_none(name: str, text: str) -> None:
    """No header makes an error."""
    headers = {name: text}
    clock_skew(headers, received=NOW)
    assert retry_after(headers, received=NOW) in {None, 0.0, MAX_PAUSE}

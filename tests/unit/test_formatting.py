"""Rates, durations and moments as text: the same on screens, in reports and on pages."""

from datetime import UTC, datetime, timedelta

import pytest

from batch.formatting import (
    format_exact_duration,
    format_exactly,
    format_moment,
    format_rate,
    format_rows,
    format_short_rate,
)
from batch.i18n import use_language

NOON = datetime(2026, 11, 3, 15, 0, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("starts", "screen", "page", "bar"),
    [
        (1234.5, "1,234 a second", "1,234.50 a second", "1,234.5/s"),
        (7.9, "7.9 a second", "7.90 a second", "7.9/s"),
        (1.0, "1 a second", "1 a second", "1.0/s"),
        (1 / 3, "20 a minute", "20 a minute", "20.0/min"),
        (1 / 3600, "1 an hour", "1 an hour", "1.0/h"),
        (1 / 86400, "1 a day", "1 a day", "0.0/h"),
    ],
)
def test_a_rate_takes_the_unit_that_makes_it_one_or_more(starts: float, screen: str, page: str, bar: str) -> None:
    """Four digits on screens, two decimals on pages; the progress bar has no room for days."""
    assert (format_rate(starts), format_rate(starts, format_exactly), format_short_rate(starts)) == (screen, page, bar)


@pytest.mark.parametrize(
    ("lasting", "text"),
    [
        (0.2, "less than a second"),
        (65, "1 min 5 s"),
        (4805, "1 h 20 min 5 s"),
        (7200, "2 h"),
        (-5, "less than a second"),
    ],
)
def test_an_exact_duration_names_each_unit_that_it_has(lasting: float, text: str) -> None:
    """A clock that went back makes no negative duration."""
    assert format_exact_duration(NOON, NOON + timedelta(seconds=lasting)) == text


def test_a_moment_is_written_on_the_clock_of_the_zone() -> None:
    """A naive moment of the ledger is UTC; without a zone nothing is shifted."""
    for moment in (NOON, NOON.replace(tzinfo=None)):
        assert format_moment(moment, "America/Sao_Paulo") == "03/11/2026 12:00"
        assert format_moment(moment, seconds=True) == "03/11/2026 15:00:09"


def test_counts_are_written_as_people_of_the_language_do() -> None:
    """A point for thousands in Portuguese."""
    assert (format_rows(1), format_rows(1200)) == ("1 row", "1,200 rows")
    with use_language("pt_BR"):
        assert format_rows(1200) == "1.200 linhas"

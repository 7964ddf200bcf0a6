"""The schedule keeps every rule that the run keeps, whatever is asked of it."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from batch.model.contact_limits import DAY
from batch.model.forecast import Cap, Load, Step, plan_schedule, plan_steps
from batch.model.sending_hours import Hours, Window

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
ZONES = (("America/Sao_Paulo",), ("America/Rio_Branco",), ("America/Eirunepe", "America/Manaus"))
HORIZON = timedelta(days=731)

windows = st.builds(
    lambda days, begin, length, zone: Window(days=days, begin=begin, end=begin + length, zone=zone),
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(0, 1439),
    st.integers(1, 1440),
    st.sampled_from([None, "America/Sao_Paulo", "America/New_York"]),
)
loads = st.lists(
    st.builds(
        lambda sender, zones, messages: Load(sender=sender, zones=zones, messages=messages, people=messages),
        st.sampled_from(["a", "b"]),
        st.sampled_from(ZONES),
        st.integers(0, 120),
    ),
    max_size=5,
)
rates = st.sampled_from([0.001, 0.02, 0.5, 3.0, 100.0])
reached = st.lists(st.integers(0, 86_400).map(lambda ago: NOW - timedelta(seconds=ago)), max_size=20)


def _moments(found: list[Step]) -> list[datetime]:
    return sorted(step.start + number * step.gap for step in found for number in range(step.count))


@settings(max_examples=150, deadline=None)
@given(loads, rates, st.none() | st.integers(1, 40), reached, st.lists(windows, max_size=2))
def test_no_step_breaks_a_rule(
    waiting: list[Load], rate: float, people: int | None, before: list[datetime], some: list[Window]
) -> None:
    """Rate, cap over any moving day (with those reached before), hours; nothing is sent twice or made up."""
    hours = Hours(tuple(some))
    found = list(plan_steps(waiting, rate=rate, people=people, reached=before, hours=hours, now=NOW))
    moments = _moments(found)
    assert len(moments) <= sum(load.messages for load in waiting)
    assert all(moment >= NOW for moment in moments)
    assert all((later - earlier).total_seconds() >= 1 / rate - 1e-4 for earlier, later in pairwise(moments))
    assert all(
        any(hours.state_at(moment, load.zones).open for load in waiting)
        for moment in moments[:: max(1, len(moments) // 50)]
    )
    if people is not None:
        everybody = sorted([*before, *moments])
        within = [
            at
            for at in moments
            if bisect_left(everybody, at + timedelta(microseconds=1)) - bisect_left(everybody, at - DAY) > people
        ]
        assert not within
    whole = people is None or people > 0
    if whole and not some and found:
        assert len(moments) == sum(load.messages for load in waiting) or moments[-1] > NOW + HORIZON - timedelta(
            days=30
        )


@settings(max_examples=100, deadline=None)
@given(loads, rates, st.none() | st.integers(1, 40), st.booleans(), st.lists(windows, max_size=2))
def test_the_days_add_up(
    waiting: list[Load],
    rate: float,
    people: int | None,
    shared: bool,  # noqa: FBT001 - drawn
    some: list[Window],
) -> None:
    """Every message is on a day, or told as never going."""
    cap = None if people is None else Cap(people=people, shared=shared)
    found = plan_schedule(
        waiting, rate=rate, cap=cap, used={}, hours=Hours(tuple(some)), now=NOW, timezone="America/Sao_Paulo"
    )
    assert sum(count for _, count in found.days) + found.never == sum(load.messages for load in waiting)
    assert (found.first is None) == (not found.days)
    assert found.first is None or found.last is None or NOW <= found.first <= found.last


def test_ten_thousand_rows_take_five_days_at_two_thousand() -> None:
    """The case that decides most schedules: the 2,001st goes a day after the first."""
    load = Load(sender="a", zones=ZONES[0], messages=10_000, people=10_000)
    found = list(plan_steps([load], rate=10, people=2000, reached=[], hours=Hours(()), now=NOW))
    moments = _moments(found)
    assert moments[2000] - moments[0] == timedelta(days=1, seconds=1)
    assert moments[-1] - moments[0] == timedelta(days=4, seconds=4 + 199.9)


def test_a_million_messages_are_planned_at_once() -> None:
    """Nobody waits for a forecast: it goes in steps, whatever the cap."""
    load = Load(sender="a", zones=ZONES[0], messages=1_000_000, people=1_000_000)
    before = [NOW - timedelta(seconds=43 * number) for number in range(2000)]
    usual = Hours((Window(days=frozenset(range(5)), begin=540, end=1200, holidays="BR"),))
    for hours in (Hours(()), usual):
        found = list(plan_steps([load], rate=10, people=2000, reached=before, hours=hours, now=NOW))
        assert len(found) < 100_000
        assert sum(step.count for step in found) > 900_000

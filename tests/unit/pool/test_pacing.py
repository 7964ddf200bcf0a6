"""The arithmetic of pacing and of retries, at made-up times."""

from __future__ import annotations

import itertools
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.pool.pacing import (
    CUT_TO,
    LONGEST_WAIT,
    Pace,
    RetryCounter,
    RetryRules,
    cut_rate,
    earliest_start,
    next_wait,
    pause,
    recover_rate,
    reserve_slot,
    shortest_gap,
    sustained_rate,
)
from batch.pool.pacing import most_in_a_second as allowed_in_a_second

EACH_RATE = [0.5, 1.0, 5000 / 3600, 10.0, 50.0, 80.0, 101.0, 150.0, 330.0, 500.0, 1000.0]
RATES = st.sampled_from(EACH_RATE)


def starts(pace: Pace, delays: list[float]) -> list[float]:
    """When each start really happens, if the claim before it delays its worker by the given seconds."""
    arrivals, now = [], pace.slot
    for late in delays:
        pace, slot = reserve_slot(pace, now)
        now = max(now, slot)
        arrivals.append(now + late)
    made: list[float] = []
    for arrival in sorted(arrivals):
        made.append(max(arrival, earliest_start(pace, made[-allowed_in_a_second(pace.wanted) :])))
    return made


def most_in_a_second(times: list[float]) -> int:
    """The most starts that any moving second (its end excluded) holds."""
    times = sorted(times)
    first = most = 0
    for last, time in enumerate(times):
        while time - times[first] >= 1 - 1e-9:
            first += 1
        most = max(most, last - first + 1)
    return most


@given(RATES)
def test_punctual_starts_are_exactly_even(rate: float) -> None:
    """Slots are 1/rate apart (of fast rates up to 2 % more), from the first on: no burst at the beginning."""
    times = starts(Pace.begin(rate, 100.0), [0.0] * 50)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps == pytest.approx([1 / sustained_rate(rate)] * 49, rel=1e-6)
    assert 0.98 * rate <= sustained_rate(rate) <= rate


@pytest.mark.parametrize("rate", EACH_RATE)
def test_starts_do_not_fall_behind_their_slots(rate: float) -> None:
    """Punctual workers wait for their slot alone, all the time: no claim is held for longer and longer."""
    pace, made, late = Pace.begin(rate, 0.0), deque[float](maxlen=allowed_in_a_second(rate)), 0.0
    now = 0.0
    for _ in range(int(10 * rate)):
        pace, now = reserve_slot(pace, now)
        made.append(max(now, earliest_start(pace, made)))
        late = max(late, made[-1] - now)
    assert late < 0.005


@given(RATES, st.lists(st.floats(0, 3), min_size=2, max_size=60), st.integers(0, 2**31))
def test_no_moving_second_holds_more_than_the_rate_plus_one(rate: float, stalls: list[float], seed: int) -> None:
    """However the machine stalls between starts, what was missed is not made up for in a burst."""
    delays = [0.0] * (int(rate) + 2) * 2
    for position, stall in enumerate(stalls):
        delays[(seed + 7919 * position) % len(delays)] = stall
    assert most_in_a_second(starts(Pace.begin(rate, 0.0), delays)) <= max(rate + 1, rate * 1.01) + 1e-6


@given(RATES)
def test_small_lateness_does_not_cost_rate(rate: float) -> None:
    """A start that is late by less than half a gap leaves the mean nearly as wanted: fast rates give up 1 to 2 %."""
    times = starts(Pace.begin(rate, 0.0), [0.4 / rate] * 200)
    assert (len(times) - 1) / (times[-1] - times[0]) == pytest.approx(rate, rel=0.02)


@given(RATES, st.floats(0.1, 100))
def test_nobody_starts_during_a_pause(rate: float, seconds: float) -> None:
    """A pause moves the next slot, and slots reserved before it are void."""
    pace, _ = reserve_slot(Pace.begin(rate, 0.0), 0.0)
    after = pause(pace, 5.0, seconds)
    assert after.generation == pace.generation + 1
    _, slot = reserve_slot(after, 5.0)
    assert slot == pytest.approx(5.0 + seconds)


def test_a_pause_gives_back_the_slots_it_made_void() -> None:
    """Sixteen workers at one a minute have reserved a quarter of an hour; after a second's pause the next may start."""
    pace = Pace.begin(1 / 60, 0.0)
    for _ in range(16):
        pace, _ = reserve_slot(pace, 0.0)
    _, slot = reserve_slot(pause(pace, 1.0, 1.0), 1.0)
    assert slot == 2.0


def test_a_shorter_pause_does_not_shorten_a_longer_one() -> None:
    """Two answers at once: 30 seconds and 1 second."""
    pace = pause(pause(Pace.begin(10.0, 0.0), 0.0, 30.0), 0.1, 1.0)
    assert reserve_slot(pace, 0.2)[1] == 30.0


def test_the_rate_is_cut_once_for_a_burst_of_refusals_and_climbs_back() -> None:
    """Refusals at the same moment are one; a later one cuts again; then it climbs to the wanted rate, not above."""
    pace = Pace.begin(100.0, 0.0)
    once = cut_rate(cut_rate(pace, 10.0), 10.5)
    assert once.rate == pytest.approx(100 * CUT_TO, abs=1)
    assert cut_rate(once, 12.0).rate < once.rate
    assert recover_rate(once, 20.0).rate > once.rate
    assert recover_rate(once, 1e6).rate == 100.0
    assert cut_rate(once, 11.0).rate < once.rate
    assert cut_rate(once, 70.0).rate == pytest.approx(70.0)


def test_after_a_pause_the_rate_is_what_it_was_and_can_be_cut() -> None:
    """Meanwhile it neither falls nor climbs, and a refusal that comes late speaks of the same burst."""
    cut = cut_rate(Pace.begin(100.0, 0.0), 0.0)
    paused = pause(cut, 0.0, 30.0)
    assert recover_rate(paused, 20.0).rate == cut_rate(paused, 29.5).rate == cut.rate
    assert cut_rate(paused, 30.0).rate == pytest.approx(49.0)
    assert pause(paused, 10.0, 20.0) == paused


def test_slots_follow_the_rate_as_it_climbs() -> None:
    """And are 1 % closer than it while lateness is made up for: of two seconds, not of more."""
    cut = cut_rate(Pace.begin(100.0, 0.0), 0.0)
    assert reserve_slot(cut, 20.0)[0].rate == recover_rate(cut, 20.0).rate > cut.rate
    pace, first = reserve_slot(Pace.begin(10.0, 0.0), 10.0)
    _, second = reserve_slot(pace, 10.0)
    assert (first, second) == (10.0, pytest.approx(10.0 + 1 / 10.1))
    assert pace.due == pytest.approx(8.0 + 1 / sustained_rate(10.0))


@pytest.mark.parametrize(
    ("rate", "starts", "earliest"),
    [
        (10.0, [5.0], 5.098),  # a gap, less the jitter of a timer
        (10.0, [0.0, *([5.0] * 9)], 5.098),
        (10.0, [5.0] * 11, 6.09),  # the eleventh of a second, counted over a little more than one
        (300.0, [0.0, 0.001], 0.001 + 1 / 600),  # held to half of its gap
        (600.0, [0.0, *([0.001] * 4)], 5 / 600 - 0.004),  # of a fast rate five together, less the time between wakings
        (600.0, [0.0, *([0.001] * 3)], float("-inf")),
    ],
)
def test_late_starts_may_come_closer_together_but_not_as_they_like(
    rate: float, starts: list[float], earliest: float
) -> None:
    """By no more than a timer is uneven, and never more in a second than it may hold."""
    assert earliest_start(Pace.begin(rate, 0.0), starts) == pytest.approx(earliest)


@pytest.mark.parametrize(
    ("rate", "sustained", "most", "hurried"),
    [
        (0.5, 0.5, 1, 0.505),
        (0.995, 0.975369, 1, 1.00495),
        (1.0, 1.0, 2, 1.01),
        (1.5, 1.5, 2, 1.515),
        (10.0, 9.990826, 11, 10.1),
        (60.0, 59.497537, 61, 60.6),
        (100.0, 98.512315, 101, 101.0),
        (100.5, 98.512315, 101, 101.0),
        (600.0, 591.073892, 606, 606.0),
    ],
)
def test_the_figures_of_a_rate(rate: float, sustained: float, most: int, hurried: float) -> None:
    """What goes in the long run, what a second may hold, and how fast lateness is made up for."""
    assert sustained_rate(rate) == pytest.approx(sustained)
    assert allowed_in_a_second(rate) == most
    assert 1 / shortest_gap(rate) == pytest.approx(hurried)


def test_the_rate_never_falls_to_nothing() -> None:
    """A hundred refusals leave a trickle that can find out when the API recovers."""
    pace = Pace.begin(100.0, 0.0)
    for second in range(100):
        pace = cut_rate(pace, second * 2.0)
    assert pace.rate == pytest.approx(2.0)


@given(st.integers(1, 50), st.floats(0, 2000), st.none() | st.floats(0, 5000))
def test_a_repeat_waits_as_told_and_ends_at_its_limits(failures: int, since: float, told: float | None) -> None:
    """Never sooner than the API said, never beyond the tries or the time."""
    rules = RetryRules(tries=8, seconds=900)
    wait = next_wait(rules, failures=failures, since_first=since, pause=told)
    if wait is None:
        assert failures > 8 or since + max(LONGEST_WAIT, told or 0) > 900
    else:
        assert failures <= 8
        assert since + wait <= 900
        assert wait >= (told or 0)


def test_repeats_count_from_the_first_failure() -> None:
    """Three tries allowed: three waits, then none."""
    retries = RetryCounter(RetryRules(tries=3, seconds=100))
    assert [retries.next_wait(float(second), None) for second in range(4)] == [0.5, 1.0, 2.0, None]

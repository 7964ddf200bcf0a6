"""Wakings of a fast run's loop are gathered, and those of other runs are not."""

from __future__ import annotations

import asyncio
import selectors
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from batch.pool.event_loop import CoalescingLoop, CoalescingSelector, coalesce_wakeups, precise_loop


class Time:
    """A clock that sleeping alone moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def selector(clock: Time) -> Iterator[CoalescingSelector]:
    """One that wakes every 4 ms, with a socket that has something to read."""
    with closing(CoalescingSelector(clock=lambda: clock.now, sleep=clock.sleep)) as made:
        here, there = socket.socketpair()
        with here, there:
            there.send(b".")
            made.register(here, selectors.EVENT_READ)
            made.interval = 0.004
            yield made


def test_what_comes_soon_after_a_waking_waits_for_the_next(selector: CoalescingSelector, clock: Time) -> None:
    """The time of the work in between counts."""
    assert len(selector.select(1.0)) == 1
    assert clock.slept == []
    clock.now += 0.001
    assert len(selector.select(None)) == 1
    assert clock.slept == pytest.approx([0.003])
    clock.now += 0.005
    selector.select(1.0)
    assert len(clock.slept) == 1


def test_a_loop_with_work_left_is_not_kept_waiting(selector: CoalescingSelector, clock: Time) -> None:
    """It looks at its sockets as often as any, and goes on with its work meanwhile."""
    selector.select(1.0)
    clock.now += 0.001
    assert selector.select(0.0) == []
    clock.now += 0.003
    assert len(selector.select(0.0)) == 1
    clock.now += 0.001
    assert selector.select(0.0) == []
    assert clock.slept == []
    selector.select(1.0)
    assert clock.slept == pytest.approx([0.003])


def test_a_timer_that_is_due_meanwhile_waits_no_longer(selector: CoalescingSelector, clock: Time) -> None:
    """The selector returns at once where nothing but the timer is there."""
    selector.select(1.0)
    for key in list(selector.get_map().values()):
        selector.unregister(key.fileobj)
    assert selector.select(0.002) == []
    assert clock.slept == pytest.approx([0.004])


def test_only_a_fast_run_gathers() -> None:
    """A loop of another kind, as a program may have, stays as it is."""
    with closing(CoalescingLoop()) as loop, closing(asyncio.SelectorEventLoop()) as other:
        assert loop._coalescing.interval == 0.0
        coalesce_wakeups(loop)
        coalesce_wakeups(other)
        assert loop._coalescing.interval == 0.004


def test_no_timer_of_a_coalescing_loop_fires_early() -> None:
    """Starts stay spaced; all timers of a waking fire at it."""
    with closing(precise_loop(selects=True)) as loop:
        coalesce_wakeups(loop)
        early: list[float] = []

        async def work() -> None:
            done = loop.create_future()
            for number in range(1, 31):
                due = loop.time() + number / 1000
                loop.call_at(due, lambda due=due: early.append(loop.time() - due))
            loop.call_later(0.04, done.set_result, None)
            await done

        loop.run_until_complete(work())
        assert len(early) == 30
        assert min(early) >= -loop._clock_resolution  # type: ignore[attr-defined]

"""The lines of those who wait for a slot and for its moment, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from batch.model.runs import StopCause
from batch.pool.start_slots import ClaimLead, StartSlot, StartSlots
from batch.pool.stop import StopSignal

Run = Callable[[Coroutine[Any, Any, Any]], Any]


def make_slots(rate: float, *, ahead: int = 8) -> tuple[StartSlots, StopSignal]:
    stop = StopSignal()
    return StartSlots(rate, stop, ClaimLead(follows=False), ahead), stop


@pytest.mark.parametrize("rate", [10.0, 1000.0])
def test_slots_go_to_those_who_waited_longest(in_virtual_time: Run, rate: float) -> None:
    """And who was cancelled while it waited takes none."""

    async def work() -> tuple[list[int], list[float]]:
        slots, _stop = make_slots(rate)
        order: list[int] = []

        async def wait(number: int) -> float:
            slot = await slots.next_slot()
            assert slot is not None
            order.append(number)
            return slot.time

        waiting = [asyncio.create_task(wait(number)) for number in range(6)]
        await asyncio.sleep(0)
        waiting.pop(1).cancel()
        return order, await asyncio.gather(*waiting)

    order, times = in_virtual_time(work())
    assert order == [0, 2, 3, 4, 5]
    assert times == sorted(times)
    assert times[-1] - times[0] == pytest.approx(4 / rate, rel=0.02)


def test_no_more_slots_are_out_than_are_made_ready_ahead(in_virtual_time: Run) -> None:
    """The next goes out when one is left."""

    async def work() -> list[bool]:
        slots, _stop = make_slots(50.0, ahead=2)
        waiting = [asyncio.create_task(slots.next_slot()) for _ in range(3)]
        await asyncio.sleep(10.0)
        seen = [task.done() for task in waiting]
        slots.leave()
        await asyncio.sleep(0)
        return [*seen, waiting[2].done()]

    assert in_virtual_time(work()) == [True, True, False, True]


def test_moments_come_in_the_order_of_the_slots(in_virtual_time: Run) -> None:
    """Whoever is ready first."""

    async def work() -> list[tuple[float, float]]:
        slots, _stop = make_slots(1000.0)
        taken = [await slots.next_slot() for _ in range(4)]
        begun: list[tuple[float, float]] = []

        async def start(slot: StartSlot | None) -> None:
            assert slot is not None
            assert await slots.start(slot)
            begun.append((slot.time, asyncio.get_running_loop().time()))

        await asyncio.gather(*(start(slot) for slot in reversed(taken)))
        return begun

    begun = in_virtual_time(work())
    assert begun == sorted(begun)
    assert all(at >= slot for slot, at in begun)


def test_a_stop_ends_every_wait(in_virtual_time: Run) -> None:
    """For a slot as for a moment, and none begins after it."""

    async def work() -> tuple[object, ...]:
        slots, stop = make_slots(0.1)
        slot = await slots.next_slot()
        assert slot is not None
        await slots.start(slot)
        for_slot = asyncio.create_task(slots.next_slot())
        late = StartSlot(slot.time + 60.0, slot.generation)
        for_moment = asyncio.create_task(slots.start(late))
        await asyncio.sleep(0)
        stop.request(StopCause.INTERRUPTED)
        slots.leave()
        return await for_slot, await for_moment, await slots.next_slot(), await slots.start(late)

    assert in_virtual_time(work()) == (None, False, None, False)

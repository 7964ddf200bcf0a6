"""What was written of a request, as the connection reports it."""

import asyncio

from batch.chats.transport.connection import WriteTracker


def test_nothing_is_written_until_the_connection_writes() -> None:
    """Head and body go out in one write, so from then on it may be all."""
    tracker = WriteTracker()
    assert not tracker.written
    tracker.on_write()
    assert tracker.written
    tracker.on_flush()
    assert tracker.written


def test_a_premature_answer_stays_premature() -> None:
    """What came before the last byte went out does so also once that went out."""
    tracker = WriteTracker()
    tracker.on_write()
    assert not tracker.premature
    tracker.premature = True
    tracker.on_flush()
    assert tracker.premature


def test_the_answer_is_waited_for_from_the_last_byte_on() -> None:
    """Each step of writing sets the clock back."""

    async def run() -> list[float]:
        tracker, loop, left = WriteTracker(read_timeout=100.0), asyncio.get_running_loop(), []
        for step in (tracker.on_write, tracker.on_flush):
            tracker.deadline = loop.time() + 5.0
            step()
            left.append(round(tracker.deadline - loop.time()))
        return left

    assert asyncio.run(run()) == [100, 100]

"""What was written, by the connection's trace."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from batch.chats.transport.write_tracking import WriteTracker, Written

POST: dict[str, Any] = {"request": SimpleNamespace(method=b"POST")}
CONNECT: dict[str, Any] = {"request": SimpleNamespace(method=b"CONNECT")}
NEW_CONNECTION = ("connection.connect_tcp.started", "connection.connect_tcp.complete", "connection.start_tls.started")


def after(*events: str | tuple[str, dict[str, Any]], alive: bool = False) -> Written:
    """What a tracker says after these events."""
    tracker = WriteTracker(read_timeout=1.0, alive=alive)

    async def play() -> None:
        for event in events:
            name, info = event if isinstance(event, tuple) else (event, {})
            await tracker(name, info)

    asyncio.run(play())
    return tracker.written


@pytest.mark.parametrize(
    ("events", "written"),
    [
        (NEW_CONNECTION[:1], Written.NOTHING),
        ((*NEW_CONNECTION, "connection.start_tls.failed"), Written.NOTHING),
        (("connection.close.started", "connection.connect_tcp.started"), Written.NOTHING),
        ((*NEW_CONNECTION, ("http11.send_request_headers.started", POST)), Written.PART),
        ((("http11.send_request_headers.started", POST), "http11.send_request_headers.failed"), Written.PART),
        (
            (
                ("http11.send_request_headers.started", POST),
                "http11.send_request_headers.complete",
                ("http11.send_request_body.started", POST),
            ),
            Written.WHOLE,
        ),
        (
            (
                ("http11.send_request_headers.started", POST),
                "http11.send_request_headers.failed",
                ("http11.receive_response_headers.started", POST),
            ),
            Written.PART,
        ),
    ],
)
def test_how_much_was_written(events: tuple[Any, ...], written: Written) -> None:
    """Nothing until the head begins, part until the body begins, whole from then on."""
    assert after(*events) is written


def test_a_trace_that_never_spoke_proves_nothing() -> None:
    """Silence is not proof, unless this client's trace has spoken before."""
    assert after() is Written.WHOLE
    assert after(alive=True) is Written.NOTHING


@pytest.mark.parametrize("event", ["http2.send_request_headers.started", "http12.write.started", "somethingnew", ""])
def test_steps_that_are_not_known_count_as_writing(event: str) -> None:
    """A version of the library with other names makes attempts unknown, never repeated."""
    assert after(event) is not Written.NOTHING


def test_a_proxys_tunnel_is_not_the_request() -> None:
    """The CONNECT of a proxy writes nothing of the POST; the POST after it does."""
    tunnel = (
        "connection.connect_tcp.complete",
        ("http11.send_request_headers.started", CONNECT),
        "http11.send_request_body.complete",
        "http11.receive_response_headers.complete",
    )
    assert after(*tunnel) is Written.NOTHING
    assert after(*tunnel, "http_proxy.start_tls.started") is Written.NOTHING
    assert after(*tunnel, ("http11.send_request_headers.started", POST)) is Written.PART


def test_our_own_connection_gives_account() -> None:
    """Nothing before it writes; head and body go out in one write, so from then on it may be all."""
    tracker = WriteTracker(read_timeout=1.0)
    assert tracker.written is Written.WHOLE
    tracker.on_start()
    assert tracker.written is Written.NOTHING
    tracker.on_write()
    assert tracker.written is Written.WHOLE
    tracker.on_flush()
    assert tracker.written is Written.WHOLE


def test_the_answer_is_waited_for_from_the_last_byte_on() -> None:
    """Each step of writing sets the clock back."""

    async def run() -> list[float]:
        tracker, loop, left = WriteTracker(read_timeout=100.0), asyncio.get_running_loop(), []
        async with asyncio.timeout(None) as tracker.deadline:
            for step in (tracker.on_start, tracker.on_write, tracker.on_flush):
                tracker.deadline.reschedule(loop.time() + 5.0)
                step()
                await asyncio.sleep(0)
                left.append(round((tracker.deadline.when() or 0.0) - loop.time()))
        return left

    assert asyncio.run(run()) == [5, 100, 100]

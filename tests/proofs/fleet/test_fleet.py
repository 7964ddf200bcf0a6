"""A short version of the proof by losing workers; and that its judgement finds what breaks the promise."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

import pytest
from arrival_times import HAS_STAMPS, StampedSocket, await_stamps
from fleet_events import EVENTS, Event, find_faketime, is_kept, longest_silence, scene, silences, too_fast, trial
from postgres import NoServer, find_programs


@pytest.mark.long
@pytest.mark.parametrize("kinds", [tuple(kind for kind in EVENTS if kind != "clock"), ("clock",)], ids=["all", "clock"])
def test_nothing_breaks_the_promise(kinds: tuple[str, ...]) -> None:
    """Three workers, six senders, six events: each person once, nothing lost, nobody too fast, few rows to decide."""
    if "clock" in kinds and not find_faketime():
        pytest.skip("faketime is not installed (Debian: apt-get install faketime)")
    with ExitStack() as stack:
        try:
            find_programs()
            place = stack.enter_context(scene(senders=6, rows=320, rate=3.0))
        except NoServer as error:
            pytest.skip(str(error))
        found = trial(place, workers=3, events=6 if len(kinds) > 1 else 2, seed=1, kinds=kinds)
    assert is_kept(found), found


def test_a_moving_second_with_too_many_messages_is_found() -> None:
    """Also over a change of worker, where each of both kept its own pace."""
    fine = [{"sender": "s1", "at": number / 3} for number in range(12)]
    assert too_fast(fine, 3.0) == []
    assert too_fast([*fine, {"sender": "s1", "at": 2.05}, {"sender": "s1", "at": 2.1}], 3.0) == [("s1", 6)]
    assert longest_silence([*fine, {"sender": "s1", "at": 9.0}]) == pytest.approx(9.0 - 11 / 3)


def test_what_breaks_the_promise_is_no_good_result() -> None:
    """Each column by itself."""
    good: dict[str, object] = {"duplicates": 0, "lost": 0, "untrue": [], "too_fast": [], "clocks_accepted": []}
    good |= {"died": 3, "died_at_most": 8}
    assert is_kept(good)
    for broken in (
        {"duplicates": 1},
        {"lost": 1},
        {"untrue": [("+55", "error")]},
        {"too_fast": [("s", 9)]},
        {"clocks_accepted": [7.5]},
        {"died": 9},
    ):
        assert not is_kept({**good, **broken})


def test_a_silence_lasts_from_what_happened_to_the_next_message_of_each_lane() -> None:
    """What was on its way before counts for nothing, nor a lane that was done; a short pause takes no lane."""
    arrived = [{"sender": sender, "at": at} for sender, at in (("s1", 1.04), ("s1", 2.0), ("s2", 2.5), ("s3", 0.9))]
    hit = frozenset({"s1", "s2", "s3"})
    events = [
        Event(at=1.0, kind="kill", senders=hit),
        Event(at=1.0, kind="stop", senders=hit, seconds=2.0),
        Event(at=1.0, kind="stop", senders=frozenset({"s2"}), seconds=9.0),
    ]
    assert silences(arrived, events) == {"kill": (2, 1.25, 1.5), "stop": (1, 1.5, 1.5)}


@pytest.mark.skipif(not HAS_STAMPS, reason="the kernel of Linux alone notes when data comes")
def test_a_server_that_stands_still_does_not_blame_who_sent() -> None:
    """It reads two requests at one moment, and knows when each has come, also of one that came in pieces."""
    noted: list[tuple[bytes, float]] = []
    listening = StampedSocket.instead_of(socket.create_server(("127.0.0.1", 0)), lambda *what: noted.append(what))
    with listening, ExitStack() as lines:
        await_stamps()
        sent, accepted = [], []
        for request in (b"GET /a HTTP/1.1\r\n\r\n", b"POST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\n"):
            line = lines.enter_context(socket.create_connection(listening.getsockname()))
            accepted.append(lines.enter_context(listening.accept()[0]))
            line.sendall(request)
            sent.append(time.time())
        for each in accepted:
            each.recv(65536)
        line.sendall(b"{}")
        accepted[1].recv(65536)
        line.close()
        assert accepted[1].recv(65536) == b""
    assert [request[:6] for request, _at in noted] == [b"GET /a", b"POST /"]
    assert [abs(at - then) < 1 and at <= then for (_request, at), then in zip(noted, sent, strict=True)] == [True] * 2

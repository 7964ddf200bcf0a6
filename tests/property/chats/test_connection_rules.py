"""An answer means the same however the network cuts it, and a part of it is never a whole one."""

import asyncio
import contextlib
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.chats.transport.connection import Connection, WriteTracker
from batch.chats.transport.http11 import head_of_post

REQUEST = head_of_post(b"/", ((b"Host", b"x"),), 2) + b"{}"
EARLY = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
bodies = st.binary(max_size=300)


class Wire(asyncio.Transport):
    """A transport that writes to nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False
        self.waiting = 0

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


def sized(body: bytes) -> bytes:
    """An answer with a length."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def chunked(body: bytes) -> bytes:
    """The same in chunks of 7."""
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


def exchange(pieces: list[bytes]) -> tuple[int, bytes, bool]:
    """Status, body, and whether the connection is kept, of an answer that comes so, and then ends."""

    async def run() -> tuple[int, bytes, bool]:
        connection, wire = Connection(), Wire()
        connection.connection_made(wire)
        connection.send(REQUEST, WriteTracker())

        async def arrive() -> None:
            for piece in pieces:
                connection.data_received(piece)
                await asyncio.sleep(0)
            connection.eof_received()

        arriving = asyncio.create_task(arrive())
        try:
            head = await connection.head()
            body = b""
            while piece := await connection.piece():
                body += piece
            connection.finish()
            return head.status, body, not wire.aborted
        finally:
            await arriving

    return asyncio.run(run())


def cut(answer: bytes, places: list[int]) -> list[bytes]:
    """The answer in pieces, none of them empty."""
    marks = sorted({0, len(answer), *(place % (len(answer) + 1) for place in places)})
    return [answer[start:end] for start, end in pairwise(marks)]


@given(bodies, st.sampled_from([sized, chunked]), st.booleans(), st.lists(st.integers(min_value=0), max_size=8))
def test_how_it_is_cut_does_not_matter(body: bytes, made: Any, early: bool, places: list[int]) -> None:  # noqa: FBT001
    """Any pieces give the same status and body."""
    answer = (EARLY if early else b"") + made(body)
    assert exchange(cut(answer, places))[:2] == (200, body)


@given(bodies, st.sampled_from([sized, chunked]), st.booleans(), st.integers(min_value=0))
def test_a_part_is_never_a_whole_answer(body: bytes, made: Any, early: bool, length: int) -> None:  # noqa: FBT001
    """Whatever is missing at the end, the exchange fails."""
    answer = (EARLY if early else b"") + made(body)
    with pytest.raises(httpx.RemoteProtocolError):
        exchange([answer[: length % len(answer)]])


@given(
    bodies, st.sampled_from([sized, chunked]), st.binary(min_size=1, max_size=50).filter(lambda it: it.strip(b"\r\n"))
)
def test_what_comes_behind_an_answer_ends_the_connection(body: bytes, made: Any, stray: bytes) -> None:
    """The answer counts, the connection does not go on. Empty lines are no harm, and may be passed over."""
    assert exchange([made(body) + stray]) == (200, body, False)


@given(st.binary(max_size=2000))
def test_noise_is_an_error_of_the_transport(noise: bytes) -> None:
    """Nothing that a server can send raises anything else."""
    with contextlib.suppress(httpx.TransportError):
        exchange([noise] if noise else [])


@given(st.binary(max_size=300))
def test_writing_is_told_before_a_byte_is_written(body: bytes) -> None:
    """And all of the request goes out in one write."""
    head = head_of_post(b"/", ((b"Host", b"x"),), len(body))
    wire = Wire()
    seen: list[bytes] = []

    class Notes(WriteTracker):
        def on_write(self) -> None:
            seen.append(wire.written)

    async def run() -> None:
        connection = Connection()
        connection.connection_made(wire)
        connection.send(head + body, Notes())

    asyncio.run(run())
    assert seen == [b""]
    assert wire.written.startswith(b"POST / HTTP/1.1\r\n")
    assert wire.written.endswith(b"\r\n\r\n" + body)


@pytest.mark.parametrize("waiting", [0, 1, 2])
def test_a_connection_that_still_holds_some_of_a_request_ends(waiting: int) -> None:
    """A refusal came before all of the request was out: the rest must not stand before the next one."""

    async def run() -> bool:
        connection, wire = Connection(), Wire()
        connection.connection_made(wire)
        connection.send(REQUEST, WriteTracker())
        wire.waiting = waiting
        connection.data_received(sized(b""))
        assert (await connection.head()).status == 200
        assert await connection.piece() == b""
        connection.finish()
        return wire.aborted

    assert asyncio.run(run()) == (waiting > 0)

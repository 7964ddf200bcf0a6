"""Answers are read as h11 reads them: taken alike, refused alike, wherever the network cuts them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batch.chats.transport.answer_reader import LONGEST_HEAD, AnswerReader, Head, Sign

CONNECT = h11.Request(method="CONNECT", target="x:443", headers=[("Host", "x:443")])
POST = h11.Request(method="POST", target="/", headers=[("Host", "x"), ("Content-Length", "0")])

Seen = tuple[Any, ...]
"""Status, reason, fields, body, the bytes that followed, and whether the connection may go on; or how far it came."""


def read_by_h11(pieces: Sequence[bytes], *, tunnel: bool) -> Seen:
    """What h11 makes of an answer that comes in these pieces, after which the connection ends."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)
    connection.send(CONNECT if tunnel else POST)
    connection.send(h11.EndOfMessage())
    head, body, coming = None, b"", [*pieces, b""]
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(coming.pop(0))
            elif isinstance(event, h11.Response):
                head = (event.status_code, bytes(event.reason), [(bytes(n), bytes(v)) for n, v in event.headers])
                if tunnel and event.status_code < 300:
                    return (*head, b"", connection.trailing_data[0] + b"".join(coming))
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                goes_on = connection.their_state is h11.DONE and bool(coming)  # else it has ended
                return (*head, body, connection.trailing_data[0] + b"".join(coming), goes_on)
            elif isinstance(event, h11.ConnectionClosed):
                return (head, body)
    except h11.RemoteProtocolError:
        return (head, body)


def read_by_us(pieces: Sequence[bytes], *, tunnel: bool) -> Seen:
    """What our own reader makes of it."""
    reader = AnswerReader(tunnel=tunnel)
    head, body, coming = None, b"", [*pieces, b""]
    try:
        while (event := reader.read()) is not Sign.END:
            if isinstance(event, Head):
                head = (event.status, event.reason, event.fields)
            elif isinstance(event, bytes):
                body += event
            elif piece := coming.pop(0):
                reader.feed(piece)
            else:
                reader.close()
    except h11.RemoteProtocolError:
        return (head, body)
    assert head is not None
    rest = bytes(reader.rest) + b"".join(coming)
    if tunnel and head[0] < 300:
        return (*head, b"", rest)
    return (*head, body, rest, reader.may_go_on and bool(coming))


NAMES = ("Content-Length", "content-length", "Transfer-Encoding", "Connection", "Date", "X-Y", "X Y", "", "\xe9")
VALUES = (
    "0",
    "2",
    "5",
    "2, 2",
    "2,3",
    " 2 ",
    "-1",
    "٣",
    "1" * 21,
    "chunked",
    "Chunked",
    "gzip",
    "gzip, chunked",
    "close",
)
VALUES = (*VALUES, "keep-alive, Close", "x\ty", "\x00", "a\rb", "x" * 300, "")
STATUSES = (
    "200 OK",
    "201",
    "200 ",
    "204 No",
    "304",
    "100 Continue",
    "103 Early",
    "101 Switch",
    "099 x",
    "400 Não",
    "999",
)
fields = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=4)
lengths = st.one_of(st.just([]), st.sampled_from([[("Content-Length", "5")], [("Transfer-Encoding", "chunked")]]))
BODIES = (
    b"",
    b"hello",
    b"hello world",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"3;x=y \r\nabc\r\n0\r\nX: y\r\n\r\nmore",
    b"5\r\nhelloX\n",
)
BODIES = (
    *BODIES,
    b"g\r\n",
    b"0\r\n\r\n",
    b"0\r\n bad\r\n\r\n",
    b"2\nab",
    b"0\r\nContent-Length: x\r\n\r\n",
    b"\r\n\r\n",
)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """An answer as servers, proxies and mistakes make them."""
    end = draw(st.sampled_from(["\r\n", "\r\n", "\r\n", "\n"]))
    version = draw(st.sampled_from(["1.1", "1.1", "1.1", "1.0", "2.0", "11"]))
    heads = draw(st.lists(st.sampled_from(STATUSES), min_size=1, max_size=2))
    answer = b""
    for status in heads:
        chosen = draw(fields) + draw(lengths)
        fold = draw(st.sampled_from(["", "", "", end + " folded", end + "\t"]))
        lines = [f"HTTP/{version} {status}", *(f"{name}:{value}{fold}" for name, value in chosen)]
        answer += (end.join(lines) + end + end).encode("utf-8")
    answer += draw(st.one_of(st.sampled_from(BODIES), st.binary(max_size=20)))
    for place in draw(st.lists(st.integers(0, 400), max_size=1)):  # a damaged byte
        answer = answer[:place] + draw(st.binary(max_size=2)) + answer[place + 1 :]
    return answer


def cut(answer: bytes, places: Sequence[int]) -> list[bytes]:
    marks = sorted({0, len(answer), *(place % (len(answer) + 1) for place in places)})
    return [answer[start:end] for start, end in pairwise(marks)]


@given(answer=answers(), places=st.lists(st.integers(0, 600), max_size=6), tunnel=st.booleans())
@settings(max_examples=400)
@example(answer=b"HTTP/1.1 200 OK\r\n\r\nuntil the end", places=[], tunnel=False)
@example(answer=b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", places=[], tunnel=False)
@example(answer=b"\r\nHTTP/1.1 200 OK\r\n\r\n", places=[1], tunnel=False)
@example(answer=b"HTTP/1.1 200 Established\r\nContent-Length: 5\r\n\r\nearly", places=[], tunnel=True)
def test_answers_are_read_as_h11_reads_them(*, answer: bytes, places: list[int], tunnel: bool) -> None:
    """Status, fields, body, what followed, and whether the connection goes on; and every error."""
    pieces = cut(answer, places)
    assert read_by_us(pieces, tunnel=tunnel) == read_by_h11(pieces, tunnel=tunnel)


@pytest.mark.parametrize(
    "begin", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;"]
)
def test_no_line_grows_without_end(begin: bytes) -> None:
    """A server that never ends a line is given up, as by h11."""
    pieces = [begin, *[b"x" * 0x4000] * 8]
    assert read_by_us(pieces, tunnel=False) == read_by_h11(pieces, tunnel=False)
    assert len(read_by_us(pieces, tunnel=False)) == 2

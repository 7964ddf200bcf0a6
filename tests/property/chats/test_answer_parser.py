"""Answers are read as h11 reads them, or refused, wherever the network cuts them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import h11
import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batch.chats.transport.answer_parser import LONGEST_HEAD, AnswerParser

CONNECT = h11.Request(method="CONNECT", target="x:443", headers=[("Host", "x:443")])
POST = h11.Request(method="POST", target="/", headers=[("Host", "x"), ("Content-Length", "0")])


class Seen(NamedTuple):
    """A whole answer."""

    status: int
    reason: bytes
    headers: dict[str, str]
    body: bytes
    followed: bool
    may_go_on: bool


def read_by_h11(pieces: Sequence[bytes], *, tunnel: bool) -> Seen | None:
    """Return what h11 makes of an answer that comes in these pieces, after which the connection ends."""
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
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.ConnectionClosed):
                return None
            is_tunnel = tunnel and head is not None and head.status_code < 300
            if head is not None and (is_tunnel or isinstance(event, h11.EndOfMessage)):
                fields: dict[str, list[str]] = {}
                for name, value in head.headers:
                    fields.setdefault(name.decode(), []).append(value.decode("latin-1"))
                headers = {name: ", ".join(values) for name, values in fields.items()}
                followed = bool(connection.trailing_data[0] + b"".join(coming))
                goes_on = not is_tunnel and connection.their_state is h11.DONE
                return Seen(head.status_code, bytes(head.reason), headers, body, followed, goes_on)
    except h11.RemoteProtocolError:
        return None


def read_by_us(pieces: Sequence[bytes], *, tunnel: bool) -> Seen | None:
    """Return what our parser makes of it."""
    parser = AnswerParser()
    parser.expect(tunnel=tunnel)
    body, coming = b"", list(pieces)
    try:
        while not parser.is_whole and coming:
            parser.feed(coming.pop(0))
            body += parser.take()
        if not parser.is_whole:
            parser.end()
    except httpx.RemoteProtocolError:
        return None
    followed = parser.followed or bool(coming)
    return Seen(parser.status, parser.reason, parser.headers, body, followed, parser.may_go_on)


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
@example(answer=b"HTTP/1.1 099 x\r\nContent-Length:0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", places=[], tunnel=False)
@example(answer=b"HTTP/1.1 200 Established\r\nContent-Length: 5\r\n\r\nearly", places=[], tunnel=True)
def test_answers_are_read_as_h11_reads_them(*, answer: bytes, places: list[int], tunnel: bool) -> None:
    """What both take is the same, but for empty lines behind an answer. Of what h11 refuses, only empty lines before an
    answer and doubtful lengths where no body is to come are taken. No connection is kept that h11 would close."""
    pieces = cut(answer, places)
    ours, theirs = read_by_us(pieces, tunnel=tunnel), read_by_h11(pieces, tunnel=tunnel)
    if ours is None:
        return
    if theirs is None and not answer.startswith((b"\r", b"\n")):
        assert not ours.body
        assert ours.status in {204, 304} or (tunnel and ours.status < 300)
    if theirs is None:
        return
    assert ours[:2] == theirs[:2]
    assert ours.headers.keys() == theirs.headers.keys()
    assert {**ours.headers, "transfer-encoding": ""} == {**theirs.headers, "transfer-encoding": ""}  # it makes it lower
    assert ours.body == theirs.body
    assert ours.followed or not theirs.followed or answer.endswith((b"\r", b"\n"))
    assert theirs.may_go_on or not ours.may_go_on


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize(
    "head",
    [
        [b"HTTP/1.1 200 OK", b"Content-Length: 5"],
        [b"HTTP/1.1 200", b"content-length:5"],
        [b"HTTP/1.0 200 OK", b"Content-Length: 5", b"Connection: keep-alive"],
        [b"HTTP/1.1 201 Created", b"Server: a", b"X-Empty:", b"Content-Length: 5", b"Upgrade: h2,h2c"],
        [b"HTTP/1.1 200 OK", b"Server: a"],
        [b"HTTP/1.1 100 Continue", b"", b"HTTP/1.1 400 Bad", b"Vary: a", b"Vary: b", b"Content-Length: 5"],
    ],
)
def test_usual_answers_are_taken(head: list[bytes], end: bytes) -> None:
    """With reason and without, of 1.0, with a length or none, lines that end without CR."""
    answer = end.join([*head, b"", b"hello"])
    for place in range(len(answer)):
        ours = read_by_us(cut(answer, [place]), tunnel=False)
        assert ours is not None
        assert ours.body == b"hello"
        assert ours[:4] == (read_by_h11([answer], tunnel=False) or ())[:4]


@pytest.mark.parametrize(
    "begin",
    [
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
    ],
)
def test_no_line_grows_without_end(begin: bytes) -> None:
    """A server that never ends a line is given up."""
    parser = AnswerParser()
    parser.feed(begin)
    for _ in range(LONGEST_HEAD // 0x1000 - 1):
        parser.feed(b"x" * 0x1000)
    with pytest.raises(httpx.RemoteProtocolError, match="too long"):
        parser.feed(b"x" * 0x1000)

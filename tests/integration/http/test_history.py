"""Reading a timeline over real sockets: what is tried again, what is not, and that the token stays where it belongs."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from batch.chats import ChatsClient, ChatsReader, Timeline, TimelineFailure, Token
from batch.sandbox import running_sandbox

SECRET = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJyZWFkcyJ9.c2VjcmV0LXNpZ25hdHVyZQ"
NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
PAYLOAD = json.dumps(
    {
        "whatsapp_phone_id": "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c",
        "wa_contact_id": "11900001001",
        "template": {"name": "saudacao", "language": "pt_BR"},
        "template_fields": [{"component": "BODY", "type": "TEXT", "index": 1, "value": "Ana"}],
    }
)


def timeline(*messages: dict[str, object], total: int = 1) -> str:
    return json.dumps({"total": total, "records": [{"event_type": "MESSAGE", "message": each} for each in messages]})


def ours(**more: object) -> dict[str, object]:
    return {"from_me": True, "body_text": "Oi", "created_at": "2026-11-03T12:00:05Z", **more}


def answer(status: int, body: str = "", *headers: str, date: datetime | None = NOW) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body.encode())}", "Connection: close", *headers]
    if date is not None:
        lines.append(f"Date: {format_datetime(date, usegmt=True)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


class Served:
    """What a server was asked, and how long the reader waited between."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.waits: list[float] = []
        self.read: Timeline | TimelineFailure | None = None

    @property
    def words(self) -> str:
        assert isinstance(self.read, TimelineFailure)
        return self.read.words


def serve(answers: Sequence[bytes], *, chat: str = "c-1", since: datetime | None = None, **options: object) -> Served:
    """Read one timeline from a server that gives these answers one after the other, each on its own connection."""
    served = Served()
    left = list(answers)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(left.pop(0))
        await writer.drain()
        writer.close()

    async def sleep(seconds: float) -> None:
        served.waits.append(seconds)

    async def work() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        settings = {"token": Token.parse(SECRET, "test"), "read_timeout": 5.0, "now": lambda: NOW, **options}
        client = ChatsReader(endpoint=url, sleep=sleep, **settings)  # type: ignore[arg-type]  # any option
        try:
            served.read = await client.timeline(chat, since=since)
        finally:
            await client.aclose()
            server.close()
            await server.wait_closed()

    asyncio.run(work())
    return served


def test_the_sandbox_shows_what_it_applied() -> None:
    """A message by its rendered text, ours, at its time."""

    async def work(url: str) -> Timeline | TimelineFailure:
        token = Token.parse(SECRET, "test")
        client, reader = ChatsClient(endpoint=url, token=token), ChatsReader(endpoint=url, token=token)
        try:
            verdict = await client.post(PAYLOAD, had_answer=True)
            assert verdict.signs
            return await reader.timeline(verdict.signs.chat_id)
        finally:
            await client.aclose()
            await reader.aclose()

    with running_sandbox(templates={"saudacao": "Ola {{1}}"}) as sandbox:
        began = datetime.now(UTC)
        read = asyncio.run(work(sandbox.url))
    assert isinstance(read, Timeline)
    (message,) = read.messages
    assert (message.text, message.has_failed) == ("Ola Ana", False)
    assert abs(message.at - began) < timedelta(seconds=3)
    assert read.margin == timedelta(seconds=60)


def test_the_request_is_a_plain_get() -> None:
    """Token, origin, no body; the id cannot leave its place in the path."""
    served = serve([answer(200, timeline())], chat="../x y", origin="https://a.example")
    (request,) = served.requests
    assert request.startswith("GET /integrations/external/chats/..%2Fx%20y/timeline HTTP/1.1\r\n")
    assert f"Authorization: Bearer {SECRET}\r\n" in request
    assert "Origin: https://a.example\r\nReferer: https://a.example/\r\n" in request
    assert served.read == Timeline(messages=(), margin=timedelta(seconds=60))


def test_times_are_told_by_our_own_clock() -> None:
    """The API's clock is ten minutes ahead of ours; without its `Date` nobody knows, and the margin is wide."""
    served = serve([answer(200, timeline(ours()), date=NOW + timedelta(minutes=10))])
    assert isinstance(served.read, Timeline)
    assert served.read.messages[0].at == NOW + timedelta(seconds=5) - timedelta(minutes=10)
    served = serve([answer(200, timeline(ours()), date=None)])
    assert isinstance(served.read, Timeline)
    assert served.read.messages[0].at == NOW + timedelta(seconds=5)
    assert served.read.margin == timedelta(minutes=15)


def test_only_our_messages_with_text_and_time_count() -> None:
    """Whatever else stands in the records is passed over; WhatsApp's own time comes first."""
    noise: list[dict[str, object]] = [
        ours(from_me=False),
        ours(from_me="perhaps"),
        ours(from_me=None),
        ours(body_text=None),
        ours(created_at=None),
        ours(created_at="2026-11-03"),
        {},
    ]
    good = ours(meta_timestamp=str(int(NOW.timestamp())), status="sent")
    body = json.loads(timeline(*noise, good))
    body["records"] += [None, 7, {"event_type": "NOTE"}, {"message": None}]
    served = serve([answer(200, json.dumps(body))])
    assert isinstance(served.read, Timeline)
    assert [(message.at, message.status) for message in served.read.ours] == [(NOW, "sent")]


def test_a_message_is_read_with_all_that_tells_it_apart() -> None:
    """Whose it is, what it quotes, why it failed; the token in an API's words is not."""
    failed = ours(id="m-1", status="failed", errors=[{"code": 131026, "message": f"Undeliverable to {SECRET}."}])
    reply = ours(
        id="m-2", from_me=False, type="BUTTON", body_text="Sim", quoted_message={"id": "m-1", "body_text": "Oi"}
    )
    agents = ours(id="m-3", agent={"id": "a-1"}, is_history=True)
    served = serve([answer(200, timeline(failed, reply, agents, ours(id="m-4", sent_via="agent")))])
    assert isinstance(served.read, Timeline)
    one, two, three, four = served.read.messages
    assert four.by_agent
    assert (one.id, one.status, one.code, one.words) == ("m-1", "failed", 131026, "Undeliverable to [token]")
    assert (two.from_me, two.kind, two.text, two.quoted) == (False, "button", "Sim", "m-1")
    assert (three.by_agent, three.is_history) == (True, True)


def page(*seconds: float, total: int = 6) -> bytes:
    at = [(NOW + timedelta(seconds=each)).isoformat() for each in seconds]
    return answer(200, timeline(*[ours(id=each, created_at=each) for each in at], total=total))


def test_a_timeline_in_pages_is_read_to_its_end() -> None:
    """As long as they bring what is new."""
    served = serve([page(9, 8), page(7, 6), page(5, 4)])
    assert isinstance(served.read, Timeline)
    assert (len(served.read.messages), served.read.is_cut) == (6, False)
    assert [line.split()[1].partition("?")[2] for line in served.requests] == ["", "page=2", "page=3"]


def test_an_api_without_pages_is_asked_once_more() -> None:
    """It gives the same again; what it keeps back may be anything."""
    served = serve([page(9, 8), page(9, 8)])
    assert isinstance(served.read, Timeline)
    assert (len(served.read.messages), served.read.is_cut) == (2, True)


def test_pages_that_go_back_in_time_are_read_as_far_as_is_needed() -> None:
    """Newest first: what is older than the message is not asked for. Oldest first: all of it is."""
    served = serve([page(9, 8), page(7, -3)], since=NOW)
    assert isinstance(served.read, Timeline)
    assert (len(served.read.messages), served.read.is_cut) == (4, False)
    assert len(serve([page(-3, -2), page(-1, 2), page(3, 4)], since=NOW).requests) == 3


def test_a_page_that_fails_is_a_look_that_failed() -> None:
    """Half a timeline is none."""
    assert serve([page(9, 8), answer(404, '{"message": "Nao"}')]).words == "HTTP 404: Nao"


def test_a_time_at_the_calendars_end_is_left_out() -> None:
    """Our clock's difference leads beyond it."""
    late = ours(created_at="9999-12-31T23:59:59Z")
    served = serve([answer(200, timeline(late, ours()), date=NOW - timedelta(days=1))])
    assert isinstance(served.read, Timeline)
    assert len(served.read.messages) == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_get_is_tried_again(status: int) -> None:
    """Twice more, after a while; `Retry-After` is obeyed."""
    served = serve([answer(status), answer(status, "", "Retry-After: 9"), answer(200, timeline())])
    assert served.waits == [1.0, 9.0]
    assert isinstance(served.read, Timeline)


def test_a_lost_connection_is_tried_again() -> None:
    """Nothing can be sent twice by a GET."""
    served = serve([b"", answer(200, timeline())])
    assert (len(served.requests), isinstance(served.read, Timeline)) == (2, True)


def test_three_tries_are_enough() -> None:
    """Then the last words stand."""
    served = serve([answer(500, '{"message": "Falhou."}')] * 3)
    assert (len(served.requests), served.words) == (3, "HTTP 500: Falhou")


def test_who_asks_for_hours_is_not_waited_for() -> None:
    """And nobody else is asked about: the API has said when to come back."""
    served = serve([answer(429, "", "Retry-After: 3600")])
    assert (served.waits, len(served.requests)) == ([], 1)
    assert isinstance(served.read, TimelineFailure)
    assert served.read.for_all


@pytest.mark.parametrize(
    ("status", "for_all"),
    [(301, True), (302, True), (307, True), (400, False), (401, True), (403, False), (404, False), (405, True)],
)
def test_a_refusal_is_not_tried_again(status: int, for_all: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """No redirect is followed; what every chat would meet is said to be so."""
    served = serve([answer(status, '{"message": "Nao"}', "Location: http://127.0.0.1:1/")])
    assert served.read == TimelineFailure(words=f"HTTP {status}: Nao", for_all=for_all, status=status)
    assert len(served.requests) == 1


@pytest.mark.parametrize("body", ["", "<html></html>", "[]", '{"records": 3}', '{"total": 1, "records": [', "null"])
def test_what_is_no_timeline_is_said(body: str) -> None:
    """A page, cut JSON, another shape."""
    assert serve([answer(200, body)]).words == "HTTP 200, but its answer is no timeline"


def test_an_endless_answer_is_cut() -> None:
    """Megabytes of records are no timeline of one chat."""
    body = timeline(*[ours(body_text="x" * 1000)] * 9000)
    assert serve([answer(200, body)]).words == "HTTP 200, but its answer is no timeline"


@pytest.mark.parametrize(
    ("listening", "words"), [(True, "no whole answer in time"), (False, "the server cannot be reached")]
)
def test_where_no_server_is_nobody_else_is_asked_about(listening: bool, words: str) -> None:  # noqa: FBT001 - see above
    """Three tries each; a server that takes connections and says nothing may be busy with that one chat."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def work(url: str) -> Timeline | TimelineFailure:
        client = ChatsReader(endpoint=url, token=Token.parse(SECRET, "test"), read_timeout=0.1, sleep=sleep)
        try:
            return await client.timeline("c-1")
        finally:
            await client.aclose()

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if listening:
            taken.listen()
        read = asyncio.run(work(f"http://127.0.0.1:{taken.getsockname()[1]}"))
    assert read == TimelineFailure(words=words, for_all=not listening)
    assert waits == [1.0, 3.0]


def test_an_api_that_quotes_the_token_does_not_get_it_printed() -> None:
    """Not even a part of it."""
    served = serve([answer(401, json.dumps({"message": f"Bad token {SECRET}"}))])
    assert served.words == "HTTP 401: Bad token [token]"
    assert SECRET not in served.words
    assert SECRET.split(".")[1] not in served.words


def test_a_token_that_is_a_part_of_the_answer_does_not_hurt_it() -> None:
    """Only what is shown is cleaned of the token, not what is read."""
    served = serve([answer(200, timeline(ours(body_text="Oi, Exame!")))], token=Token.parse("x", "test"))
    assert isinstance(served.read, Timeline)
    assert [message.text for message in served.read.messages] == ["Oi, Exame!"]

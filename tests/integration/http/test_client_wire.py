"""The client against servers that misbehave on the wire, which no framework does for us."""

import asyncio
import gzip
import json
import random
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import connect_proxy
import pytest
from client_ways import WAYS
from raw_server import reset

from batch.chats import ChatsClient, Token, make_ssl_context
from batch.chats import client as client_module
from batch.chats.client import MAX_ANSWER
from batch.chats.transport import connection, http11
from batch.chats.transport.factory import IDLE_LIMIT
from batch.model.outcomes import Outcome
from batch.model.reasons import Reason
from batch.model.verdicts import Verdict

SECRET = "wire-test-token-0123456789"
PAYLOAD = '{"whatsapp_phone_id":"x","wa_contact_id":"11999990001"}'
CHAT = b'{"id":"3c90c3cc-0d44-4b50-8888-8dd25736052a"}'
LARGE = json.dumps({"x": "y" * 16_000_000})
"""More than the system takes at once."""

WAY = {"way": WAYS["direct"]}


@pytest.fixture(autouse=True, params=WAYS)
def _every_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything here holds for a connection made before the post or by it, without a proxy and through one."""
    monkeypatch.setitem(WAY, "way", WAYS[request.param])


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def whole(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A complete answer."""
    lines = (f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """One request, its body included; empty when the client has closed."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = next(
        int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    return head + await reader.readexactly(length)


class Server:
    """A raw server; `handler` gets each connection after its request number was counted."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.connections = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> "Server":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()  # what is not read is not waited for
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def all_closed(self) -> None:
        """Wait until no handler runs and every connection is closed on this side."""
        await asyncio.gather(*self._tasks)
        for writer in self._writers:
            await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._handler(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()


def answers(*pieces: bytes, keep: bool = False) -> Handler:
    """A handler that reads a request and writes these bytes; `keep`: again and again, until the client closes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_request(reader):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if not keep:
                return

    return handle


TLS = make_ssl_context()


def client_for(url: str, **options: Any) -> ChatsClient:
    """A client with a short time-out."""
    settings = {"token": Token.parse(SECRET, "test"), "ssl_context": TLS, "read_timeout": 5.0, **options}
    return WAY["way"].make(endpoint=url, **settings)


def post(handler: Handler, *, had_answer: bool = True, **options: Any) -> Verdict:
    """The verdict about one POST to a server with this handler."""

    async def run() -> Verdict:
        async with Server(handler) as server:
            client = client_for(server.url, **options)
            try:
                return await client.post(PAYLOAD, had_answer=had_answer)
            finally:
                await client.aclose()

    return asyncio.run(run())


CUT_ANSWERS = {
    "nothing at all": (),
    "half a status line": (b"HTTP/1.1 20",),
    "no end of the head": (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n",),
    "a short body": (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + CHAT,),
    "half a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\n" + CHAT,),
    "no last chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{} \r\n",),
    "a short refusal": (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 500\r\n\r\n{}",),
    "not HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n",),
    "a bad status": (b"HTTP/1.1 abc OK\r\n\r\n",),
    "an endless head": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 40_000,),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345",),
    "a switch of protocols": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",),
}


@pytest.mark.parametrize("name", CUT_ANSWERS)
def test_a_cut_or_broken_answer_is_unknown(name: str) -> None:
    """Once the request is out, no broken answer of any kind makes it 'not sent', and none raises."""
    verdict = post(answers(*CUT_ANSWERS[name]))
    assert (verdict.outcome, verdict.repeat, verdict.finding.reason) == (Outcome.UNKNOWN, False, Reason.ANSWER_LOST)


def test_a_reset_is_unknown() -> None:
    """A connection reset (RST) after the request was read."""

    async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        reset(writer)

    assert post(resets).finding.reason is Reason.ANSWER_LOST


def test_a_server_that_closes_without_reading_is_unknown() -> None:
    """Bytes were written, even if nobody read them all: nobody can know."""

    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        writer.close()

    verdict = post(slam)
    assert (verdict.outcome, verdict.repeat) == (Outcome.UNKNOWN, False)


def test_a_server_that_closes_at_once_got_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a connection is noticed before the request is written into it."""
    monkeypatch.setattr(http11, "QUIET", 0.3)  # however busy the machine is

    async def slam(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    verdict = post(slam)
    assert (verdict.outcome, verdict.repeat) == (Outcome.PENDING, True)
    assert verdict.finding.reason is Reason.NOT_CONNECTED


def test_a_body_that_ends_with_the_connection_is_whole() -> None:
    """HTTP/1.0 style: no length, closed at the end."""
    verdict = post(answers(b"HTTP/1.0 200 OK\r\n\r\n" + CHAT))
    assert verdict.outcome is Outcome.SUCCESS


def test_informational_answers_are_not_the_answer() -> None:
    """100 and 103 before the answer are passed over."""
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    assert post(answers(early + whole(CHAT))).outcome is Outcome.SUCCESS


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_dripping_server_does_not_hold_a_worker(part: str) -> None:
    """A byte now and then never resets the time-out: the whole answer has one bound."""
    start = b"HTTP/1.1 200 OK\r\n" if part == "head" else b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"

    drips = 0

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal drips
        await read_request(reader)
        writer.write(start)
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            drips += 1
            await asyncio.sleep(0.02)

    verdict = post(drip, read_timeout=0.2)
    assert verdict.finding.reason is Reason.ANSWER_TIMEOUT
    assert verdict.outcome is Outcome.UNKNOWN
    assert drips <= 0.2 / 0.02 + 3  # by the clock of both; a busy machine makes them fewer


def test_an_endless_answer_is_not_read() -> None:
    """Beyond the limit reading stops, whatever was promised, and the run goes on with a new connection."""
    seen = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            seen += 0x10000
            await writer.drain()

    verdict = post(endless)
    assert verdict.finding.reason is Reason.UNREADABLE_ANSWER
    assert seen < 64 * MAX_ANSWER  # the buffers of the system alone take 20 MiB on the way through a proxy


def test_compressed_answers_are_read_within_the_limit() -> None:
    """A proxy that compresses unasked is understood; one that sends a bomb is not followed."""
    packed = whole(gzip.compress(CHAT), "Content-Encoding: gzip")
    assert post(answers(packed)).outcome is Outcome.SUCCESS
    bomb = whole(gzip.compress(b" " * (20 * MAX_ANSWER) + CHAT), "Content-Encoding: gzip")
    assert post(answers(bomb)).finding.reason is Reason.UNREADABLE_ANSWER
    assert post(answers(whole(b"no gzip", "Content-Encoding: gzip"))).finding.reason is Reason.UNREADABLE_ANSWER


def test_redirects_are_not_followed() -> None:
    """The server named in Location sees no connection."""

    async def run() -> tuple[Verdict, int]:
        async with Server(answers(whole(CHAT))) as elsewhere:
            moved = whole(b"", f"Location: {elsewhere.url}/x", status="307 Temporary Redirect")
            async with Server(answers(moved)) as server:
                client = client_for(server.url)
                verdict = await client.post(PAYLOAD, had_answer=True)
                await client.aclose()
            return verdict, elsewhere.connections

    verdict, connections = asyncio.run(run())
    assert (verdict.outcome, verdict.stop, verdict.finding.reason) == (Outcome.PENDING, True, Reason.WRONG_ADDRESS)
    assert connections == 0


def test_the_request_is_what_it_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """One connection for all posts, the headers of the page, no cookie kept, nothing from the environment."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    requests: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await read_request(reader):
            requests.append(request)
            writer.write(whole(CHAT, "Set-Cookie: a=b; Path=/"))

    async def run() -> int:
        async with Server(handle) as server:
            client = client_for(server.url, origin="https://loja.example")
            for _ in range(3):
                await client.post(PAYLOAD, had_answer=True)
            await client.aclose()
            return server.connections

    assert asyncio.run(run()) == (3 if WAY["way"].proxied else 1)
    assert len(set(requests)) == 1
    head, _, body = requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    names = [line.split(":")[0].lower() for line in lines[1:]]
    assert lines[0] == "POST /integrations/external/chats HTTP/1.1"
    assert f"Authorization: Bearer {SECRET}" in lines
    assert "Content-Type: application/json" in lines
    assert "Origin: https://loja.example" in lines
    assert "Referer: https://loja.example/" in lines
    assert any(line.startswith("User-Agent: wegly-batch/") for line in lines)
    assert "cookie" not in names
    assert len(names) == len(set(names))
    assert body == PAYLOAD.encode()


def test_nobody_listening_is_not_sent() -> None:
    """Connection refused: pending, to be repeated."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"

    async def run() -> tuple[Verdict, bool]:
        client = client_for(url)
        verdict = await client.post(PAYLOAD, had_answer=False)
        await client.aclose()
        return verdict, client.written

    verdict, written = asyncio.run(run())
    assert (verdict.outcome, verdict.repeat, verdict.stop) == (Outcome.PENDING, True, False)
    assert verdict.finding.reason is Reason.NOT_CONNECTED
    assert written is False


def test_a_name_that_cannot_be_resolved_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS failures hit every row: pending, and stop."""

    def no_name(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    async def run() -> Verdict:
        client = client_for("https://api.wegly.invalid")
        monkeypatch.setattr(socket, "getaddrinfo", no_name)
        try:
            return await client.post(PAYLOAD, had_answer=True)
        finally:
            await client.aclose()

    verdict = asyncio.run(run())
    if WAY["way"].proxied:  # the proxy resolves names, and says only that it cannot
        assert (verdict.outcome, verdict.repeat, verdict.stop) == (Outcome.PENDING, True, False)
        return
    assert (verdict.outcome, verdict.repeat, verdict.stop) == (Outcome.PENDING, False, True)
    assert "resolved" in str(verdict.finding.values["words"])


@pytest.mark.parametrize("voids", [(True, False), (False, True, False)], ids=["new connection", "kept one"])
def test_a_request_that_is_void_at_its_first_byte_is_not_written(voids: tuple[bool, ...]) -> None:
    """It is asked when the connection is there, which serves the next one."""
    bodies: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while body := await read_request(reader):
            bodies.append(body)
            writer.write(whole(CHAT))

    async def run() -> list[bool]:
        async with Server(handle) as server:
            client = client_for(server.url)
            found = []
            try:
                for void in voids:
                    verdict = await client.post(PAYLOAD, had_answer=True, is_void=lambda void=void: void)
                    assert client.written is not void
                    found.append(verdict is None)
            finally:
                await client.aclose()
            assert WAY["way"].proxied or server.connections == 1
            return found

    assert asyncio.run(run()) == list(voids)
    assert len(bodies) == voids.count(False)


async def cancelled(client: ChatsClient, when: asyncio.Event) -> bool:
    """Cancel a post once `when` is set; gives `client.written`."""
    task = asyncio.create_task(client.post(PAYLOAD, had_answer=True))
    await when.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return client.written


def test_cancelled_before_a_byte_was_written() -> None:
    """While the TLS handshake hangs, nothing of the request is out, and the claim may be released."""

    async def run() -> bool:
        reached = asyncio.Event()

        async def never_shakes_hands(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            await reader.read(1)
            reached.set()
            await reader.read()

        async with Server(never_shakes_hands) as server:
            client = client_for(server.url.replace("http:", "https:"))
            written = await cancelled(client, reached)
            await client.aclose()
            return written

    assert asyncio.run(run()) is False


def test_cancelled_after_a_byte_was_written() -> None:
    """With the request out and the answer awaited, nobody can know; the client stays usable."""

    async def run() -> tuple[bool, Outcome]:
        reached = asyncio.Event()

        async def hangs_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            if reached.is_set():
                writer.write(whole(CHAT))
            reached.set()
            await reader.read()

        async with Server(hangs_once) as server:
            client = client_for(server.url)
            written = await cancelled(client, reached)
            verdict = await client.post(PAYLOAD, had_answer=True)
            await client.aclose()
            return written, verdict.outcome

    assert asyncio.run(run()) == (True, Outcome.SUCCESS)


def test_a_handshake_that_hangs_is_a_connect_time_out() -> None:
    """A server that accepts and says nothing is not waited for beyond the connect time-out; nothing was sent."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def run() -> Verdict:
        async with Server(silent) as server:
            client = client_for(server.url.replace("http:", "https:"), connect_timeout=0.2)
            verdict = await client.post(PAYLOAD, had_answer=True)
            await client.aclose()
            return verdict

    verdict = asyncio.run(run())
    assert (verdict.outcome, verdict.repeat, verdict.stop) == (Outcome.PENDING, True, False)


def idle_posts(monkeypatch: pytest.MonkeyPatch, *, posts: int, **options: Any) -> Counter[Outcome]:
    """Posts paced from 0 to 4 s, against a server that has given up connections idle for 2 s or more.

    The worst case: the server's closing is on its way while the client writes, so that only the client's own limit
    can save it. Time is a number that the connection asks for; nobody waits.
    """
    dice = random.Random(20260311)  # noqa: S311 - repeatable pacing, no secrets
    clock = [1000.0]
    monkeypatch.setattr(connection, "time", SimpleNamespace(monotonic=lambda: clock[0], perf_counter=time.perf_counter))

    async def gives_up_idle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answered_at = clock[0]
        while await read_request(reader):
            if clock[0] - answered_at >= 2.0:
                return
            answered_at = clock[0]
            writer.write(whole(CHAT))

    async def run() -> Counter[Outcome]:
        outcomes: Counter[Outcome] = Counter()
        async with Server(gives_up_idle) as server:
            client = client_for(server.url, now=lambda: datetime(2026, 3, 11, tzinfo=UTC), **options)
            for _ in range(posts):
                outcomes[(await client.post(PAYLOAD, had_answer=True)).outcome] += 1
                clock[0] += dice.choice((0.1, IDLE_LIMIT, 2.0, dice.uniform(0, 4)))
            await client.aclose()
            if WAY["way"].proxied:
                assert server.connections == posts  # none was used again
            else:
                assert 1 < server.connections < posts  # some connections were used again, some not
        return outcomes

    return asyncio.run(run())


def test_connections_that_the_server_gives_up_are_never_written_into(monkeypatch: pytest.MonkeyPatch) -> None:
    """500 posts against a server that closes connections idle for 2 s: not one unknown.

    Through a proxy no connection is kept, so that fewer show it.
    """
    posts = 100 if WAY["way"].proxied else 500
    assert idle_posts(monkeypatch, posts=posts) == {Outcome.SUCCESS: posts}


def test_a_longer_idle_limit_would_lose_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same posts with connections kept for 5 s lose answers: the test above tests something."""
    lost = idle_posts(monkeypatch, posts=50, idle_limit=5.0)[Outcome.UNKNOWN]
    assert (lost == 0) is WAY["way"].proxied


def test_a_connection_from_before_a_sleep_is_not_used() -> None:
    """The wall clock jumped (a laptop slept) while the monotonic one stood still: a new connection is made."""
    clock = [datetime(2026, 3, 11, 12, 0, tzinfo=UTC)]

    async def run() -> list[int]:
        async with Server(answers(whole(CHAT), keep=True)) as server:
            client = client_for(server.url, now=lambda: clock[0])
            counts = []
            for jump in (timedelta(), timedelta(), timedelta(hours=8), timedelta(hours=-1)):
                clock[0] += jump
                verdict = await client.post(PAYLOAD, had_answer=True)
                counts.append(server.connections)
                assert verdict.outcome is Outcome.SUCCESS
            await client.aclose()
            return counts

    assert asyncio.run(run()) == ([1, 2, 3, 4] if WAY["way"].proxied else [1, 1, 2, 3])


def test_a_handshake_that_breaks_off_is_tried_again() -> None:
    """A server that hangs up during the TLS handshake is overloaded, not wrong: pending, to be repeated."""

    async def hangs_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async def run() -> Verdict:
        async with Server(hangs_up) as server:
            client = client_for(server.url.replace("http:", "https:"))
            verdict = await client.post(PAYLOAD, had_answer=True)
            await client.aclose()
            return verdict

    verdict = asyncio.run(run())
    assert (verdict.outcome, verdict.repeat, verdict.stop) == (Outcome.PENDING, True, False)


def test_a_server_that_closes_after_each_answer_is_no_trouble() -> None:
    """`Connection: close`, or simply closing: the next post makes a new connection."""

    async def run() -> list[Outcome]:
        async with Server(answers(whole(CHAT, "Connection: close"))) as polite, Server(answers(whole(CHAT))) as rude:
            outcomes = []
            for server in (polite, rude):
                client = client_for(server.url)
                for _ in range(3):
                    outcomes.append((await client.post(PAYLOAD, had_answer=True)).outcome)
                    await server.all_closed()
                await client.aclose()
            return outcomes

    assert asyncio.run(run()) == [Outcome.SUCCESS] * 6


def test_the_token_echoed_by_a_server_is_not_repeated() -> None:
    """A server that quotes the Authorization header back does not get it into a verdict."""
    said = {"message": f"Token Bearer {SECRET} is not allowed", "errors": [{"field": SECRET, "message": "no"}]}
    assert SECRET not in repr(post(answers(whole(json.dumps(said).encode(), status="400 Bad Request"))))
    assert SECRET not in repr(post(answers(whole(b'{"id":"%s"}' % SECRET.encode()))))
    assert SECRET not in repr(post(answers(whole(b"<h1>%s</h1>" % SECRET.encode(), status="502 Bad Gateway"))))


def test_a_connection_is_made_once_for_connect_and_post() -> None:
    """What `connect` made is what `post` goes over, also the second time, and it begins with the request at once."""

    async def run() -> tuple[int, list[Outcome]]:
        async with Server(answers(whole(CHAT), keep=True)) as server:
            client = client_for(server.url)
            found = []
            for _ in range(3):
                assert await client.connect() is None
                assert not client.written
                await asyncio.sleep(0.02)
                found.append((await client.post(PAYLOAD, had_answer=True)).outcome)
                assert client.written
            await client.aclose()
            return server.connections, found

    assert asyncio.run(run()) == (3 if WAY["way"].proxied else 1, [Outcome.SUCCESS] * 3)


def test_a_connection_that_is_closed_before_the_post_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that closes what was just made costs a connection, and makes no row unknown."""
    slammed, closed = 0, asyncio.Event()
    lose = connection.Connection.connection_lost

    def note(self: connection.Connection, exc: Exception | None) -> None:
        lose(self, exc)
        closed.set()

    monkeypatch.setattr(connection.Connection, "connection_lost", note)

    async def slam_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal slammed
        slammed += 1
        if slammed > 1:
            await answers(whole(CHAT))(reader, writer)
        else:
            await asyncio.sleep(0.05)

    async def run() -> Outcome:
        async with Server(slam_first) as server:
            client = client_for(server.url)
            assert await client.connect() is None
            await asyncio.wait_for(closed.wait(), 10)  # a proxy passes it on when it comes to it
            try:
                return (await ChatsClient.post(client, PAYLOAD, had_answer=True)).outcome
            finally:
                await client.aclose()

    assert asyncio.run(run()) is Outcome.SUCCESS


def test_who_cannot_connect_has_sent_nothing() -> None:
    """Said before the post; a proxy says it for the server."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]

    async def run() -> Verdict:
        client = client_for(f"http://127.0.0.1:{port}")
        failed = await client.connect()
        assert failed is not None
        return failed

    verdict = asyncio.run(run())
    assert (verdict.outcome, verdict.repeat, verdict.finding.reason) == (Outcome.PENDING, True, Reason.NOT_CONNECTED)


def test_a_cancelled_connect_has_written_nothing() -> None:
    """Also after an earlier post, whose bytes are no longer asked about."""

    async def run() -> bool:
        async with Server(answers(whole(CHAT), keep=True)) as server:
            client = client_for(server.url, idle_limit=0.0)
            await client.post(PAYLOAD, had_answer=True)
            connecting = asyncio.create_task(client.connect())
            await asyncio.sleep(0)
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            await client.aclose()
            return client.written

    assert asyncio.run(run()) is False


STRAY = whole(b"", "Retry-After: 1", status="429 Too Many Requests")


@pytest.mark.parametrize("pause", [None, 0.0, 0.02])
def test_a_stray_answer_is_never_taken_for_the_next_rows(pause: float | None) -> None:
    """A 429 behind an answer, with it or later: each row whose message was applied is a success, none waits again."""
    applied: list[bytes] = []
    closed = asyncio.Event()

    async def strays(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):  # its end may come before the stray is written, which resets it then
            while asked := await read_request(reader):
                applied.append(asked)
                writer.write(whole(CHAT) + STRAY if pause is None else whole(CHAT))
                await writer.drain()
                if pause is not None:
                    await asyncio.sleep(pause)
                    writer.write(STRAY)
        closed.set()

    async def run() -> list[Outcome]:
        async with Server(strays) as server:
            client = client_for(server.url)
            found = []
            for wait in (0.0, 0.005, 0.05, 0.0):
                found.append((await client.post(PAYLOAD, had_answer=True)).outcome)
                if pause is None:
                    await asyncio.sleep(wait)
                else:  # the stray is there, and with it the end
                    await asyncio.wait_for(closed.wait(), 10)
                    closed.clear()
            await client.aclose()
            return found

    assert asyncio.run(run()) == [Outcome.SUCCESS] * 4
    assert len(applied) == 4


def test_a_server_that_answers_at_once_gets_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer right at the connection's beginning: not sent, and the server has not a byte of it."""
    monkeypatch.setattr(connect_proxy, "first_bytes_wait", 5.0)  # or the greeting may come behind the post
    seen = bytearray()

    async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STRAY)
        await writer.drain()
        seen.extend(await reader.read())

    verdict = post(greets)
    assert (verdict.outcome, verdict.repeat, verdict.stop) == (Outcome.PENDING, True, False)
    assert verdict.finding.reason is Reason.NOT_CONNECTED
    assert seen == b""


@pytest.mark.parametrize("status", ["400 Bad Request", "429 Too Many Requests", "503 Service Unavailable"])
def test_an_answer_before_the_whole_request(status: str) -> None:
    """Our own peer refused it; behind a proxy nobody can know whose answer it is."""

    judged = asyncio.Event()

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(whole(b"", "Retry-After: 1", status=status))
        await judged.wait()

    async def run() -> Verdict:
        async with Server(early) as server:
            client = client_for(server.url)
            try:
                return await client.post(LARGE, had_answer=True)
            finally:
                judged.set()
                await client.aclose()

    verdict = asyncio.run(run())
    if WAY["way"].proxied:
        assert (verdict.outcome, verdict.repeat, verdict.pause) == (Outcome.UNKNOWN, False, None)
    else:
        assert verdict.outcome is (Outcome.ERROR if status.startswith("400") else Outcome.PENDING)


def test_a_connection_with_bytes_of_a_request_left_is_not_used_again() -> None:
    """A server that refuses a request unread gets the next one whole, on a connection of its own."""
    seen: list[bytes] = []
    judged = asyncio.Event()

    async def refuses_the_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not seen:
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(whole(b"", status="400 Bad Request"))
            await judged.wait()
        elif asked := await read_request(reader):
            seen.append(asked)
            writer.write(whole(CHAT))

    async def run() -> Verdict:
        async with Server(refuses_the_first) as server:
            client = client_for(server.url)
            try:
                await client.post(LARGE, had_answer=True)
                return await client.post(PAYLOAD, had_answer=True)
            finally:
                judged.set()
                await client.aclose()

    assert asyncio.run(run()).outcome is Outcome.SUCCESS
    assert seen[1].endswith(PAYLOAD.encode())


def test_a_defect_in_reading_an_answer_costs_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row is unknown, and the next one is sent: the run does not end."""
    judge = client_module.judge
    spoiled = iter([True, False])

    def spoils_the_first(*args: Any, **more: Any) -> Verdict:
        if next(spoiled):
            raise RecursionError("a defect")
        return judge(*args, **more)

    monkeypatch.setattr(client_module, "judge", spoils_the_first)

    async def run() -> list[Verdict]:
        async with Server(answers(whole(CHAT), keep=True)) as server:
            client = client_for(server.url)
            verdicts = [await client.post(PAYLOAD, had_answer=True) for _ in range(2)]
            await client.aclose()
            return verdicts

    first, second = asyncio.run(run())
    assert (first.outcome, first.repeat, first.stop) == (Outcome.UNKNOWN, False, False)
    assert first.finding.reason is Reason.ANSWER_LOST
    assert second.outcome is Outcome.SUCCESS


def test_a_defect_before_the_request_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was written, so nothing is unknown; a defect is no reason to try every row."""

    def fails(*_: Any) -> None:
        raise ZeroDivisionError

    async def run() -> None:
        client = client_for("http://127.0.0.1:9")
        monkeypatch.setattr(client, "_head", fails)
        try:
            await ChatsClient.post(client, PAYLOAD, had_answer=True)
        finally:
            await client.aclose()

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run())


@pytest.mark.parametrize(
    "answer",
    [
        whole(b"{}", "Date: Fri, 31 Dec 9999 23:59:59 -2300", status="400 Bad Request"),
        whole(b"{}", "Retry-After: Fri, 31 Dec 9999 23:59:59 -2300", status="429 Too Many Requests"),
        whole(b"<html>&#" + b"9" * 5000 + b";", status="502 Bad Gateway"),
        whole(b"<html>" + b"<title>" * 140_000, status="400 Bad Request"),
        whole(b"a" * MAX_ANSWER, "Content-Type: text/html; charset=punycode", status="400 Bad Request"),
    ],
    ids=["date", "retry-after", "entity", "titles", "punycode"],
)
def test_a_hostile_answer_is_read_at_once(answer: bytes) -> None:
    """Each has a verdict of the table, soon."""
    began = time.process_time()
    verdict = post(answers(answer))
    assert time.process_time() - began < 3
    assert verdict.outcome in {Outcome.ERROR, Outcome.PENDING, Outcome.UNKNOWN}
    assert verdict.finding.reason is not Reason.ANSWER_LOST


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "429 Too Many Requests", "503 Unavailable"])
@pytest.mark.parametrize("pause", [None, 0.0])
@pytest.mark.parametrize("more", ["Retry-After: 1", "Connection: close"])
def test_a_refusal_that_is_followed_is_unknown(
    status: str, pause: float | None, more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stray that arrives just after the request was written, then its acceptance: nobody can know which is which."""
    if pause is not None:
        monkeypatch.setattr(connection, "QUIET", 0.1)  # however busy the machine is
    refusal = whole(b"{}", more, status=status)

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_request(reader):
            writer.write(refusal if pause is not None else refusal + whole(CHAT))
            await writer.drain()
            if pause is not None:
                await asyncio.sleep(pause)
                writer.write(whole(CHAT))

    verdict = post(late)
    assert (verdict.outcome, verdict.repeat, verdict.stop, verdict.pause) == (Outcome.UNKNOWN, False, False, None)
    assert verdict.finding.reason is Reason.ANSWER_LOST

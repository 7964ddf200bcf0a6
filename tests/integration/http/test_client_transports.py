"""What a client asks of the transport below it, without a proxy and through one."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar
from unittest.mock import patch

import h11
import httpx
import pytest
from connect_proxy import proxy_address
from raw_server import reset
from systems import WINE

from batch.chats import make_ssl_context
from batch.chats.transport import factory, http11
from batch.chats.transport.connection import Connection, WriteTracker
from batch.chats.transport.http11 import Answer, Http11Transport, head_of_post

T = TypeVar("T")
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TLS = make_ssl_context()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

both = pytest.mark.parametrize("proxied", [False, True], ids=["direct", "proxied"])


class Tracker(WriteTracker):
    """Notes the calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.writes = asyncio.Event()

    def on_write(self) -> None:
        self.calls.append("writing")
        self.writes.set()

    def on_flush(self) -> None:
        self.calls.append("wrote")


def request(url: str, *, body: bytes = b"{}", **extensions: object) -> httpx.Request:
    """A POST as the client makes it."""
    timeouts = {"connect": 5.0, "pool": 5.0, "read": None, "write": None}
    return httpx.Request("POST", url, content=body, extensions={"timeout": timeouts, **extensions})


def transport_to(url: str, *, proxied: bool) -> Http11Transport:
    """A transport for this server; the environment names the proxy."""
    with patch.object(factory, "environment_proxy", lambda _: proxy_address()):
        return factory.make_transport(url, ssl_context=TLS, trust_env=proxied)


async def post(transport: Http11Transport, asked: httpx.Request) -> Answer:
    """Post as the client does."""
    body, tracker = asked.content, asked.extensions.get("tracker") or WriteTracker()
    raw = tuple((name, value) for name, value in asked.headers.raw if name.lower() != b"content-length")
    head = head_of_post(asked.url.raw_path, raw, len(body))
    return await transport.post(asked.url, head + body, tracker, asked.extensions["timeout"]["connect"])


async def answered(transport: Http11Transport, asked: httpx.Request) -> tuple[int, bytes]:
    """Status and body of one exchange."""
    answer = await post(transport, asked)
    body, _ = await answer.read(1000)
    return answer.status, body


def served(handler: Handler, work: Callable[[Http11Transport, str], Coroutine[Any, Any, T]], *, proxied: bool) -> T:
    """Do `work` with a transport and the address of a server with this handler."""

    async def run() -> T:
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await handler(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.add(asyncio.create_task(serve(reader, writer)))

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/chats"
        transport = transport_to(url, proxied=proxied)
        try:
            async with asyncio.timeout(20):
                return await work(transport, url)
        finally:
            await transport.aclose()
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.wait_closed()

    return asyncio.run(run())


async def whole_request(reader: asyncio.StreamReader) -> None:
    """Read one request with a body of two bytes."""
    await reader.readuntil(b"\r\n\r\n{}")


def breaking(answer: bytes, *, resets: bool = False) -> Handler:
    """A handler that reads a request, answers so much, and ends the connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole_request(reader)
        writer.write(answer)
        await writer.drain()
        if resets:
            reset(writer)

    return handle


BROKEN = {
    "no answer": (breaking(b""), httpx.RemoteProtocolError),
    "no HTTP": (breaking(b"SSH-2.0-OpenSSH_9.6\r\n"), httpx.RemoteProtocolError),
    "a short body": (breaking(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), httpx.RemoteProtocolError),
    "a reset": (breaking(b"", resets=True), httpx.ReadError),
    "a reset in a body": (breaking(OK.replace(b": 2", b": 9"), resets=True), httpx.ReadError),
    "a reset in a body without length": (breaking(b"HTTP/1.1 200 OK\r\n\r\nok", resets=True), httpx.ReadError),
}


@both
@pytest.mark.parametrize("name", BROKEN)
def test_what_broke_is_told_by_the_exception(name: str, proxied: bool) -> None:  # noqa: FBT001 - a parameter
    """Without a proxy and through one the same exception is raised; no part is taken for a whole."""
    if WINE and name.startswith("a reset in a body"):
        pytest.skip("Wine gives a regular end for a reset that comes behind bytes")
    handler, error = BROKEN[name]

    async def work(transport: Http11Transport, url: str) -> None:
        with pytest.raises(error):
            await answered(transport, request(url))

    served(handler, work, proxied=proxied)


@both
def test_what_keeps_from_connecting_is_told_by_the_exception(
    monkeypatch: pytest.MonkeyPatch,
    proxied: bool,  # noqa: FBT001 - a parameter
) -> None:
    """ClaimRefusal, no such name, no TLS there, a handshake that hangs: connect errors, with their cause."""

    async def speaks_no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async def says_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def refused(transport: Http11Transport, url: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            free = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(httpx.ProxyError if proxied else httpx.ConnectError):
            await answered(transport, request(free))

    async def no_tls(transport: Http11Transport, url: str) -> None:
        with pytest.raises(httpx.ConnectError) as raised:
            await answered(transport, request(url.replace("http:", "https:")))
        assert "SSL" in repr(raised.value.__cause__) + repr(raised.value.__context__) + str(raised.value)

    async def hangs(transport: Http11Transport, url: str) -> None:
        timeouts = {"connect": 0.1, "pool": 5.0}
        with pytest.raises(httpx.ConnectTimeout):
            await answered(transport, request(url.replace("http:", "https:"), timeout=timeouts))

    async def no_name(transport: Http11Transport, url: str) -> None:
        def fails(*_: object, **__: object) -> None:
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", fails)
        error = (httpx.ProxyError, "502") if proxied else (httpx.ConnectError, "Name or service not known")
        with pytest.raises(error[0], match=error[1]):
            await answered(transport, request("http://api.wegly.invalid"))

    served(says_nothing, refused, proxied=proxied)
    served(speaks_no_tls, no_tls, proxied=proxied)
    served(says_nothing, hangs, proxied=proxied)
    served(says_nothing, no_name, proxied=proxied)


@both
def test_a_connection_closed_while_idle_is_not_written_into(proxied: bool) -> None:  # noqa: FBT001 - a parameter
    """Closed by the server, and the event loop has not heard of it yet: the socket is asked before writing."""
    closed = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(10)
    connections = 0

    def serve() -> None:
        nonlocal connections
        for _ in range(2):
            try:
                taken, _ = listening.accept()
            except OSError:  # nobody came: the first connection was used again
                return
            connections += 1
            taken.settimeout(10)
            with taken:
                while not taken.recv(65536).endswith(b"{}"):
                    pass
                taken.sendall(OK)
            closed.set()

    async def run() -> list[tuple[int, bytes]]:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        transport = transport_to(url, proxied=proxied)
        first = await answered(transport, request(url))
        closed.wait(10)  # the loop stands still meanwhile, so that it hears of nothing
        second = await answered(transport, request(url))
        await transport.aclose()
        return [first, second]

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    with listening:
        assert asyncio.run(run()) == [(200, b"ok")] * 2
        server.join(10)
    assert connections == 2


@both
def test_a_cancelled_request_closes_its_connection(proxied: bool) -> None:  # noqa: FBT001 - a parameter
    """At once, not at the next request: the server learns that nobody waits any more."""
    asked, ended = asyncio.Event(), asyncio.Event()

    async def waits(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await whole_request(reader)
        asked.set()
        await reader.read()
        ended.set()

    async def work(transport: Http11Transport, url: str) -> None:
        asking = asyncio.create_task(answered(transport, request(url)))
        await asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        async with asyncio.timeout(5):
            await ended.wait()

    served(waits, work, proxied=proxied)


@both
def test_another_origin_gets_a_connection_of_its_own(proxied: bool) -> None:  # noqa: FBT001 - a parameter
    """A request never goes into a connection to somebody else."""

    async def keeps(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await whole_request(reader)
            writer.write(OK)

    async def elsewhere(transport: Http11Transport, url: str) -> None:
        await answered(transport, request(url))
        with socket.create_server(("127.0.0.1", 0)) as taken:
            free = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(httpx.ProxyError if proxied else httpx.ConnectError):
            await answered(transport, request(free))
        with pytest.raises(httpx.UnsupportedProtocol):
            await answered(transport, request("ftp://127.0.0.1/"))

    served(keeps, elsewhere, proxied=proxied)


STRAY = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"


def answers_then_strays(*, pause: float | None, closed: asyncio.Event) -> Handler:
    """A handler that answers, and sends an answer without a request with it (`pause` None) or so much later.

    `closed` is set when the other side has closed the connection.
    """

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole_request(reader)
        writer.write(OK + STRAY if pause is None else OK)
        if pause is not None:
            await writer.drain()
            await asyncio.sleep(pause)
            writer.write(STRAY)
        try:
            await reader.read()
        finally:
            closed.set()

    return handle


@both
@pytest.mark.parametrize("pause", [None, 0.0, 0.01])
def test_what_nobody_asked_for_is_never_the_next_answer(pause: float | None, proxied: bool) -> None:  # noqa: FBT001
    """A second answer behind the first, at once or while idle: the connection is closed, the next post has its own."""

    closed = asyncio.Event()

    async def twice(transport: Http11Transport, url: str) -> list[tuple[int, bytes]]:
        first = await answered(transport, request(url))
        await closed.wait()
        return [first, await answered(transport, request(url))]

    assert served(answers_then_strays(pause=pause, closed=closed), twice, proxied=proxied) == [(200, b"ok")] * 2


@both
def test_an_answer_at_the_beginning_is_no_answer(proxied: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a parameter
    """A server that answers when it is connected to: nothing is written into that connection."""
    monkeypatch.setattr(http11, "QUIET", 0.3)  # however busy the machine is
    seen = bytearray()

    async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STRAY)
        await writer.drain()
        seen.extend(await reader.read())

    async def work(transport: Http11Transport, url: str) -> list[str]:
        tracker = Tracker()
        with pytest.raises((httpx.ConnectError, httpx.ProxyError)):
            await answered(transport, request(url, tracker=tracker))
        return tracker.calls

    assert served(greets, work, proxied=proxied) == []
    assert seen == b""


@both
def test_what_came_since_it_was_connected_is_no_answer(proxied: bool) -> None:  # noqa: FBT001 - a parameter
    """A connection that was made ahead gets an answer before its request: the request goes over another."""
    connections, connected, closed = 0, asyncio.Event(), asyncio.Event()

    async def greets_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            await connected.wait()
            writer.write(STRAY)
            try:
                await reader.read()
            finally:
                closed.set()
        await whole_request(reader)
        writer.write(OK)
        await reader.read()

    async def work(transport: Http11Transport, url: str) -> tuple[int, bytes]:
        await transport.connect(httpx.URL(url), 5.0)  # type: ignore[attr-defined]  # ours has it
        connected.set()
        await closed.wait()
        return await answered(transport, request(url))

    assert served(greets_late, work, proxied=proxied) == (200, b"ok")
    assert connections == 2


@both
def test_an_answer_before_the_whole_request_is_premature(proxied: bool) -> None:  # noqa: FBT001 - a parameter
    """A server that answers after the head, and reads no more: the tracker has it."""

    judged = asyncio.Event()

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(STRAY)
        await judged.wait()

    async def work(transport: Http11Transport, url: str) -> tuple[int, list[str], bool]:
        tracker = Tracker()
        status, _ = await answered(transport, request(url, body=b"x" * 16_000_000, tracker=tracker))
        judged.set()
        return status, tracker.calls, tracker.premature

    assert served(early, work, proxied=proxied) == (429, ["writing"], True)


def test_the_account_is_kept_in_order() -> None:
    """Writing, and for a body that the system does not take at once also when its last byte went."""
    body = b"x" * 16_000_000

    def accounted(asked: bytes) -> list[str]:
        trackers: list[Tracker] = []

        async def reads_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await trackers[0].writes.wait()
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(len(asked))
            writer.write(OK)
            await reader.read()

        async def work(transport: Http11Transport, url: str) -> list[str]:
            trackers.append(Tracker())
            assert await answered(transport, request(url, body=asked, tracker=trackers[0])) == (200, b"ok")
            return trackers[0].calls

        return served(reads_late, work, proxied=False)

    assert accounted(b"{}") == ["writing"]
    assert accounted(body) == ["writing", "wrote"]


def test_a_request_that_is_none_is_not_written() -> None:
    """A header that no request may have: said before any byte goes out, and the transport stays usable."""

    async def keeps(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole_request(reader)
        writer.write(OK)
        await reader.read()

    async def work(transport: Http11Transport, url: str) -> tuple[list[str], tuple[int, bytes]]:
        tracker = Tracker()
        wrong = request(url, tracker=tracker)
        wrong.headers["X-Wrong"] = "a\r\nb"
        with pytest.raises(h11.LocalProtocolError):
            await post(transport, wrong)
        return tracker.calls, await answered(transport, request(url))

    assert served(keeps, work, proxied=False) == ([], (200, b"ok"))


def test_nothing_was_written_when_connecting_failed() -> None:
    """The tracker hears of nothing."""

    async def nobody(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def work(transport: Http11Transport, url: str) -> list[str]:
        tracker = Tracker()
        wrong = request(url.replace("http:", "https:"), tracker=tracker, timeout={"connect": 0.05})
        with pytest.raises(httpx.ConnectTimeout):
            await post(transport, wrong)
        return tracker.calls

    assert served(nobody, work, proxied=False) == []


def test_an_endless_answer_makes_the_server_wait() -> None:
    """What is not read is not taken in beyond a bound: the server's writing stops."""
    piece = b"x" * 0x10000
    sent = 0

    async def floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await whole_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(piece)
            await writer.drain()
            sent += len(piece)

    async def work(transport: Http11Transport, url: str) -> int:
        await post(transport, request(url))
        before = -1
        while before != sent:  # until the server's writing stands still
            before = sent
            await asyncio.sleep(0.1)
        await transport.aclose()
        return sent

    assert served(floods, work, proxied=False) < 30_000_000


def test_alpn_is_said_and_verification_stays() -> None:
    """The shared context is not weakened by being used."""
    context = make_ssl_context()
    factory.make_transport("https://api.wegly.com.br", ssl_context=context, trust_env=False)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize(
    ("url", "proxy", "to", "target"),
    [
        ("http://api.example/x", None, ("api.example", 80), None),
        ("https://api.example/x", None, ("api.example", 443), None),
        ("https://api.example:8443/x", None, ("api.example", 8443), None),
        ("http://api.example/x", "http://proxy.example", ("proxy.example", 80), "api.example:80"),
        ("https://api.example/x", "https://proxy.example", ("proxy.example", 443), "api.example:443"),
        ("https://[::1]/x", "http://proxy.example:3128", ("proxy.example", 3128), "[::1]:443"),
    ],
)
def test_a_port_that_is_not_named_is_the_schemes(
    monkeypatch: pytest.MonkeyPatch, url: str, proxy: str | None, to: tuple[str, int], target: str | None
) -> None:
    """80 and 443, of the server and of a proxy before it."""
    asked: list[Any] = []

    class Connected(Connection):
        async def start_tls(self, context: ssl.SSLContext, host: str) -> None: ...
        def abort(self) -> None: ...

        async def open_tunnel(self, head: bytes) -> None:
            asked.append(head.split()[1].decode())
            raise httpx.ProxyError("seen")

    async def work() -> None:
        async def connect(_: Any, host: str, port: int, **__: Any) -> Any:
            asked.append((host, port))
            if proxy is None:
                raise ConnectionRefusedError
            return None, Connected()

        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", connect)
        through = httpx.Proxy(proxy) if proxy else None
        transport = Http11Transport(ssl_context=ssl.create_default_context(), idle_limit=1.0, proxy=through)
        with pytest.raises((httpx.ConnectError, httpx.ProxyError)):
            await transport.connect(httpx.URL(url), 5.0)

    asyncio.run(work())
    assert asked == [to, *([target] if target else [])]

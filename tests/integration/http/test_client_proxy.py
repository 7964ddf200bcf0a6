"""Proxies: none unless asked for, and what a proxy does is never mistaken for the request."""

import asyncio
import json
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from unittest.mock import patch

import pytest
from raw_server import ended

from batch.chats import ChatsClient, Token, make_ssl_context
from batch.chats.transport import factory, http11
from batch.chats.transport.factory import environment_proxy
from batch.errors import SettingsError
from batch.model.outcomes import Outcome
from batch.model.reasons import Reason
from batch.model.verdicts import Verdict

TLS = make_ssl_context()
CERTIFICATE = Path(__file__).parents[2] / "data" / "loopback.pem"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def through_proxy(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, *, trust_env: bool = True
) -> tuple[Verdict, bool, bytes]:
    """Post to a name that does not exist through a proxy that gives this answer: verdict, written, what it saw."""
    seen = bytearray()

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.extend(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    async def run() -> tuple[Verdict, bool]:
        server = await asyncio.start_server(proxy, "127.0.0.1", 0)
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        client = ChatsClient(
            endpoint="https://api.wegly.invalid",
            token=Token.parse("proxy-test-secret", "test"),
            ssl_context=TLS,
            trust_env=trust_env,
            read_timeout=5.0,
        )
        try:
            return await client.post('{"wa_contact_id":"11999990001"}', had_answer=True), client.written
        finally:
            await client.aclose()
            await ended(server)

    verdict, written = asyncio.run(run())
    return verdict, written, bytes(seen)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 Connection established\r\n\r\n",
        b"HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"",
    ],
)
def test_a_tunnel_that_fails_sends_nothing(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    """However the proxy fails, the request never left, and the token never reached the proxy."""
    verdict, written, seen = through_proxy(monkeypatch, answer)
    assert (verdict.outcome, written) == (Outcome.PENDING, False)
    assert seen.startswith(b"CONNECT api.wegly.invalid:443 ")
    assert b"proxy-test-secret" not in seen


def test_without_trust_env_the_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name cannot be resolved here, and no proxy is asked to do it."""

    def no_name(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)
    verdict, _, seen = through_proxy(monkeypatch, b"", trust_env=False)
    assert (verdict.outcome, verdict.stop, seen) == (Outcome.PENDING, True, b"")


def test_which_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """By scheme, then for all; not for this machine, and not for names in no_proxy."""
    monkeypatch.setenv("all_proxy", "http://all:1")
    assert environment_proxy("https://api.wegly.com.br") == "http://all:1"
    monkeypatch.setenv("https_proxy", "http://secure:2")
    assert environment_proxy("https://api.wegly.com.br") == "http://secure:2"
    assert environment_proxy("http://127.0.0.1:8000") is None
    monkeypatch.setenv("no_proxy", "wegly.com.br")
    assert environment_proxy("https://api.wegly.com.br") is None


def test_a_proxys_password_is_for_the_proxy_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sent with CONNECT, as Basic, and not to the server."""
    seen: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    async def run() -> Verdict:
        server = await asyncio.start_server(proxy, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("https_proxy", f"http://ana:p%40ss@127.0.0.1:{port}")
        token = Token.parse("proxy-test-secret", "test")
        client = ChatsClient(endpoint="https://api.wegly.invalid", token=token, ssl_context=TLS, trust_env=True)
        verdict = await client.post("{}", had_answer=True)
        await client.aclose()
        await ended(server)
        return verdict

    assert "p@ss" not in repr(asyncio.run(run()))
    assert b"\r\nProxy-Authorization: Basic YW5hOnBAc3M=\r\n" in seen[0]


@pytest.mark.parametrize("proxy", ["ftp://proxy:1", "socks5://proxy:1", "nonsense", "http://"])
def test_a_proxy_that_cannot_be_used_is_an_error(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """Said before anything is sent."""
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(SettingsError, match="proxy"):
        ChatsClient(
            endpoint="https://api.wegly.com.br", token=Token.parse("x", "test"), ssl_context=TLS, trust_env=True
        )


Event = asyncio.Event | None
Inside = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
CHAT = b'{"id":"3c90c3cc-0d44-4b50-8888-8dd25736052a"}'
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(CHAT), CHAT)
STRAY = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
PAYLOAD = '{"wa_contact_id":"11999990001"}'


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """One request with its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


def through_tunnels(
    inside: Inside, *payloads: str, connect: bool = False, first: str = "http", when: Event = None, judged: Event = None
) -> tuple[list[Verdict], int]:
    """Post through a proxy that ends TLS itself, as those of companies do, and behaves so inside of each tunnel.

    Gives the verdicts, and how many tunnels were opened. `connect`: before each post, which begins at `when`.
    `judged` is set after the last one. `first`: how the proxy is spoken to.
    """
    tunnels = 0
    certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.load_cert_chain(CERTIFICATE)
    tasks: set[asyncio.Task[None]] = set()

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tunnels
        try:
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n")
            tunnels += 1
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await writer.drain()
            await writer.start_tls(certificate)
            await inside(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async def run() -> list[Verdict]:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.add(asyncio.create_task(tunnel(reader, writer)))

        proxy = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=certificate if first == "https" else None)
        address = f"{first}://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        with patch.object(factory, "environment_proxy", lambda _: address):
            client = ChatsClient(
                endpoint="https://127.0.0.1:1",
                token=Token.parse("proxy-test-secret", "test"),
                ssl_context=make_ssl_context(ca_file=CERTIFICATE),
                trust_env=True,
                read_timeout=5.0,
            )
        verdicts = []
        for payload in payloads:
            failed = await client.connect() if connect else None
            if when is not None:
                await asyncio.wait_for(when.wait(), 10)
            verdicts.append(failed or await client.post(payload, had_answer=True))
        if judged is not None:
            judged.set()
        await client.aclose()
        await asyncio.wait(tasks, timeout=5)
        await ended(proxy)
        return verdicts

    return asyncio.run(run()), tunnels


@pytest.mark.parametrize("connect", [False, True])
@pytest.mark.parametrize("first", ["http", "https"])
def test_each_post_has_a_tunnel_of_its_own(first: str, connect: bool) -> None:  # noqa: FBT001 - a parameter
    """Through a proxy that is spoken to in clear or by TLS; what lies in a tunnel behind an answer is nobody's."""
    asked: list[bytes] = []

    async def strays(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await read_request(reader):
            asked.append(request)
            writer.write(OK + STRAY)

    verdicts, tunnels = through_tunnels(strays, *[PAYLOAD] * 3, connect=connect, first=first)
    assert [verdict.outcome for verdict in verdicts] == [Outcome.SUCCESS] * 3
    assert (len(asked), tunnels) == (3, 3)


@pytest.mark.parametrize("connect", [False, True])
def test_an_answer_before_the_request_is_none(connect: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a parameter
    """A proxy that answers as soon as the tunnel stands: not sent, and it has not a byte of the request."""
    monkeypatch.setattr(http11, "QUIET", 0.3)  # however busy the machine is
    asked = bytearray()

    async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STRAY)
        asked.extend(await reader.read())

    (verdict,), _ = through_tunnels(greets, PAYLOAD, connect=connect)
    assert (verdict.outcome, verdict.repeat, verdict.pause) == (Outcome.PENDING, True, None)
    assert verdict.finding.reason is Reason.NOT_CONNECTED
    assert asked == b""


def test_an_answer_since_the_tunnel_was_opened_is_none() -> None:
    """The tunnel was opened ahead; the request goes through another."""
    greeted, closed = False, asyncio.Event()

    async def greets_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal greeted
        if not greeted:
            greeted = True
            await asyncio.sleep(0.05)  # else it would be there before the connection is
            writer.write(STRAY)
            try:
                assert await reader.read() == b""
            finally:
                closed.set()
        await read_request(reader)
        writer.write(OK)
        await reader.read()

    (verdict,), tunnels = through_tunnels(greets_once, PAYLOAD, connect=True, when=closed)
    assert (verdict.outcome, tunnels) == (Outcome.SUCCESS, 2)


@pytest.mark.parametrize("status", [b"400 Bad Request", b"401 Unauthorized", b"429 Too Many", b"503 Unavailable"])
def test_a_refusal_before_the_whole_request_is_unknown(status: bytes) -> None:
    """A proxy that answers after the head: nobody can know what became of the rest."""
    judged = asyncio.Event()

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a stream's transport has it
        writer.write(b"HTTP/1.1 " + status + b"\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n")
        await judged.wait()

    (verdict,), _ = through_tunnels(early, json.dumps({"x": "y" * 16_000_000}), judged=judged)
    assert (verdict.outcome, verdict.repeat, verdict.stop, verdict.pause) == (Outcome.UNKNOWN, False, False, None)
    assert verdict.finding.reason is Reason.ANSWER_LOST
    assert verdict.http_status == int(status[:3])


def test_a_refusal_of_the_whole_request_is_one() -> None:
    """With the request read, the same answers mean what they mean without a proxy."""

    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(STRAY)
        await reader.read()

    (verdict,), _ = through_tunnels(refuses, PAYLOAD)
    assert (verdict.outcome, verdict.repeat, verdict.pause) == (Outcome.PENDING, True, 1.0)


def test_a_proxy_that_never_answers_is_not_waited_for() -> None:
    """Opening a tunnel takes no longer than connecting may: pending, to be repeated."""

    async def run() -> Verdict:
        async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(hangs, "127.0.0.1", 0)
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with patch.object(factory, "environment_proxy", lambda _: address):
            token = Token.parse("proxy-test-secret", "test")
            client = ChatsClient(
                endpoint="https://127.0.0.1:1", token=token, ssl_context=TLS, trust_env=True, connect_timeout=0.1
            )
        verdict = await client.post(PAYLOAD, had_answer=True)
        await client.aclose()
        await ended(server)
        return verdict

    verdict = asyncio.run(run())
    assert (verdict.outcome, verdict.repeat, verdict.stop) == (Outcome.PENDING, True, False)

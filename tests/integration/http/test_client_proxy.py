"""Proxies: none unless asked for, and what a proxy does is never mistaken for the request."""

import asyncio
import socket

import pytest

from batch.chats import ChatsClient, Token, make_ssl_context
from batch.chats.transport.factory import environment_proxy
from batch.errors import SettingsError
from batch.model.outcomes import Outcome
from batch.model.verdicts import Verdict

TLS = make_ssl_context()


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
            server.close()
            await server.wait_closed()

    verdict, written = asyncio.run(run())
    return verdict, written, bytes(seen)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 Connection established\r\n\r\n",
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


@pytest.mark.parametrize("proxy", ["ftp://proxy:1", "socks5://proxy:1", "nonsense"])
def test_a_proxy_that_cannot_be_used_is_an_error(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """Said before anything is sent."""
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(SettingsError, match="proxy"):
        ChatsClient(
            endpoint="https://api.wegly.com.br", token=Token.parse("x", "test"), ssl_context=TLS, trust_env=True
        )

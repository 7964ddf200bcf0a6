"""TLS is verified, always, and a certificate that does not fit stops the run before anything is sent."""

import asyncio
import ssl
from pathlib import Path

import pytest
from client_ways import WAYS
from raw_server import ended

from batch.chats import Token, make_ssl_context
from batch.chats.transport import http11
from batch.chats.transport.connection import Connection
from batch.errors import SettingsError
from batch.model.outcomes import Outcome
from batch.model.reasons import Reason
from batch.model.verdicts import Verdict

CERTIFICATE = Path(__file__).parents[2] / "data" / "loopback.pem"
PAYLOAD = '{"wa_contact_id":"11999990001"}'
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"id":"x"}'

WAY = {"way": WAYS["direct"]}


@pytest.fixture(autouse=True, params=WAYS)
def _every_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything here holds for a connection made before the post or by it, without a proxy and through one."""
    monkeypatch.setitem(WAY, "way", WAYS[request.param])


def post(*, host: str = "127.0.0.1", tls: ssl.SSLContext | None, client: ssl.SSLContext) -> tuple[Verdict, int]:
    """The verdict, and how many bytes of a request the server saw; `tls` None: the server speaks plain HTTP."""
    seen = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        try:
            first = await reader.read(1)
            seen += len(first) if tls else 0
            writer.write(ANSWER if tls else b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            await writer.drain()
        except (ssl.SSLError, ConnectionError):
            pass
        finally:
            writer.close()

    async def run() -> Verdict:
        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server's own complaints
        url = f"https://{host}:{server.sockets[0].getsockname()[1]}"
        token = Token.parse("tls-test", "test")
        chats = WAY["way"].make(endpoint=url, token=token, ssl_context=client, read_timeout=5.0)
        try:
            return await chats.post(PAYLOAD, had_answer=False)
        finally:
            await chats.aclose()
            await ended(server)

    verdict = asyncio.run(run())
    return verdict, seen


def server_context() -> ssl.SSLContext:
    """A server with the test certificate, which is for 127.0.0.1 alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def assert_stopped(verdict: Verdict) -> None:
    """Nothing sent, the row pending, the run stopped."""
    assert (verdict.outcome, verdict.repeat, verdict.stop) == (Outcome.PENDING, False, True)
    assert verdict.finding.reason is Reason.NOT_CONNECTED
    assert "TLS" in str(verdict.finding.values["words"])


def test_a_trusted_certificate_is_accepted() -> None:
    """The same server is fine for a client that trusts its authority: the failures below are about trust."""
    verdict, seen = post(tls=server_context(), client=make_ssl_context(ca_file=CERTIFICATE))
    assert verdict.outcome is Outcome.SUCCESS
    assert seen


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_tls_connection_is_used_again(version: ssl.TLSVersion) -> None:
    """One handshake for all posts; what TLS itself sends meanwhile (session tickets) is no reason for another."""
    tls = server_context()
    tls.minimum_version = tls.maximum_version = version
    connections = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        try:
            while await reader.readuntil(b"}"):
                writer.write(ANSWER)
        except asyncio.IncompleteReadError:
            writer.close()

    async def run() -> list[Outcome]:
        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        context, token = make_ssl_context(ca_file=CERTIFICATE), Token.parse("tls-test", "test")
        chats = WAY["way"].make(endpoint=url, token=token, ssl_context=context, read_timeout=5.0)
        try:
            return [(await chats.post(PAYLOAD, had_answer=True)).outcome for _ in range(3)]
        finally:
            await chats.aclose()
            await ended(server)

    assert asyncio.run(run()) == [Outcome.SUCCESS] * 3
    assert connections == (3 if WAY["way"].proxied else 1)


def test_a_self_signed_certificate_stops_the_run() -> None:
    """Nobody vouches for it: not a byte of the request leaves."""
    verdict, seen = post(tls=server_context(), client=make_ssl_context())
    assert_stopped(verdict)
    assert seen == 0


def test_a_certificate_of_another_name_stops_the_run() -> None:
    """Trusted, but for another host."""
    verdict, seen = post(host="localhost", tls=server_context(), client=make_ssl_context(ca_file=CERTIFICATE))
    assert_stopped(verdict)
    assert seen == 0


def test_plain_http_where_tls_is_expected_stops_the_run() -> None:
    """https to a server that speaks http."""
    verdict, _ = post(tls=None, client=make_ssl_context())
    assert_stopped(verdict)


def demanding_context() -> ssl.SSLContext:
    """A server that wants a certificate of the client's own; with TLS 1.3 it refuses only after the handshake."""
    demanding = server_context()
    demanding.minimum_version = ssl.TLSVersion.TLSv1_3
    demanding.verify_mode = ssl.CERT_REQUIRED
    demanding.load_verify_locations(CERTIFICATE)
    return demanding


def test_a_server_that_refuses_after_the_handshake_got_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does so while a new connection is left alone: nothing is written into it."""
    monkeypatch.setattr(http11, "QUIET", 0.3)  # however busy the machine is
    verdict, seen = post(tls=demanding_context(), client=make_ssl_context(ca_file=CERTIFICATE))
    assert (verdict.outcome, verdict.repeat, verdict.finding.reason) == (Outcome.PENDING, True, Reason.NOT_CONNECTED)
    assert seen == 0


def test_a_refusal_after_the_request_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes longer for it than a new connection is left alone: the request may be out."""

    async def clean(_: Connection) -> bool:
        return True

    monkeypatch.setattr(http11, "QUIET", 0.0)
    monkeypatch.setattr(Connection, "is_clean", clean)
    verdict, _ = post(tls=demanding_context(), client=make_ssl_context(ca_file=CERTIFICATE))
    assert (verdict.outcome, verdict.repeat, verdict.finding.reason) == (Outcome.UNKNOWN, False, Reason.ANSWER_LOST)


def test_verification_cannot_be_lost() -> None:
    """The shared context checks certificate and name."""
    context = make_ssl_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize("ca_file", [None, CERTIFICATE])
@pytest.mark.parametrize("trust_env", [False, True])
def test_the_keys_of_a_connection_are_never_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ca_file: Path | None, *, trust_env: bool
) -> None:
    """Whoever may read that file reads the token."""
    keys = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    context = make_ssl_context(ca_file=ca_file, trust_env=trust_env)
    assert context.keylog_filename is None
    post(tls=server_context(), client=context)
    assert not keys.exists()
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "missing" / "keys.log"))
    assert make_ssl_context(ca_file=ca_file, trust_env=trust_env).check_hostname


def test_a_certificate_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing or wrong file is an error that names it."""
    wrong = tmp_path / "ca.pem"
    wrong.write_text("no certificate")
    for path in (wrong, tmp_path / "missing.pem"):
        with pytest.raises(SettingsError, match=path.name):
            make_ssl_context(ca_file=path)


def test_authorities_of_the_environment_that_cannot_be_read_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also under `--trust-env`; without it the variable counts for nothing."""
    monkeypatch.setenv("SSL_CERT_FILE", "/missing/company.pem")
    with pytest.raises(SettingsError, match=r"company\.pem"):
        make_ssl_context(trust_env=True)
    assert make_ssl_context().check_hostname

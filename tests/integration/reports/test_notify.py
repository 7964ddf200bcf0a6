"""[notify]: an address and a metrics file that hear of a run's end, over real sockets, and what goes wrong there."""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from office import Office, phones

from batch.chats import WebhookFailure, post_webhook, webhook
from batch.sandbox import Faults, running_sandbox

pytestmark = pytest.mark.usefixtures("plain_reports")

CERTIFICATE = Path(__file__).parents[2] / "data" / "loopback.pem"
SECRET = "s3cr3t-in-the-path"


@dataclass
class Received:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Listener:
    """An address of the user's own: keeps what it gets, answers with `status`."""

    status: int = 204
    more: dict[str, str] = field(default_factory=dict)
    got: list[Received] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/{SECRET}?chat=7"


@pytest.fixture
def listener() -> Iterator[Listener]:
    heard = Listener()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.got.append(Received(path=self.path, headers=dict(self.headers), body=body))
            self.send_response(heard.status)
            for name, value in heard.more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    heard.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield heard
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes a connection and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def port(server: socket.socket) -> int:
    number: int = server.getsockname()[1]
    return number


def events(office: Office, run: str) -> list[dict[str, object]]:
    lines = (office.folder / "reports" / run / "run.log").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_the_webhook_gets_the_summary_as_it_lies_in_the_folder(office: Office, listener: Listener) -> None:
    """Exactly summary.json, named as JSON, from us; no token, and nothing but the host in the log."""
    campaign = office.campaign(f'[notify]\nwebhook = "{listener.url}"')
    ran = office.run(office.sheet(phones(3)), campaign)
    (got,) = listener.got
    assert got.body == (office.folder / "reports" / ran.summary["run"] / "summary.json").read_bytes()
    assert json.loads(got.body)["exit_code"] == 0
    assert got.path == f"/hooks/{SECRET}?chat=7"
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["User-Agent"].startswith("wegly-batch/")
    assert "a-token" not in str(got.headers) + got.body.decode()
    assert {"Authorization", "Origin", "Referer"}.isdisjoint(got.headers)
    (told,) = [event for event in events(office, ran.summary["run"]) if event["event"] == "webhook_told"]
    assert told["host"] == f"127.0.0.1:{listener.port}"
    assert SECRET not in (office.folder / "reports" / ran.summary["run"] / "run.log").read_text("utf-8")


def test_it_hears_of_runs_that_end_badly_too(office: Office, listener: Listener) -> None:
    """Stopped by an answer that every row would get: 5, with the counts as they stand."""
    campaign = office.campaign(f'[notify]\nwebhook = "{listener.url}"')
    ran = office.run(office.sheet(["11 97001-0401"]), campaign)
    assert ran.code == 5
    assert json.loads(listener.got[0].body)["exit_code"] == 5


def test_check_dry_run_and_a_trial_tell_nobody(office: Office, listener: Listener) -> None:
    """They are no runs of the campaign."""
    metrics = office.folder / "m.prom"
    campaign = office.campaign(f'[notify]\nwebhook = "{listener.url}"\nprometheus = "m.prom"')
    sheet = office.sheet(phones(2))
    office.type("check", sheet, "-c", campaign, "--base-url", office.sandbox.url)
    office.type(*office.command(sheet, campaign, "--dry-run"))
    code, _, err = office.type(*office.command(sheet, campaign, "--to", "11 97001-9999", "--yes"))
    assert code == 0, err
    assert listener.got == []
    assert not metrics.exists()


def test_check_and_the_question_name_where_a_run_writes(office: Office, listener: Listener) -> None:
    """A campaign file may be another person's: the host and the metrics file are seen before anything is sent."""
    campaign = office.campaign(f'[notify]\nwebhook = "{listener.url}"\nprometheus = "../elsewhere/m.prom"')
    named = ("check", office.sheet(phones(2)), "-c", campaign, "--base-url", office.sandbox.url)
    _, out, _ = office.type(*named)
    assert re.search(rf"^Webhook +127.0.0.1:{listener.port}$", out, re.MULTILINE)
    assert re.search(r"^Metrics file .*elsewhere.m\.prom$", out, re.MULTILINE)
    assert SECRET not in out
    found = json.loads(office.type(*named, "--json")[1])
    assert found["webhook"] == f"127.0.0.1:{listener.port}"
    assert found["prometheus"].endswith("m.prom")


def _refusing() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{port(server)}/{SECRET}"


def test_a_failure_is_said_and_changes_nothing(office: Office, listener: Listener, silent: socket.socket) -> None:
    """Nobody listens; an error; a redirect, which is not followed: the exit code stays, the host is named, no more."""
    listener.more = {"Location": f"http://127.0.0.1:{port(silent)}/elsewhere"}
    for number, (url, status, words, reason) in enumerate(
        [
            (_refusing(), 204, "the server cannot be reached", ("not_connected", None)),
            (listener.url, 500, "it answers HTTP 500", ("http", 500)),
            (listener.url, 307, "redirect (HTTP 307), which is not followed", ("redirected", 307)),
        ]
    ):
        listener.status = status
        campaign = office.campaign(f'[notify]\nwebhook = "{url}"', name=f"c{number}")
        ran = office.run(office.sheet(phones(2, first=10 * number)), campaign)
        assert (ran.code, ran.summary["exit_code"]) == (0, 0)
        assert words in ran.said
        assert f"127.0.0.1:{url.split(':')[2].split('/')[0]}" in ran.said
        assert SECRET not in ran.said
        (failed,) = [event for event in events(office, ran.summary["run"]) if event["event"] == "webhook_failed"]
        assert (failed["reason"], failed["http_status"]) == reason
    assert len(listener.got) == 2


def test_a_quiet_run_says_it_too(office: Office) -> None:
    """--quiet keeps the summary back, not what somebody must know."""
    campaign = office.campaign(f'[notify]\nwebhook = "{_refusing()}"')
    code, out, err = office.type(*office.command(office.sheet(phones(1)), campaign, "--quiet"))
    assert (code, out) == (0, "")
    assert err.count("\n") == 1
    assert "did not take the summary" in err


def test_who_never_answers_is_not_waited_for(silent: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit on all of it: connection, request and answer (ten seconds, here less)."""
    monkeypatch.setattr(webhook, "_WHOLE", 0.3)
    begin = time.monotonic()
    failed = asyncio.run(post_webhook(f"http://127.0.0.1:{port(silent)}/", b"{}"))
    assert failed == WebhookFailure(reason="timeout", words="no whole answer in time")
    assert time.monotonic() - begin < 9


def test_a_certificate_that_nobody_vouches_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS is verified: the body does not go out; whose authority is trusted gets it."""
    seen: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n{}"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async def run(*, trust_env: bool) -> WebhookFailure | None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server's own complaints
        async with server:
            at = server.sockets[0].getsockname()[1]
            return await post_webhook(f"https://127.0.0.1:{at}/x", b"{}", trust_env=trust_env)

    failed = asyncio.run(run(trust_env=False))
    assert failed == WebhookFailure(reason="tls", words="no secure connection (TLS) can be made")
    assert seen == []
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    assert asyncio.run(run(trust_env=True)) is None
    assert len(seen) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_an_interrupted_run_tells_and_a_second_signal_ends_the_telling(office: Office, silent: socket.socket) -> None:
    """The first Ctrl+C ends the sending; the address hangs; the next ends that alone, and 130 has its summary."""
    campaign = office.campaign(f'[notify]\nwebhook = "http://127.0.0.1:{port(silent)}/{SECRET}"\nprometheus = "m.prom"')
    sheet = office.sheet(phones(40))
    with running_sandbox(faults=Faults(latency=0.2)) as sandbox:
        words = ["run", str(sheet), "-c", str(campaign), "--base-url", sandbox.url, "--rate", "20/s"]
        with subprocess.Popen(
            [sys.executable, "-m", "batch", *words], env=dict(os.environ), stderr=subprocess.PIPE, text=True
        ) as process:
            _until(lambda: len(sandbox.log.received) >= 5)
            process.send_signal(signal.SIGINT)
            connection, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
            connection.close()
        assert process.returncode == 130, err
        assert "a signal ended it" in err
        assert "Messaged:" in err
        assert 'wegly_batch_exit_code{campaign="teste"} 130' in (office.folder / "m.prom").read_text("utf-8")


def _until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_metrics_are_readable_for_the_exporter_and_replaced_whole(office: Office) -> None:
    """0644 beside 0600 reports, no other file left; a second run replaces the first."""
    folder = office.folder / "metrics"
    folder.mkdir()
    campaign = office.campaign('[notify]\nprometheus = "metrics/teste.prom"')
    sheet = office.sheet([*phones(3), "11 97001-0400"])
    assert office.run(sheet, campaign).code == 3
    first = (folder / "teste.prom").read_text("utf-8")
    assert 'wegly_batch_rows{campaign="teste",outcome="success"} 3\n' in first
    assert 'wegly_batch_rows{campaign="teste",outcome="error"} 1\n' in first
    assert 'wegly_batch_run_attempts{campaign="teste"} 4\n' in first
    office.run(sheet, campaign)
    assert 'wegly_batch_run_attempts{campaign="teste"} 0\n' in (folder / "teste.prom").read_text("utf-8")
    assert [file.name for file in folder.iterdir()] == ["teste.prom"]
    if os.name != "nt":
        assert stat.S_IMODE((folder / "teste.prom").stat().st_mode) == 0o644


def test_metrics_that_cannot_be_written_are_said_and_change_nothing(office: Office) -> None:
    """The folder is not there."""
    campaign = office.campaign('[notify]\nprometheus = "gone/teste.prom"')
    ran = office.run(office.sheet(phones(1)), campaign)
    assert (ran.code, ran.summary["exit_code"]) == (0, 0)
    assert "could not be written: No such file or directory" in ran.said
    assert [event["event"] for event in events(office, ran.summary["run"])][-1] == "metrics_not_written"

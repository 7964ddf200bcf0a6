"""Whole runs against a server that sends answers nobody asked for: no row waits whose message was applied."""

from __future__ import annotations

import json
import socketserver
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from connect_proxy import proxy_address
from office import CREATED, Office, phones

from batch.chats.transport import factory

pytestmark = pytest.mark.usefixtures("plain_reports")

STRAY = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Strays:
    """A server that applies what it is asked, and sends a 429 behind each answer, or before the first."""

    greets: bool = False
    applied: Counter[str] = field(default_factory=Counter)
    url: str = ""


@pytest.fixture
def strays() -> Iterator[Strays]:
    told = Strays()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            if told.greets:
                self.wfile.write(STRAY)
            while self.rfile.readline().startswith(b"POST"):
                headers = dict(line.lower().split(b": ", 1) for line in iter(self.rfile.readline, b"\r\n"))
                asked = json.loads(self.rfile.read(int(headers[b"content-length"])))
                told.applied[asked["wa_contact_id"]] += 1
                body = json.dumps({"id": asked["wa_contact_id"]}).encode()
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body) + STRAY)

        def finish(self) -> None:
            pass  # the client may be gone

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None: ...

    with Server(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield told
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("options", [(), ("--trust-env",)])
@pytest.mark.parametrize("proxied", [False, True])
def test_each_row_has_its_own_answer(
    office: Office, strays: Strays, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], *, proxied: bool
) -> None:
    """With and without `--trust-env`, and through a proxy: every message once, every row accepted."""
    monkeypatch.setattr(factory, "environment_proxy", lambda _: proxy_address() if proxied else None)
    ran = office.run(office.sheet(phones(12)), office.campaign(), "--base-url", strays.url, *options)
    assert ran.rows == [CREATED] * 12
    assert set(strays.applied.values()) == {1}
    assert len(strays.applied) == 12


def test_a_server_that_answers_before_it_is_asked_gets_nothing(office: Office, strays: Strays) -> None:
    """Not a byte of a request is written; where the answer came too late for that, the row is unknown."""
    strays.greets = True
    ran = office.run(office.sheet(phones(2)), office.campaign(), "--base-url", strays.url, "--trust-env")
    pending = {line["wegly_phone"] for line in ran.lines.values() if line["wegly_status"] == "pending"}
    assert pending.isdisjoint(f"+55{contact}" for contact in strays.applied)
    assert {status for status, _ in ran.rows} <= {"pending", "unknown"}
    assert ran.code in {4, 5}

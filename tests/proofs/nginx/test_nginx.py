"""Against a real throttling proxy: nginx with `limit_req` in front of the sandbox."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from batch.sandbox import RunningSandbox, running_sandbox

NGINX = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx (Debian: nginx-light) is the proxy that throttles")

LIMIT = 20
"""Requests a second that the proxy lets through."""
RETRY_AFTER = 1.0
"""Seconds the proxy asks to wait."""

IN_FLIGHT = 0.05
"""Seconds within which a request may still arrive that had left before the refusal was read."""

PROXY = """
{user}
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 128; }}
http {{
    log_format times '$msec $request_time $status';
    access_log {folder}/access.log times;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    limit_req_zone $server_name zone=api:1m rate={limit}r/s;
    limit_req_status 429;
    server {{
        listen 127.0.0.1:{port};
        server_name api;
        location / {{
            limit_req zone=api{burst};
            add_header Retry-After {retry_after:.0f} always;
            proxy_pass {behind};
            proxy_http_version 1.1;
        }}
    }}
}}
"""

CAMPAIGN = """
[campaign]
name = "teste"
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "saudacao_inicial"
language = "pt_BR"
[columns]
wa_contact_id = "Telefone"
"""


TRIES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A request as the proxy logged it. Times in seconds since 1970."""

    came: float
    answered: float
    status: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Proxy:
    """An nginx that is listening."""

    url: str
    folder: Path

    def seen(self) -> list[Seen]:
        """All requests, by the time they came."""
        lines = (line.split() for line in (self.folder / "access.log").read_text(encoding="ascii").splitlines())
        found = [
            Seen(came=float(end) - float(took), answered=float(end), status=int(status)) for end, took, status in lines
        ]
        return sorted(found, key=lambda each: each.came)


@contextmanager
def throttling(folder: Path, behind: RunningSandbox, *, burst: int) -> Iterator[Proxy]:
    """nginx with a configuration, a log and temporary files of its own, ended with the block."""
    assert NGINX is not None
    folder.mkdir()
    port = _free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    values = {
        "folder": folder,
        "port": port,
        "limit": LIMIT,
        "burst": f" burst={burst} nodelay" if burst else "",
        "user": user,
        "behind": behind.url,
    }
    (folder / "nginx.conf").write_text(PROXY.format(**values, retry_after=RETRY_AFTER), encoding="ascii")
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            _wait_until_listening(process, port)
            yield Proxy(url=f"http://127.0.0.1:{port}", folder=folder)
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    process.kill()
    assert process.stderr is not None
    pytest.fail(f"nginx does not listen: {process.stderr.read().decode()}")


def send(folder: Path, url: str, *, rows: int, rate: float) -> tuple[int, dict[str, Any]]:
    """The exit code and summary of one run over a sheet of `rows` good rows.

    A process of its own: in the sandbox's, their threads would keep each other from being in time.
    """
    (folder / "teste.toml").write_text(CAMPAIGN, encoding="utf-8")
    lines = "".join(f"11 9{number:04d}-7001\n" for number in range(rows))
    (folder / "contatos.csv").write_text("Telefone\n" + lines, encoding="utf-8")
    places = ["--ledger", f"sqlite:///{folder / 'ledger.sqlite3'}", "--reports", str(folder / "reports")]
    command = [sys.executable, "-m", "batch", "run", str(folder / "contatos.csv"), "-c", str(folder / "teste.toml")]
    ended = subprocess.run(
        [*command, "--base-url", url, *places, "--rate", f"{rate:g}/s", "--json"],
        env={**os.environ, "WEGLY_TOKEN": "header.payload.signature"},
        stdout=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    return ended.returncode, json.loads(ended.stdout)


@pytest.mark.long
def test_pacing_below_the_limit_is_never_refused(tmp_path: Path) -> None:
    """At nine tenths of the limit.

    `burst=1` lets one request come a whole gap early. Without a burst nginx, which counts in milliseconds, refuses what
    comes 6 ms early here: the pace of our starts keeps that, the time from a start to the proxy need not. A machine
    that stops for a while in between makes a post late and the next early, so there are some tries.
    """
    for number in range(TRIES):
        with running_sandbox() as sandbox, throttling(tmp_path / f"nginx-{number}", sandbox, burst=1) as proxy:
            (inside := tmp_path / str(number)).mkdir()
            code, summary = send(inside, proxy.url, rows=100, rate=0.9 * LIMIT)
            seen = proxy.seen()
            applied = len(sandbox.log.applied)
        assert (code, summary["counts"]["success"], applied) == (0, 100, 100)
        statuses = [each.status for each in seen]
        if statuses == [200] * 100:
            break
    assert statuses == [200] * 100
    assert 99 / (seen[-1].came - seen[0].came) == pytest.approx(0.9 * LIMIT, rel=0.05)


@pytest.mark.long
def test_a_rate_far_too_high_settles_near_the_limit(tmp_path: Path) -> None:
    """Three times the limit: every row is sent once, and nothing leaves while the proxy asks to wait."""
    rows = 150
    with running_sandbox() as sandbox, throttling(tmp_path / "nginx", sandbox, burst=1) as proxy:
        code, summary = send(tmp_path, proxy.url, rows=rows, rate=3.0 * LIMIT)
        seen = proxy.seen()
        people = {each.person for each in sandbox.log.applied}
        applied = len(sandbox.log.applied)
    assert (code, summary["counts"]["success"], applied, len(people)) == (0, rows, rows, rows)

    refused = [each for each in seen if each.status == 429]
    assert 1 <= len(refused) <= rows // 10
    assert summary["this_run"]["attempts"] == len(seen) == rows + len(refused)
    early = [
        (asked, each)
        for asked in refused
        for each in seen
        if asked.answered + IN_FLIGHT < each.came < asked.answered + RETRY_AFTER
    ]
    assert early == []

    accepted = [each.came for each in seen if each.status == 200]
    settled = accepted[rows // 2 :]
    assert 0.75 * LIMIT <= (len(settled) - 1) / (settled[-1] - settled[0]) <= 1.05 * LIMIT

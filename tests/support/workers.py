"""Workers of a ledger on PostgreSQL in a test's own process, and a sheet of two senders for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from batch.app.fleet.worker import serve_lanes
from batch.app.settings import Settings, Token

SENDERS = ("0b28ee57-7a57-4407-a9c5-5cd4e5a50001", "0b28ee57-7a57-4407-a9c5-5cd4e5a50002")
ROWS = 12
_CAMPAIGN = """
[campaign]
name = "{name}"
language = "en"
[sender]
whatsapp_phone_id = {{ column = "Quem" }}
[template]
name = "saudacao_inicial"
language = "pt_BR"
[columns]
wa_contact_id = "Telefone"
[throttle]
rate = "{rate}/s"
{more}
"""


def write_sheet(folder: Path, *more_rows: str) -> None:
    """Write `s.csv`, with ROWS people of two senders in turn, and more rows."""
    rows = [f"(11) 9{row:04d}-7001;{SENDERS[row % 2]}" for row in range(ROWS)]
    (folder / "s.csv").write_text("\n".join(["Telefone;Quem", *rows, *more_rows, ""]))


def write_campaign(file: Path, *, name: str = "teste", rate: int = 100, more: str = "") -> None:
    """Write the campaign of such a sheet. `more`: further sections."""
    file.write_text(_CAMPAIGN.format(name=name, rate=rate, more=more))


def point_at(monkeypatch: pytest.MonkeyPatch, ledger: str, url: str) -> None:
    """Let commands, and workers that are processes, use this ledger and API, with a token."""
    monkeypatch.setenv("WEGLY_BATCH_LEDGER", ledger)
    monkeypatch.setenv("WEGLY_BASE_URL", url)
    monkeypatch.setenv("WEGLY_TOKEN", "anything")


def until(is_so: Callable[[], bool]) -> None:
    """Wait, at most a minute, until something is so."""
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextmanager
def working(ledger: str, url: str, text: str = "anything", *, lanes: int = 4) -> Iterator[list[str]]:
    """A worker for the API at `url`, with the token `text`, stopped at the end as by SIGTERM.

    Gives what it tells its operator.
    """
    begun, stops, told = threading.Event(), [], list[str]()

    def note(_place: Any, stop: Callable[[], object]) -> None:
        stops.append(stop)
        begun.set()

    settings = Settings(ledger=ledger, base_url=url)
    values: dict[str, Any] = {"lanes": lanes, "begun": note, "on_signal": lambda _again: None, "tell": told.append}
    worker = threading.Thread(target=serve_lanes, args=(settings, Token.parse(text, "test")), kwargs=values)
    worker.start()
    assert begun.wait(60)
    try:
        yield told
    finally:
        stops[0]()
        worker.join(30)
        assert not worker.is_alive()

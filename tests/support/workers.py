"""Workers of a ledger on PostgreSQL, in a test's own process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from batch.app.fleet.worker import serve_lanes
from batch.app.settings import Settings, Token


def point_at(monkeypatch: pytest.MonkeyPatch, ledger: str, url: str) -> None:
    """Let commands, and workers that are processes, use this ledger and API, with a token."""
    monkeypatch.setenv("WEGLY_BATCH_LEDGER", ledger)
    monkeypatch.setenv("WEGLY_BASE_URL", url)
    monkeypatch.setenv("WEGLY_TOKEN", "anything")


def until(is_so: Callable[[], bool]) -> None:
    """Wait, at most half a minute, until something is so."""
    end = time.monotonic() + 30
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
    assert begun.wait(30)
    try:
        yield told
    finally:
        stops[0]()
        worker.join(30)
        assert not worker.is_alive()

"""Lets the tests of this folder share their office: a sandbox, sheets and a person at the command line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from office import Office

from batch.sandbox import running_sandbox


@pytest.fixture(autouse=True)
def _messages_to_one_person_may_follow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six seconds between two messages to one person are real time here: only the tests that are about them wait."""
    if request.node.get_closest_marker("spacing") is None:
        for module in ("batch.ledger.send.contact_limits", "batch.pool.deferred"):
            monkeypatch.setattr(f"{module}.SPACING", timedelta())


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Office]:
    """An office whose campaigns go to a sandbox."""
    monkeypatch.setenv("WEGLY_TOKEN", "a-token")
    monkeypatch.setenv("WEGLY_BATCH_LEDGER", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    monkeypatch.setenv("WEGLY_BATCH_REPORTS", str(tmp_path / "reports"))
    with running_sandbox() as sandbox:
        yield Office(tmp_path, sandbox, capsys)

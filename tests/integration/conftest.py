"""Lets the tests of this folder share their office: a sandbox, sheets and a person at the command line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from office import Office

from batch.app import run
from batch.app.runs import run_looks
from batch.reporter import report
from batch.sandbox import RunningSandbox, SandboxLog, running_sandbox

# A run collects and freezes what it loaded, which here is all tests. Starts as a process show that this works.
run.gc = SimpleNamespace(collect=lambda: 0, freeze=lambda: None, unfreeze=lambda: None)  # type: ignore[assignment]


@pytest.fixture(autouse=True)
def _messages_to_one_person_may_follow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six seconds between two messages to one person are real time here: only the tests that are about them wait."""
    if request.node.get_closest_marker("spacing") is None:
        for module in ("batch.ledger.send.contact_limits", "batch.pool.deferred"):
            monkeypatch.setattr(f"{module}.SPACING", timedelta())


@pytest.fixture
def plain_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run writes neither its workbook nor its page, for tests that read neither: they take a third of its time."""
    monkeypatch.setattr(report, "_write_workbook", lambda folder, _inputs, name: (folder / name, ()))
    monkeypatch.setattr(report, "write_html", lambda path, _inputs, _files: path)


@pytest.fixture
def fast_looks(plain_reports: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run looks as fast as it can, and writes plain reports."""
    monkeypatch.setattr(run_looks, "DEFAULT_RATE", 500.0)
    monkeypatch.setattr(run_looks, "ROUND", 0.05)


@pytest.fixture
def bare_office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Office:
    """An office without a sandbox."""
    monkeypatch.setenv("WEGLY_TOKEN", "a-token")
    monkeypatch.setenv("WEGLY_BATCH_LEDGER", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    monkeypatch.setenv("WEGLY_BATCH_REPORTS", str(tmp_path / "reports"))
    return Office(tmp_path, RunningSandbox(url="http://127.0.0.1:9", log=SandboxLog()), capsys)


@pytest.fixture
def office(bare_office: Office) -> Iterator[Office]:
    """An office whose campaigns go to a sandbox."""
    with running_sandbox() as bare_office.sandbox:
        yield bare_office

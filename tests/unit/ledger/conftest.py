"""The ledger's tests, on SQLite and on PostgreSQL."""

from pathlib import Path

import pytest
from postgres import new_ledger

QUICK = {
    f"test_{name}"
    for name in ("claims", "contact_limits", "groups", "postgres", "queue", "races", "staging", "suppression", "writer")
}
"""Modules that are tested on PostgreSQL each time, since databases may differ in what they do; the others: `long`."""


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a ledger that is not there yet, on each database."""
    if request.param == "postgresql":
        return new_ledger(request.getfixturevalue("postgres"))
    return f"sqlite:///{tmp_path / 'ledger.sqlite3'}"


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    """The file of `ledger`. A test that asks for it is of SQLite alone."""
    return tmp_path / "ledger.sqlite3"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave tests of SQLite's file out on PostgreSQL, and those there that are no quick ones to `pytest -m long`."""
    for item in list(items):
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            if item.callspec.params.get("ledger_url") != "postgresql":
                continue
            if "sqlite_file" in item.fixturenames:
                items.remove(item)
            elif item.path.stem not in QUICK:
                item.add_marker("long")

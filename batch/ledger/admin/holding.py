"""What a ledger file holds, read without changing it: no upgrade, no claim settled, nothing made that is not there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from batch.errors import LedgerUnusable
from batch.i18n import _
from batch.ledger.storage.errors import remedy_for

__all__ = ["Holding", "holding_of", "look_into", "reading"]

_BUSY_SECONDS = 30
_BESIDE = ("", "-wal")


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """The contents of a ledger in figures."""

    ledger_id: str
    schema_version: int
    counter: int
    """Runs begun, counted up with each plan: of two copies of a ledger the one with less is older."""
    runs: int
    messages: Mapping[str, int]
    """State (an outcome, or `claimed`) to how many, those that occur."""
    purged: str | None
    """When people's data were last removed, ISO 8601 in UTC; None: never."""
    size: int
    """Bytes on the disk, the write-ahead log included."""


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to the ledger at `path` that cannot write. Safe while a run is sending.

    Raises LedgerUnusable when there is none, or whatever SQLite says against it while the block runs.
    """
    if not path.is_file():
        raise LedgerUnusable(
            _("There is no ledger {path} yet.").format(path=path),
            _("The first run makes it; or name another one with --ledger."),
        )
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)) as connection:
            connection.execute("PRAGMA query_only=ON")
            yield connection
    except sqlite3.Error as error:
        raise LedgerUnusable(
            _("The ledger {path} cannot be read: {error}.").format(path=path, error=error),
            remedy_for(error) or _("Name a ledger of wegly-batch with --ledger."),
        ) from error


def look_into(path: Path) -> Holding:
    """What the ledger at `path` holds. Raises LedgerUnusable."""
    with reading(path) as connection:
        return holding_of(connection, path)


def holding_of(connection: sqlite3.Connection, path: Path) -> Holding:
    """What the ledger holds at one moment. `path` is its file, for the size. Raises sqlite3.Error."""
    connection.execute("BEGIN")
    try:
        meta = dict(connection.execute("SELECT name, value FROM meta"))
        runs = connection.execute("SELECT count(*) FROM runs").fetchone()[0]
        messages = dict(connection.execute("SELECT state, count(*) FROM messages GROUP BY state ORDER BY state"))
    finally:
        connection.rollback()
    return Holding(
        ledger_id=str(meta.get("ledger_id", "")),
        schema_version=int(meta.get("schema_version", 0)),
        counter=int(meta.get("counter", 0)),
        runs=runs,
        messages=messages,
        purged=meta.get("purged"),
        size=sum(file.stat().st_size for file in _files(path)),
    )


def _files(path: Path) -> list[Path]:
    beside = [path.with_name(path.name + ending) for ending in _BESIDE]
    return [file for file in beside if file.exists()]

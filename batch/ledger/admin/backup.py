"""A copy of the ledger that is whole and consistent, also while a run is sending; and figures of a ledger.

SQLite's own backup copies a snapshot; writers go on meanwhile, and what they write is in the next copy. A copy of the
file made by other means may lack what is still in the write-ahead log, or be torn.
"""

import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batch.atomic_file import sync, sync_folder
from batch.errors import LedgerUnusable
from batch.i18n import _
from batch.ledger.storage.engine import Database
from batch.ledger.storage.sqlite import SqliteFile

_SIDE_FILES = ("-wal", "-shm", "-journal")
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerContents:
    """The contents of a ledger in figures."""

    id: str
    schema_version: int
    counter: int
    """Runs planned so far: of two copies of a ledger, the older one has less."""
    runs: int
    messages: Mapping[str, int]
    """State (an outcome, or `claimed`) to number of messages, those that occur."""
    purged: str | None
    """When people's data were last removed, ISO 8601 in UTC; None: never."""
    size: int
    """Bytes on the disk, the write-ahead log included."""


def read_contents(database: Database) -> LedgerContents:
    """Read the figures of a ledger of any version, without changing or creating it. Raises LedgerUnusable.

    A database on a server that has no tables yet is a ledger to be: empty, of version 0.
    """
    if database.awaits_tables():
        return LedgerContents(id="", schema_version=0, counter=0, runs=0, messages={}, purged=None, size=0)
    with database.open_read_only() as connection:
        return _contents(connection, database)


def back_up(database: Database, target: Path) -> LedgerContents:
    """Copy the ledger to `target`, which must not exist yet; return the figures of the copy.

    The copy is one file (mode 0600) that needs none beside it. It was read back whole, and is durable, before it got
    its name. Raises LedgerUnusable, and then leaves nothing at `target`.
    """
    if (ledger := database.file) is None:
        raise LedgerUnusable(
            _("The ledger {place} is copied by its server's own means.").format(place=database.location),
            _(
                "Use pg_dump, or your provider's recovery to a point in time. Put back an older copy only when the "
                "newest is lost: those who were messaged since would be new to it."
            ),
        )
    _refuse_target(ledger, target)
    with database.open_read_only() as source:
        wanted = _contents(source, database)
        with _temporary_file(target) as part:
            _copy(source, part)
            copied = _verify(part, wanted)
            _rename(part, target)
    return copied


def _contents(connection: Any, database: Database) -> LedgerContents:
    """Read the figures at one moment, over a connection of the driver, whose errors it raises."""
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ" if database.file is None else "BEGIN")
    try:
        meta = dict(connection.execute("SELECT name, value FROM meta"))
        runs = connection.execute("SELECT count(*) FROM runs").fetchone()[0]
        messages = dict(connection.execute("SELECT state, count(*) FROM messages GROUP BY state ORDER BY state"))
    finally:
        connection.rollback()
    return LedgerContents(
        id=str(meta.get("ledger_id", "")),
        schema_version=int(meta.get("schema_version", 0)),
        counter=int(meta.get("counter", 0)),
        runs=runs,
        messages=messages,
        purged=meta.get("purged"),
        size=database.size(connection),
    )


def _refuse_target(ledger: Path, target: Path) -> None:
    own = [ledger.with_name(ledger.name + ending) for ending in ("", *_SIDE_FILES)]
    is_same = False
    with suppress(OSError):
        is_same = ledger.samefile(target)
    if is_same or os.path.realpath(target) in {os.path.realpath(file) for file in own}:
        raise LedgerUnusable(
            _("{target} is the ledger itself.").format(target=target), _("Name another file for the copy.")
        )
    if os.path.lexists(target):
        raise _exists(target)
    if not target.parent.is_dir():
        raise LedgerUnusable(
            _("There is no folder {folder}.").format(folder=target.parent), _("Make it, or name a file in another one.")
        )


def _exists(target: Path) -> LedgerUnusable:
    return LedgerUnusable(
        _("{target} is there already and is not overwritten.").format(target=target), _("Name a new file for the copy.")
    )


@contextmanager
def _temporary_file(target: Path) -> Iterator[Path]:
    """Create a private file beside `target`, and remove it after the block. Translates all errors inside."""
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        os.close(handle)
        try:
            yield Path(name)
        finally:
            for ending in ("", *_SIDE_FILES):
                with suppress(OSError):
                    Path(name + ending).unlink()
    except FileExistsError:
        raise _exists(target) from None
    except (OSError, sqlite3.Error) as error:
        if getattr(error, "sqlite_errorname", "").startswith(_DAMAGED):
            raise  # that is about what was read
        cause = error.strerror or error if isinstance(error, OSError) else error
        raise LedgerUnusable(
            _("The copy {target} could not be written: {error}. The ledger itself is as it was.").format(
                target=target, error=cause
            ),
            _("Free space there, or name a file on another disk."),
        ) from error


def _copy(source: sqlite3.Connection, part: Path) -> None:
    with closing(sqlite3.connect(part)) as copy:
        # The file has no name yet that could be taken for a copy, should a kill leave it behind.
        copy.execute("PRAGMA journal_mode=OFF")
        copy.execute("PRAGMA synchronous=OFF")
        source.backup(copy, pages=-1)


def _verify(part: Path, wanted: LedgerContents) -> LedgerContents:
    """Read the copy back, every page of it, and make it durable."""
    with closing(sqlite3.connect(part, isolation_level=None)) as copy:
        copy.execute("PRAGMA locking_mode=EXCLUSIVE")
        copy.execute("PRAGMA journal_mode=DELETE")  # so that the file needs none beside it
        found = [row[0] for row in copy.execute("PRAGMA integrity_check(3)")]
        copied = _contents(copy, SqliteFile(part))
    if found != ["ok"] or copied.id != wanted.id or copied.counter < wanted.counter:
        raise LedgerUnusable(
            _("The copy was not kept: reading it back found {found}.").format(found="; ".join(map(str, found))),
            _("Try another disk. If the same is found there, the ledger itself is damaged: keep it, and older copies."),
        )
    with part.open("rb+") as file:
        sync(file.fileno())
    return copied


def _rename(part: Path, target: Path) -> None:
    """Give the file its name, never taking the name from another. Raises FileExistsError."""
    if os.name == "nt":
        part.rename(target)  # refuses there by itself
        return
    try:
        target.hardlink_to(part)
    except FileExistsError:
        raise
    except OSError:  # FAT file systems have no hard links
        if os.path.lexists(target):
            raise FileExistsError(target) from None
        part.rename(target)
    sync_folder(target.parent)

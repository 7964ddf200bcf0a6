"""A ledger whose place fails says so in words of its own, whatever it was doing; a defect stays a defect."""

from __future__ import annotations

import os
import socket
import sqlite3
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError
from systems import no_links

from batch.errors import Busy, LedgerFailed, LedgerUnusable
from batch.ledger import Ledger, Owner
from batch.ledger.storage.engine import READ
from batch.ledger.storage.errors import remedy_for
from batch.ledger.storage.sqlite import open_file


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("SQLITE_FULL", "Free space"),
        ("SQLITE_READONLY", "writable for you"),
        ("SQLITE_READONLY_DBMOVED", "writable for you"),
        ("SQLITE_CANTOPEN_ISDIR", "readable and writable"),
        ("SQLITE_IOERR_WRITE", "full or failing"),
        ("SQLITE_BUSY", "Another program"),
        ("SQLITE_CORRUPT_INDEX", "ledger backup"),
        ("SQLITE_NOTADB", "ledger backup"),
        ("SQLITE_ERROR", None),
        ("SQLITE_CONSTRAINT_PRIMARYKEY", None),
        (None, None),
    ],
)
def test_each_failure_of_the_place_has_its_remedy(name: str | None, words: str | None) -> None:
    """By the primary result code; what is a mistake of a statement has none."""
    error = sqlite3.OperationalError("x")
    if name is not None:
        error.sqlite_errorname = name
    remedy = remedy_for(error)
    assert remedy is None if words is None else words in str(remedy)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("08006", "can be reached"),
        ("57P01", "can be reached"),
        ("25006", "new primary"),
        ("28P01", "PGPASSFILE"),
        ("3D000", "createdb"),
        ("42501", "right to create"),
        ("53100", "server lacks"),
        ("57014", "took long"),
        ("58030", "disk of the ledger's server"),
        ("XX001", "may be damaged"),
        ("23505", None),
        ("42P01", None),
        ("40P01", None),
    ],
)
def test_each_failure_of_a_server_has_its_remedy(state: str, words: str | None) -> None:
    """By the SQLSTATE; what is a mistake of a statement, or passes by itself, has none."""
    errors = pytest.importorskip("psycopg.errors")
    remedy = remedy_for(errors.lookup(state)("x"))
    assert remedy is None if words is None else words in str(remedy)


@pytest.mark.skipif(os.name == "nt", reason="a file has no mode there")
def test_a_password_that_is_missing_is_told_from_a_server_that_is_away(tmp_path: Path) -> None:
    """Also where it lies in a file that others could read, which libpq passes over."""
    psycopg = pytest.importorskip("psycopg")
    passwords = tmp_path / "pgpass"
    passwords.write_text("*:*:*:*:secret\n")
    passwords.chmod(0o644)
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(_ask_password, server)
        port = server.getsockname()[1]
        with pytest.raises(psycopg.OperationalError) as failed:
            psycopg.connect(
                f"host=127.0.0.1 port={port} user=ana dbname=d passfile={passwords} sslmode=disable gssencmode=disable"
            )
        asked.result()
    assert "0600" in str(remedy_for(failed.value))


def _ask_password(server: socket.socket) -> None:
    """Answer one client as PostgreSQL does: with the request of a password."""
    connection, _address = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"R" + struct.pack("!ii", 8, 3))
        connection.recv(4096)


def test_reading_and_writing_fail_alike(tmp_path: Path) -> None:
    """A file that has become something else is told from a defect, also where it is only read."""
    path = tmp_path / "ledger.sqlite3"
    with Ledger.open(f"sqlite:///{path}") as ledger:
        ledger.close()
        path.write_bytes(b"no database any more, but something else altogether" * 100)
        reads: list[Callable[[], object]] = [ledger.runs, lambda: ledger.ledger_id, lambda: ledger.stage().__enter__()]
        for read in reads:
            with pytest.raises(LedgerFailed, match="file is not a database") as failed:
                read()
            assert str(path) in failed.value.problem
            assert "ledger backup" in failed.value.remedy


def test_a_defect_stays_what_it_is(tmp_path: Path) -> None:
    """A statement that is wrong, a key that is there already: nobody is told to look at the disk."""
    engine = open_file(tmp_path / "ledger.sqlite3")
    with engine.connect().execution_options(**READ) as connection, pytest.raises(OperationalError):
        connection.exec_driver_sql("SELECT nothing FROM nowhere")
    with engine.begin() as connection, pytest.raises(IntegrityError):
        connection.exec_driver_sql("INSERT INTO meta VALUES ('counter', '1')")
    engine.dispose()


def test_a_ledger_that_somebody_else_holds_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lock, longer than we wait, keeps nobody from reading, and a write says who is in the way."""
    monkeypatch.setattr("batch.ledger.storage.sqlite.BUSY_SECONDS", 0)
    url = f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    Ledger.open(url).close()
    other = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with Ledger.open(url) as mine:
        assert mine.runs() == []
        with pytest.raises(LedgerFailed, match="Another program holds the ledger"):
            mine.note_exit("r1", 0)
    other.close()


def test_locks_that_cannot_be_made_stop_the_run_before_it_sends(ledger: Ledger, sqlite_file: Path) -> None:
    """A file in the place of their folder: one sentence, not a traceback."""
    Path(f"{sqlite_file}.locks").write_text("")
    with pytest.raises(LedgerUnusable, match="Nothing was sent"), ledger.hold(["campaign teste"], Owner.here("r1")):
        pytest.fail("it holds nothing")


@no_links
def test_a_note_that_cannot_be_written_stops_nobody(ledger: Ledger, sqlite_file: Path) -> None:
    """The lock holds all the same, and nobody who is not there any more is named as its holder."""
    first, second = Owner.here("r1"), Owner.here("r2")
    with ledger.hold(["campaign teste"], first):
        pass
    (note,) = Path(f"{sqlite_file}.locks").glob("*.json")
    note.unlink()
    note.symlink_to("/dev/full" if Path("/dev/full").exists() else note.parent)
    waiting = pytest.raises(Busy, match="just starting")
    with ledger.hold(["campaign teste"], second), waiting, ledger.hold(["campaign teste"], first):
        pytest.fail("both hold it")

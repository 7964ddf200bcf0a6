"""A copy of the ledger: whole, private, of one moment, and never in place of another file."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PureWindowsPath

import pytest
from rights import is_private
from systems import no_links

from batch.errors import LedgerUnusable
from batch.ledger import Ledger
from batch.ledger.admin import backup as backup_module
from batch.ledger.admin.backup import back_up, read_contents
from batch.ledger.storage.sqlite import SqliteFile, read_only_uri

INSERT = (
    "INSERT INTO messages (key, endpoint, campaign, person, sender, state, request_hash, attempts)"
    " VALUES (?, 'http://x', 'teste', '+5511900000001', 's', ?, 'h', 1)"
)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A ledger of 300 messages that is in use, so that a part of it is still in the write-ahead log."""
    path = tmp_path / "ledger.sqlite3"
    with Ledger.open(f"sqlite:///{path}"), closing(sqlite3.connect(path)) as connection:
        for number in range(300):
            connection.execute(INSERT, (f"{number:064d}", "success" if number % 3 else "pending"))
        connection.commit()
        assert path.with_name("ledger.sqlite3-wal").stat().st_size
        yield path


def in_folder(path: Path) -> set[str]:
    return {
        file.name for file in path.parent.iterdir() if not file.name.startswith("ledger.sqlite3") and file.is_file()
    }


def test_a_copy_has_all_of_it_in_one_private_file(path: Path, tmp_path: Path) -> None:
    """Also what the write-ahead log holds; nothing beside it is needed or left."""
    held = back_up(SqliteFile(path), tmp_path / "copy.sqlite3")
    copy = tmp_path / "copy.sqlite3"
    assert is_private(copy)
    assert in_folder(copy) == {"copy.sqlite3"}
    assert held.messages == {"pending": 100, "success": 200}
    assert held == read_contents(SqliteFile(copy))
    original = read_contents(SqliteFile(path))
    assert (original.id, original.counter, original.messages) == (held.id, held.counter, held.messages)
    with Ledger.open(f"sqlite:///{copy}") as opened:
        assert opened.ledger_id == held.id


def test_a_copy_is_of_one_moment_while_somebody_writes(path: Path, tmp_path: Path) -> None:
    """Each transaction moves one message; no copy shows half of one, and the writer is never refused."""
    done, moved = threading.Event(), [0]

    def write() -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            while not done.is_set():
                number = moved[0] % 100
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("DELETE FROM messages WHERE key = ?", (f"{number * 3:064d}",))
                connection.execute(INSERT, (f"{number * 3:064d}", "success"))
                connection.execute("COMMIT")
                moved[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        held = [back_up(SqliteFile(path), tmp_path / f"copy-{number}.sqlite3") for number in range(5)]
    finally:
        done.set()
        writer.join()
    assert moved[0] > 5
    assert {sum(each.messages.values()) for each in held} == {300}


@no_links
def test_nothing_is_overwritten(path: Path, tmp_path: Path) -> None:
    """A file, a link, the ledger itself by any name, the files that belong to it, a folder that is not there."""
    other = tmp_path / "other.txt"
    other.write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "link").symlink_to(path)
    (tmp_path / "twin").hardlink_to(path)
    before = path.read_bytes()
    for target, words in {
        other: "is there already",
        tmp_path / "dangling": "is there already",
        tmp_path / "link": "is the ledger itself",
        tmp_path / "twin": "is the ledger itself",
        path: "is the ledger itself",
        path.with_name("ledger.sqlite3-journal"): "is the ledger itself",
        tmp_path / "no" / "copy": "no folder",
    }.items():
        with pytest.raises(LedgerUnusable, match=words) as refused:
            back_up(SqliteFile(path), target)
        assert refused.value.remedy
    assert other.read_text() == "mine"
    assert path.read_bytes() == before
    assert not (tmp_path / "nowhere").exists()


def test_a_name_that_is_taken_meanwhile_is_not_taken_away(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two backups to one name: one wins, the other says so. Also where the disk knows no second names for a file."""
    copy = tmp_path / "copy.sqlite3"
    verified = backup_module._verify

    def slow(*arguments: object) -> object:
        copy.write_text("somebody else's")
        return verified(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(backup_module, "_verify", slow)
    for _ in range(2):
        with pytest.raises(LedgerUnusable, match="is there already"):
            back_up(SqliteFile(path), copy)
        assert copy.read_text() == "somebody else's"
        assert in_folder(copy) == {"copy.sqlite3"}
        copy.unlink()
        monkeypatch.setattr(Path, "hardlink_to", _no_links)


def test_a_disk_without_second_names_takes_a_copy(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A memory stick, as a rule."""
    monkeypatch.setattr(Path, "hardlink_to", _no_links)
    assert back_up(SqliteFile(path), tmp_path / "copy.sqlite3").messages["success"] == 200
    assert in_folder(path) == {"copy.sqlite3"}


def _no_links(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_a_damaged_copy_is_not_kept(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written is read back, every page: a disk that loses some of it is found out."""
    copied = backup_module._copy

    def damaging(source: sqlite3.Connection, aside: Path) -> None:
        copied(source, aside)
        size = aside.stat().st_size
        with aside.open("r+b") as file:
            file.seek(size // 2)
            file.write(os.urandom(4096))

    monkeypatch.setattr(backup_module, "_copy", damaging)
    with pytest.raises(LedgerUnusable):
        back_up(SqliteFile(path), tmp_path / "copy.sqlite3")
    assert in_folder(path) == set()


def test_what_is_no_ledger_is_not_copied(tmp_path: Path) -> None:
    """No file, a text, another program's database: one sentence, and no copy."""
    text = tmp_path / "notes.txt"
    text.write_text("no database at all, only some lines of text " * 50)
    other = tmp_path / "other.sqlite3"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE mine (x)")
    for wrong in (tmp_path / "none.sqlite3", text, other):
        with pytest.raises(LedgerUnusable) as refused:
            back_up(SqliteFile(wrong), tmp_path / "copy.sqlite3")
        assert str(wrong) in refused.value.problem
        assert refused.value.remedy
    assert in_folder(text) == {"notes.txt", "other.sqlite3"}


def test_looking_changes_nothing(path: Path) -> None:
    """No upgrade, no claim settled, no row written."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE meta SET value = '0' WHERE name = 'schema_version'")
        connection.commit()
        before = connection.execute("PRAGMA data_version").fetchone()
        assert read_contents(SqliteFile(path)).schema_version == 0
        assert connection.execute("PRAGMA data_version").fetchone() == before


def test_a_ledger_on_a_server_can_be_copied_to_a_disk(path: Path) -> None:
    """SQLite opens no URI that names a host: the server's name is a part of the path."""
    uri = read_only_uri(PureWindowsPath(r"\\server\share\a b\ledger.sqlite3"))
    assert uri == "file:////server/share/a%20b/ledger.sqlite3?mode=ro"
    assert read_only_uri(PureWindowsPath(r"C:\a\ledger.sqlite3")) == "file:///C:/a/ledger.sqlite3?mode=ro"
    with closing(sqlite3.connect(read_only_uri(path), uri=True)) as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (300,)

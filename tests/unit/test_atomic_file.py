"""Files that are there whole or not at all."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO

import pytest
from rights import is_private

from batch.atomic_file import _replace, sync, write_atomic


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with nothing in it."""
    made = tmp_path / "run"
    made.mkdir()
    return made


def hello(file: BinaryIO) -> None:
    file.write(b"hello")


def test_a_file_is_written_and_only_its_owner_may_read_it(folder: Path) -> None:
    """The content is there, mode 0600, and nothing else is left in the folder."""
    placed = write_atomic(folder / "a.txt", hello)
    assert placed.read_bytes() == b"hello"
    assert is_private(placed)
    assert list(folder.iterdir()) == [placed]


def test_a_failure_leaves_the_old_file_and_nothing_else(folder: Path) -> None:
    """An error in the middle of writing does not touch what was there."""
    target = folder / "a.txt"
    target.write_bytes(b"old")

    def fails(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_atomic(target, fails)
    assert target.read_bytes() == b"old"
    assert list(folder.iterdir()) == [target]


def test_the_file_is_durable_before_it_gets_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """fsync comes before the rename, and the folder is synced after it."""
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (steps.append("fsync"), fsync(handle))[1])
    monkeypatch.setattr(Path, "replace", lambda self, to: (steps.append("replace"), replace(self, to))[1])
    write_atomic(folder / "a.txt", hello)
    assert steps == ["fsync", "replace", "fsync"][: 2 if os.name == "nt" else 3]  # Windows keeps a rename by itself


def test_macos_is_asked_for_all_of_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """fsync leaves it in the drive's cache there; what a file system cannot do is done as well as it can."""
    steps: list[object] = []
    monkeypatch.setattr(os, "fsync", lambda handle: steps.append(("fsync", handle)))

    def refuse(*_: object) -> None:
        raise OSError(45, "Operation not supported")

    sync(7, fcntl=SimpleNamespace(F_FULLFSYNC=51, fcntl=lambda *asked: steps.append(asked)))
    sync(8, fcntl=SimpleNamespace(F_FULLFSYNC=51, fcntl=refuse))
    assert steps == [(7, 51), ("fsync", 8)]


def test_a_file_held_open_by_excel_gets_another_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows a rename over an open file is refused; the next free name is taken, the old file stays."""
    target = folder / "report.xlsx"
    target.write_bytes(b"open")
    replace = Path.replace

    def refused(self: Path, to: Path) -> Path:
        if to in (target, folder / "report (2).xlsx"):
            raise PermissionError(13, "Permission denied")
        return replace(self, to)

    monkeypatch.setattr(Path, "replace", refused)
    placed = write_atomic(target, hello)
    assert placed.name == "report (3).xlsx"
    assert placed.read_bytes() == b"hello"
    assert target.read_bytes() == b"open"


def test_on_windows_a_file_that_a_virus_scanner_holds_for_a_moment_keeps_its_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rename is tried again after short waits; only a file that stays held, as in Excel, leads to another name."""
    held, waits, made = 3, [], folder / "new.part"
    replace = Path.replace

    def refused(self: Path, to: Path) -> Path:
        nonlocal held
        held -= to.name == "report.xlsx"
        if to.name == "report.xlsx" and held >= 0:
            raise PermissionError(13, "Access is denied")
        return replace(self, to)

    monkeypatch.setattr(Path, "replace", refused)
    made.write_bytes(b"hello")
    target = folder / "report.xlsx"
    assert _replace(made, target, names=9, system="win32", sleep=waits.append) == target
    assert waits == [0.05, 0.1, 0.2]
    held = 99
    made.write_bytes(b"more")
    assert _replace(made, target, names=9, system="win32", sleep=waits.append).name == "report (2).xlsx"
    assert sum(waits) < 2

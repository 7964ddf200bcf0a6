"""Which PostgreSQL the demo of workers takes, among those that a machine may have; and one that does not start."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from batch.app.demo.postgres import InstalledPostgres, find_postgres, start_postgres
from batch.errors import SettingsError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the programs of these servers are scripts of a POSIX shell")
_PROGRAMS = ("initdb", "pg_ctl", "postgres")


def install(folder: Path, version: str, programs: Sequence[str] = _PROGRAMS) -> Path:
    """Programs that know their version, and can do nothing else."""
    folder.mkdir(parents=True)
    for name in programs:
        write(
            folder / name,
            f'[ "$1" = --version ] && echo "{name} (PostgreSQL) {version}" && exit\necho "no room" >&2; exit 1',
        )
    return folder


def write(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_the_newest_whole_server_is_taken(tmp_path: Path) -> None:
    """By number, not by letters; and not one of which only the client's programs are there."""
    debian = tmp_path / "usr/lib/postgresql"
    for version in ("9.6.24", "14.9", "16.2 (Debian 16.2-1)"):
        install(debian / version.partition(".")[0] / "bin", version)
    install(debian / "17/bin", "17.1", programs=("pg_ctl", "postgres"))
    assert find_postgres({"PATH": ""}, tmp_path) == InstalledPostgres(programs=debian / "16/bin", version=16)


@pytest.mark.parametrize(
    "place",
    [
        "usr/pgsql-15/bin",
        "usr/libexec/postgresql15",
        "opt/homebrew/opt/postgresql@15/bin",
        "Applications/Postgres.app/Contents/Versions/15/bin",
    ],
)
def test_a_server_is_found_where_systems_have_it(tmp_path: Path, place: str) -> None:
    """Outside PATH as well, as packages leave it."""
    programs = install(tmp_path / place, "15.4")
    assert find_postgres({"PATH": ""}, tmp_path).programs == programs


def test_a_server_is_found_among_the_programs_of_windows(tmp_path: Path) -> None:
    """In the folder that the environment names."""
    programs = install(tmp_path / "Program Files/PostgreSQL/17/bin", "17.0")
    environment = {"PATH": "", "ProgramFiles": str(tmp_path / "Program Files")}
    assert find_postgres(environment, tmp_path).programs == programs


def test_a_server_is_found_by_path_and_by_pg_config(tmp_path: Path) -> None:
    """A link in PATH leads to the folder that has the other programs, too; `pg_config` names its own."""
    cellar = install(tmp_path / "Cellar/16/bin", "16.0")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/initdb").symlink_to(cellar / "initdb")
    path = {"PATH": str(tmp_path / "bin")}
    assert find_postgres(path, tmp_path).programs == cellar
    own = install(tmp_path / "own/bin", "18beta1")
    write(tmp_path / "bin/pg_config", f'echo "{own}"')
    assert find_postgres(path, tmp_path) == InstalledPostgres(programs=own, version=18)


def test_where_none_is_installed_a_sentence_says_how_to(tmp_path: Path) -> None:
    """And where all are too old, which there is."""
    with pytest.raises(SettingsError, match="15 or newer, and none is installed here") as none:
        find_postgres({"PATH": ""}, tmp_path)
    assert "install" in none.value.remedy
    install(tmp_path / "usr/lib/postgresql/13/bin", "13.9")
    with pytest.raises(SettingsError, match="15 or newer, and here is only 13"):
        find_postgres({"PATH": ""}, tmp_path)


def test_a_server_that_does_not_start_says_why_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own last line is in the sentence."""
    programs = install(tmp_path / "bin", "16.0")
    programs.parent.chmod(0o755)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr("batch.app.demo.postgres._server_user", dict)  # whose these folders are not, where we are root
    with ExitStack() as stack, pytest.raises(SettingsError, match="does not start for the demo: no room"):
        start_postgres(InstalledPostgres(programs=programs, version=16), stack)
    assert list(temporary.iterdir()) == []

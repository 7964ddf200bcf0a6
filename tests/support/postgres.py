"""A PostgreSQL for tests, in a temporary folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "log_min_messages": "fatal",
    "deadlock_timeout": "50ms",
}
_NUMBERS = count(1)
_WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


class NoServer(Exception):
    """No PostgreSQL is installed."""


def find_programs() -> Path:
    """Return the folder of the newest installed server's programs, which Debian has outside PATH. Raises NoServer."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found and (program := shutil.which("initdb")):
        found = [Path(program).resolve()]
    if not found or os.name == "nt":
        raise NoServer("no PostgreSQL is installed (Debian: apt-get install postgresql), or it has no Unix sockets")
    return found[-1].parent


class Cluster:
    """A server of its own: nothing but a Unix socket leads to it."""

    def __init__(self, folder: Path, *, durable: bool = False, **settings: str) -> None:
        """`durable`: commits wait for the disk, as a person's do."""
        self._programs = find_programs()
        self.folder = folder
        self._settings = {**SETTINGS, "fsync": "on" if durable else "off", **settings}
        self._settings["unix_socket_directories"] = str(folder)
        self.data = folder / "data"
        self.user: dict[str, Any] = {}
        """For subprocesses: a server refuses to run as root."""
        if os.getuid() == 0:
            self.user = {"user": "postgres", "group": "postgres", "extra_groups": []}

    def create(self) -> None:
        """Make the data folder."""
        if self.user:
            shutil.chown(self.folder, "postgres", "postgres")
        self.run("initdb", "-D", self.data, "-U", "wegly", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        options = " ".join(f"-c {name}='{value}'" for name, value in self._settings.items())
        self.run("pg_ctl", "-D", self.data, "-w", "-t", "60", "-l", self.folder / "log", "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it. `immediate`: as a crash does."""
        self.run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def make_standby(self, folder: Path, name: str, port: int) -> Cluster:
        """Make a server that follows this one by the line at `port`, and start it. `name`: by which it is listed."""
        standby = Cluster(folder)
        if self.user:
            shutil.chown(folder, "postgres", "postgres")
        source = f"host=127.0.0.1 port={port} user=wegly application_name={name} sslmode=disable gssencmode=disable"
        standby.run("pg_basebackup", "-D", standby.data, "-R", "-c", "fast", "-d", source)
        standby.start()
        return standby

    def promote(self) -> None:
        """Let a standby be the server."""
        self.run("pg_ctl", "-D", self.data, "-w", "promote")

    def ask(self, statement: str) -> Any:
        """Run a statement on a connection of its own, outside a transaction; return the first value of its answer."""
        import psycopg  # noqa: PLC0415 - only where there is a server

        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute(statement.encode())
            row = found.fetchone() if found.description else None
        return row[0] if row else None

    def run(self, program: str, *words: str | Path) -> None:
        """Run one of the server's programs, as the server's user."""
        command = [str(self._programs / program), *map(str, words)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **self.user)

    @property
    def url(self) -> str:
        return f"postgresql://wegly@/postgres?host={self.folder}"


@contextmanager
def serving(*, durable: bool = False) -> Iterator[Cluster]:
    """Give a server for a block; `durable` as of `Cluster`. Raises NoServer."""
    find_programs()
    # Beside the tests' own folders, which are private to root; short, since a socket's path has 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="wegly-pg-", dir="/tmp"))
    try:
        cluster = Cluster(folder, durable=durable)
        cluster.create()
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder)


def new_ledger(cluster: Cluster) -> str:
    """Return the URL of a ledger that is not there yet, on that server."""
    return f"{cluster.url}&schema=wegly_{next(_NUMBERS)}"


@contextmanager
def waiting_for_a_standby(cluster: Cluster) -> Iterator[None]:
    """Every commit waits, since the synchronous standby is away."""
    names = "ALTER SYSTEM {} synchronous_standby_names"
    cluster.ask(names.format("SET") + " = 'away'")
    cluster.ask("SELECT pg_reload_conf()")
    while not _commits_wait(cluster):  # the server reads its settings when it comes to it
        pass
    try:
        yield
    finally:
        cluster.ask(names.format("RESET"))
        cluster.ask("SELECT pg_reload_conf()")


def _commits_wait(cluster: Cluster) -> bool:
    """Make a commit, and return whether it has to wait; then it is let through."""
    with ThreadPoolExecutor(1) as thread:
        commit = thread.submit(cluster.ask, "SELECT pg_logical_emit_message(true, 'commit', '')")
        while not commit.done():
            if pid := cluster.ask(_WAITING):
                cluster.ask(f"SELECT pg_cancel_backend({pid})")
                commit.result()
                return True
    return False


def until_it_waits(cluster: Cluster) -> int:
    """Return the session whose commit waits."""
    while not (pid := cluster.ask(_WAITING)):
        pass
    return int(pid)

"""A PostgreSQL for a demo: an installed one is found, and serves from a temporary folder until the demo ends.

It listens on this machine alone, for who has the password, which is drawn at random and stays in memory.
"""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batch.app.demo.processes import OWN_GROUP, last_line, make_folder, own_environment, signals_ignored
from batch.errors import SettingsError
from batch.i18n import _
from batch.model.runs import DEMO_FOLDER

OLDEST = 15
_PLACES = (
    "usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "usr/pgsql-*/bin",  # Red Hat, from postgresql.org
    "usr/libexec/postgresql*",  # Alpine
    "usr/local/pgsql/bin",
    "opt/homebrew/opt/postgresql*/bin",
    "usr/local/opt/postgresql*/bin",
    "home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
    "Applications/Postgres.app/Contents/Versions/*/bin",
    "Library/PostgreSQL/*/bin",
)
"""Folders of servers that are not in PATH."""
_NEEDED = ("initdb", "pg_ctl", "postgres")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_USER = f"{DEMO_FOLDER}workers"
"""By whose name the ledger's address is known as a demo's."""
_PATIENCE = 60
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "150",
    "shared_buffers": "32MB",
    "log_min_messages": "fatal",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class InstalledPostgres:
    """The programs of an installed server."""

    programs: Path
    version: int
    """Its first number."""


def find_postgres(environment: Mapping[str, str] = os.environ, root: Path = Path("/")) -> InstalledPostgres:
    """Return the newest server that is installed. Raises SettingsError where there is none that is new enough.

    `root`: of the folders that systems have servers in.
    """
    found = [
        InstalledPostgres(programs=place, version=version)
        for place in dict.fromkeys(_places(environment, root))
        if all(os.access(place / _file(program), os.X_OK) for program in _NEEDED)
        and (version := _read_version(place / _file("initdb"))) is not None
    ]
    newest = max(found, key=lambda each: each.version, default=None)
    if newest is not None and newest.version >= OLDEST:
        return newest
    problem = _("`demo --workers` starts a PostgreSQL of its own, {oldest} or newer, and none is installed here.")
    if newest is not None:
        problem = _("`demo --workers` starts a PostgreSQL of its own, {oldest} or newer, and here is only {found}.")
    how = _(
        "Install one, for example with {command}, and type the same command again; the demo leaves any other server "
        "alone."
    )
    raise SettingsError(
        problem.format(oldest=OLDEST, found=newest and newest.version), how.format(command=_install_command())
    )


def _install_command() -> str:
    if sys.platform == "win32":
        return "`winget install PostgreSQL.PostgreSQL.17`"
    if sys.platform == "darwin":
        return "`brew install postgresql@17`"
    if shutil.which("dnf"):
        return "`sudo dnf install postgresql-server`"
    return "`sudo apt-get install postgresql`"


def _file(program: str) -> str:
    return f"{program}.exe" if os.name == "nt" else program


def _places(environment: Mapping[str, str], root: Path) -> Iterator[Path]:
    path = environment.get("PATH", os.defpath)
    if config := shutil.which("pg_config", path=path):
        yield Path(_output(config, "--bindir").strip())
    if program := shutil.which("initdb", path=path):
        yield Path(program).resolve().parent
    for pattern in _PLACES:
        yield from root.glob(pattern)
    for name in ("ProgramFiles", "ProgramW6432"):
        if folder := environment.get(name):
            yield from Path(folder).glob("PostgreSQL/*/bin")


def _read_version(program: Path) -> int | None:
    found = _VERSION.search(_output(program, "--version"))
    return int(found[1]) if found else None


def _output(program: str | Path, word: str) -> str:
    """Return what a program answers to one word; empty where it does not run."""
    try:
        done = subprocess.run(  # noqa: S603 - a program of the server, found where systems install it
            [program, word], capture_output=True, text=True, errors="replace", check=False, timeout=_PATIENCE
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def start_postgres(installed: InstalledPostgres, stack: ExitStack) -> str:
    """Make and start a server, and return the URL of a ledger on it, password included.

    It is stopped and removed when `stack` is closed, also after an error. Raises SettingsError when it does not start.
    """
    server = _Server(installed, make_folder(stack))
    stack.callback(server.stop)
    password = secrets.token_urlsafe(24)
    server.make(password)
    port = _free_port()
    server.start(port)
    return f"postgresql://{_USER}:{password}@127.0.0.1:{port}/postgres?sslmode=disable"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Server:
    def __init__(self, installed: InstalledPostgres, folder: Path) -> None:
        self._installed = installed
        self._folder = folder
        self._data = folder / "data"
        self._log = folder / "log"
        self._as_user = _server_user()

    def make(self, password: str) -> None:
        """Make the data folder of a server that is entered with this password alone."""
        file = self._folder / "password"
        file.touch(mode=0o600)
        file.write_text(password, encoding="ascii")
        if self._as_user:
            for place in (self._folder, file):
                shutil.chown(place, self._as_user["user"], self._as_user["group"])
        where = ("-D", self._data, "-U", _USER, f"--pwfile={file}")
        self._run("initdb", *where, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
        file.unlink()

    def start(self, port: int) -> None:
        """Start it, and wait until it answers."""
        lines = [f"{name} = '{value}'\n" for name, value in {**_SETTINGS, "port": str(port)}.items()]
        with (self._data / "postgresql.conf").open("a", encoding="ascii") as settings:
            settings.writelines(["\n", *lines])
        self._run("pg_ctl", "-D", self._data, "-w", "-t", _PATIENCE, "-l", self._folder / "server.log", "start")

    def stop(self) -> None:
        """Stop it at once, if it was started: nothing of it is kept."""
        if (self._data / "postmaster.pid").exists():
            with suppress(SettingsError):  # it has ended by itself
                self._run("pg_ctl", "-D", self._data, "-w", "-t", _PATIENCE, "-m", "immediate", "stop")

    def _run(self, program: str, *words: object) -> None:
        """Run one of its programs to its end. Raises SettingsError with its last line when it fails."""
        command = [str(self._installed.programs / _file(program)), *map(str, words)]
        with self._log.open("ab") as output:  # not a pipe, which the server would keep open
            process = subprocess.Popen(  # noqa: S603 - as above
                command,
                cwd=self._folder,
                env={**own_environment(), "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **OWN_GROUP,
                **self._as_user,
            )
            try:
                code = process.wait()
            except BaseException:
                with signals_ignored():
                    # Both clean up after themselves then: what was made, or started, by half.
                    process.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGINT)
                    process.wait()
                raise
        if code != 0:
            raise self._failure()

    def _failure(self) -> SettingsError:
        logs = [file for file in (self._log, self._folder / "server.log") if file.exists()]
        problem = _("The PostgreSQL {version} in {folder} does not start for the demo: {line}").format(
            version=self._installed.version, folder=self._installed.programs, line=last_line(logs)
        )
        return SettingsError(problem, _("See that there is room for temporary files, and that it runs otherwise."))


def _server_user() -> dict[str, Any]:
    """Return the options of a process that runs as another user: a server refuses to run as root."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return {}
    import pwd  # noqa: PLC0415 - Unix alone has it

    with suppress(KeyError):
        return {"user": "postgres", "group": pwd.getpwnam("postgres").pw_gid, "extra_groups": []}
    raise SettingsError(_("PostgreSQL does not run as root."), _("Type the same command as another user."))

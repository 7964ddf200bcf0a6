"""What is killed: the program as a process of its own, over a sheet of every kind of row, against a sandbox that
survives it."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from batch.sandbox import Faults, SandboxLog, running_sandbox

__all__ = ["CONCURRENCY", "FIRST_ROW", "ROWS", "Ended", "Row", "Scene", "scene"]

CONCURRENCY = 8
"""Attempts in flight at most."""
RATE = "200/s"
LATENCY = 0.02
"""Seconds an answer takes, so that attempts are in flight when the program dies."""
PROGRAM = (sys.executable, "-m", "batch")
HELD = (sys.executable, str(Path(__file__).with_name("held.py")))
"""The same, stopped where it begins."""
PATIENCE = 60.0
"""Seconds a run may take before it counts as hanging."""

CAMPAIGN = """
[campaign]
name = "teste"
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "saudacao_inicial"
language = "pt_BR"
[columns]
wa_contact_id = "Telefone"
[stop]
unknowns = 50
errors = "100%"
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A row of the sheet: `outcomes` are those it may end with when nothing is killed."""

    phone: str
    outcomes: frozenset[str]
    good: bool = True
    """It is to be sent; False where the sheet alone decides its outcome."""


def _row(phone: str, *outcomes: str, good: bool = True) -> Row:
    return Row(phone=phone, outcomes=frozenset(outcomes), good=good)


FIRST_ROW = 2
ROWS: tuple[Row, ...] = (
    *(_row(f"11 9{n:04d}-7001", "success") for n in range(14)),
    _row("11 90100-0400", "error"),
    _row("11 90101-0425", "success"),
    *(_row(f"11 9{n:04d}-7001", "success") for n in range(20, 25)),
    _row("11 90102-0200", "reused"),
    _row("11 90103-0900", "unknown"),
    _row("11 90000-7001", "skipped", good=False),
    _row("90000-7001", "error", good=False),
    *(_row(f"11 9{n:04d}-7001", "success") for n in range(30, 43)),
    _row("11 90104-0901", "unknown"),
    _row("11 90105-0201", "success"),
)
"""40 rows: accepted, refused, to be repeated, there already, lost after and before they were applied, twice, wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a run ended."""

    code: int
    """Its exit code; negative: the signal that ended it."""
    summary: Mapping[str, object] | None
    """summary.json; None when it printed none."""
    stderr: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """One ledger, one sheet and one sandbox, and the command that is run again and again."""

    folder: Path
    url: str
    log: SandboxLog
    """The server's own word on what it received and applied."""
    program: tuple[str, ...] = PROGRAM
    server: str = ""
    """URL of a ledger on PostgreSQL; empty: the ledger is a file."""

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.sqlite3"

    @property
    def arguments(self) -> list[str]:
        """Of the one command, the same every time."""
        sheet, campaign = self.folder / "contatos.csv", self.folder / "teste.toml"
        places = ["--ledger", self.server or f"sqlite:///{self.ledger}", "--reports", str(self.folder / "reports")]
        speed = ["--rate", RATE, "--concurrency", str(CONCURRENCY)]
        return ["run", str(sheet), "-c", str(campaign), "--base-url", self.url, *places, *speed, "--json"]

    def start(self, program: tuple[str, ...] | None = None) -> subprocess.Popen[str]:
        """Begin the command; `program` instead of the scene's own."""
        environment = {**os.environ, "WEGLY_TOKEN": "header.payload.signature"}
        command = [*(program or self.program), *self.arguments]
        return subprocess.Popen(
            command, env=environment, cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run(self) -> Ended:
        """Run the command to its end, whichever."""
        return self.finish(self.start())

    def run_traced(self, *options: str) -> Ended:
        """The same with strace looking on from where the program begins; `options` are strace's."""
        process = self.start(HELD)
        try:
            found = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            if found is None or found.si_code != os.CLD_STOPPED:
                return self.finish(process)
            tracer = subprocess.Popen(["strace", "-f", "-qq", *options, "-p", str(process.pid)])
            _wait_for_tracer(process, tracer)
        except BaseException:
            process.kill()
            raise
        process.send_signal(signal.SIGCONT)
        with tracer:
            return self.finish(process)

    def finish(self, process: subprocess.Popen[str]) -> Ended:
        """Wait for what `start` began; one that hangs is ended and raises `subprocess.TimeoutExpired`."""
        with process:
            try:
                out, err = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
        ended = Ended(code=process.returncode, summary=None, stderr=err)
        return ended if ended.killed or not out.strip() else replace(ended, summary=json.loads(out))

    def results(self, run: str) -> list[dict[str, str]]:
        """The lines of a run's results.csv, in the sheet's order."""
        text = (self.folder / "reports" / run / "results.csv").read_text(encoding="utf-8-sig")
        return list(csv.DictReader(text.splitlines(), delimiter=";"))


def _wait_for_tracer(process: subprocess.Popen[str], tracer: subprocess.Popen[bytes]) -> None:
    """Return when strace has taken hold of every thread. Raises RuntimeError when it cannot."""
    threads = Path(f"/proc/{process.pid}/task")
    while any("TracerPid:\t0\n" in (thread / "status").read_text() for thread in threads.iterdir()):
        if tracer.poll() is not None:
            raise RuntimeError("strace could not take hold of the program; is it allowed to trace here?")
        time.sleep(0.002)


@contextmanager
def scene(
    folder: Path, *, rows: Sequence[Row] = ROWS, program: tuple[str, ...] = PROGRAM, server: str = ""
) -> Iterator[Scene]:
    """A scene in `folder`, made when it is not there. The sandbox listens until the block is left."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "teste.toml").write_text(CAMPAIGN, encoding="utf-8")
    lines = "".join(f"Ana {number};{row.phone}\n" for number, row in enumerate(rows))
    (folder / "contatos.csv").write_text("Nome;Telefone\n" + lines, encoding="utf-8")
    with running_sandbox(faults=Faults(latency=LATENCY)) as sandbox:
        yield Scene(folder=folder, url=sandbox.url, log=sandbox.log, program=program, server=server)

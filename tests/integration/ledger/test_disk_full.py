"""Disks that are full, read-only or gone while a run is sending: nobody twice, nobody lost, and the truth is said.

The system itself refuses the writes: a limit on the size of files that is lowered while the program runs, a small
tmpfs, a read-only mount, `/dev/full`. So these tests are for Linux; those that mount need a namespace of their own.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from program import start

from batch.app.runs.run_log import log_to
from batch.event_log import log as event_log
from batch.sandbox import Faults, RunningSandbox, running_sandbox

if sys.platform != "linux":
    pytest.skip("limits of another process and mount namespaces are Linux's", allow_module_level=True)

import resource

ROWS = 120
IN_FLIGHT = 16
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
[[template_fields]]
component = "BODY"
type = "TEXT"
index = 1
value = "{Nome|first_name}"
[throttle]
rate = "80/s"
"""


class Scene:
    """A sheet, a campaign, a ledger, an API with its own log, and the program as a process of its own."""

    def __init__(self, folder: Path, sandbox: RunningSandbox) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.ledger = folder / "disk" / "ledger.sqlite3"
        self.reports = folder / "reports"
        self.sheet = folder / "contatos.csv"
        people = "".join(f"Ana;(11) 9{n:04d}-7001\n" for n in range(ROWS))
        self.sheet.write_text("Nome;Telefone\n" + people, encoding="utf-8")
        (folder / "teste.toml").write_text(CAMPAIGN, encoding="utf-8")
        self.ledger.parent.mkdir()
        self.reports.mkdir()

    def words(self, *more: str) -> list[str]:
        """The command that is run again and again."""
        places = ["--base-url", self.sandbox.url, "--reports", str(self.reports)]
        return self.program("run", str(self.sheet), "-c", str(self.folder / "teste.toml"), *places, *more)

    def program(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "batch", *words, "--ledger", f"sqlite:///{self.ledger}"]

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        environment = {**os.environ, "WEGLY_TOKEN": "a-token", "PYTHONPATH": str(Path(__file__).parents[3])}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)

    def run(self, command: list[str]) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        process = self.start(command)
        out, err = process.communicate(timeout=100)
        return process.returncode, out, err

    def report(self) -> tuple[int, str, str]:
        """`report`, in this process: exit code, stdout, stderr."""
        ended = start(["report", "--ledger", f"sqlite:///{self.ledger}"], folder=self.folder, environment=os.environ)
        return ended.code, ended.out.decode(), ended.err.decode()

    def again(self) -> dict[str, Any]:
        """The same command with everything mended; its summary."""
        _, out, _ = self.run(self.words("--json"))
        summary: dict[str, Any] = json.loads(out)
        return summary

    def applied(self) -> Counter[str]:
        """Last eight digits of a contact to how many messages it got."""
        return Counter(each.contact[-8:] for each in self.sandbox.log.applied)

    def until(self, holds: Callable[[], bool]) -> None:
        for _ in range(6000):
            if holds():
                return
            time.sleep(0.01)
        pytest.fail("it never came to that")

    def lines(self, run: str) -> list[dict[str, str]]:
        text = (self.reports / run / "results.csv").read_text(encoding="utf-8-sig")
        return list(csv.DictReader(text.splitlines(), delimiter=";"))

    def nobody_twice_nobody_lost(self, most_unknown: int) -> dict[str, Any]:
        """Finish the sheet, and hold its report against the API's own log."""
        summary = self.again()
        truth = self.applied()
        assert max(truth.values()) == 1
        counts = summary["counts"]
        assert counts["success"] + counts["unknown"] == ROWS
        assert counts["unknown"] <= most_unknown
        for line in self.lines(summary["run"]):
            digits = "".join(filter(str.isdigit, line["Telefone"]))[-8:]
            assert line["wegly_status"] == "unknown" or truth[digits] == 1, line
        return summary


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with running_sandbox(faults=Faults(latency=0.05)) as sandbox:
        yield Scene(tmp_path, sandbox)


@pytest.fixture
def mounting() -> Callable[[str, list[str]], list[str]]:
    """Makes a command run after a mount in a namespace of its own, which nobody else sees and which ends with it."""
    own = ["unshare", "--mount", "--map-root-user"]
    tried = shutil.which("unshare") and subprocess.run(
        [*own, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
    )
    if not tried or tried.returncode:
        pytest.skip("this system lets nobody mount in a namespace of his own")
    return lambda mount, command: [*own, "sh", "-c", f'{mount} && exec "$@"', "sh", *command]


def limit_files(process: subprocess.Popen[str], size: int) -> None:
    """From now on no file of the process grows beyond `size` bytes; -1 lifts it."""
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.mark.long
def test_nothing_can_be_written_any_more(scene: Scene) -> None:
    """Ledger, log and report at once, while it sends: exit 5, no POST without its claim, and what to do."""
    process = scene.start(scene.words())
    scene.until(lambda: len(scene.sandbox.log.applied) >= 30)
    limit_files(process, 0)
    received = len(scene.sandbox.log.received)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 5, err
    assert len(scene.sandbox.log.received) <= received + IN_FLIGHT
    assert "Traceback" not in err
    assert "the ledger could not be written, and without it nothing may be sent" in err
    assert "then run the same command again: it sends only what is left." in err
    assert "report.xlsx could not be written" in err
    assert "summary.json could not be written: File too large." in err
    assert "run.log lacks" in err
    scene.nobody_twice_nobody_lost(IN_FLIGHT)


@pytest.mark.long
def test_space_that_comes_back_in_time_loses_no_outcome(scene: Scene) -> None:
    """The run has stopped, but what was in flight is recorded when the disk takes it again: no row is unknown."""
    process = scene.start(scene.words())
    scene.until(lambda: len(scene.sandbox.log.applied) >= 30)
    limit_files(process, 0)
    received = [0]

    def quiet() -> bool:
        before, received[0] = received[0], len(scene.sandbox.log.received)
        time.sleep(0.3)
        return before == len(scene.sandbox.log.received)

    scene.until(quiet)
    limit_files(process, -1)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 5, err
    assert received[0] < ROWS
    assert "report.xlsx could not" not in err
    summary = scene.nobody_twice_nobody_lost(0)
    assert summary["counts"]["success"] == ROWS


@pytest.mark.long
def test_the_ledgers_disk_is_full(scene: Scene, mounting: Callable[[str, list[str]], list[str]]) -> None:
    """No space left on device, in the middle of it: exit 5, and the ledger goes on where there is space."""
    disk, larger = scene.ledger.parent, scene.folder / "larger"
    larger.mkdir()
    save = f"cp -a '{disk}/.' '{larger}'"
    command = ["sh", "-c", f'"$@"; code=$?; {save}; exit $code', "sh", *scene.words()]
    code, _, err = scene.run(mounting(f"mount -t tmpfs -o size=800k tmpfs '{disk}'", command))
    assert code == 5, err
    assert 0 < len(scene.sandbox.log.applied) < ROWS
    assert "database or disk is full" in err
    assert "Free space" in err
    scene.ledger = larger / "ledger.sqlite3"
    scene.nobody_twice_nobody_lost(IN_FLIGHT)


@pytest.mark.long
def test_a_ledger_that_became_read_only_is_refused_before_anything_is_sent(
    scene: Scene, mounting: Callable[[str, list[str]], list[str]]
) -> None:
    """Its disk is mounted read-only since the last run: exit 2 and what to do; mended, the rest is sent."""
    scene.run(scene.words("--limit", "5"))
    disk = scene.ledger.parent
    read_only = f"mount --bind '{disk}' '{disk}' && mount -o remount,bind,ro '{disk}'"
    code, _, err = scene.run(mounting(read_only, scene.words()))
    assert code == 2, err
    assert "Traceback" not in err
    assert str(scene.ledger) in err
    assert "writ" in err
    assert len(scene.sandbox.log.received) == 5
    scene.nobody_twice_nobody_lost(0)


def test_the_reports_disk_is_full(scene: Scene, mounting: Callable[[str, list[str]], list[str]]) -> None:
    """Everything is sent and in the ledger; exit 0; what is missing is said, and `report` writes it where it can."""
    small = f"mount -t tmpfs -o size=24k tmpfs '{scene.reports}'"
    code, _, err = scene.run(mounting(small, scene.words()))
    assert code == 0, err
    assert len(scene.sandbox.log.applied) == ROWS
    assert "report.xlsx could not be written: No space left on device." in err
    assert "run.log lacks" in err
    assert "wegly-batch report " in err
    report_writes_everything(scene)


def test_the_reports_folder_is_deleted_while_it_sends(scene: Scene) -> None:
    """With the run's copy of the sheet: exit 0 all the same, and `report` makes the folder and the report again."""
    process = scene.start(scene.words())
    scene.until(lambda: len(scene.sandbox.log.applied) >= 10)
    shutil.rmtree(scene.reports)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    assert len(scene.sandbox.log.applied) == ROWS
    assert "report.xlsx could not be written" in err
    report_writes_everything(scene)


def test_report_xlsx_cannot_be_replaced(scene: Scene) -> None:
    """Something else has the name: the other files are written, and `report` says so by its exit code."""
    process = scene.start(scene.words("--json"))
    scene.until(lambda: len(scene.sandbox.log.applied) >= 10)
    (folder,) = scene.reports.glob("*/")
    (folder / "report.xlsx").mkdir()
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    assert json.loads(out)["counts"]["success"] == ROWS
    assert "report.xlsx could not be written" in err
    assert len(scene.lines(folder.name)) == ROWS
    assert scene.report()[0] == 5
    (folder / "report.xlsx").rmdir()
    report_writes_everything(scene)


@pytest.mark.long
def test_a_report_that_cannot_be_copied_to_is_no_sheet_that_is_gone(scene: Scene) -> None:
    """`report` with a full disk says that, and does not write a report that calls the sheet lost."""
    people = "".join(f"Ana {'a' * 2000};(11) 9{n:04d}-7001\n" for n in range(ROWS))
    scene.sheet.write_text("Nome;Telefone\n" + people, encoding="utf-8")
    summary = scene.again()
    process = scene.start(["sh", "-c", 'ulimit -f 128; exec "$@"', "sh", *scene.program("report")])
    _, err = process.communicate(timeout=100)
    assert process.returncode == 2, err
    assert "contatos.csv cannot be copied" in err
    assert "File too large" in err
    assert "gone" not in err
    assert len(scene.lines(summary["run"])) == ROWS


@pytest.mark.long
def test_a_summary_that_cannot_be_printed_changes_no_exit_code(scene: Scene) -> None:
    """The run's code is about the sheet; a listing that cannot be printed is told from a defect."""
    full = ["sh", "-c", 'exec "$@" > /dev/full', "sh"]
    code, _, err = scene.run([*full, *scene.words("--json")])
    assert (code, len(scene.sandbox.log.applied)) == (0, ROWS), err
    assert err == "The summary could not be printed (No space left on device); it is in summary.json.\n"
    code, _, err = scene.run([*full, *scene.program("runs")])
    assert code == 5
    assert err == "What was found cannot be printed: No space left on device.\n"


@pytest.mark.long
def test_a_sheet_too_large_for_the_temporary_disk_is_told_from_a_defect(scene: Scene) -> None:
    """The rows are staged in SQLite's temporary file: a sentence and exit 5, and nothing was sent."""
    people = "".join(f"Ana;(11) 9{n:04d}-{n % 90 + 7000}\n" for n in range(9000))
    scene.sheet.write_text("Nome;Telefone\n" + people, encoding="utf-8")
    process = scene.start(["sh", "-c", 'ulimit -f 2000; exec "$@"', "sh", *scene.words()])
    _, err = process.communicate(timeout=100)
    assert process.returncode == 5, err
    assert "Traceback" not in err
    assert "run the same command again" in err
    assert not scene.sandbox.log.received
    assert not list(scene.reports.iterdir())


def test_when_there_is_space_again_the_log_goes_on_and_says_what_it_lacks(tmp_path: Path) -> None:
    """No line is torn: what did not fit whole is taken back."""
    path, log = tmp_path / "run.log", event_log
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with log_to(path, token=None, verbose=False) as written:
        log.info("begun")
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, before[1]))
        try:
            log.info("lost", text="longer than what is left")
            log.info("lost", text="too")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        log.info("ended")
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [line["event"] for line in lines] == ["begun", "log_lines_lost", "ended"]
    assert lines[1]["lines"] == 2
    assert written.problem is not None
    assert "run.log lacks 2 lines" in written.problem


def report_writes_everything(scene: Scene) -> None:
    """`report`, when all is mended: whole, with the user's own columns."""
    code, out, err = scene.report()
    assert code == 0, err
    assert "could not" not in out
    (folder,) = scene.reports.glob("*/")
    assert {"report.xlsx", "results.csv", "summary.json"} <= {path.name for path in folder.iterdir()}
    lines = scene.lines(folder.name)
    assert len(lines) == ROWS
    assert {(line["Nome"], line["wegly_status"]) for line in lines} == {("Ana", "success")}

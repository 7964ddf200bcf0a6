"""SIGINT and SIGTERM to a real process in the middle of a run (POSIX)."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from program import start

from batch.sandbox import Faults, RunningSandbox, running_sandbox

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGTERM to a process")

CONCURRENCY = 4
LATENCY = 0.5
"""Seconds an answer takes: long enough to be interrupted, short enough to be waited for."""

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
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A sheet, its campaign, and where their run writes."""

    folder: Path
    rows: int

    @property
    def shared(self) -> list[str]:
        """The options that every command here takes."""
        return ["--ledger", f"sqlite:///{self.folder / 'ledger.sqlite3'}"]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "WEGLY_TOKEN": "header.payload.signature"}

    def start(self, url: str) -> subprocess.Popen[str]:
        """Begin the run, the same each time."""
        return subprocess.Popen(
            [sys.executable, "-m", "batch", *self._run(url)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run_again(self, url: str) -> int:
        """The same run, in the tests' process and to its end: its exit code."""
        return start(self._run(url), folder=self.folder, environment=self.environment).code

    def ask(self, *words: str) -> str:
        """What another command prints on stdout."""
        printed = start([*words, *self.shared], folder=self.folder, environment=self.environment)
        assert printed.code == 0, printed.err
        return printed.out.decode()

    def _run(self, url: str) -> list[str]:
        sheet, campaign = str(self.folder / "contatos.csv"), str(self.folder / "teste.toml")
        options = ["--reports", str(self.folder / "reports"), "--rate", "200/s", "--concurrency", str(CONCURRENCY)]
        return ["run", sheet, "-c", campaign, "--base-url", url, *options, *self.shared]

    def summaries(self) -> list[dict[str, Any]]:
        """summary.json of each run, in the order of their names' times and, within a second, of their writing."""
        files = sorted((self.folder / "reports").glob("*/summary.json"), key=lambda file: file.stat().st_mtime_ns)
        return [json.loads(file.read_text(encoding="utf-8")) for file in files]

    def results(self, run: str) -> list[dict[str, str]]:
        text = (self.folder / "reports" / run / "results.csv").read_text(encoding="utf-8-sig")
        return list(csv.DictReader(text.splitlines(), delimiter=";"))


@pytest.fixture
def place(tmp_path: Path) -> Callable[[list[str]], Place]:
    """A sheet of these phones."""

    def make(phones: list[str]) -> Place:
        (tmp_path / "teste.toml").write_text(CAMPAIGN, encoding="utf-8")
        (tmp_path / "contatos.csv").write_text("Telefone\n" + "".join(f"{phone}\n" for phone in phones), "utf-8")
        return Place(folder=tmp_path, rows=len(phones))

    return make


@contextmanager
def running(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """The process, ended with the block whatever happens."""
    with process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(sandbox: RunningSandbox, posts: int, process: subprocess.Popen[str]) -> None:
    """Return when the server has received so many POSTs."""
    until = time.monotonic() + 60
    while len(sandbox.log.received) < posts:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.002)


def people(sandbox: RunningSandbox) -> Counter[str]:
    """How many messages each person got."""
    return Counter(applied.person for applied in sandbox.log.applied)


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [(signal.SIGINT, 130, "Interrupted"), (signal.SIGTERM, 143, "Ended by a signal")],
    ids=["SIGINT", "SIGTERM"],
)
def test_a_signal_lets_what_is_in_flight_finish(
    place: Callable[[list[str]], Place], number: signal.Signals, code: int, words: str
) -> None:
    """No new claim, the answers waited for, the report written; the same command again sends the rest, once."""
    here = place([f"11 9{n:04d}-7001" for n in range(14)])
    with running_sandbox(faults=Faults(latency=LATENCY)) as sandbox:
        with running(here.start(sandbox.url)) as process:
            wait_for(sandbox, CONCURRENCY + 1, process)
            process.send_signal(number)
            _, err = process.communicate(timeout=30)
        assert process.returncode == code
        assert words in err

        (first,) = here.summaries()
        sent = len(sandbox.log.applied)
        # The next claims would have come with the answers to those that were just posted.
        assert CONCURRENCY < sent == len(sandbox.log.received) <= 2 * CONCURRENCY < here.rows
        assert first["counts"]["success"] == sent
        assert first["counts"]["pending"] == here.rows - sent
        assert first["exit_code"] == code
        pending = [line for line in here.results(first["run"]) if line["wegly_status"] == "pending"]
        assert {(line["wegly_reason"], line["wegly_attempts"]) for line in pending} == {("interrupted", "0")}

        assert here.run_again(sandbox.url) == 0
        assert here.summaries()[-1]["this_run"]["attempts"] == here.rows - sent
        assert people(sandbox) == Counter(dict.fromkeys(people(sandbox), 1))
        assert len(people(sandbox)) == here.rows


def test_a_second_signal_ends_at_once_and_the_ledger_is_true(place: Callable[[list[str]], Place]) -> None:
    """The server hangs: what is in flight is cut off and unknown, the rest pending, in the report, `runs` and later."""
    here = place([f"11 9{n:04d}-{'0902' if n < CONCURRENCY else '7001'}" for n in range(12)])
    with running_sandbox() as sandbox:
        with running(here.start(sandbox.url)) as process:
            wait_for(sandbox, CONCURRENCY, process)
            process.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):  # it waits for the answers
                process.wait(timeout=0.5)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)  # it waits for its report, and for no answer: those take a minute
        assert process.returncode == 130
        assert "Ended while 4 rows had no answer yet: they may have arrived." in err

        (first,) = here.summaries()
        lines = here.results(first["run"])
        outcomes = [(line["wegly_status"], line["wegly_reason"]) for line in lines]
        assert outcomes == [("unknown", "cut_off")] * CONCURRENCY + [("pending", "interrupted")] * 8
        (listed,) = json.loads(here.ask("runs", "--json"))
        assert listed["counts"] == first["counts"]
        here.ask("report")
        assert here.results(first["run"]) == lines

        assert here.run_again(sandbox.url) == 4
        assert here.summaries()[-1]["counts"] == {**first["counts"], "success": 8, "pending": 0}
        assert people(sandbox) == Counter(dict.fromkeys(people(sandbox), 1))
        assert len(people(sandbox)) == here.rows

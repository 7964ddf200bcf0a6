"""SIGUSR1 to a real run, with and without a terminal, and terminals that cannot draw (POSIX)."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from batch.sandbox import Faults, RunningSandbox, running_sandbox

_WHY = "Windows has neither SIGUSR1 nor pseudo-terminals"
pty = pytest.importorskip("pty", reason=_WHY)
termios = pytest.importorskip("termios", reason=_WHY)

CAMPAIGN = """
[campaign]
name = "teste"
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "saudacao"
language = "pt_BR"
[columns]
wa_contact_id = "Telefone"
[stop]
errors = "100%"
"""
ROWS = 40


class Place:
    """A sheet whose run takes a second or two."""

    def __init__(self, folder: Path, sandbox: RunningSandbox) -> None:
        self.folder = folder
        self.sandbox = sandbox
        phones = [f"11 9{number:04d}-{'0400' if number % 10 == 0 else '7001'}" for number in range(ROWS)]
        (folder / "c.csv").write_text("\n".join(["Telefone", *phones]) + "\n", encoding="utf-8")
        (folder / "teste.toml").write_text(CAMPAIGN, encoding="utf-8")

    def command(self, *more: str) -> list[str]:
        url = ["--base-url", self.sandbox.url, "--rate", "20/s"]
        return [sys.executable, "-m", "batch", "run", "c.csv", "-c", "teste.toml", "--yes", *url, *more]

    def environment(self, **more: str) -> dict[str, str]:
        ledger = f"sqlite:///{self.folder / 'ledger.sqlite3'}"
        return {**os.environ, "WEGLY_TOKEN": "a-token", "WEGLY_BATCH_LEDGER": ledger, **more}

    def until(self, posts: int) -> None:
        """Return when the server has received so many POSTs."""
        end = time.monotonic() + 60
        while len(self.sandbox.log.received) < posts:
            assert time.monotonic() < end
            time.sleep(0.005)

    def on_terminal(self, *more: str, columns: int = 120, ask_after: int | None = None, **environment: str) -> str:
        """What a person at a terminal of that width sees, raw; `ask_after`: SIGUSR1 after so many POSTs."""
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.folder)
            os.execve(sys.executable, self.command(*more), self.environment(**{"TERM": "xterm", **environment}))  # noqa: S606
        termios.tcsetwinsize(terminal, (24, columns))
        asking = threading.Thread(target=self._ask, args=(child, ask_after)) if ask_after else None
        if asking:
            asking.start()
        shown = _all_of(terminal)
        if asking:
            asking.join()
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 3, shown
        return shown

    def _ask(self, process: int, posts: int) -> None:
        self.until(posts)
        os.kill(process, signal.SIGUSR1)


def _all_of(terminal: int) -> str:
    pieces: list[bytes] = []
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # Linux says so when the other end is closed
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(terminal)
    return b"".join(pieces).decode()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with running_sandbox(faults=Faults(latency=0.05)) as sandbox:
        yield Place(tmp_path, sandbox)


def _lines(stream: IO[str]) -> list[str]:
    return [line for line in stream.read().splitlines() if line]


def test_a_run_without_a_terminal_says_how_it_goes_and_goes_on(place: Place) -> None:
    """One line for each signal, at any moment from the start; the run sends everybody once and ends as always."""
    with subprocess.Popen(
        place.command("--quiet"),
        cwd=place.folder,
        env=place.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        for posts in (1, 10, 20, 30):
            place.until(posts)
            process.send_signal(signal.SIGUSR1)
        assert process.stderr is not None
        said = _lines(process.stderr)
        assert process.wait(timeout=60) == 3
    form = re.compile(
        r"\d+ of 40: sent \d+ \(0 reused\), errors \d+, unknown 0; \d+ left(, [\d.]+ a second)?(, about \d+ s to go)?\."
    )
    assert len(said) == 4, said
    assert all(form.fullmatch(line) for line in said), said
    done = [int(line.partition(" ")[0]) for line in said]
    assert done == sorted(done)
    assert done[-1] >= 30 - 16, "of 30 posts that came, at most 16 are in flight"
    assert len(place.sandbox.log.received) == ROWS
    (summary,) = (json.loads(file.read_bytes()) for file in (place.folder / "reports").glob("*/summary.json"))
    assert summary["counts"] == {"success": 36, "reused": 0, "error": 4, "unknown": 0, "skipped": 0, "pending": 0}


def test_on_a_terminal_the_answer_does_not_stand_behind_the_bar(place: Place) -> None:
    """The bar's line is cleared, the sentence has a line of its own, and the bar goes on below it."""
    shown = place.on_terminal(ask_after=15)
    _before, found, after = shown.partition("\r\x1b[K")
    assert found, shown
    assert re.match(r"\d+ of 40: sent \d+ \(0 reused\).*\.\r\n", after), after
    assert "20/40" in after or "30/40" in after or "40/40" in after
    assert "Messaged: 36 of 40 rows" in after


def test_a_bar_has_all_the_figures_and_colours_only_what_went_wrong(place: Place) -> None:
    """Redrawn at most ten times a second: some two seconds, so no more than some thirty times."""
    shown = place.on_terminal()
    assert "40/40  sent 36 (0 reused), \x1b[31merrors 4\x1b[0m, unknown 0" in shown, shown
    assert shown.count("\r") - shown.count("\r\n") < 45


def test_no_color_means_none(place: Place) -> None:
    """NO_COLOR=1: not one escape sequence of colour."""
    shown = place.on_terminal(NO_COLOR="1")
    assert "errors 4, unknown 0" in shown
    assert not re.search(r"\x1b\[\d*m", shown), shown


def test_a_narrow_terminal_has_a_line_that_fits(place: Place) -> None:
    """Forty columns: nothing wraps while it is drawn."""
    shown = place.on_terminal(columns=40)
    drawn = [re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", part) for part in re.split(r"[\r\n]+", shown)]
    bars = [line for line in drawn if re.match(r" *\d+%", line)]
    assert bars
    assert max(map(len, bars)) < 40
    assert any("errors 4" in line for line in bars)


def test_a_dumb_terminal_gets_no_bar(place: Place) -> None:
    """TERM=dumb: lines only, nothing that goes back on one."""
    shown = place.on_terminal(TERM="dumb")
    assert "\x1b" not in shown
    assert "\r" not in shown.replace("\r\n", "")
    assert "Messaged: 36 of 40 rows" in shown


def test_nobody_is_asked_too_early(tmp_path: Path) -> None:
    """A signal to a command that does not answer ends nothing: its default would kill the process."""
    script = (
        "import os, signal, sys\n"
        "from batch.cli.main import _run\n"
        "code = _run(['--version'])\n"
        "os.kill(os.getpid(), signal.SIGUSR1)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")

"""`watch` where the sheet is and where it is not, and the commands that a person is given next."""

from __future__ import annotations

import json
import shlex
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from postgres import Cluster, new_ledger
from workers import ROWS, SENDERS, point_at, working, write_campaign, write_sheet

from batch.app import report
from batch.app.fleet.watch import cancel, watch
from batch.app.runs.progress import Watcher
from batch.app.settings import Settings
from batch.cli.main import _run as wegly_batch
from batch.model.lanes import Service
from batch.model.runs import Run
from batch.sandbox import Faults, RunningSandbox, running_sandbox

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture
def ledger(postgres: Cluster) -> str:
    return new_ledger(postgres)


@pytest.fixture
def home(tmp_path: Path, ledger: str, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which a sheet is submitted; one of its rows is wrong."""
    folder = tmp_path / "casa"
    folder.mkdir()
    write_sheet(folder, f"123;{SENDERS[0]}")
    write_campaign(folder / "c.toml")
    point_at(monkeypatch, ledger, sandbox.url)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def command(home: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command as in a shell; returns its exit code, and all that it printed."""

    def run(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = wegly_batch(list(words))
        return code, "".join(capsys.readouterr())

    return run


def submit(command: Command) -> str:
    code, printed = command("submit", "s.csv", "-c", "c.toml", "--json")
    assert code == 0, printed
    return str(json.loads(printed)["run"])


def commands(printed: str, verb: str) -> list[list[str]]:
    """The commands of a kind that a text says to type, in words as a shell has them."""
    lines = [line.partition("wegly-batch ")[2] for line in printed.splitlines() if f"wegly-batch {verb} " in line]
    return [shlex.split(line) for line in lines]


def test_elsewhere_a_run_has_the_same_counts_and_its_report_stays_where_the_sheet_is(
    command: Command, ledger: str, sandbox: RunningSandbox, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine is told where, and writes nothing; `report` typed there gives what the ledger knows."""
    run = submit(command)
    hidden, there = home.rename(home.with_name("hidden")), home.with_name("there")
    there.mkdir()
    monkeypatch.chdir(there)
    monkeypatch.setattr(report, "gethostname", lambda: "there")
    with working(ledger, sandbox.url):
        code, printed = command("watch", run)
    assert code == 3
    assert f"Messaged: {ROWS} of {ROWS + 1} rows" in printed
    assert "Write the report where the sheet is, on " in printed
    assert "Below is why" not in printed
    assert (list(there.iterdir()), home.exists()) == ([], False)
    (again,) = commands(printed, "report")
    assert command(*again)[0] == 0
    assert (there / "reports" / run / "report.xlsx").exists()
    assert not home.exists()
    shown = command(*again)[1]
    assert "s.csv is on " in shown
    assert "report.xlsx says why, and what to do about each." in shown
    hidden.rename(home)
    monkeypatch.chdir(home)
    assert f"reports/{run}/report.xlsx" in command("watch", run)[1]
    assert "(11) 90000-7001" in (home / "reports" / run / "results.csv").read_text(encoding="utf-8-sig")


class Missing(Watcher):
    """Notes that no worker is there, and ends the run then."""

    def __init__(self, end: Callable[[], object]) -> None:
        super().__init__()
        self.runs: list[str] = []
        self._end = end

    def miss_workers(self, run: Run, service: Service) -> None:
        self.runs.append(run.run)
        self._end()


def test_without_a_worker_who_watches_is_told(command: Command, ledger: str, home: Path) -> None:
    """Once, with the command to type: else the bar would stand still and say nothing of why."""
    run = submit(command)
    settings = Settings(ledger=ledger, reports=home / "reports")
    missing = Missing(lambda: cancel(run, settings))
    ended = watch(run, settings, missing)
    assert missing.runs == [run]
    assert ended is not None
    assert ended.exit_code == 130


class Resting(Watcher):
    """Notes for how long a run waits, and ends it then."""

    def __init__(self, end: Callable[[], object]) -> None:
        super().__init__()
        self.waits = 0.0
        self._end = end

    def tick(self) -> None:
        if not self.waits and (now := self.meter.look()).waits:
            self.waits = now.waits
            self._end()


def test_while_the_hours_keep_all_back_the_time_until_they_begin_is_shown(
    command: Command, ledger: str, sandbox: RunningSandbox, home: Path
) -> None:
    """The day after tomorrow: no rate that nobody sends at tells the time."""
    day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(datetime.now(UTC) + timedelta(days=2)).weekday()]
    hours = f'[[window]]\ndays = ["{day}"]\nhours = "09:00-20:00"\ntimezone = "UTC"'
    write_campaign(home / "c.toml", more=hours)
    run, settings = submit(command), Settings(ledger=ledger, base_url=sandbox.url, reports=home / "reports")
    resting = Resting(lambda: cancel(run, settings))
    with working(ledger, sandbox.url):
        watch(run, settings, resting)
    assert 20 * 3600 < resting.waits < 3 * 24 * 3600


def test_each_next_command_finds_the_ledger_and_none_shows_its_password(
    command: Command, ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are typed as they stand, in another terminal too, in which no variable names it."""
    monkeypatch.setenv("WEGLY_BATCH_LEDGER", ledger.replace("wegly@", "wegly:geheim@"))
    code, printed = command("submit", "s.csv", "-c", "c.toml")
    assert code == 0
    assert "geheim" not in printed
    (watch,), (worker,) = commands(printed, "watch"), commands(printed, "worker")
    assert worker[1::2] == ["--base-url", "--ledger"]
    code, printed = command("run", "s.csv", "-c", "c.toml", "--yes")
    assert code == 75
    assert "geheim" not in printed
    (status,), (cancel,) = commands(printed, "status"), commands(printed, "cancel")
    monkeypatch.delenv("WEGLY_BATCH_LEDGER")
    assert command(*status)[0] == 0
    assert command(*cancel)[0] == 0
    assert command(*watch)[0] == 130


class Left(Watcher):
    """A person who presses Ctrl+C."""

    def tick(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_who_leaves_is_told_how_to_end_the_run(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the ledger that a variable named."""
    run = submit(command)
    monkeypatch.setattr("batch.cli.commands.watch.make_watcher", lambda **_options: Left())
    code, printed = command("watch", run[-4:])
    assert code == 130
    (cancel,) = commands(printed, "cancel")
    assert (cancel[1], cancel[2]) == (run, "--ledger")
    monkeypatch.delenv("WEGLY_BATCH_LEDGER")
    assert command(*cancel)[0] == 0


def test_what_a_run_of_workers_left_is_submitted_again(
    command: Command, ledger: str, sandbox: RunningSandbox, home: Path
) -> None:
    """Not sent from here: after `cancel`, after rows to correct, and after rows that were settled as not sent."""
    run = submit(command)
    assert [words[1] for words in commands(command("cancel", run)[1], "submit")] == ["s.csv"]
    printed = command("watch", run)[1]
    again = commands(printed, "submit")
    assert [words[1] for words in again] == [f"reports/{run}/retry.xlsx", "s.csv"]
    assert commands(printed, "run") == []
    with working(ledger, sandbox.url):
        assert command(*again[1], "--attach")[0] == 3


def test_what_is_settled_as_not_sent_is_submitted_again(command: Command, ledger: str, home: Path) -> None:
    """Two answers that never came; by a look into the chats one message is not there."""
    rows = [f"(11) 9{row:04d}-7001;{SENDERS[0]}" for row in range(2)]
    (home / "s.csv").write_text("\n".join(["Telefone;Quem", *rows, ""]))
    (home / "equipe.csv").write_text("\n".join(["Telefone", *(row.partition(";")[0] for row in rows), ""]))
    more = ("--only-allowed", "equipe.csv", "--attach")
    with running_sandbox(faults=Faults(dropped_after=1.0)) as broken, working(ledger, broken.url):
        code, printed = command("submit", "s.csv", "-c", "c.toml", "--base-url", broken.url, *more)
    assert code == 4, printed
    run = next(word for words in commands(printed, "settle") for word in words if "Z-teste-" in word)
    code, printed = command("settle", Path(run).parent.name, "--not-sent", "2", "--yes")
    assert code == 0, printed
    [words] = commands(printed, "submit")
    assert (words[1], words[words.index("--only-allowed") + 1]) == ("s.csv", "equipe.csv")
    assert commands(printed, "run") == []


def test_a_sender_for_whom_workers_send_is_named_with_what_to_do(
    command: Command, ledger: str, sandbox: RunningSandbox, home: Path
) -> None:
    """Another campaign of the same sender is refused: 75 says that workers have it, how far they are, how to end it."""
    write_campaign(home / "c.toml", rate=2)
    write_campaign(home / "other.toml", name="outra")
    run = submit(command)
    with working(ledger, sandbox.url):
        until = time.monotonic() + 30
        while not sandbox.log.applied:
            assert time.monotonic() < until
        code, printed = command("run", "s.csv", "-c", "other.toml", "--yes")
        assert code == 75
        assert "That run was given to workers" in printed
        assert [words[1] for words in commands(printed, "status")] == [run]
        assert [words[1] for words in commands(printed, "cancel")] == [run]
        command("cancel", run)

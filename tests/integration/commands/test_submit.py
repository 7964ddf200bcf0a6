"""A sheet that workers send: submitted, watched, cancelled, against the sandbox's own log."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from postgres import Cluster, new_ledger
from workers import ROWS, SENDERS, point_at, until, working, write_campaign, write_sheet

from batch.app.fleet import watch as watching
from batch.app.fleet.watch import watch
from batch.app.runs.progress import RunProgress, Watcher
from batch.app.settings import Settings
from batch.cli.main import _run as wegly_batch
from batch.cli.progress import make_watcher
from batch.errors import WeglyBatchError
from batch.ledger import Ledger, Owner, sender_lock
from batch.ledger.send.lanes import LOST_AT_MOST
from batch.sandbox import RunningSandbox, running_sandbox

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture
def ledger(postgres: Cluster) -> str:
    return new_ledger(postgres)


@pytest.fixture
def command(
    tmp_path: Path,
    ledger: str,
    sandbox: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """Run a command as in a shell; returns its exit code, what it printed, and what it told people."""
    write_sheet(tmp_path)
    write_campaign(tmp_path / "c.toml")
    point_at(monkeypatch, ledger, sandbox.url)
    monkeypatch.setenv("WEGLY_BATCH_REPORTS", str(tmp_path / "reports"))
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        return wegly_batch(list(words)), *capsys.readouterr()

    return run


def submit(command: Command) -> str:
    code, out, _err = command("submit", "s.csv", "-c", "c.toml", "--json")
    assert code == 0
    return str(json.loads(out)["run"])


def test_workers_send_what_was_submitted_each_person_once(
    command: Command, ledger: str, sandbox: RunningSandbox, tmp_path: Path, postgres: Cluster
) -> None:
    """The report of `watch` is that of a run, with the sheet, whatever became of the queue's own rows."""
    run = submit(command)
    assert (tmp_path / "reports" / run / ".sheet" / ".sheet.csv").exists()
    (tmp_path / "s.csv").unlink()
    (found,) = json.loads(command("status", "--json")[1])["runs"]
    assert [(lane["sender"], lane["state"], lane["held"]) for lane in found["lanes"]] == [
        (sender, "waiting", False) for sender in SENDERS
    ]
    options = f"-c search_path={ledger.rpartition('=')[2]}"
    with psycopg.connect(postgres.url, autocommit=True, options=options) as connection:
        connection.execute("DELETE FROM procrastinate_jobs")
    with working(ledger, sandbox.url):
        code, out, _err = command("watch", run, "--json")
    summary = json.loads(out)
    assert (code, summary["counts"]["success"], summary["run"]) == (0, ROWS, run)
    assert Counter(each.person for each in sandbox.log.applied) == {f"+55119{row:04d}7001": 1 for row in range(ROWS)}
    folder = tmp_path / "reports" / run
    assert "(11) 90000-7001" in (folder / "results.csv").read_text(encoding="utf-8-sig")
    assert not (folder / ".sheet").exists()


def test_the_rate_of_a_run_is_that_of_all_its_workers(
    command: Command, ledger: str, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    """Starts over the time from the first to the last, as the log of the API has it, although the worker changed."""
    campaign = (tmp_path / "c.toml").read_text().replace("100/s", "3/s")
    (tmp_path / "c.toml").write_text(campaign)
    run = submit(command)
    with working(ledger, sandbox.url):
        until(lambda: len(sandbox.log.applied) >= ROWS // 2)
    with working(ledger, sandbox.url):
        code, out, _err = command("watch", run, "--json")
    this = json.loads(out)["this_run"]
    assert (code, this["attempts"]) == (0, ROWS)
    for sender in this["senders"]:
        times = [each.monotonic for each in sandbox.log.applied if each.sender == sender["sender"]]
        assert sender["attempts"] == ROWS // 2
        assert sender["achieved_rate"] == pytest.approx((len(times) - 1) / (max(times) - min(times)), rel=0.05)


def test_attempts_are_those_of_the_run_itself(command: Command, ledger: str, sandbox: RunningSandbox) -> None:
    """Not those that earlier runs made of the same messages."""
    rows = [f"(11) 9{row:04d}-0400;{SENDERS[row % 2]}" for row in range(2)]
    Path("s.csv").write_text("\n".join(["Telefone;Quem", *rows, ""]))
    for more, received in (((), 2), (("--retry-errors",), 4)):
        code, out, _err = command("submit", "s.csv", "-c", "c.toml", "--json", *more)
        assert code == 0
        with working(ledger, sandbox.url):
            out = command("watch", json.loads(out)["run"], "--json")[1]
        assert (len(sandbox.log.received), json.loads(out)["this_run"]["attempts"]) == (received, 2)


def test_of_two_that_watch_a_run_one_writes_its_report(
    command: Command, ledger: str, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    """At the same moment and in the same folder: the other waits, and shows it; nobody is notified twice."""
    metrics = tmp_path / "wegly.prom"
    write_campaign(tmp_path / "c.toml", more=f'[notify]\nprometheus = "{metrics}"')
    run = submit(command)
    (tmp_path / "s.csv").unlink()  # the copy in the folder is all that is left, until the first has its report
    settings = Settings(ledger=ledger, base_url=sandbox.url, reports=tmp_path / "reports")
    with working(ledger, sandbox.url), ThreadPoolExecutor() as pool:
        watching = [pool.submit(watch, run, settings, make_watcher(yes=True, quiet=True)) for _ in range(3)]
    ended = [each.result() for each in watching]
    assert sorted(each.was_there for each in ended if each) == [False, True, True]
    assert {each.exit_code for each in ended if each} == {0}
    assert {file.name for file in (tmp_path / "reports" / run).iterdir()} == {
        *("report.xlsx", "results.csv", "report.html", "summary.json")
    }
    written = metrics.stat().st_mtime_ns
    code, out, err = command("watch", run)
    assert code == 0
    (head,) = [place for place, line in enumerate((out + err).splitlines()) if line == "What to do next"]
    assert (out + err).splitlines()[head + 1] == "  See what arrived"
    assert metrics.stat().st_mtime_ns == written


class Note(Watcher):
    """Notes what a bar would show."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[RunProgress] = []

    def tick(self) -> None:
        self.seen.append(self.meter.look())


def test_who_comes_late_is_shown_no_rate_of_what_was_sent_before(
    command: Command, ledger: str, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    """Two senders at 2/s each: half of it is there at the first look, and none of it counts as sent just now."""
    write_campaign(tmp_path / "c.toml", rate=2)
    run, note = submit(command), Note()
    with working(ledger, sandbox.url):
        while len(sandbox.log.applied) < ROWS // 2:
            command("status", run)
        watch(run, Settings(ledger=ledger, base_url=sandbox.url, reports=tmp_path / "reports"), note)
    first, *_, last = note.seen
    assert ROWS // 2 - 2 <= first.done < ROWS == last.done
    rates = [each.rate for each in note.seen if each.rate is not None]
    assert max(rates) < 8  # two at a time, half a second apart; before them nothing is known
    assert any(each.eta for each in note.seen)


def test_watching_outlasts_a_restart_of_the_server(
    command: Command, ledger: str, sandbox: RunningSandbox, postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the workers do, who send on: the report is written, and the exit code is the run's."""
    run, ask = submit(command), watching._status
    looked, missed, ended = threading.Event(), threading.Event(), threading.Event()

    def note(*arguments: Any) -> Any:
        try:
            return ask(*arguments)
        except WeglyBatchError:
            missed.set()
            raise
        finally:
            looked.set()

    def restart_and_work() -> None:
        assert looked.wait(30)
        postgres.stop()
        try:
            assert missed.wait(30)
        finally:
            postgres.start()
        with working(ledger, sandbox.url):
            ended.wait(60)

    monkeypatch.setattr(watching, "_status", note)
    with ThreadPoolExecutor(1) as thread:
        worked = thread.submit(restart_and_work)
        try:
            code, out, err = command("watch", run, "--json")
        finally:
            ended.set()
        worked.result()
    assert code == 0, err
    assert json.loads(out)["counts"]["success"] == ROWS


def test_a_campaign_that_workers_send_is_busy_until_it_is_cancelled(command: Command, sandbox: RunningSandbox) -> None:
    """Nobody else sends it meanwhile; cancelled without any worker it leaves its rows to the next."""
    run = submit(command)
    code, _out, err = command("submit", "s.csv", "-c", "c.toml")
    assert code == 75
    assert f"wegly-batch cancel {run}" in err
    assert command("run", "s.csv", "-c", "c.toml", "--yes")[0] == 75
    assert command("cancel", run)[0] == 0
    (ended,) = json.loads(command("runs", "--json")[1])
    assert (ended["exit_code"], ended["counts"]["pending"]) == (130, ROWS)
    assert command("run", "s.csv", "-c", "c.toml", "--yes")[0] == 0
    assert len(sandbox.log.applied) == ROWS


def test_cancel_leaves_what_was_not_sent_to_the_next_run(
    command: Command, ledger: str, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    """In the middle of a run: nothing more is claimed, what is in flight is recorded, and the counts are the log's."""
    write_campaign(tmp_path / "c.toml", rate=2)
    run = submit(command)
    with working(ledger, sandbox.url):
        while not sandbox.log.applied:
            command("status", run)
        assert command("cancel", run)[0] == 0
        sent = len(sandbox.log.applied)
        (ended,) = json.loads(command("runs", "--json")[1])
        assert (ended["exit_code"], ended["counts"]["success"], ended["counts"]["pending"]) == (130, sent, ROWS - sent)
    assert len(sandbox.log.applied) == sent
    write_campaign(tmp_path / "c.toml")
    assert command("run", "s.csv", "-c", "c.toml", "--yes")[0] == 0
    assert Counter(Counter(each.person for each in sandbox.log.applied).values()) == {1: ROWS}


def test_a_worker_with_another_token_leaves_the_run_alone(
    command: Command, ledger: str, sandbox: RunningSandbox
) -> None:
    """Its 401 would stop the run for all: what it may not send it does not even see."""
    run = submit(command)
    with working(ledger, sandbox.url, "invalid"):
        command("status")
    assert command("cancel", run)[0] == 0
    assert sandbox.log.received == ()


def test_a_sender_in_whose_rows_workers_are_lost_keeps_no_worker_from_the_others(
    command: Command, ledger: str, sandbox: RunningSandbox
) -> None:
    """It is given up, and says so with what to do; the other sender's rows go."""
    run = submit(command)
    with Ledger.open(ledger) as opened:
        found = opened.run(run)
        assert found is not None
        for _number in range(LOST_AT_MOST + 1):
            lane, owner = opened.for_lane(), Owner.here(run)
            with lane.hold([sender_lock(SENDERS[0], sandbox.url)], owner):
                lane.lanes.take(found, SENDERS[0], owner)
    with working(ledger, sandbox.url):
        code, out, err = command("watch", run)
    words = f"{LOST_AT_MOST} workers were lost one after the other in this sender's rows"
    assert (code, len(sandbox.log.applied)) == (5, ROWS // 2)
    assert words in out + err
    status = command("status", run)[1]
    assert words in status
    assert "submit the sheet again" in status
    assert ".; " not in status


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGTERM to a process")
def test_a_signal_in_the_midst_of_a_statement_ends_the_command(
    command: Command, ledger: str, postgres: Cluster
) -> None:
    """As anywhere else, in a sentence: the server ends the statement, and the connection is closed in order."""
    submit(command)
    options = f"-c search_path={ledger.rpartition('=')[2]}"
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

    def terminate_when_it_waits() -> None:
        while not postgres.ask(waits):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    with psycopg.connect(postgres.url, options=options) as connection:
        connection.execute("LOCK TABLE submissions IN ACCESS EXCLUSIVE MODE")
        terminator = threading.Thread(target=terminate_when_it_waits)
        terminator.start()
        code, _out, err = command("submit", "s.csv", "-c", "c.toml")
        terminator.join()
    assert (code, "Traceback" in err) == (143, False)
    assert "Ended by a signal." in err

"""What a sheet costs whose rows were all sent before: per row, from small to large.

    python tests/benchmarks/ledger.py --rows 1000 10000 100000

The sheet is planned by the real code; its messages are then marked as sent in one statement, since sending them takes
hours. Measured are `check` and `run` of the same sheet against that ledger, as processes: user and system CPU, memory;
and what the ledger takes of it, by itself: judging, forecast, plan and counts, without reading and staging the rows.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from inputs import CAMPAIGN, write_csv, write_xlsx
from measuring import Cost, Yardstick, measured

from batch.app.inputs.campaign_sheet import CampaignSheet, Choices, open_campaign_sheet, reading_of
from batch.app.inputs.change_guard import traits_of
from batch.app.inputs.recipient_lists import RecipientLists
from batch.app.inputs.staging import stage_sheet
from batch.campaign import Campaign, load_campaign
from batch.ledger import Ledger, Owner, Staging
from batch.model.runs import Run

T = TypeVar("T")
ENDPOINT = "http://127.0.0.1:9"
NOTHING_LEFT = "Nothing is left to send."
"""What a run says on a terminal as soon as it knows; it has drawn a bar then, of a sheet that takes a second to read.
"""
_SHORT_PAUSE = "0.02"
"""Of the yardstick beside the ledger's share: a row costs a third more where it takes the core's caches by turns."""
_FINISHED = """
UPDATE messages SET state = 'success', payload = NULL, attempts = 1, run = ?, chat_id = lower(hex(randomblob(16))),
  findings = '[["created", {}]]', sent_at = 1773230400000000 + rowid * 1000, duration_ms = 180, http_status = 200
"""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A sheet whose rows were all sent, by a ledger."""

    sheet: Path
    campaign: Path
    url: str
    """Of the ledger."""
    run: str


def finished(folder: Path, rows: int, *, kind: str = "csv") -> Finished:
    """Make sheet, campaign and ledger. `kind`: csv or xlsx."""
    sheet, file = folder / f"contacts.{kind}", folder / "campaign.toml"
    (write_csv if kind == "csv" else write_xlsx)(sheet, rows)
    file.write_text(CAMPAIGN, encoding="utf-8")
    url = f"sqlite:///{folder / 'ledger.sqlite3'}"
    now = datetime(2026, 3, 11, 12, tzinfo=UTC)
    campaign = load_campaign(file, now=now)
    source = open_campaign_sheet(sheet, campaign, endpoint=ENDPOINT)
    run = _run("20260311T120000Z-benchmark-0001", campaign, source, sheet, now)
    owner = Owner(host="here", pid=1, run=run.run)
    with Ledger.open(url) as ledger:
        with stage_sheet(source, ledger, lists=RecipientLists(), choices=Choices(), now=now) as staged:
            staged.staging.plan(run, owner, traits_of(campaign))
        with closing(sqlite3.connect(folder / "ledger.sqlite3")) as database:
            database.execute(_FINISHED, (run.run,))
            database.commit()
        ledger.finish_run(run.run, finished=now, attempts=rows, achieved_rate=1000.0, pending=None)
    return Finished(sheet=sheet, campaign=file, url=url, run=run.run)


def _run(name: str, campaign: Campaign, source: CampaignSheet, sheet: Path, now: datetime) -> Run:
    return Run(
        run=name,
        campaign=campaign.name,
        endpoint=ENDPOINT,
        sheet_path=str(sheet),
        sheet_sha256=hashlib.sha256(sheet.read_bytes()).hexdigest(),
        sheet_options=reading_of(campaign, source.sheet.info),
        version="0",
        started=now,
    )


def again(folder: Path, rows: int, rounds: int = 1) -> Cost:
    """What checking a sheet costs whose rows were all sent."""
    done = finished(folder, rows)
    command = [sys.executable, "-m", "batch", "check", str(done.sheet), "-c", str(done.campaign)]
    command += ["--ledger", done.url, "--base-url", ENDPOINT, "--json"]
    return measured(command, rounds=rounds)


def second_run(folder: Path, rows: int, rounds: int = 1) -> Cost:
    """What a second run costs, when its terminal said that nothing is left, and what it cost (`until`) when its plan
    was written: its log begins then. Counts and report come after it. The round of some is returned whose plan stood
    after the median of the clock, at the reference's speed; each finds no report that stands."""
    finished(folder, rows)
    found = []
    for _ in range(rounds):
        shutil.rmtree(folder / "reports", ignore_errors=True)
        until = str(folder / "reports" / "*" / "run.log")
        found.append(measured(_run_command(folder, "--lang", "en"), rounds=1, until=until, says=NOTHING_LEFT))
    return sorted(found, key=lambda cost: cost.until_wall * cost.speed)[rounds // 2]


def idle_run(folder: Path) -> Cost:
    """What a run costs after that one: nothing has changed, and its report stands."""
    return measured(_run_command(folder, "--json"), rounds=1)


def _run_command(folder: Path, *more: str) -> list[str]:
    """Return the command for the sheet that `finished` made in a folder."""
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text("of-nobody-000000", encoding="utf-8")
    command = [sys.executable, "-m", "batch", "run", str(folder / "contacts.csv"), "--yes", *more]
    command += ["-c", str(folder / "campaign.toml"), "--ledger", f"sqlite:///{folder / 'ledger.sqlite3'}"]
    return [*command, "--base-url", ENDPOINT, "--token-file", str(token), "--reports", str(folder / "reports")]


class Watch:
    """CPU seconds of this process while it ran."""

    def __init__(self) -> None:
        self.spent = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        began = time.process_time()
        yield
        self.spent += time.process_time() - began

    def over(self, work: Callable[..., T]) -> Callable[..., T]:
        def timed(*words: Any, **named: Any) -> T:
            with self.running():
                return work(*words, **named)

        return timed


def share(folder: Path, rows: int) -> tuple[float, float]:
    """Seconds of CPU that the ledger alone takes, at the reference's speed: of a first check, and of a second run."""
    done = finished(folder, rows)
    yardstick = Yardstick(pause=_SHORT_PAUSE)
    with _one_core():
        yardstick.follow(os.getpid())
        first, again = _share(done, folder)
        speed = yardstick.end()
    return first.spent * speed, again.spent * speed


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep this process to the yardstick's core, where the system has a way to say so."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _share(done: Finished, folder: Path) -> tuple[Watch, Watch]:
    now = datetime(2026, 4, 11, 12, tzinfo=UTC)
    campaign = load_campaign(done.campaign, now=now)
    source = open_campaign_sheet(done.sheet, campaign, endpoint=ENDPOINT)
    first, again = Watch(), Watch()
    with (
        Ledger.for_reading(f"sqlite:///{folder / 'none'}") as ledger,
        watched(first),
        stage_sheet(source, ledger, lists=RecipientLists(), choices=Choices(), now=now) as staged,
    ):
        _looked(staged.staging, first)
    with Ledger.open(done.url) as ledger:
        name = "20260411T120000Z-benchmark-0002"
        with watched(again), stage_sheet(source, ledger, lists=RecipientLists(), choices=Choices(), now=now) as staged:
            _looked(staged.staging, again)
            run = _run(name, campaign, source, done.sheet, now)
            with again.running():
                staged.staging.plan(run, Owner(host="here", pid=1, run=name), traits_of(campaign))
        with again.running():
            ledger.tally(name)
    return first, again


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """The watch runs while the ledger judges what was staged."""
    judge = Staging.judge
    Staging.judge = watch.over(judge)  # type: ignore[method-assign]
    try:
        yield
    finally:
        Staging.judge = judge  # type: ignore[method-assign]


def _looked(staging: Staging, watch: Watch) -> None:
    """Look as `check` does."""
    with watch.running():
        staging.tally()
        deque(staging.results(remarkable=20), maxlen=0)
        staging.count_by_sender()
        deque(staging.recipients(), maxlen=0)
        staging.to_send(3)


def main() -> None:
    """A line for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    for rows in options.rows:
        with _folder() as folder:
            checked = again(folder, rows, options.rounds)
        with _folder() as folder:
            ran, idle = second_run(folder, rows), idle_run(folder)
        with _folder() as folder:
            first, second = share(folder, rows)
        sys.stdout.write(
            f"{rows:,} rows, all sent before\n"
            f"  check: {_told(checked, rows)}\n"
            f"  run:   {_told(ran, rows)}; to its plan {ran.until:.1f} s CPU, {_each(ran.until, rows)}\n"
            f"  run, unchanged: {_told(idle, rows)}\n"
            f"  the ledger alone: a first check {_each(first, rows)}, a second run {_each(second, rows)}\n"
        )
        sys.stdout.flush()


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wegly-batch-bench-") as folder:
        yield Path(folder)


def _told(cost: Cost, rows: int) -> str:
    return f"{cost.cpu:.1f} s CPU, {_each(cost.cpu, rows)}, {cost.wall:.1f} s on the clock, {cost.mib} MiB"


def _each(seconds: float, rows: int) -> str:
    return f"{1e6 * seconds / rows:.0f} us a row"


if __name__ == "__main__":
    main()

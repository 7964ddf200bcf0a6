"""The demo of workers: one of them is killed in the middle, the others take over, and the report stays true.

The report is compared with the log of the imitation, which knows of no worker and no ledger.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from batch.app.demo.postgres import find_postgres, start_postgres
from batch.app.demo.processes import (
    OWN_GROUP,
    last_line,
    make_folder,
    own_environment,
    signals_deferred,
    signals_ignored,
)
from batch.app.demo.run import SENDERS, samples
from batch.app.fleet.submit import SubmittedRun, submit
from batch.app.fleet.watch import RunStatus, watch
from batch.app.inputs.campaign_sheet import Choices
from batch.app.inputs.staging import utc_now
from batch.app.run import open_runs
from batch.app.runs.finish import FinishedRun
from batch.app.runs.progress import Watcher
from batch.app.settings import Settings
from batch.chats import Token
from batch.errors import SettingsError
from batch.fleet import make_tables
from batch.i18n import _
from batch.ledger import Ledger
from batch.model.lanes import LaneState
from batch.model.outcomes import Outcome
from batch.sandbox import Faults, SandboxLog, running_sandbox

SHEET, CAMPAIGN = "lojas.csv", "lojas.toml"
_TOKEN = "demo-token"  # noqa: S105 - the sandbox takes any
_RATE = 5.0
_LATENCY = 0.2
"""Seconds of an answer: so long is a message in flight, that a kill may catch."""
_PATIENCE = 60.0
_LOOK = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class LostWorker:
    """The worker that was killed."""

    pid: int
    at: datetime
    done: int
    """Messages of the run that had ended by then."""
    senders: frozenset[str]
    """Those for which it was sending."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LogComparison:
    """The report, held against the log of the imitation."""

    people: int
    """Those who got a message, by the log."""
    undecided: int
    """Of them, those whose rows are to decide."""
    is_true: bool
    """Each of them got one, the accepted rows are theirs, and none is of a row that was not sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FleetDemo:
    """A demo of workers that has ended."""

    finished: FinishedRun
    workers: int
    lost: LostWorker | None
    """None: the run ended before the middle."""
    silence: float | None
    """Seconds from the kill until others had all its senders; None when they had nothing left, or none took them."""
    log: LogComparison


def run_fleet_demo(settings: Settings, watcher: Watcher, *, workers: int, verbose: bool = False) -> FleetDemo | None:
    """Let workers send `samples/lojas.csv` to a sandbox, kill one in the middle, and write the report.

    None: a second signal ended it. Raises SettingsError where no PostgreSQL is installed, or it does not start.
    """
    postgres = find_postgres()
    watcher.start_workers(workers, postgres.version)
    with _closed_whole() as stack:
        folder = make_folder(stack)
        sheet, campaign = (Path(shutil.copy(samples() / name, folder)) for name in (SHEET, CAMPAIGN))
        ledger = start_postgres(postgres, stack)
        sandbox = stack.enter_context(running_sandbox(faults=Faults(latency=_LATENCY)))
        here = replace(settings, base_url=sandbox.url, ledger=ledger, rate=settings.rate or _RATE)
        fleet = _Fleet(here, watcher, folder, workers)
        stack.callback(fleet.end)
        fleet.start()
        choices, token = Choices(verbose=verbose), Token.parse(_TOKEN, "the demo")
        with open_runs([sheet], campaign, here, choices) as (run,):
            given = submit(run, here, choices, token, watcher)
        if not isinstance(given, SubmittedRun):
            raise SettingsError(_("The demo had nothing to send."), "")
        finished = watch(given.run.run, here, watcher, stops=True, on_look=fleet.look)
        if not isinstance(finished, FinishedRun):
            return None
        log = _compare(ledger, finished.run.run, sandbox.log)
        return FleetDemo(finished=finished, workers=workers, lost=fleet.lost, silence=fleet.silence, log=log)


@contextmanager
def _closed_whole() -> Iterator[ExitStack]:
    """Give a stack that is closed to its end, whatever signals come meanwhile."""
    stack = ExitStack()
    try:
        yield stack
    finally:
        with signals_ignored():
            stack.close()


class _Fleet:
    """The workers of a demo, as processes."""

    def __init__(self, settings: Settings, watcher: Watcher, folder: Path, workers: int) -> None:
        self._settings = settings
        self._watcher = watcher
        self._folder = folder
        self._workers = workers
        self._running: list[subprocess.Popen[bytes]] = []
        self._status: RunStatus | None = None
        self.lost: LostWorker | None = None

    def start(self) -> None:
        """Start them, and wait until the ledger knows all. Raises SettingsError when one ends."""
        ledger, until = self._settings.ledger, time.monotonic() + _PATIENCE
        with Ledger.open(ledger) as opened:
            opened.lanes.prepare(make_tables)
            for number in range(1, self._workers + 1):
                self._start(number)
            while len(opened.lanes.workers()) < self._workers:
                ended = [process for process in self._running if process.poll() is not None]
                if ended or time.monotonic() > until:
                    why = last_line(sorted(self._folder.glob("worker-*.log")))
                    raise SettingsError(_("A worker of the demo did not start: {why}").format(why=why))
                time.sleep(_LOOK)

    def _start(self, number: int) -> None:
        # All but one have room for all senders: who is left takes over at once.
        lanes = -(-SENDERS // (self._workers - 1))
        kept = own_environment()
        environment = {
            **kept,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(Path(__file__).parents[3]), kept.get("PYTHONPATH")))),
            "WEGLY_TOKEN": _TOKEN,
            "WEGLY_BASE_URL": self._settings.endpoint,
            "WEGLY_BATCH_LEDGER": str(self._settings.ledger),  # not on the command line, which others can read
        }
        with (self._folder / f"worker-{number}.log").open("wb") as output, signals_deferred():
            self._running.append(
                subprocess.Popen(  # noqa: S603 - this program
                    [sys.executable, "-P", "-m", "batch", "worker", "--lanes", str(lanes)],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    **OWN_GROUP,
                )
            )

    def end(self) -> None:
        """Kill those that run. The run has ended, or is thrown away."""
        for process in self._running:
            process.kill()
        for process in self._running:
            process.wait()

    def look(self, status: RunStatus) -> None:
        """Take the run's state; half of it done, kill the worker that has the most senders."""
        self._status, done = status, sum(status.outcomes.values())
        if self.lost is not None or 2 * done < status.submission.total:
            return
        held = [lane for lane in status.lanes if lane.state is LaneState.SENDING and lane.is_held and lane.pid]
        pids = Counter(lane.pid for lane in held)
        for pid, senders in pids.most_common(1):
            if pid is not None:
                # By its own number: that of the process we started is a launcher's, in an environment on Windows.
                os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
                names = frozenset(lane.sender for lane in held if lane.pid == pid)
                self.lost = LostWorker(pid=pid, at=utc_now(), done=done, senders=names)
                self._watcher.lose_worker(pid, senders)

    @property
    def silence(self) -> float | None:
        """Seconds until the last sender of the lost worker was another's; None while one is not."""
        if self.lost is None or self._status is None:
            return None
        lanes = [lane for lane in self._status.lanes if lane.sender in self.lost.senders]
        taken = [lane.since for lane in lanes if lane.since is not None and lane.pid != self.lost.pid]
        return (max(taken) - self.lost.at).total_seconds() if len(taken) == len(lanes) and taken else None


_NOT_SENT = (Outcome.ERROR, Outcome.PENDING, Outcome.SKIPPED)


def _compare(ledger: str, run: str, log: SandboxLog) -> LogComparison:
    messages = Counter(each.person for each in log.applied)
    with Ledger.for_reading(ledger) as opened:
        results = [(result.person, result.outcome) for result in opened.results(run)]
    accepted = {person for person, outcome in results if outcome.is_accepted}
    not_sent = {person for person, outcome in results if outcome in _NOT_SENT}
    undecided = {person for person, outcome in results if outcome is Outcome.UNKNOWN}
    is_true = all(count == 1 for count in messages.values())
    is_true = is_true and accepted <= messages.keys() and not not_sent & messages.keys()
    return LogComparison(people=len(messages), undecided=len(undecided & messages.keys()), is_true=is_true)

"""`status`, `watch`, `cancel`: runs that workers send, looked after from anywhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from batch.app.fleet.lane_settings import load_settings
from batch.app.fleet.run_end import end_run, sent_by_lanes
from batch.app.inputs.change_guard import note_stamp
from batch.app.inputs.staging import utc_now
from batch.app.report import find_run, list_command, rewrite_report
from batch.app.runs.finish import FinishedRun, RunReport, notify
from batch.app.runs.progress import Meter, Watcher
from batch.app.runs.run_folder import is_at_home
from batch.app.runs.run_looks import looked_lines
from batch.app.settings import Settings
from batch.campaign import load_campaign
from batch.errors import Busy, InputError, LedgerFailed, LedgerUnusable, SettingsError
from batch.i18n import _
from batch.ledger import Ledger, Owner, database_at, sender_lock
from batch.model.lanes import ConnectedWorker, Lane, LaneState, Service, Submission
from batch.model.outcomes import ExitCode, Outcome
from batch.model.reasons import sentence
from batch.model.runs import CAMPAIGN_FILE, Run, SenderRun, StopCause, Tally
from batch.pool import NOTHING_SENT, StopSignal, precise_loop, stop_on_signals
from batch.reporter import ReportFiles, command_again

_LOOK = 0.5
"""Seconds between two looks at a run that is watched."""
_PATIENCE = 60.0
"""Seconds that `cancel` waits for workers to finish what is in flight: their own patience, and what records take."""


_AWAY = 60.0
"""Seconds for which a server may be away that is watched, as while it restarts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStatus:
    """A submitted run at one moment."""

    run: Run
    submission: Submission
    outcomes: Mapping[Outcome, int]
    """Messages that it has brought to an end."""
    lanes: tuple[Lane, ...]
    service: Service | None = None
    """By the workers that are connected; None: none needs to be, for it has ended, or is being sent."""
    tally: Tally | None = None
    """All rows of its sheet as they stand; None: they were not counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FleetStatus:
    """Submitted runs and workers of a ledger."""

    ledger: str
    looked: datetime
    runs_command: str
    """Lists all runs."""
    timezone: str | None
    """By whose clock times are shown: of the ledger's latest run. None: no run was planned in it yet."""
    runs: tuple[RunStatus, ...] = ()
    workers: tuple[ConnectedWorker, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CancelledRun:
    """A run that was to be ended."""

    run: Run
    was_over: bool
    """Its end was noted before."""
    is_noted: bool
    """False: workers are finishing what is in flight still."""
    tally: Tally
    """All rows of its sheet as they stand."""

    @property
    def is_too_late(self) -> bool:
        """True where the run had ended before, or came to its end by itself while it was to be cancelled."""
        return self.was_over or (self.is_noted and self.run.exit_code != ExitCode.INTERRUPTED)

    @property
    def command(self) -> str:
        """Sends what is left of the run's sheet."""
        return command_again(self.run)


def fleet_status(name: str | None, settings: Settings) -> FleetStatus:
    """Return how the run of that name stands; None: all whose end is not noted. Makes no ledger."""
    database = database_at(settings.ledger)
    if name is None and database.file is None and not database.exists():
        return FleetStatus(ledger=database.location, looked=utc_now(), runs_command="", timezone=None)
    with Ledger.for_reading(settings.ledger) as ledger:
        names = ledger.lanes.open_runs() if name is None else [_find(ledger, name)[0].run]
        found = filter(None, [_status(ledger, each) for each in names])
        return FleetStatus(
            ledger=ledger.location,
            looked=utc_now(),
            runs_command=list_command(ledger),
            timezone=next((run.timezone for run in ledger.runs()), None),
            runs=tuple(replace(each, tally=ledger.tally(each.run.run)) for each in found),
            workers=tuple(ledger.lanes.workers()),
        )


def _status(ledger: Ledger, name: str, count: Callable[[], Mapping[Outcome, int]] | None = None) -> RunStatus | None:
    """Return how a run stands; None: it is gone. `count`: what counts its outcomes while it is open; None: of all."""
    run, submission = ledger.run(name), ledger.lanes.submission(name)
    if run is None or submission is None:
        return None
    lanes = tuple(ledger.lanes.lanes(name))
    is_watched = count is not None and submission.closed is None
    idle = submission.closed is None and not any(lane.is_held for lane in lanes)
    endpoint, workers = run.endpoint, ledger.lanes.workers() if idle else []
    return RunStatus(
        run=ledger.locate(run),
        submission=submission,
        outcomes=count() if count and is_watched else ledger.lanes.outcomes(name),
        lanes=lanes,
        service=Service.of(workers, queue=submission.queue, endpoint=endpoint) if idle else None,
    )


def _find(ledger: Ledger, name: str | None) -> tuple[Run, Submission]:
    """Return the run of that name, or whose name ends so. Raises SettingsError when workers never had it."""
    run = find_run(ledger, name)
    submission = ledger.lanes.submission(run.run)
    if submission is None:
        raise SettingsError(
            _("The run {run} was not given to workers: it was sent by `run` itself.").format(run=run.run),
            _("`{report}` writes its report; `{status}` lists what workers send.").format(
                report=list_command(ledger, f"report {run.run}"), status=list_command(ledger, "status")
            ),
        )
    return run, submission


def watch(
    name: str,
    settings: Settings,
    watcher: Watcher,
    *,
    stops: bool = False,
    on_look: Callable[[RunStatus], None] = lambda _status: None,
) -> FinishedRun | Run:
    """Watch a run until its end, and write its report where its sheet is. The run: a signal ended the watching.

    `stops`: a signal ends the run, as that of `run` does, and its report is written. `on_look` gets each state.
    """
    with Ledger.for_reading(settings.ledger) as ledger:
        run, submission = _find(ledger, name)
        count = ledger.lanes.outcome_counts(run).look
        watcher.begin(Meter(total=submission.total, before=count()))
        try:
            with asyncio.Runner(loop_factory=precise_loop) as runner:
                is_ended = runner.run(_watch(ledger, run.run, watcher, on_look, count, stops=stops))
        finally:
            watcher.end()
    return report_end(run.run, settings) if is_ended else ledger.locate(run)


async def _watch(
    ledger: Ledger,
    name: str,
    watcher: Watcher,
    on_look: Callable[[RunStatus], None],
    count: Callable[[], Mapping[Outcome, int]],
    *,
    stops: bool,
) -> bool:
    """Watch until the run has ended; False: a signal ended the watching, with `stops` a second one."""
    signal, is_left, ending, judge = StopSignal(), False, None, None
    is_known = stops  # `submit` prints it itself

    def on_signal(again: bool) -> None:  # noqa: FBT001 - as `stop_on_signals` calls it
        nonlocal is_left
        is_left = again or not stops
        if stops:
            watcher.on_signal(again=again)

    with stop_on_signals(signal, on_signal):
        while not is_left:
            now = await _wait_for_status(ledger, name, count, lambda: is_left)
            if now is not None:
                watcher.meter.take(now.outcomes, wanted=_wanted_rate(now), waits=_seconds_of_rest(now))
                lacks = now.service is not None and not now.service.able
                if now.service is not None and lacks and not is_known:
                    watcher.miss_workers(now.run, now.service)
                is_known = lacks
            watcher.tick()
            if now is not None and now.submission.judge not in (None, judge):
                judge = now.submission.judge
                kept = load_settings(now.submission)
                watcher.look_at_canary(sum(now.outcomes.values()), kept.look if kept else 0.0)
            if now is not None:
                on_look(now)
            if now is None or now.submission.closed is not None:
                return True
            if signal.cause is not None and ending is None and not is_left:
                ending = asyncio.create_task(asyncio.to_thread(end_lanes, ledger, name, signal.cause))
            await asyncio.sleep(_LOOK)
    return False


def _wanted_rate(status: RunStatus) -> float:
    """Return the messages a second of the senders that send now, as far as the API lets them."""
    wanted = status.run.wanted_rate or 0.0
    sending = (lane for lane in status.lanes if lane.state is LaneState.SENDING and lane.is_held)
    return sum(min(wanted, lane.rate or wanted) for lane in sending)


def _seconds_of_rest(status: RunStatus) -> float:
    """Return for how long the hours or a cap keep all senders back that have not ended; 0: not all of them."""
    ends = [lane.next_at for lane in status.lanes if lane.state.is_open]
    resting = [each for each in ends if each is not None]
    if not resting or len(resting) < len(ends):
        return 0.0
    return max(0.0, (min(resting) - utc_now()).total_seconds())


async def _wait_for_status(
    ledger: Ledger, name: str, count: Callable[[], Mapping[Outcome, int]], is_left: Callable[[], bool]
) -> RunStatus | None:
    """Return how the run stands, once the server answers. Raises LedgerFailed or LedgerUnusable after `_AWAY`."""
    until = time.monotonic() + _AWAY
    while True:
        try:
            return await asyncio.to_thread(_status, ledger, name, count)
        except (LedgerFailed, LedgerUnusable):
            if is_left() or time.monotonic() > until:
                raise
        await asyncio.sleep(_LOOK)


def report_end(name: str, settings: Settings) -> FinishedRun:
    """Write the report of a run that has ended, and notify whom its campaign names; once, where its sheet is.

    Another program that watches the run may be writing it, or have written it: then it is shown.
    """
    report = _write_at_home(name, settings)
    run = report.run
    notified: tuple[str, ...] = ()
    problems: list[str] = []
    with Ledger.for_reading(settings.ledger) as ledger:
        submission = ledger.lanes.submission(run.run)
        sent = sent_by_lanes(ledger, submission) if submission else NOTHING_SENT
        if sent.cause is StopCause.UNDELIVERED:
            problems = looked_lines(ledger.deliveries.by_row(run.run, ledger.deliveries.looked_at(run.run)))
        # Of lanes that remark the same, one for all.
        remarks = {each.reason: each for lane in ledger.lanes.lanes(run.run) for each in lane.remarks}
        problems += map(sentence, remarks.values())
        try:
            campaign = load_campaign(Path(run.sheet_options[CAMPAIGN_FILE]), now=run.started)
        except (InputError, KeyError):  # it is elsewhere
            campaign = None
        if campaign is not None and not report.was_there and not report.host:
            note_stamp(campaign, ledger, run)
            notified = notify(campaign.notify, run, report.tally, trust_env=settings.trust_env)
    return FinishedRun(
        run=run,
        tally=report.tally,
        folder=report.folder,
        written=report.written,
        was_there=report.was_there,
        host=report.host,
        exit_code=ExitCode(run.exit_code if run.exit_code is not None else ExitCode.STOPPED),
        sent=sent,
        problems=tuple(problems),
        notify_problems=notified,
    )


def _write_at_home(name: str, settings: Settings) -> RunReport:
    """Write the report of a run where its sheet is; elsewhere return its counts, and the machine that has it."""
    with Ledger.for_reading(settings.ledger) as ledger:
        run = find_run(ledger, name)
        if is_at_home(run):
            return rewrite_report(name, settings, once=not settings.clean_report)
        return RunReport(
            run=ledger.locate(run),
            tally=ledger.tally(run.run),
            folder=Path(run.report_dir or ""),
            written=ReportFiles(files=()),
            host=run.host,
        )


def cancel(name: str, settings: Settings, on_wait: Callable[[Run], None] = lambda _run: None) -> CancelledRun:
    """End a run: nothing of it is claimed after 2 seconds, what is in flight is recorded, its rows stay pending.

    `on_wait` is called where workers have something of it in flight, before they are waited for.
    """
    with Ledger.for_reading(settings.ledger) as ledger:  # where there is none, none is made
        run, submission = _find(ledger, name)
        was_over = is_noted = submission.closed is not None
        if not was_over:
            if any(lane.state is LaneState.SENDING and lane.is_held for lane in ledger.lanes.lanes(run.run)):
                on_wait(run)
            is_noted = end_lanes(ledger, run.run, StopCause.INTERRUPTED)
        ended = ledger.locate(ledger.run(run.run) or run)
        return CancelledRun(run=ended, was_over=was_over, is_noted=is_noted, tally=ledger.tally(run.run))


def end_lanes(ledger: Ledger, name: str, cause: StopCause) -> bool:
    """Stop a run by a cause, end those of its lanes that no worker has, and wait for the others; True once it ended."""
    ledger.lanes.stop(name, cause.value)
    until = time.monotonic() + _PATIENCE
    while not end_run(ledger, name):
        _end_free_lanes(ledger, name, cause)
        if end_run(ledger, name):
            break
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK)
    return True


def _end_free_lanes(ledger: Ledger, name: str, cause: StopCause) -> None:
    run, owner = ledger.run(name), Owner.here(name)
    for lane in ledger.lanes.lanes(name) if run is not None else ():
        if lane.state.is_open and not lane.is_held and run is not None:
            mine = ledger.for_lane()
            try:
                with mine.hold([sender_lock(lane.sender, run.endpoint)], owner):
                    if (taken := mine.lanes.take(run, lane.sender, owner)) is not None:
                        nothing = SenderRun(sender=lane.sender, attempts=0, achieved_rate=None, cause=cause.value)
                        mine.lanes.leave((name, lane.sender), taken.epoch, LaneState.STOPPED, nothing, taken.starts)
            except Busy:  # a worker has just taken it
                continue

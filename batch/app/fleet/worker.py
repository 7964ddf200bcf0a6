"""`worker`: serves lanes until it is stopped."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from batch._version import __version__
from batch.app.fleet.lane import LaneServer
from batch.app.fleet.run_end import end_run
from batch.app.looks import LookPace
from batch.app.runs.finish import stop_exit_code
from batch.app.runs.run_log import log_to
from batch.app.runs.run_looks import find_rate
from batch.app.settings import Settings
from batch.chats import Token, make_ssl_context
from batch.errors import LedgerFailed, LedgerUnusable
from batch.event_log import log
from batch.fleet import LaneJob, enqueue, forget_lost, make_tables, queued_lanes, work
from batch.i18n import _
from batch.ledger import Ledger
from batch.model.lanes import LaneState
from batch.model.outcomes import ExitCode
from batch.model.runs import StopCause
from batch.pool import StopSignal, precise_loop, stop_on_signals

SWEEP = 0.7
"""Seconds between two sweeps of a worker: so long a lane may be free that no worker has."""
_DRAINED, _RESTS = 1, -1
"""Priorities of a lane that a worker gave up, which goes first, and of one that waits for a moment."""
_UNSERVED = 10.0
"""Seconds for which no worker may send a run before it says so: one may be about to begin, or to come back."""
_AGAIN = 1.0
"""Seconds before a lane is tried again whose ledger could not be reached."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerInfo:
    """Name and task of a worker, for people."""

    name: str
    """Host, process and version."""
    ledger: str
    endpoint: str
    lanes: int


Begun = Callable[[WorkerInfo, Callable[[], object]], None]
"""Takes what is known of a worker that has begun, and what stops it from any thread, as SIGTERM does in the main one.
"""


def serve_lanes(
    settings: Settings,
    token: Token,
    *,
    lanes: int,
    verbose: bool = False,
    begun: Begun,
    on_signal: Callable[[bool], None],
    tell: Callable[[str], object],
) -> ExitCode:
    """Serve so many lanes at a time, of all runs that were submitted with this token to this endpoint.

    Until a signal: then no lane is taken any more, what is in flight is finished, and the lanes are left to others.
    `on_signal` is called with False at the first signal and with True at a second one; `tell` with what the operator
    should know.
    """
    with log_to(Path(os.devnull), token=token, verbose=verbose), Ledger.open(settings.ledger) as ledger:
        ledger.lanes.prepare(make_tables, forget_lost)
        worker = _Worker(ledger, settings, token, lanes, tell)
        with asyncio.Runner(loop_factory=partial(precise_loop, selects=True)) as runner:
            return runner.run(worker.work(begun, on_signal))


class _Worker:
    def __init__(
        self, ledger: Ledger, settings: Settings, token: Token, lanes: int, tell: Callable[[str], object]
    ) -> None:
        self._ledger = ledger
        self._lanes = lanes
        self._queue = ledger.lanes.queue(settings.endpoint, token.header())
        name = f"{socket.gethostname()}:{os.getpid()} {__version__}"
        self._info = WorkerInfo(name=name, ledger=ledger.location, endpoint=settings.endpoint, lanes=lanes)
        secure = settings.endpoint.startswith("https:")
        context = make_ssl_context(trust_env=settings.trust_env) if secure else None
        self._stopped = asyncio.Event()
        self._told = set[str]()
        self._unserved: dict[str, float] = {}
        """Runs of others that no worker may send, with when that was seen first, by the monotonic clock."""
        self._write = tell
        self._server = LaneServer(
            ledger=ledger,
            settings=settings,
            token=token,
            ssl_context=context,
            stops=set(),
            stopped=self._stopped,
            pace=LookPace(find_rate(settings.endpoint)),
            tell=self._tell,
        )

    async def work(self, begun: Begun, on_signal: Callable[[bool], None]) -> ExitCode:
        await asyncio.to_thread(self._note)
        stop, stopped = StopSignal(), self._stopped
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_log_failure)

        def drain(_sweeping: object = None, *, again: bool = False) -> None:
            stopped.set()
            for lane in self._server.stops:
                if again:
                    lane.abort()
                lane.request(StopCause.TERMINATED)

        def take_signal(*, again: bool) -> None:
            drain(again=again)
            on_signal(again)

        with stop_on_signals(stop, lambda again: take_signal(again=again)):
            sweeping = asyncio.create_task(self._sweep_until_cancelled())
            sweeping.add_done_callback(drain)  # by a defect: without sweeps runs would not end
            begun(self._info, partial(loop.call_soon_threadsafe, partial(take_signal, again=False)))
            log.info("worker_begun", worker=self._info.name, endpoint=self._info.endpoint, lanes=self._lanes)
            try:
                conninfo = self._ledger.lanes.conninfo(self._info.name)
                await work(conninfo, self._queue, lanes=self._lanes, serve=self._serve, stopped=stopped)
            finally:
                sweeping.cancel()
                (swept,) = await asyncio.gather(sweeping, return_exceptions=True)
        if isinstance(swept, Exception):
            raise swept
        return stop_exit_code(stop.cause) or ExitCode.DONE

    async def _serve(self, name: str, sender: str) -> None:
        """Serve a lane whose job was fetched, and see to what comes after it."""
        try:
            run = await asyncio.to_thread(self._ledger.run, name)
            end = await self._server.serve(run, sender) if run is not None else None
        except (LedgerFailed, LedgerUnusable) as failed:
            log.warning("lane_lost", run=name, sender=sender, problem=failed.problem)
            await asyncio.sleep(_AGAIN)
            return
        if end is None:
            return
        try:
            if end.state.is_open:
                priority = _RESTS if end.state is LaneState.RESTING else _DRAINED
                job = LaneJob(run=name, sender=sender, at=end.next_at, priority=priority)
                await asyncio.to_thread(self._enqueue, job)
            await asyncio.to_thread(sweep, self._ledger, self._queue)
        except (LedgerFailed, LedgerUnusable) as failed:  # the sweep of any worker makes up for it
            log.warning("queue_not_written", run=name, sender=sender, problem=failed.problem)

    def _enqueue(self, job: LaneJob) -> None:
        with self._ledger.lanes.driver() as driver:
            enqueue(driver, self._queue, [job])

    async def _sweep_until_cancelled(self) -> None:
        is_noted = True
        while True:
            try:
                if not is_noted:
                    await asyncio.to_thread(self._note)
                await asyncio.to_thread(self._ledger.prove_claims)
                await asyncio.to_thread(sweep, self._ledger, self._queue)
                self._tell_unserved(await asyncio.to_thread(self._ledger.lanes.unserved_runs, self._queue))
                is_noted = True
            except (LedgerFailed, LedgerUnusable) as failed:
                is_noted = False
                log.warning("sweep_failed", problem=failed.problem)
            await asyncio.sleep(SWEEP)

    def _note(self) -> None:
        self._ledger.lanes.note_worker(self._info.name, queue=self._queue, endpoint=self._info.endpoint)

    def _tell(self, words: str) -> None:
        """Tell the operator something, once."""
        if words not in self._told:
            self._told.add(words)
            self._write(words)

    def _tell_unserved(self, found: Mapping[str, str]) -> None:
        """Say of runs that wait in vain why this worker leaves them. `found`: with the address of each."""
        now, own = time.monotonic(), self._info.endpoint
        self._unserved = {run: self._unserved.get(run, now) for run in found}
        for run, since in self._unserved.items():
            if now - since < _UNSERVED:
                continue
            if found[run] == own:
                words = _(
                    "The run {run} waits: it was submitted with another token than this worker has, and no worker that "
                    "has it is connected."
                )
            else:
                words = _(
                    "The run {run} waits: no worker serves {endpoint}, to which it goes. Start one with --base-url "
                    "{endpoint}; this one serves {own}."
                )
            self._tell(words.format(run=run, endpoint=found[run], own=own))


def _log_failure(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what fails beside the lanes: the end of a job that a person removed, for one."""
    log.warning("task_failed", words=context.get("message"), problem=repr(context.get("exception")))


def sweep(ledger: Ledger, queue: str) -> None:
    """Queue the lanes that no worker holds and that are not queued, and note the ends of runs whose lanes have ended.

    What a worker that was lost, or a person, took away from the queue comes back by it.
    """
    free = ledger.lanes.free_lanes(queue)
    with ledger.lanes.driver() as driver:
        waiting = queued_lanes(driver, queue) if free else {}
        missing = [lane for lane in free if (lane.run, lane.sender) not in waiting]
        enqueue(driver, queue, [LaneJob(run=lane.run, sender=lane.sender, at=lane.next_at) for lane in missing])
    for name in ledger.lanes.open_runs(queue):
        end_run(ledger, name)

"""One lane: taken, sent by the pool of `run`, and left, by one worker.

Whatever ends it unforeseen, the ledger's locks and claims hold: the lane is taken by another worker, and what this one
had in flight is recorded if it can be, else is `unknown`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from batch.app.fleet.lane_settings import LaneSettings, load_settings
from batch.app.inputs.staging import utc_now
from batch.app.looks import LookPace
from batch.app.runs.progress import Watcher
from batch.app.runs.run_looks import SAMPLES, RunLooks
from batch.app.settings import Settings
from batch.chats import ChatsClient, Token
from batch.errors import Busy, LedgerFailed, WeglyBatchError
from batch.event_log import log
from batch.i18n import _
from batch.ledger import Ledger, Owner, sender_lock
from batch.model.delivery import SAMPLE_AFTER
from batch.model.lanes import LaneStarts, LaneState, TakenLane
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, sentence
from batch.model.runs import Run, SenderRun, StopCause
from batch.pool import NEVER, NOTHING_SENT, AchievedRate, Pool, PoolResult, SenderPool, StopSignal, ledger_failure

if TYPE_CHECKING:
    from batch.ledger import LaneQueue

_CLOCKS_APART = timedelta(minutes=1)
"""More than those of two machines may be that use the ledger."""
BEAT = 1.0
"""Seconds between two beats of a lane, by which its session is kept and a stop of its run is heeded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneEnd:
    """The end of serving a lane."""

    state: LaneState
    next_at: datetime | None = None
    """When a resting one goes on."""


@dataclass(frozen=True, kw_only=True)
class LaneServer:
    """The things that all lanes of a worker have in common."""

    ledger: Ledger
    settings: Settings
    token: Token
    ssl_context: Any
    stops: set[StopSignal]
    """Those of the lanes that send at the moment."""
    stopped: asyncio.Event
    """Set once the worker drains: a lane that is just being taken is left again."""
    pace: LookPace
    """Of the looks of all lanes together."""
    tell: Callable[[str], object]
    """Tells the worker's operator what they should know."""

    async def serve(self, run: Run, sender: str) -> LaneEnd | None:
        """Send a lane until it ends or is left; None: another has it, or there is nothing to do in it.

        Raises LedgerFailed when its session was lost: the lane is another's then, or will be within seconds.
        """
        ledger, owner = self.ledger.for_lane(), Owner.here(run.run)
        with ExitStack() as held:
            lock = ledger.hold([sender_lock(sender, run.endpoint)], owner)
            try:
                await asyncio.to_thread(held.enter_context, lock)
            except Busy:
                return None
            taken = await asyncio.to_thread(ledger.lanes.take, run, sender, owner)
            if taken is None:
                return None
            return await _LaneService(self, ledger, run, sender, taken).serve()


class _LaneService:
    """A lane while this worker has it; the progress of its pool."""

    def __init__(self, server: LaneServer, ledger: Ledger, run: Run, sender: str, taken: TakenLane) -> None:
        self._server = server
        self._ledger = ledger
        self._run = run
        self._sender = sender
        self._owner = replace(Owner.here(run.run), epoch=taken.epoch)
        self._taken = taken
        self._loop = asyncio.get_running_loop()
        self._offset = timedelta(seconds=taken.offset)
        self._stop = StopSignal()
        self._is_run_stopped = False
        self._pool: SenderPool | None = None
        self._looks: RunLooks | None = None
        self._wanted = 0.0
        self._news = asyncio.Event()
        self._pause: tuple[float, datetime | None] = (float("-inf"), None)

    async def serve(self) -> LaneEnd | None:
        submission = self._taken.submission
        if (kept := load_settings(submission)) is None:
            log.warning("lane_of_another_version", run=self._run.run, sender=self._sender, format=submission.format)
            words = _("The run {run} was submitted by another version of wegly-batch: this worker leaves it to others.")
            self._server.tell(words.format(run=self._run.run))
            await self._leave(LaneState.WAITING, NOTHING_SENT)
            return None
        log.info("lane_taken", run=self._run.run, sender=self._sender, epoch=self._owner.epoch)
        self._heed(submission.cause, submission.finding)
        try:
            sent = await self._send(kept)
        except WeglyBatchError:
            raise
        except Exception as defect:
            # Any other worker would meet it too: the lane must not go from one to the next for ever.
            log.exception("lane_defect", run=self._run.run, sender=self._sender)
            self._server.tell(
                _(
                    "A defect in wegly-batch stopped the run {run} at sender {sender}: {error}. Its rows wait. Please "
                    "report it: with -v the log has the traceback."
                ).format(run=self._run.run, sender=self._sender, error=type(defect).__name__)
            )
            await self._leave(LaneState.STOPPED, replace(NOTHING_SENT, cause=StopCause.DEFECT))
            raise
        if sent.cause is StopCause.LEDGER_FAILED:
            raise LedgerFailed(sentence(sent.finding) if sent.finding else "")
        at = sent.next_at
        if self._is_run_stopped or sent.cause not in (None, StopCause.TERMINATED, StopCause.INTERRUPTED):
            state = LaneState.STOPPED
        elif sent.cause is not None:
            state = LaneState.WAITING
        else:
            state = LaneState.DONE if at is None or at.year == NEVER.year else LaneState.RESTING
        state = await self._leave(state, sent)
        return LaneEnd(state=state, next_at=at if state is LaneState.RESTING else None)

    async def _send(self, kept: LaneSettings) -> PoolResult:
        settings = replace(self._server.settings, origin=kept.origin, read_timeout=kept.read_timeout)
        limiter = await asyncio.to_thread(self._ledger.make_limiter, kept.limits, endpoint=self._run.endpoint)
        token, context, self._wanted = self._server.token, self._server.ssl_context, kept.pool.rate
        self._server.stops.add(self._stop)
        if self._server.stopped.is_set():
            self._stop.request(StopCause.TERMINATED)
        try:
            with self._ledger.lanes.open_queue(self._owner, limiter, self._taken.rows) as queue:
                self._looks = looks = self._make_looks(kept, settings)
                tasks = [asyncio.create_task(each) for each in (self._beat(queue), self._sample(looks, kept))]
                tasks[0].add_done_callback(self._heed_end)
                if kept.looks_again:  # there may be many, and the beat must go on
                    await asyncio.to_thread(lambda: looks.failed)
                pool = Pool(
                    ledger=queue,
                    client=lambda: settings.make_client(ChatsClient, token, ssl_context=context),
                    settings=replace(kept.pool, wait=False),
                    now=self._now,
                    progress=self,
                    stop=self._stop,
                    look=looks.look_again if kept.looks_again else None,
                    is_stale=queue.is_stale,
                    prepare=self._prepare,
                    follows_claims=True,
                )
                try:
                    return await self._send_first(pool, queue, kept, looks)
                finally:
                    for task in tasks:
                        task.cancel()
                    for ended in await asyncio.gather(*tasks, return_exceptions=True):
                        if isinstance(ended, Exception):
                            log.error("lane_task_failed", exc_info=ended)
        finally:
            self._server.stops.discard(self._stop)

    def _make_looks(self, kept: LaneSettings, settings: Settings) -> RunLooks:
        return RunLooks(
            self._ledger,
            self._run.run,
            settings,
            self._server.token,
            stop=self._stop,
            watcher=Watcher(),
            undelivered=1.0 if kept.undelivered is None else kept.undelivered,
            sender=self._sender,
            pace=self._server.pace,
            now=self._now,
        )

    async def _sample(self, looks: RunLooks, kept: LaneSettings) -> None:
        """Look at some of the sender's messages, those of the holder before too, and judge by what is known already."""
        if kept.undelivered is None or self._taken.submission.canary is not None:
            return
        since = self._taken.submission.submitted - _CLOCKS_APART
        of_sender = partial(self._ledger.deliveries.looked_at, self._run.run, self._sender)
        known = await asyncio.to_thread(of_sender, since=since, most=SAMPLES)
        await looks.sample(self._now() - SAMPLE_AFTER, known)

    async def _send_first(self, pool: Pool, queue: LaneQueue, kept: LaneSettings, looks: RunLooks) -> PoolResult:
        """Send the lane's jobs; while the first rows of the run have not passed, these, and judge them if it is last.

        Then all its lanes are free, and this one is taken anew like the others.
        """
        submission = self._taken.submission
        if submission.canary is None or self._stop.is_requested:
            return await pool.run()
        senders = [lane.sender for lane in await asyncio.to_thread(self._ledger.lanes.lanes, self._run.run)]
        is_passed = bool(kept.look) and looks.counts(senders, kept.template)
        if not is_passed:
            first = await pool.run()
            if first.next_at is not None and first.next_at.year == NEVER.year:
                self._stop.request(StopCause.CANARY)
                return pool.result()
            if first.cause is not None or first.next_at is not None or not await queue.judges(self._sender):
                return first
            outcomes = await asyncio.to_thread(self._ledger.lanes.outcomes, self._run.run)
            rows = submission.submitted - _CLOCKS_APART, submission.canary
            log.info("canary_looked_at", run=self._run.run, sender=self._sender, messages=sum(outcomes.values()))
            is_passed = await looks.judge_canary(outcomes, rows, kept.look, kept.template)
        if is_passed:
            await queue.pass_canary()
        return pool.result()

    def _now(self) -> datetime:
        return utc_now() + self._offset

    def _prepare(self, pool: SenderPool) -> None:
        """Let the lane go on where its holder before was."""
        taken, self._pool, latest = self._taken, pool, self._taken.starts.latest
        age = (self._now() - latest).total_seconds() if latest else 0.0
        pool.resume(
            wait=max(taken.wait, taken.pause),
            rate=taken.rate,
            done=taken.done,
            errors=taken.errors,
            starts=AchievedRate(
                count=taken.starts.count,
                gaps=taken.starts.gaps,
                seconds=taken.starts.seconds,
                latest=self._loop.time() - age if latest else None,
            ),
            slowed=taken.starts.slowed,
        )

    async def _beat(self, queue: LaneQueue) -> None:
        """Beat until cancelled. Once the session is lost nothing is claimed any more."""
        while True:
            self._news.clear()
            try:
                self._heed(*await queue.beat(self._sender, *self._pace(), self._starts()))
            except LedgerFailed as failed:
                self._stop.request(StopCause.LEDGER_FAILED, ledger_failure(failed))
                return
            try:
                async with asyncio.timeout(BEAT):
                    await self._news.wait()
            except TimeoutError:
                continue

    def _heed_end(self, beating: asyncio.Task[None]) -> None:
        """Stop the lane where a defect ended its beats: another may have it within seconds."""
        if not beating.cancelled() and beating.exception() is not None:
            self._stop.request(StopCause.DEFECT)

    def _pace(self) -> tuple[float | None, datetime | None]:
        """Return the rate where it is cut, and the end of a pause, for who takes the lane next."""
        if self._pool is None:
            return self._taken.rate, None
        rate, until = self._pool.pace
        left = until - self._loop.time()
        if until != self._pause[0]:
            self._pause = until, self._now() + timedelta(seconds=left)
        return None if rate >= self._wanted else rate, self._pause[1] if left > 0 else None

    def _starts(self) -> LaneStarts:
        if self._pool is None:
            return self._taken.starts
        starts, now = self._pool.starts, self._now()
        return LaneStarts(
            count=starts.count,
            gaps=starts.gaps,
            seconds=starts.seconds,
            latest=None if starts.latest is None else now - timedelta(seconds=self._loop.time() - starts.latest),
            slowed=self._pool.summarize().slowed,
            noted=now,
        )

    def _heed(self, cause: str | None, finding: Finding | None) -> None:
        """Stop, where all of the run is to."""
        if cause is not None:
            self._is_run_stopped = True
            self._stop.request(StopCause(cause), finding)

    async def _leave(self, state: LaneState, sent: PoolResult) -> LaneState:
        """Note what became of the lane, and return it. Raises LedgerFailed when its session was lost."""
        own = sent.senders[0] if sent.senders else _nothing(self._sender)
        own = replace(own, cause=sent.cause.value if sent.cause and not state.is_open else None)
        # While the first rows go alone, what stops one of them stops the rest.
        is_for_all = self._stop.is_requested or self._taken.submission.canary is not None
        is_for_all = is_for_all and state is LaneState.STOPPED and not self._is_run_stopped
        lane, starts = (self._run.run, self._sender), self._starts()
        note = partial(self._ledger.lanes.leave, lane, self._owner.epoch, state, own, starts)
        noted = await asyncio.to_thread(
            note,
            next_at=sent.next_at if state in (LaneState.RESTING, LaneState.DONE) else None,
            finding=sent.finding,
            remarks=self._looks.remarks if self._looks else (),
            stops=own.cause if is_for_all else None,
        )
        values = {"state": (noted or state).value, "attempts": starts.count, "cause": own.cause, "ours": bool(noted)}
        log.info("lane_left", run=self._run.run, sender=self._sender, epoch=self._owner.epoch, **values)
        return noted or state

    # The progress of its pool

    def done(self, row: int, outcome: Outcome) -> None:
        """Take no note: the ledger counts."""

    def pause(self, seconds: float, finding: Finding, sender: str) -> None:  # noqa: ARG002 - the pool's protocol
        """Let the pause be durable at once: who takes the lane next must not start in it."""
        self._news.set()


def _nothing(sender: str) -> SenderRun:
    return SenderRun(sender=sender, attempts=0, achieved_rate=None)

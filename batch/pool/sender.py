"""One sender of a run: its jobs, its pace, and what stops it. What stops one sender does not stop the others."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog

from batch.errors import LedgerFailed
from batch.model.messages import Job
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.verdicts import Refused, Verdict
from batch.pool.attempt import Attempt, Begun, Exchange, Readiness, ledger_failed
from batch.pool.deferred import Later, Left, Leftovers
from batch.pool.hours import Windows
from batch.pool.ports import PoolSettings, Progress
from batch.pool.rate_limiter import Starts, Throttle
from batch.pool.retries import Repeats
from batch.pool.stop import CLOCK_OFF, StopCause, Watch

log = structlog.get_logger()

CAP_PATIENCE = timedelta(minutes=2)
"""How near the next free place under a cap must be to be waited for: so that a run of every day at the same hour, which
comes a moment before yesterday's messages are a day old, follows them instead of ending at once."""
CLOSING = timedelta(minutes=2)
"""How near the end of the hours must be for a post to be watched: to connect takes less."""
LOOK_AGAIN = 30.0
"""Seconds after which who waits for an hour reads the wall clock again: a machine may have slept."""
FOR_ALL = frozenset({Reason.NOT_AUTHORIZED, Reason.WRONG_ADDRESS})
"""Answers that every sender would get alike."""
_AT_ONCE = 500  # jobs passed over before others get a turn


class Lane:
    """The workers of one sender. Make and use it on one running event loop."""

    def __init__(self, sender: str, *, exchange: Exchange, settings: PoolSettings, progress: Progress) -> None:
        self.sender = sender
        self.stop = exchange.stop.below()
        self.jobs = 0
        self.starts = Starts()
        self.outcomes: Counter[Outcome] = Counter()
        self._leftovers = Leftovers()
        self._exchange = exchange
        self._settings = settings
        self._progress = progress
        self._loop = asyncio.get_running_loop()
        self._throttle = Throttle(settings.rate, self.stop)
        self._watch = Watch(settings.stop)
        self._windows = Windows(settings.hours, settings.home)
        self._later = Later()
        self._readiness = Readiness(exchange, self._throttle, self._windows, rate=settings.rate)
        self._spoken_of: datetime | None = None

    @property
    def left(self) -> Left | None:
        """The soonest of what was passed over; None when nothing was."""
        return self._leftovers.soonest

    @property
    def slowed(self) -> int:
        """How often the rate was cut."""
        return self._throttle.cuts

    async def run(self, upto: int | None) -> None:
        """Bring every job (up to that row) to an outcome, pass over what may not go now, or stop.

        With `wait`, what the hours keep back is waited for.
        """
        while True:
            self._leftovers.clear()
            self.starts.new_pass()
            jobs = self._exchange.ledger.jobs(self.sender, upto=upto)
            await self._all(jobs)
            if not await self._until_hours():
                return

    async def _all(self, jobs: Iterator[Job]) -> None:
        """One pass of all workers over the jobs. Raises what a defect raised, after all of them have ended."""
        workers = [asyncio.create_task(self._work(jobs)) for _ in range(self._settings.concurrency)]
        try:
            await asyncio.gather(*workers, return_exceptions=True)
        finally:
            for worker in workers:
                if worker.done() and not worker.cancelled() and (error := worker.exception()):
                    raise error

    async def _until_hours(self) -> bool:
        """Wait for the hours of what was left out; False when that is not what is to be waited for."""
        left = self._leftovers.because_of(Reason.WINDOW)
        if not self._settings.wait or left is None:
            return False
        return await self._sleep_until(left.until, left.finding)

    async def _sleep_until(self, until: datetime, finding: Finding) -> bool:
        """Sleep by the wall clock; False when the run stops first."""
        while (left := (until - self._exchange.now()).total_seconds()) > 0:
            if self._spoken_of != until:
                self._spoken_of = until
                log.info("waits", until=until.isoformat(), reason=finding.reason.value)
                self._progress.waiting(left, finding, self.sender)
            if not await self.stop.sleep(min(left, LOOK_AGAIN)):
                return False
        return not self.stop.requested

    async def _work(self, jobs: Iterator[Job]) -> None:
        try:
            while (job := await self._next(jobs)) is not None:
                await self._handle(job)
        except LedgerFailed as failed:
            self._exchange.stop.request(StopCause.LEDGER_FAILED, ledger_failed(failed))
            log.exception("ledger_failed", problem=failed.problem)
        except Exception:
            self._exchange.stop.request(StopCause.DEFECT)
            raise

    async def _next(self, jobs: Iterator[Job]) -> Job | None:
        """The next job that may go now; None when there is none, or the run is stopping."""
        passed = 0
        while not self.stop.requested:
            now = self._exchange.now()
            job = self._later.due(now) or next(jobs, None)
            if job is None:
                if (until := self._later.next_at) is None:
                    return None
                left = (until - now).total_seconds()
                await self.stop.sleep(min(max(left, 0.001), LOOK_AGAIN))
            elif not self._passed_over(job) and not self._later.too_close(job, now):
                return job
            elif (passed := passed + 1) % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return None

    def _passed_over(self, job: Job) -> bool:
        """Whether the job may certainly not go now; nothing was claimed or written."""
        now = self._exchange.now()
        if (until := self._windows.closed_until(job, now)) is not None:
            self._leftovers.leave(self._windows.finding(until), until)
            return True
        full = None if self._readiness.held else self._exchange.ledger.full_until(job, now)
        if full is not None and full.until is not None and full.until > now + CAP_PATIENCE:
            self._leftovers.leave(full.finding, full.until)
            return True
        return False

    async def _handle(self, job: Job) -> None:
        """Bring one job to an outcome, or leave it pending: a rule keeps it back, the limit of repeats is reached, or
        the run is stopping."""
        repeats = Repeats(self._settings.repeats)
        again = True
        while again:
            async with self._readiness.ahead:
                begun = await self._begin(job)
            if begun is None:
                return
            if isinstance(begun, Refused):
                again = await self._refused(job, begun)
                continue
            again = await self._attempt(job, begun, repeats)
            self.jobs += not again

    async def _begin(self, job: Job) -> Begun | Refused | None:
        """Claim the job, connect, and wait for its moment: the post must follow at once. None: it is not for us, or not
        for now."""
        while (slot := await self._throttle.next_slot()) is not None:
            if not self._exchange.clock_is_right() or self._passed_over(job):
                return None
            held = await self._exchange.claim(job)
            if isinstance(held, Refused):
                return held
            if held is None:
                log.info("not_ours", row=job.row)
                return None
            if (begun := await self._readiness.make(job, held, slot)) is not None:
                return begun
        return None

    async def _attempt(self, job: Job, begun: Begun, repeats: Repeats) -> bool:
        """Post once, and record or release; True when the job is to be tried again now."""
        try:
            attempt = await self._posted(job, begun)
            verdict = attempt.verdict
            self._heed(verdict)
            if verdict.outcome is not Outcome.PENDING:
                await self._exchange.record(job, begun.held, attempt, self._seen)
                return False
            await self._exchange.release(job, begun.held, verdict)
        finally:
            self._readiness.done()
        return await self._may_repeat(verdict, repeats)

    async def _posted(self, job: Job, begun: Begun) -> Attempt:
        if isinstance(begun.client, Attempt):
            return begun.client
        self.starts.note(self._loop.time())
        closes = self._windows.closes_at(job)
        soon = closes if closes is not None and closes - self._exchange.now() < CLOSING else None
        return await self._exchange.post(begun.client, job, begun.held, self._seen, due=begun.due, closes=soon)

    async def _may_repeat(self, verdict: Verdict, repeats: Repeats) -> bool:
        if verdict.pause is not None:
            self._progress.waiting(verdict.pause, verdict.finding, self.sender)
        if not verdict.repeat:
            return False
        if verdict.finding.reason is Reason.WINDOW:  # no failure: it will be passed over, or waited for
            return True
        wait = repeats.next_wait(self._loop.time(), verdict.pause, reached=self._exchange.reached)
        if wait is None:
            self.stop.request(StopCause.RETRIES_USED_UP, verdict.finding)
            return False
        return await self.stop.sleep(wait)

    async def _refused(self, job: Job, refused: Refused) -> bool:
        """Heed what a rule said of a job; True when it is to be claimed again now."""
        if refused.outcome is not Outcome.PENDING or refused.until is None:
            log.info("left_out", row=job.row, outcome=refused.outcome.value, reason=refused.finding.reason.value)
            self.jobs += 1
            self._progress.done(job.row, refused.outcome)
            return False
        if refused.finding.reason is not Reason.CAP:
            self._later.put_off(job, refused.until)
            return False
        now = self._exchange.now()
        if refused.until <= now + CAP_PATIENCE:
            return await self._sleep_until(refused.until, refused.finding)
        if self._readiness.held:  # what is in flight may turn out not to count
            return await self.stop.sleep(0.5)
        self._leftovers.leave(refused.finding, refused.until)
        return False

    def _heed(self, verdict: Verdict) -> None:
        """What an answer means for everyone else; before anything waits, so that nobody starts meanwhile."""
        if verdict.slow_down:
            self._throttle.slow_down()
        if verdict.pause is not None:
            self._throttle.pause(verdict.pause)
        if verdict.stop:
            # Where others were answered the address is right: it is this sender that the API does not know.
            known = verdict.finding.reason is Reason.WRONG_ADDRESS and self._exchange.answered
            stop = self._exchange.stop if verdict.finding.reason in FOR_ALL and not known else self.stop
            stop.request(StopCause.FATAL_ANSWER, verdict.finding)
        if verdict.clock_skew is not None and abs(verdict.clock_skew) > CLOCK_OFF:
            self._exchange.stop.request(StopCause.CLOCK_WRONG)

    def _seen(self, job: Job, outcome: Outcome, verdict: Verdict) -> None:
        self.outcomes[outcome] += 1
        self._progress.done(job.row, outcome)
        if cause := self._watch.see(verdict):
            self.stop.request(cause, verdict.finding)

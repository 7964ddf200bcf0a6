"""The workers of one sender: its jobs, its pace, its stop rules. A stop of one sender does not stop the others."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from math import ceil
from typing import Any

from batch.errors import LedgerFailed
from batch.event_log import log
from batch.model.messages import Job
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import SenderRun, StopCause
from batch.model.verdicts import ClaimRefusal, Verdict
from batch.pool.attempt import Attempt, AttemptRunner, ledger_failure
from batch.pool.deferred import Deferral, Deferrals, DeferredQueue, RecipientHours
from batch.pool.pacing import RetryCounter
from batch.pool.ports import ChatsPort, PoolSettings, Progress
from batch.pool.start_slots import AchievedRate, StartSlot, StartSlots
from batch.pool.stop import CLOCK_OFF, OutcomeMonitor

CAP_PATIENCE = timedelta(minutes=2)
"""How near the next free place under a cap must be to be waited for: so that a run of every day at the same hour, which
comes a moment before yesterday's messages are a day old, follows them instead of ending at once."""
LOOK_AGAIN = 30.0
"""Seconds after which a wait for an hour reads the wall clock again: a machine may have slept."""
FOR_ALL = frozenset({Reason.NOT_AUTHORIZED, Reason.WRONG_ADDRESS})
"""Answers that every sender would get alike."""
AHEAD = 0.25
"""Seconds of starts for which claims and connections are made ready. More of them would only wait: each with a claim
that is an unknown row if the machine dies, and a connection that grows old."""
_LEAST_AHEAD = 8
_AT_ONCE = 500  # jobs passed over before others get a turn
_NOT_FAILED = ClaimRefusal(outcome=Outcome.SKIPPED, finding=Finding(Reason.NOT_FAILED))


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadyAttempt:
    """A claimed job whose moment has come."""

    held: Any
    client: ChatsPort | Attempt
    """The connection to post over; else the attempt that failed to connect."""
    due: float
    """When it was to begin, by the loop's clock."""


class SenderPool:
    """The workers of one sender. Make and use it on one running event loop."""

    def __init__(self, sender: str, *, runner: AttemptRunner, settings: PoolSettings, progress: Progress) -> None:
        self.sender = sender
        self.stop = runner.stop.child()
        self.jobs = 0
        self.starts = AchievedRate()
        self.outcomes: Counter[Outcome] = Counter()
        self._deferrals = Deferrals()
        self._runner = runner
        self._settings = settings
        self._progress = progress
        self._loop = asyncio.get_running_loop()
        ahead = max(_LEAST_AHEAD, ceil(settings.rate * AHEAD))
        self._slots = StartSlots(settings.rate, self.stop, runner.lead, ahead)
        self._monitor = OutcomeMonitor(settings.stop)
        self._hours = RecipientHours(settings.hours, settings.home)
        self._deferred = DeferredQueue()
        self._held = 0
        """Claims that are made ready, or were so, and whose outcome or release is not written yet."""
        self._announced: datetime | None = None

    @property
    def deferral(self) -> Deferral | None:
        """The soonest of the jobs passed over; None when none was."""
        return self._deferrals.soonest

    @property
    def pace(self) -> tuple[float, float]:
        """Starts a second at the moment, and the end of the latest pause by the loop's clock."""
        return self._slots.pace

    def resume(
        self, *, wait: float, rate: float | None, done: int, errors: int, starts: AchievedRate, slowed: int
    ) -> None:
        """Go on where another process was: after `wait` seconds, at the rate that it was cut to, with its counts."""
        self.starts = starts
        self._slots.resume(wait, rate, slowed)
        self._monitor.resume(done, errors)

    def summarize(self) -> SenderRun:
        """Return the sender's part of the run's result."""
        return SenderRun(
            sender=self.sender,
            attempts=self.starts.count,
            achieved_rate=self.starts.rate,
            slowed=self._slots.cuts,
            cause=self.stop.cause.value if self.stop.cause else None,
            pending=self.deferral.finding if self.deferral else None,
        )

    async def run(self, upto: int | None) -> None:
        """Bring every job (up to that row) to an outcome, pass over those that may not go now, or stop.

        With `wait`, a job that the hours keep back is waited for. An exception of a defect is raised after all workers
        have ended.
        """
        again = True
        while again:
            self._deferrals.clear()
            self.starts.begin_pass()
            jobs = self._runner.ledger.jobs(self.sender, upto=upto)
            workers = [asyncio.create_task(self._work(jobs)) for _ in range(self._settings.concurrency)]
            try:
                await asyncio.gather(*workers, return_exceptions=True)
            finally:
                for worker in workers:
                    if worker.done() and not worker.cancelled() and (error := worker.exception()):
                        raise error
            closed = self._deferrals.get(Reason.WINDOW)
            again = self._settings.wait and closed is not None and await self._sleep_until(closed.until, closed.finding)

    async def _sleep_until(self, until: datetime, finding: Finding) -> bool:
        """Sleep by the wall clock; False when the run stops first."""
        while (seconds := (until - self._runner.now()).total_seconds()) > 0:
            if self._announced != until:
                self._announced = until
                log.info("waits", until=until.isoformat(), reason=finding.reason.value)
                self._progress.pause(seconds, finding, self.sender)
            if not await self.stop.sleep(min(seconds, LOOK_AGAIN)):
                return False
        return not self.stop.is_requested

    async def _work(self, jobs: Iterator[Job]) -> None:
        try:
            while (job := await self._next(jobs)) is not None:
                await self._handle(job)
        except LedgerFailed as failed:
            self._runner.stop.request(StopCause.LEDGER_FAILED, ledger_failure(failed))
            log.exception("ledger_failed", problem=failed.problem)
        except Exception:
            self._runner.stop.request(StopCause.DEFECT)
            raise

    async def _next(self, jobs: Iterator[Job]) -> Job | None:
        """Return the next job that may go now; None when there is none, or the run is stopping."""
        passed = 0
        while not self.stop.is_requested:
            now = self._runner.now()
            job = self._deferred.pop_due(now) or next(jobs, None)
            if job is None:
                if (until := self._deferred.next_at) is None:
                    return None
                await self.stop.sleep(min(max((until - now).total_seconds(), 0.001), LOOK_AGAIN))
            elif not self._pass_over(job) and not self._deferred.defer_if_too_close(job, now):
                return job
            elif (passed := passed + 1) % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return None

    def _pass_over(self, job: Job) -> bool:
        """Return True, and note why, when the job may certainly not go now; nothing was claimed or written."""
        now = self._runner.now()
        if (until := self._hours.closed_until(job, now)) is not None:
            self._deferrals.add(self._hours.explain(until), until)
            return True
        full = None if self._held else self._runner.ledger.full_until(job, now)
        if full is not None and full.until is not None and full.until > now + CAP_PATIENCE:
            self._deferrals.add(full.finding, full.until)
            return True
        return False

    async def _handle(self, job: Job) -> None:
        """Bring one job to an outcome, or leave it pending: kept back by a rule, retries used up, run stopping."""
        retries = RetryCounter(self._settings.retries)
        again = True
        while again:
            ready = await self._prepare(job)
            if ready is None:
                return
            if isinstance(ready, ClaimRefusal):
                again = await self._heed_refusal(job, ready)
                continue
            again = await self._attempt(job, ready, retries)
            self.jobs += not again

    async def _prepare(self, job: Job) -> ReadyAttempt | ClaimRefusal | None:
        """Claim the job, connect, and wait for its moment: the post must follow at once.

        None: the job is not ours, or not for now.
        """
        while (slot := await self._slots.next_slot()) is not None:
            try:
                if not self._runner.check_clock() or self._pass_over(job):
                    return None
                if self._runner.look is not None and not await self._runner.look(job):
                    return await self._give_up(job)
                held = await self._runner.claim(job)
                if isinstance(held, ClaimRefusal):
                    return held
                if held is None:
                    log.info("not_ours", row=job.row)
                    return None
                if (ready := await self._connect(job, held, slot)) is not None:
                    return ready
            finally:
                self._slots.leave()
        return None

    async def _give_up(self, job: Job) -> ClaimRefusal | None:
        """Give up a job that replaces nothing that failed. None: the run is stopping, and the look may be cut off."""
        if self.stop.is_requested:
            return None
        await self._runner.ledger.give_up(job.key)
        return _NOT_FAILED

    async def _connect(self, job: Job, held: Any, slot: StartSlot) -> ReadyAttempt | None:
        """Connect, and wait for the slot's moment. None: the moment did not come, and the claim was given back."""
        self._held += 1
        ready = None
        try:
            client = await self._runner.connect(held)
            if isinstance(client, Attempt) or await self._wait_for_start(job, held, slot, client):
                ready = ReadyAttempt(held=held, client=client, due=slot.time)
        finally:
            self._held -= ready is None
        return ready

    async def _wait_for_start(self, job: Job, held: Any, slot: StartSlot, client: ChatsPort) -> bool:
        """Wait for the moment of the start; when it does not come, or this is cancelled, give the claim back."""
        started = False
        try:
            started = await self._slots.start(slot, partial(self._runner.is_stale, held))
            # A job that waited past the end of its hours is passed over.
            started = started and self._hours.closed_until(job, self._runner.now()) is None
        finally:
            if not started:
                await self._runner.give_back(held, client)
        return started

    async def _attempt(self, job: Job, ready: ReadyAttempt, retries: RetryCounter) -> bool:
        """Post once, and record or release; True when the job is to be tried again now."""
        try:
            attempt = await self._post(job, ready)
            if attempt is None:
                return True
            verdict = attempt.verdict
            self._heed(verdict)
            if verdict.outcome is not Outcome.PENDING:
                await self._runner.record(job, ready.held, attempt, self._on_outcome)
                return False
            await self._runner.release(job, ready.held, verdict)
        finally:
            self._held -= 1
        if verdict.pause is not None:
            self._progress.pause(verdict.pause, verdict.finding, self.sender)
        if not verdict.repeat:
            return False
        wait = retries.next_wait(self._loop.time(), verdict.pause, reached=self._runner.reached)
        if wait is None:
            self.stop.request(StopCause.RETRIES_USED_UP, verdict.finding)
            return False
        return await self.stop.sleep(wait)

    async def _post(self, job: Job, ready: ReadyAttempt) -> Attempt | None:
        if isinstance(ready.client, Attempt):
            return ready.client
        self.starts.add(self._loop.time())
        closes = self._hours.closes_at(job)
        return await self._runner.post(ready.client, job, ready.held, self._on_outcome, due=ready.due, closes=closes)

    async def _heed_refusal(self, job: Job, refused: ClaimRefusal) -> bool:
        """Heed a rule that refused the claim; True when the job is to be claimed again now."""
        if refused.outcome is not Outcome.PENDING or refused.until is None:
            log.info("left_out", row=job.row, outcome=refused.outcome.value, reason=refused.finding.reason.value)
            self.jobs += 1
            self._progress.done(job.row, refused.outcome)
            return False
        if refused.finding.reason is not Reason.CAP:
            self._deferred.defer(job, refused.until)
            return False
        if refused.until <= self._runner.now() + CAP_PATIENCE:
            return await self._sleep_until(refused.until, refused.finding)
        if self._held:  # an attempt in flight may turn out not to count
            return await self.stop.sleep(0.5)
        self._deferrals.add(refused.finding, refused.until)
        return False

    def _heed(self, verdict: Verdict) -> None:
        """Pause, slow down or stop, as an answer asks; before anything waits, so that no attempt starts meanwhile."""
        if verdict.slow_down:
            self._slots.slow_down()
        if verdict.pause is not None:
            self._slots.pause(verdict.pause)
        if verdict.stop:
            # Where others were answered the address is right: it is this sender that the API does not know.
            known = verdict.finding.reason is Reason.WRONG_ADDRESS and self._runner.answered
            stop = self._runner.stop if verdict.finding.reason in FOR_ALL and not known else self.stop
            stop.request(StopCause.FATAL_ANSWER, verdict.finding)
        if verdict.clock_skew is not None and abs(verdict.clock_skew) > CLOCK_OFF:
            self._runner.stop.request(StopCause.CLOCK_WRONG)

    def _on_outcome(self, job: Job, outcome: Outcome, verdict: Verdict) -> None:
        self.outcomes[outcome] += 1
        self._progress.done(job.row, outcome)
        if cause := self._monitor.add(verdict):
            self.stop.request(cause, verdict.finding)

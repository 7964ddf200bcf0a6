"""The workers: each takes a job and brings it to an outcome, or back to pending."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

import structlog

from batch.errors import LedgerFailed
from batch.model.attempt import Verdict
from batch.model.message import Job
from batch.model.outcome import Evidence, Outcome
from batch.model.reason import Finding, Reason
from batch.pool.repeats import RepeatRules, Repeats
from batch.pool.stopping import CLOCK_OFF, Stop, StopCause, StopRules, Watch
from batch.pool.throttle import Throttle

__all__ = ["Attempts", "ChatsClient", "Pool", "PoolSettings", "Progress", "Sent"]

log = structlog.get_logger()

T = TypeVar("T")

CLOCK_SLACK = timedelta(minutes=5)
"""How far the wall clock may go back during a run."""
RECORD_WAITS = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between tries to write an outcome or a release: they are worth more patience than a claim."""


class Recorded(Protocol):
    """An outcome as the ledger has it."""

    @property
    def outcome(self) -> Outcome: ...
    @property
    def evidence(self) -> Evidence | None: ...


class Attempts(Protocol):
    """What the pool needs of the ledger. What a method did is durable when it returns; else it raises LedgerFailed."""

    def jobs(self, limit: int | None = None) -> Iterator[Job]: ...
    async def claim(self, key: str, now: datetime) -> Any | None: ...
    async def withdraw(self, key: str) -> bool: ...
    async def release(self, held: Any, finding: Finding | None, *, posted: bool, status: int | None = None) -> bool: ...
    async def record(self, held: Any, verdict: Verdict, *, duration_ms: int) -> Recorded | None: ...


class ChatsClient(Protocol):
    """What the pool needs of the API: one connection. `written` tells, after a cancelled `post`, if a byte went out."""

    @property
    def written(self) -> bool: ...
    async def post(self, payload: str, *, had_answer: bool) -> Verdict: ...
    async def aclose(self) -> None: ...


class Progress(Protocol):
    """Who watches the run."""

    def done(self, row: int, outcome: Outcome) -> None: ...
    def waiting(self, seconds: float, finding: Finding) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolSettings:
    """How fast, how many at once, and when to give up."""

    rate: float = 10.0
    """Starts a second, per sender."""
    concurrency: int = 16
    """Attempts in flight at most."""
    grace: float = 30.0
    """Seconds that attempts in flight may take to finish once the run is stopping."""
    repeats: RepeatRules = field(default_factory=RepeatRules)
    stop: StopRules = field(default_factory=StopRules)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """What the pool did, in all calls of `run` together. `cause` is None when every job came to an end."""

    jobs: int
    """Rows taken up."""
    attempts: int
    outcomes: Mapping[Outcome, int]
    """As they were recorded."""
    achieved_rate: float | None
    cause: StopCause | None
    finding: Finding | None


class Pool:
    """Sends the pending messages of one run. Make it and call `run` on the same event loop, once or several times."""

    def __init__(
        self,
        *,
        ledger: Attempts,
        client: Callable[[], ChatsClient],
        settings: PoolSettings,
        now: Callable[[], datetime],
        progress: Progress,
        stop: Stop,
    ) -> None:
        """`client` makes a connection of its own; `now` gives the wall clock in UTC."""
        self._ledger = ledger
        self._make_client = client
        self._settings = settings
        self._now = now
        self._progress = progress
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._watch = Watch(settings.stop)
        self._throttles: dict[str, Throttle] = {}
        # The client used last is taken first: a few warm connections serve a slow run, and the cold ones close.
        self._idle: list[ChatsClient] = []
        self._had_answer = False
        self._reached = False
        self._latest = now()
        self._jobs = self._attempts = 0
        self._outcomes: Counter[Outcome] = Counter()
        self._first_start = self._last_start = 0.0

    async def run(self, limit: int | None = None) -> Sent:
        """Bring every job (at most `limit`) to an outcome, or stop. Returns when nothing is in flight any more.

        Raises what a defect raised, after everything in flight was recorded.
        """
        jobs = self._ledger.jobs(limit)
        workers = [asyncio.create_task(self._work(jobs)) for _ in range(self._settings.concurrency)]
        try:
            await self._finish(workers)
        finally:
            while self._idle:
                await self._idle.pop().aclose()
        span = self._last_start - self._first_start
        achieved = (self._attempts - 1) / span if self._attempts > 1 and span > 0 else None
        return Sent(
            jobs=self._jobs,
            attempts=self._attempts,
            outcomes=dict(self._outcomes),
            achieved_rate=achieved,
            cause=self._stop.cause,
            finding=self._stop.finding,
        )

    async def _finish(self, workers: list[asyncio.Task[None]]) -> None:
        """Wait for the workers; once the run is stopping, no longer than the grace time."""
        everyone = asyncio.gather(*workers, return_exceptions=True)
        patience = asyncio.create_task(self._stop.out_of_patience(self._settings.grace))
        first: set[asyncio.Future[Any]] = {everyone, patience}
        try:
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        finally:
            patience.cancel()
            for worker in workers:
                worker.cancel()
            results = await everyone
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _work(self, jobs: Iterator[Job]) -> None:
        try:
            while not self._stop.requested and (job := next(jobs, None)) is not None:
                self._jobs += 1
                await self._handle(job)
        except LedgerFailed as failed:
            self._stop.request(StopCause.LEDGER_FAILED, _ledger_failed(failed))
            log.exception("ledger_failed", problem=failed.problem)
        except Exception:
            self._stop.request(StopCause.DEFECT)
            raise

    async def _handle(self, job: Job) -> None:
        """Bring one job to an outcome, or leave it pending: the limit of repeats is reached or the run is stopping."""
        throttle = self._throttle(job.sender)
        repeats = Repeats(self._settings.repeats)
        while (slot := await throttle.next_slot()) is not None:
            if not self._clock_is_right():
                return
            held = await self._claim(job)
            if held is None:
                log.info("not_ours", row=job.row)
                return
            if not await throttle.start(slot):
                await self._give_back(held)
                continue
            verdict, milliseconds = await self._post(job, held)
            self._heed(verdict, throttle)
            if verdict.outcome is not Outcome.PENDING:
                await self._record(job, held, verdict, milliseconds)
                return
            await self._release(job, held, verdict)
            if verdict.pause is not None:
                self._progress.waiting(verdict.pause, verdict.finding)
            if not verdict.repeat:
                return
            wait = repeats.next_wait(self._loop.time(), verdict.pause, reached=self._reached)
            if wait is None:
                self._stop.request(StopCause.RETRIES_USED_UP, verdict.finding)
                return
            if not await self._stop.sleep(wait):
                return

    def _throttle(self, sender: str) -> Throttle:
        if sender not in self._throttles:
            self._throttles[sender] = Throttle(self._settings.rate, self._stop)
        return self._throttles[sender]

    def _clock_is_right(self) -> bool:
        """A wall clock that went back would make caps, windows and the ledger's order untrue."""
        now = self._now()
        if now < self._latest - CLOCK_SLACK:
            self._stop.request(StopCause.CLOCK_WRONG)
            return False
        self._latest = max(self._latest, now)
        return True

    async def _claim(self, job: Job) -> Any | None:
        claiming = asyncio.ensure_future(self._ledger.claim(job.key, self._now()))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            # The claim may be durable already, and nobody is going to post it.
            held = await claiming
            if held is not None:
                await self._give_back(held)
            raise
        except LedgerFailed as failed:
            # Whether the claim took effect is open; that it was not posted is certain.
            self._stop.request(StopCause.LEDGER_FAILED, _ledger_failed(failed))
            await self._patiently(partial(self._ledger.withdraw, job.key))
            return None

    async def _post(self, job: Job, held: Any) -> tuple[Verdict, int]:
        """Post once; returns the verdict and the milliseconds it took."""
        started = self._note_start()
        client = None
        try:
            client = self._idle.pop() if self._idle else self._make_client()
            verdict = await client.post(job.payload, had_answer=self._had_answer)
        except (asyncio.CancelledError, Exception):
            if client is not None and client.written:
                cut_off = Verdict(outcome=Outcome.UNKNOWN, finding=Finding(Reason.CUT_OFF))
                await self._record(job, held, cut_off, self._milliseconds(started))
            else:
                await self._give_back(held)
            raise
        finally:
            if client is not None:
                self._idle.append(client)
        return verdict, self._milliseconds(started)

    def _note_start(self) -> float:
        now = self._loop.time()
        if not self._attempts:
            self._first_start = now
        self._last_start = now
        self._attempts += 1
        return now

    def _milliseconds(self, started: float) -> int:
        return round((self._loop.time() - started) * 1000)

    def _heed(self, verdict: Verdict, throttle: Throttle) -> None:
        """What an answer means for everyone else; before anything waits, so that nobody starts meanwhile."""
        self._had_answer = self._had_answer or verdict.signs is not None
        self._reached = self._reached or verdict.finding.reason is not Reason.NOT_CONNECTED
        if verdict.slow_down:
            throttle.slow_down()
        if verdict.pause is not None:
            throttle.pause(verdict.pause)
        if verdict.stop:
            self._stop.request(StopCause.FATAL_ANSWER, verdict.finding)
        if verdict.clock_skew is not None and abs(verdict.clock_skew) > CLOCK_OFF:
            self._stop.request(StopCause.CLOCK_WRONG)

    async def _give_back(self, held: Any) -> None:
        """Release a claim with which nothing was posted."""
        await self._patiently(lambda: self._ledger.release(held, None, posted=False))

    async def _release(self, job: Job, held: Any, verdict: Verdict) -> None:
        status = verdict.http_status
        await self._patiently(
            lambda: self._ledger.release(held, verdict.finding, posted=status is not None, status=status)
        )
        log.info("released", row=job.row, reason=verdict.finding.reason.value, http_status=verdict.http_status)

    async def _record(self, job: Job, held: Any, verdict: Verdict, milliseconds: int) -> None:
        recorded = await self._write_outcome(job, held, verdict, milliseconds)
        outcome = recorded.outcome if recorded else verdict.outcome
        log.info(
            "attempt",
            row=job.row,
            outcome=outcome.value,
            reason=verdict.finding.reason.value,
            http_status=verdict.http_status,
            ms=milliseconds,
            ours=recorded is not None,
        )
        self._outcomes[outcome] += 1
        self._progress.done(job.row, outcome)
        if cause := self._watch.see(verdict):
            self._stop.request(cause, verdict.finding)

    async def _write_outcome(self, job: Job, held: Any, verdict: Verdict, milliseconds: int) -> Recorded | None:
        record = partial(self._ledger.record, held, verdict, duration_ms=milliseconds)
        return await self._patiently(record, row=job.row, outcome=verdict.outcome.value)

    async def _patiently(self, write: Callable[[], Awaitable[T]], **said: object) -> T:
        """Write with more patience than a claim: an outcome or a release that is lost makes its row `unknown` for ever.

        Nothing is claimed meanwhile, so a write that took effect although it failed meets itself when it is repeated.
        """
        for wait in RECORD_WAITS:
            try:
                return await write()
            except LedgerFailed as failed:
                self._stop.request(StopCause.LEDGER_FAILED, _ledger_failed(failed))
                log.warning("write_waits", seconds=wait, problem=failed.problem, **said)
                await asyncio.sleep(wait)
        return await write()


def _ledger_failed(failed: LedgerFailed) -> Finding:
    return Finding(Reason.LEDGER_FAILED, {"words": str(failed)})

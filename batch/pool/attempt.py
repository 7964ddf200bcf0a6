"""One attempt, step by step: claim, connect, post, record or release. Nothing else makes a POST; nothing here decides
when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from math import ceil
from typing import Any, TypeVar

import structlog

from batch.errors import LedgerFailed
from batch.model.messages import Job
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.verdicts import Refused, Verdict
from batch.pool.hours import Windows
from batch.pool.ports import Attempts, ChatsClient, Recorded
from batch.pool.rate_limiter import Slot, Throttle
from batch.pool.stop import Stop, StopCause

log = structlog.get_logger()

T = TypeVar("T")

Seen = Callable[[Job, Outcome, Verdict], None]
"""Who hears of an outcome once it is durable."""

CLOCK_SLACK = timedelta(minutes=5)
"""How far the wall clock may go back during a run."""
_NOBODY_REACHED = (Reason.NOT_CONNECTED, Reason.WINDOW)
RECORD_WAITS = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between tries to write an outcome or a release: they are worth more patience than a claim."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One POST and what it came to."""

    verdict: Verdict
    milliseconds: int
    """From its start to the verdict."""
    began: datetime
    """By the wall clock, UTC."""
    late: float = 0.0
    """Seconds between the moment it was due and its beginning."""


class Exchange:
    """What all senders of a run share: the ledger, the connections, the clock, and the request to stop."""

    def __init__(
        self, *, ledger: Attempts, client: Callable[[], ChatsClient], now: Callable[[], datetime], stop: Stop
    ) -> None:
        self.ledger = ledger
        self.now = now
        self.stop = stop
        self.answered: set[str] = set()
        """The senders that got a readable answer in this run: they have the right to send."""
        self.reached = False
        """Somebody got through to the API in this run."""
        self._make_client = client
        self._loop = asyncio.get_running_loop()
        self._latest = now()
        # The client used last is taken first: a few warm connections serve a slow run, and the cold ones close.
        self._idle: list[ChatsClient] = []

    async def aclose(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            await self._idle.pop().aclose()

    def clock_is_right(self) -> bool:
        """A wall clock that went back would make caps, windows and the ledger's order untrue: the run stops."""
        now = self.now()
        if now < self._latest - CLOCK_SLACK:
            self.stop.request(StopCause.CLOCK_WRONG)
            return False
        self._latest = max(self._latest, now)
        return True

    async def claim(self, job: Job) -> Any | Refused | None:
        """The right to post a message; Refused or None when it is not to be had."""
        claiming = asyncio.ensure_future(self.ledger.claim(job, self.now()))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            # The claim may be durable already, and nobody is going to post it.
            try:
                held = await claiming
            except LedgerFailed:
                await self._patiently(partial(self.ledger.withdraw, job.key))
            else:
                if held is not None and not isinstance(held, Refused):
                    await self.give_back(held)
            raise
        except LedgerFailed as failed:
            # Whether the claim took effect is open; that it was not posted is certain.
            self.stop.request(StopCause.LEDGER_FAILED, ledger_failed(failed))
            await self._patiently(partial(self.ledger.withdraw, job.key))
            return None

    async def connect(self, held: Any) -> ChatsClient | Attempt:
        """A connection for the one attempt of a claim; else the attempt, that came to nothing.

        Whoever gets it must `post` over it, or give it back with the claim. When this is cancelled, the claim is given
        back before it raises.
        """
        started, began = self._loop.time(), self.now()
        client = None
        try:
            client = self._idle.pop() if self._idle else self._make_client()
            verdict = await client.connect()
        except (asyncio.CancelledError, Exception):
            await self.give_back(held, client)
            raise
        if verdict is None:
            return client
        self._idle.append(client)
        return Attempt(verdict=verdict, milliseconds=self._milliseconds(started), began=began)

    async def post(
        self, client: ChatsClient, job: Job, held: Any, seen: Seen, *, due: float, closes: datetime | None = None
    ) -> Attempt:
        """Post once.

        `due`: when it was to begin, by the loop's clock. `closes`: when the hours end; what was not written by then is
        not sent (the connection may be gone, and take a while). When it is cancelled, the outcome is recorded (`seen`
        hears of it) or the claim given back before it raises.
        """
        started, began = self._loop.time(), self.now()
        late = max(0.0, started - due)
        try:
            if closes is None:
                verdict = await client.post(job.payload, had_answer=job.sender in self.answered)
            else:
                verdict = await self._post_until(client, job, closes)
        except (asyncio.CancelledError, Exception):
            if client.written:
                cut_off = Verdict(outcome=Outcome.UNKNOWN, finding=Finding(Reason.CUT_OFF))
                attempt = Attempt(verdict=cut_off, milliseconds=self._milliseconds(started), began=began, late=late)
                await self.record(job, held, attempt, seen)
            else:
                await self.give_back(held)
            raise
        finally:
            self._idle.append(client)
        if verdict.signs is not None:
            self.answered.add(job.sender)
        self.reached = self.reached or verdict.finding.reason not in _NOBODY_REACHED
        return Attempt(verdict=verdict, milliseconds=self._milliseconds(started), began=began, late=late)

    async def _post_until(self, client: ChatsClient, job: Job, closes: datetime) -> Verdict:
        """Post, unless no byte was written when the hours end."""
        posting = asyncio.ensure_future(client.post(job.payload, had_answer=job.sender in self.answered))
        late = False

        def end() -> None:
            nonlocal late
            if not client.written and not posting.done():
                late = True
                posting.cancel()  # it goes no step further, so that nothing is written after this

        timer = self._loop.call_later(max(0.0, (closes - self.now()).total_seconds()), end)
        try:
            return await posting
        except asyncio.CancelledError:
            if not late or client.written:
                raise
            return Verdict(outcome=Outcome.PENDING, finding=Finding(Reason.WINDOW), repeat=True)
        finally:
            timer.cancel()

    async def give_back(self, held: Any, client: ChatsClient | None = None) -> None:
        """Release a claim with which nothing was posted, and let others have its connection."""
        if client is not None:
            self._idle.append(client)
        await self._patiently(lambda: self.ledger.release(held, None, posted=False))

    async def release(self, job: Job, held: Any, verdict: Verdict) -> None:
        """Release a claim whose attempt certainly sent nothing."""
        status = verdict.http_status
        await self._patiently(
            lambda: self.ledger.release(held, verdict.finding, posted=status is not None, status=status)
        )
        log.info("released", row=job.row, reason=verdict.finding.reason.value, http_status=verdict.http_status)

    async def record(self, job: Job, held: Any, attempt: Attempt, seen: Seen) -> None:
        """Write what an attempt came to, then tell `seen` the outcome as the ledger has it."""
        verdict, milliseconds = attempt.verdict, attempt.milliseconds
        write = partial(self.ledger.record, held, verdict, duration_ms=milliseconds, began=attempt.began)
        recorded: Recorded | None = await self._patiently(write, row=job.row, outcome=verdict.outcome.value)
        outcome = recorded.outcome if recorded else verdict.outcome
        log.info(
            "attempt",
            row=job.row,
            outcome=outcome.value,
            reason=verdict.finding.reason.value,
            http_status=verdict.http_status,
            ms=milliseconds,
            late_ms=round(attempt.late * 1000, 1),
            ours=recorded is not None,
        )
        seen(job, outcome, verdict)

    def _milliseconds(self, started: float) -> int:
        return round((self._loop.time() - started) * 1000)

    async def _patiently(self, write: Callable[[], Awaitable[T]], **said: object) -> T:
        """Write with more patience than a claim: an outcome or a release that is lost makes its row `unknown` for ever.

        Nothing is claimed meanwhile, so a write that took effect although it failed meets itself when it is repeated.
        """
        for wait in RECORD_WAITS:
            try:
                return await write()
            except LedgerFailed as failed:
                self.stop.request(StopCause.LEDGER_FAILED, ledger_failed(failed))
                log.warning("write_waits", seconds=wait, problem=failed.problem, **said)
                await asyncio.sleep(wait)
        return await write()


def ledger_failed(failed: LedgerFailed) -> Finding:
    """What a ledger that takes no writes means for the run."""
    return Finding(Reason.LEDGER_FAILED, {"words": str(failed)})


AHEAD = 0.25
"""Seconds of starts for which claims and connections are made ready. More of them would only wait: each with a claim
that is an unknown row if the machine dies, and a connection that grows old."""
_LEAST_AHEAD = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """A claimed job whose moment has come."""

    held: Any
    client: ChatsClient | Attempt
    """What to post over; else why there is no connection."""
    due: float
    """When it was to begin, by the loop's clock."""


class Readiness:
    """What one sender has claimed. Must be made and used on a running event loop."""

    def __init__(self, exchange: Exchange, throttle: Throttle, windows: Windows, *, rate: float) -> None:
        self._exchange = exchange
        self._throttle = throttle
        self._windows = windows
        self.ahead = asyncio.Semaphore(max(_LEAST_AHEAD, ceil(rate * AHEAD)))
        """To be held from the slot to the moment of the start."""
        self.held = 0
        """Claims that were made ready, or are being so, and are not `done`."""

    async def make(self, job: Job, held: Any, slot: Slot) -> Begun | None:
        """Connect, and wait for the slot's moment: then the post must follow at once, and after it `done`. None: the
        moment did not come, and the claim was given back."""
        self.held += 1
        begun = None
        try:
            client = await self._exchange.connect(held)
            if isinstance(client, Attempt) or await self._may_start(job, held, slot, client):
                begun = Begun(held=held, client=client, due=slot.time)
        finally:
            self.held -= begun is None
        return begun

    def done(self) -> None:
        """What became of a claim is written."""
        self.held -= 1

    async def _may_start(self, job: Job, held: Any, slot: Slot, client: ChatsClient) -> bool:
        """Wait for the moment of the start; when it does not come, or this is cancelled, the claim is given back."""
        started = False
        try:
            started = await self._throttle.start(slot)
            # What waited past the end of its hours is to be passed over.
            started = started and self._windows.closed_until(job, self._exchange.now()) is None
        finally:
            if not started:
                await self._exchange.give_back(held, client)
        return started

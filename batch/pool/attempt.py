"""One attempt, step by step: claim, connect, post, record or release. Nothing else makes a POST.

When an attempt starts, and what its verdict means for others, is decided in `sender`.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from batch.errors import LedgerFailed
from batch.event_log import log
from batch.model.messages import Job
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import StopCause
from batch.model.verdicts import ClaimRefusal, Verdict
from batch.pool.ports import ChatsPort, LedgerPort
from batch.pool.start_slots import ClaimLead
from batch.pool.stop import StopSignal

T = TypeVar("T")

OnOutcome = Callable[[Job, Outcome, Verdict], None]
"""Called with each outcome once it is durable."""

CLOCK_SLACK = timedelta(minutes=5)
"""How far the wall clock may go back during a run."""
WARM = 0.5
"""Seconds within which idle connections are used in turn. One that is idle for a second is made anew, at the cost of
half a post, so that the few of a steady run and the many of a busy moment are to stay in use."""
RECORD_WAITS = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between tries to write an outcome or a release: losing either leaves its row `unknown`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One POST, or the failure to connect for it, and its verdict."""

    verdict: Verdict
    milliseconds: int
    """From its start to the verdict."""
    began: datetime
    """By the wall clock, UTC."""
    late: float = 0.0
    """Seconds between the moment it was due and its beginning."""


class AttemptRunner:
    """The steps of an attempt, and what all senders of a run share: ledger, connections, clock, stop signal."""

    def __init__(
        self,
        *,
        ledger: LedgerPort,
        client: Callable[[], ChatsPort],
        now: Callable[[], datetime],
        stop: StopSignal,
        look: Callable[[Job], Awaitable[bool]] | None = None,
        is_stale: Callable[[Any, float], bool] = lambda _held, _ahead: False,
        follows_claims: bool = False,
    ) -> None:
        """`client` makes a connection; `now` gives the wall clock in UTC; the others as of `Pool`."""
        self.ledger = ledger
        self.look = look
        self.is_stale = is_stale
        self.now = now
        self.stop = stop
        self.answered: set[str] = set()
        """The senders that got a readable answer in this run: they have the right to send."""
        self.reached = False
        """The API has answered in this run."""
        self.lead = ClaimLead(follows=follows_claims)
        self._make_client = client
        self._loop = asyncio.get_running_loop()
        self._latest = now()
        self._warm: deque[tuple[float, ChatsPort]] = deque()
        """Idle connections, used within WARM, with when they became idle."""
        self._cold: list[ChatsPort] = []
        """Those used longest ago first."""

    async def aclose(self) -> None:
        """Close the idle connections."""
        while client := self._take_idle():
            await client.aclose()

    def _take_idle(self) -> ChatsPort | None:
        """Take an idle connection: in turn while all are warm, so that those of a burst stay so; else the warmest."""
        while self._warm and self._warm[0][0] < self._loop.time() - WARM:
            self._cold.append(self._warm.popleft()[1])
        if self._warm:
            return self._warm.popleft()[1]
        return self._cold.pop() if self._cold else None

    def _put_idle(self, client: ChatsPort) -> None:
        self._warm.append((self._loop.time(), client))

    def check_clock(self) -> bool:
        """Stop the run and return False when the wall clock went back: caps, hours and the ledger's order need it."""
        now = self.now()
        if now < self._latest - CLOCK_SLACK:
            self.stop.request(StopCause.CLOCK_WRONG)
            return False
        self._latest = max(self._latest, now)
        return True

    async def claim(self, job: Job) -> Any | ClaimRefusal | None:
        """Claim a message durably; Refused by a rule, or None when the claim is not ours or the ledger failed."""
        begun = self._loop.time()
        try:
            held = await self.ledger.claim(job, self.now())
        except asyncio.CancelledError:
            # The claim may be durable already, or is about to be, and will not be posted.
            await self._write_patiently(partial(self.ledger.withdraw, job.key))
            raise
        except LedgerFailed as failed:
            # Whether the claim took effect is open; that it was not posted is certain.
            self.stop.request(StopCause.LEDGER_FAILED, ledger_failure(failed))
            await self._write_patiently(partial(self.ledger.withdraw, job.key))
            return None
        self.lead.note(self._loop.time() - begun)
        return held

    async def connect(self, held: Any) -> ChatsPort | Attempt:
        """Return a connection for the one attempt of a claim, else the attempt that failed to connect.

        The caller must `post` over it, or give it back with the claim. When this is cancelled, the claim is given back
        before it raises.
        """
        started, began = self._loop.time(), self.now()
        client = None
        try:
            client = self._take_idle() or self._make_client()
            verdict = await client.connect()
        except (asyncio.CancelledError, Exception):
            await self.give_back(held, client)
            raise
        if verdict is None:
            return client
        self._put_idle(client)
        return Attempt(verdict=verdict, milliseconds=self._milliseconds(started), began=began)

    async def post(
        self, client: ChatsPort, job: Job, held: Any, on_outcome: OnOutcome, *, due: float, closes: datetime | None
    ) -> Attempt | None:
        """Post once. None: right before its first byte it was too late for it, and the claim was given back.

        When it is cancelled, the outcome is recorded or the claim given back before it raises.

        Args:
            client: connected; idle again on return.
            job: the message.
            held: its claim.
            on_outcome: called with the outcome of a cancelled post.
            due: when it was to begin, by the loop's clock.
            closes: when the hours end; a request not written by then (a lost connection takes a while to be made anew)
                is not sent. None: they do not.
        """
        started, began = self._loop.time(), self.now()
        late = max(0.0, started - due)

        def is_void() -> bool:
            nonlocal began
            began = self.now()
            return (closes is not None and began >= closes) or self.is_stale(held, 0.0)

        try:
            verdict = await client.post(job.payload, had_answer=job.sender in self.answered, is_void=is_void)
        except (asyncio.CancelledError, Exception):
            if client.written:
                cut_off = Verdict(outcome=Outcome.UNKNOWN, finding=Finding(Reason.CUT_OFF))
                attempt = Attempt(verdict=cut_off, milliseconds=self._milliseconds(started), began=began, late=late)
                await self.record(job, held, attempt, on_outcome)
            else:
                await self.give_back(held)
            raise
        finally:
            self._put_idle(client)
        if verdict is None:
            await self.give_back(held)
            return None
        if verdict.signs is not None:
            self.answered.add(job.sender)
        self.reached = self.reached or verdict.finding.reason is not Reason.NOT_CONNECTED
        return Attempt(verdict=verdict, milliseconds=self._milliseconds(started), began=began, late=late)

    async def give_back(self, held: Any, client: ChatsPort | None = None) -> None:
        """Release a claim with which nothing was posted, durably; its connection is idle again."""
        if client is not None:
            self._put_idle(client)
        await self._write_patiently(lambda: self.ledger.release(held, None))

    async def release(self, job: Job, held: Any, verdict: Verdict) -> None:
        """Release a claim whose attempt certainly sent nothing, durably."""
        await self._write_patiently(lambda: self.ledger.release(held, verdict.finding, status=verdict.http_status))
        log.info("released", row=job.row, reason=verdict.finding.reason.value, http_status=verdict.http_status)

    async def record(self, job: Job, held: Any, attempt: Attempt, on_outcome: OnOutcome) -> None:
        """Record an attempt durably, then call `on_outcome` with the outcome as it is in the ledger."""
        verdict, milliseconds = attempt.verdict, attempt.milliseconds
        write = partial(self.ledger.record, held, verdict, duration_ms=milliseconds, began=attempt.began)
        recorded = await self._write_patiently(write, row=job.row, outcome=verdict.outcome.value)
        outcome, signs = recorded or verdict.outcome, verdict.signs
        log.info(
            "attempt",
            row=job.row,
            outcome=outcome.value,
            reason=verdict.finding.reason.value,
            http_status=verdict.http_status,
            message_id=signs.message_id if signs else None,
            message_status=signs.message_status if signs else None,
            ms=milliseconds,
            late_ms=round(attempt.late * 1000, 1),
            ours=recorded is not None,
        )
        on_outcome(job, outcome, verdict)

    def _milliseconds(self, started: float) -> int:
        return round((self._loop.time() - started) * 1000)

    async def _write_patiently(self, write: Callable[[], Awaitable[T]], **context: object) -> T:
        """Write with retries: a lost outcome or release makes its row `unknown` for ever.

        No claim is made meanwhile, so a write that took effect although it failed meets itself when it is repeated.
        """
        for wait in RECORD_WAITS:
            try:
                return await write()
            except LedgerFailed as failed:
                self.stop.request(StopCause.LEDGER_FAILED, ledger_failure(failed))
                log.warning("write_waits", seconds=wait, problem=failed.problem, **context)
                await asyncio.sleep(wait)
        return await write()


def ledger_failure(failed: LedgerFailed) -> Finding:
    """Return the finding of a run that stops because its ledger takes no writes."""
    return Finding(Reason.LEDGER_FAILED, {"words": str(failed)})

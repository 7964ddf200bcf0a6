"""One life of the program, in the order of `run`: settle, stage, judge, look, plan, send, note the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from sqlalchemy.exc import SQLAlchemyError

from batch.app.looks import LookPass
from batch.app.run import _sample
from batch.app.runs.run_looks import RunLooks
from batch.errors import LedgerFailed
from batch.ledger import FollowedMessage, FollowScope, Ledger, Owner, RetryOptions, Staging
from batch.ledger.plan.staging import History
from batch.ledger.send.contact_limits import ContactLimiter
from batch.ledger.send.queue import SendQueue
from batch.ledger.storage.pseudonyms import Hashes
from batch.model.delivery import FOLLOWED
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Run, StopCause, Traits, count_outcomes
from batch.pool import Pool, PoolResult, StopSignal
from simulated.api import Api
from simulated.client import SimulatedClient
from simulated.clock import SimulatedLoop
from simulated.disk import Disk, SimulatedWriter
from simulated.fate import Fate, Knobs
from simulated.looks import SIMULATED_TOKEN, CanaryWatcher, Looking, SimulatedSettings, make_looks
from simulated.process import Process
from simulated.promise import Promise
from simulated.sheet import CAMPAIGN, ENDPOINT, SheetRow, encode, staged

__all__ = ["Life"]


_ENOUGH_GRACE = 300.0
"""Seconds in which a whole time-out and all tries to write an outcome find room, even on a machine that stalls."""
_TRAITS = Traits(unique_by=("Fatura",), region="BR", phone_rule=1, template="saudacao_inicial")


class _Nobody:
    """Watches nothing."""

    def done(self, row: int, outcome: Outcome) -> None: ...
    def pause(self, seconds: float, finding: Finding, sender: str) -> None: ...


@dataclass(eq=False, kw_only=True)
class Life:
    """A process, what is in store for it, and the world it lives in."""

    process: Process
    fate: Fate
    looking: Looking
    knobs: Knobs
    sheet: Sequence[SheetRow]
    loop: SimulatedLoop
    disk: Disk
    api: Api
    promise: Promise
    rng: Random
    note: Callable[..., None]
    alone: bool
    """Nobody else uses the ledger, as the locks see to."""
    thorough: bool
    """What `check` foretells is compared with what becomes of it: slow, and always the same question."""
    sent: PoolResult | None = field(default=None, init=False)

    async def live(self) -> None:
        """From the start to the end, unless it is killed."""
        await asyncio.sleep(self.fate.delay)
        if self.fate.kill_after is not None:
            self.loop.call_later(self.fate.kill_after, self.process.kill)
        with self.disk.open() as ledger:
            self.process.tick("opened")
            if self.looking.follows and not await self._follow(ledger):
                return
            if not self._settle(ledger) or not await self._plan(ledger):
                return
            try:
                self.sent = await self._send(ledger)
            except LedgerFailed:
                self._gave_up("look")
                return
            self.process.tick("sent")
            self._finish(ledger, self.sent)

    @property
    def hurried(self) -> bool:
        """What is in flight may have no time to be written again and again."""
        return self.fate.second_after is not None or self.knobs.settings.grace < _ENOUGH_GRACE

    def now(self) -> datetime:
        """This process's wall clock, which may be wrong."""
        return self.loop.wall() + timedelta(seconds=self.api.weather.skew)

    def _settle(self, ledger: Ledger) -> bool:
        if not self.alone:
            return True
        try:
            settled = ledger.settle_dead_claims(endpoint=ENDPOINT, campaign=CAMPAIGN)
        except (LedgerFailed, SQLAlchemyError):
            return self._gave_up("settle")
        self.process.tick("settled")
        self.note(self.process.name, "settled", settled)
        self.promise.check_settled(self.disk)
        return True

    async def _follow(self, ledger: Ledger) -> bool:
        due = ledger.deliveries.due(FollowScope(endpoint=ENDPOINT, since=self.now() - FOLLOWED), self.now())
        return await self._look(ledger, due) is not None

    async def _look(self, ledger: Ledger, due: Sequence[FollowedMessage]) -> LookPass | None:
        """Make the looks that are due; None: the ledger took them no more."""
        try:
            passing = await make_looks(ledger, list(due), SimulatedSettings(api=self.api, process=self.process))
        except LedgerFailed:
            self._gave_up("look")
            return None
        self.process.tick("looks made")
        self.promise.delivery.looked(self.process)
        return passing

    async def _plan(self, ledger: Ledger) -> bool:
        run = Run(
            run=self.process.name,
            campaign=CAMPAIGN,
            endpoint=ENDPOINT,
            sheet_path="sheet",
            sheet_sha256="0",
            version="0",
            started=self.now(),
        )
        with ExitStack() as opened:
            staging = self._stage(ledger, opened, run.started)
            self.promise.delivery.expect(self.process, self.disk, self.loop.wall())
            scope = ENDPOINT, run.started - FOLLOWED, run.started
            due = staging.due_looks(*scope, limit=self.fate.limit)
            while due.people:
                if not self.alone:  # the one connection in memory has room for one staged sheet
                    opened.close()
                looked = await self._look(ledger, due.messages)
                if looked is None:
                    return False
                is_whole = self.alone and not staging.due_looks(*scope, limit=self.fate.limit).people
                if looked.opted_out or not self.alone:
                    opened.close()
                    staging = self._stage(ledger, opened, run.started)
                if not is_whole:
                    break
                due = staging.due_looks(*scope, limit=self.fate.limit)
            foretold = self._foretold(staging) if self.thorough and not self.looking.replaces else None
            try:
                staging.plan(run, self._owner, _TRAITS)
            except LedgerFailed:
                return self._gave_up("plan")
        self.process.tick("planned")
        self.note(self.process.name, "planned", len(self.sheet))
        if foretold is not None:
            counts = ledger.tally(run.run).counts
            if self._merged(foretold) != self._merged(counts):
                self.promise.broken("foretold", f"{foretold} became {counts}")
        return True

    def _stage(self, ledger: Ledger, opened: ExitStack, started: datetime) -> Staging:
        retries = RetryOptions(retry_errors=self.fate.retry_errors, retry_undelivered=self.looking.replaces)
        staging = opened.enter_context(ledger.stage(retries, encode))
        staging.add(staged(row) for row in self.sheet)
        rules = self.knobs.outreach.rules
        staging.judge(History(rules=rules, endpoint=ENDPOINT, campaign=CAMPAIGN, now=started))
        return staging

    def _merged(self, counts: Mapping[Outcome, int]) -> dict[Outcome, int]:
        """A row that is chosen to be tried again shows its error until it is sent, where `check` says that it waits.

        A run settles the choice of a dead run before it plans; with the locks defeated it must not, and inherits it.
        """
        merged = dict(counts)
        if self.fate.retry_errors or not self.alone:
            merged[Outcome.PENDING] += merged.pop(Outcome.ERROR)
        return merged

    def _foretold(self, staging: Staging) -> Mapping[Outcome, int]:
        """What `check` would say."""
        counts, to_send = count_outcomes(staging.tally()), len(staging.to_send())
        if self.alone and counts[Outcome.PENDING] != to_send:
            self.promise.broken("foretold", f"{counts}, but {to_send} to send")
        return counts

    async def _send(self, ledger: Ledger) -> PoolResult:
        stop = StopSignal()
        writer = SimulatedWriter(
            ledger._engine,
            self.process,
            seconds=lambda: self.rng.choice(self.knobs.fsync),
            most=self.knobs.group,
            claimed=self.promise.claimed,
        )
        replaces = self.looking.replaces
        outreach = ContactLimiter(
            self.knobs.outreach.rules, endpoint=ENDPOINT, hashes=Hashes(b"secret"), replaces=replaces
        )
        queue = SendQueue(ledger._engine, writer, self._owner, outreach)
        looks = RunLooks(
            ledger,
            self.process.name,
            SimulatedSettings(api=self.api, process=self.process),  # type: ignore[arg-type]
            SIMULATED_TOKEN,
            stop=stop,
            watcher=CanaryWatcher(self.api, self.process),
            undelivered=self.looking.undelivered,
        )
        timeout = self.knobs.read_timeout
        pool = Pool(
            ledger=queue,
            client=lambda: SimulatedClient(self.api, self.process, now=self.now, read_timeout=timeout),
            settings=self.knobs.settings,
            now=self.now,
            progress=_Nobody(),
            stop=stop,
            look=looks.look_again if replaces else None,
        )
        self._signals(stop)
        sampling = self.loop.create_task(_sample(stop, lambda: looks))
        try:
            sent = await self._run(pool, queue, looks)
        finally:
            sampling.cancel()
            await asyncio.gather(sampling, return_exceptions=True)
        await writer.finish()
        return sent

    async def _run(self, pool: Pool, queue: SendQueue, looks: RunLooks) -> PoolResult:
        """All at once, or a canary first."""
        canary, limit = self.fate.canary, self.fate.limit
        if canary is None or (limit is not None and limit <= canary):
            return await pool.run(limit)
        self.process.canary = canary if self.looking.canary else None
        return await looks.send_canary(pool, queue, canary, self.looking.canary, limit, template="saudacao_inicial")

    def _signals(self, stop: StopSignal) -> None:
        first, second = self.fate.signal_after, self.fate.second_after
        if first is not None:
            self.loop.call_later(first, stop.request, StopCause.INTERRUPTED)
        if first is not None and second is not None:
            self.loop.call_later(first + second, stop.abort)

    def _finish(self, ledger: Ledger, sent: PoolResult) -> None:
        if sent.attempts != self.process.posts:
            self.promise.broken("attempts", f"the run says {sent.attempts}, it made {self.process.posts}")
        pending = Finding(Reason.STOPPED if sent.cause else Reason.LIMIT)
        try:
            ledger.finish_run(
                self.process.name,
                finished=self.now(),
                attempts=sent.attempts,
                achieved_rate=sent.achieved_rate,
                pending=pending,
            )
        except LedgerFailed:
            self._gave_up("finish")
        self.note(self.process.name, "ended", sent.attempts, sent.cause)

    def _gave_up(self, doing: str) -> bool:
        self.note(self.process.name, "gave up", doing)
        self.process.tick("gave up")
        return False

    @property
    def _owner(self) -> Owner:
        return Owner(run=self.process.name, host="simulated", pid=1)

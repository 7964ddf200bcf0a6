"""All senders of a run together, and the result of the run."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from batch.event_log import log
from batch.model.messages import Job
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding
from batch.model.runs import SenderRun, StopCause
from batch.pool.attempt import AttemptRunner
from batch.pool.event_loop import coalesce_wakeups
from batch.pool.pacing import FAST
from batch.pool.ports import ChatsPort, LedgerPort, PoolSettings, Progress
from batch.pool.sender import SenderPool
from batch.pool.stop import StopSignal

_limits: Any = None
with suppress(ImportError):  # Windows has no such module and no such limit
    import resource as _limits

_OTHER_FILES = 64
"""Files that a run has open beside its connections: ledger, sheets, logs, libraries."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolResult:
    """Result of all calls of `Pool.run` so far. `cause` is None when nothing stopped early."""

    jobs: int
    """Messages brought to an end, or given up."""
    attempts: int
    outcomes: Mapping[Outcome, int]
    """As they were recorded."""
    achieved_rate: float | None
    """Starts a second of all senders together, while they were sending; None for fewer than two."""
    cause: StopCause | None
    """Why the run stopped, or the first of its senders that did."""
    finding: Finding | None
    stopped_all: bool
    """The cause stopped every sender."""
    next_at: datetime | None
    """When the first message that the hours or a cap keep back may go; None when there is none."""
    senders: tuple[SenderRun, ...]


NOTHING_SENT = PoolResult(
    jobs=0,
    attempts=0,
    outcomes={},
    achieved_rate=None,
    cause=None,
    finding=None,
    stopped_all=False,
    next_at=None,
    senders=(),
)


class Pool:
    """Sends the pending messages of one run. Make it and call `run` on the same event loop, once or several times."""

    def __init__(
        self,
        *,
        ledger: LedgerPort,
        client: Callable[[], ChatsPort],
        settings: PoolSettings,
        now: Callable[[], datetime],
        progress: Progress,
        stop: StopSignal,
        look: Callable[[Job], Awaitable[bool]] | None = None,
        is_stale: Callable[[Any, float], bool] = lambda _held, _ahead: False,
        prepare: Callable[[SenderPool], None] | None = None,
        follows_claims: bool = False,
    ) -> None:
        """`client` makes a connection of its own; `now` gives the wall clock in UTC.

        `look` is awaited right before each claim; False: it shows no failure that the message may replace. `is_stale`
        says of a claim, at last right before the first byte of its post, that it may not be posted so many seconds from
        now. `prepare` is called with each sender's pool before it begins. `follows_claims`: claim as long before a
        start as claims take, for a ledger that is far away.
        """
        more: dict[str, Any] = {"look": look, "is_stale": is_stale, "follows_claims": follows_claims}
        self._runner = AttemptRunner(ledger=ledger, client=client, now=now, stop=stop, **more)
        self._prepare = prepare
        self._settings = settings
        self._progress = progress
        self._stop = stop
        self._senders: dict[str, SenderPool] = {}

    async def run(self, limit: int | None = None) -> PoolResult:
        """Bring every job (at most the first `limit`) to an outcome, or stop. Nothing is in flight when it returns.

        An exception of a defect is raised after everything in flight was recorded.
        """
        upto = None if limit is None else self._runner.ledger.row_of(limit)
        senders = list(self._runner.ledger.senders())
        settings = replace(self._settings, concurrency=fit_open_files(self._settings.concurrency, len(senders)))
        if settings.rate >= FAST:
            coalesce_wakeups(asyncio.get_running_loop())
        for sender in senders:
            if sender not in self._senders:
                self._senders[sender] = SenderPool(
                    sender, runner=self._runner, settings=settings, progress=self._progress
                )
                if self._prepare is not None:
                    self._prepare(self._senders[sender])
        tasks = [asyncio.create_task(sender.run(upto)) for sender in self._senders.values()]
        try:
            await self._finish(tasks)
        finally:
            await self._runner.aclose()
        return self.result()

    async def _finish(self, tasks: list[asyncio.Task[None]]) -> None:
        """Wait for the senders; once the run is stopping, no longer than the grace time."""
        all_senders = asyncio.gather(*tasks, return_exceptions=True)
        patience = asyncio.create_task(self._stop.out_of_patience(self._settings.grace))
        first: set[asyncio.Future[Any]] = {all_senders, patience}
        try:
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        finally:
            patience.cancel()
            for task in tasks:
                task.cancel()
            results = await all_senders
        for result in results:
            if isinstance(result, Exception):
                raise result

    def result(self) -> PoolResult:
        """Return the result of all calls of `run` so far."""
        senders = list(self._senders.values())
        stopped = [sender for sender in senders if sender.stop.is_requested]
        first = self._stop if self._stop.is_requested or not stopped else stopped[0].stop
        rates = [sender.starts.rate for sender in senders if sender.starts.rate is not None]
        return PoolResult(
            jobs=sum(sender.jobs for sender in senders),
            attempts=sum(sender.starts.count for sender in senders),
            outcomes=dict(sum((sender.outcomes for sender in senders), Counter())),
            achieved_rate=sum(rates) if rates else None,
            cause=first.cause,
            finding=first.finding,
            stopped_all=bool(stopped) and len(stopped) == len(senders),
            next_at=min((sender.deferral.until for sender in senders if sender.deferral), default=None),
            senders=tuple(sender.summarize() for sender in senders),
        )


def fit_open_files(concurrency: int, senders: int, limits: Any = _limits) -> int:
    """Raise this process's limit of open files (256 on macOS) for all connections; return how many a sender may have.

    `limits`: the system's module `resource`, None where there is no such limit.
    """
    if limits is None:
        return concurrency
    wanted = concurrency * senders + _OTHER_FILES
    soft: int
    hard: int
    soft, hard = limits.getrlimit(limits.RLIMIT_NOFILE)
    if soft == limits.RLIM_INFINITY or soft >= wanted:
        return concurrency
    raised = wanted if hard == limits.RLIM_INFINITY else min(wanted, hard)
    with suppress(ValueError, OSError):
        limits.setrlimit(limits.RLIMIT_NOFILE, (raised, hard))
        soft = raised
    if soft < wanted:
        log.warning("few_open_files", allowed=soft, wanted=wanted)
        return max(1, min(concurrency, (soft - _OTHER_FILES) // senders))
    return concurrency

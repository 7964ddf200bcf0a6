"""All senders of a run, each in its lane, and what they came to together."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from batch.model.outcomes import Outcome
from batch.model.reasons import Finding
from batch.model.runs import SenderRun
from batch.pool.attempt import Exchange
from batch.pool.ports import Attempts, ChatsClient, PoolSettings, Progress
from batch.pool.sender import Lane
from batch.pool.stop import Stop, StopCause


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """What the pool did, in all calls of `run` together. `cause` is None when nothing stopped early."""

    jobs: int
    """Messages brought to an end, or given up."""
    attempts: int
    outcomes: Mapping[Outcome, int]
    """As they were recorded."""
    achieved_rate: float | None
    """Starts a second of all senders together, while they were sending."""
    cause: StopCause | None
    """Why the run stopped, or the first of its senders that did."""
    finding: Finding | None
    stopped_all: bool
    """What stopped it stopped every sender."""
    next_at: datetime | None
    """When the first message that the hours or a cap keep back may go; None when there is none."""
    senders: tuple[SenderRun, ...]


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
        self._exchange = Exchange(ledger=ledger, client=client, now=now, stop=stop)
        self._settings = settings
        self._progress = progress
        self._stop = stop
        self._lanes: dict[str, Lane] = {}

    async def run(self, limit: int | None = None) -> Sent:
        """Bring every job (at most the first `limit`) to an outcome, or stop. Nothing is in flight when it returns.

        Raises what a defect raised, after everything in flight was recorded.
        """
        upto = None if limit is None else self._exchange.ledger.row_of(limit)
        for sender in self._exchange.ledger.senders():
            if sender not in self._lanes:
                self._lanes[sender] = Lane(
                    sender, exchange=self._exchange, settings=self._settings, progress=self._progress
                )
        lanes = [asyncio.create_task(lane.run(upto)) for lane in self._lanes.values()]
        try:
            await self._finish(lanes)
        finally:
            await self._exchange.aclose()
        return self._sent()

    async def _finish(self, lanes: list[asyncio.Task[None]]) -> None:
        """Wait for the lanes; once the run is stopping, no longer than the grace time."""
        everyone = asyncio.gather(*lanes, return_exceptions=True)
        patience = asyncio.create_task(self._stop.out_of_patience(self._settings.grace))
        first: set[asyncio.Future[Any]] = {everyone, patience}
        try:
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        finally:
            patience.cancel()
            for lane in lanes:
                lane.cancel()
            results = await everyone
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _sent(self) -> Sent:
        lanes = list(self._lanes.values())
        stopped = [lane for lane in lanes if lane.stop.requested]
        first = self._stop if self._stop.requested or not stopped else stopped[0].stop
        outcomes: Counter[Outcome] = Counter()
        for lane in lanes:
            outcomes.update(lane.outcomes)
        return Sent(
            jobs=sum(lane.jobs for lane in lanes),
            attempts=sum(lane.starts.count for lane in lanes),
            outcomes=dict(outcomes),
            achieved_rate=_together(lanes),
            cause=first.cause,
            finding=first.finding,
            stopped_all=bool(stopped) and len(stopped) == len(lanes),
            next_at=min((lane.left.until for lane in lanes if lane.left), default=None),
            senders=tuple(_sender_run(lane) for lane in lanes),
        )


def _together(lanes: list[Lane]) -> float | None:
    """Of several senders the sum of what each achieved; None where none has a rate."""
    rates = [lane.starts.rate for lane in lanes if lane.starts.rate is not None]
    return sum(rates) if rates else None


def _sender_run(lane: Lane) -> SenderRun:
    return SenderRun(
        sender=lane.sender,
        attempts=lane.starts.count,
        achieved_rate=lane.starts.rate,
        slowed=lane.slowed,
        cause=lane.stop.cause.value if lane.stop.cause else None,
        pending=lane.left.finding if lane.left else None,
    )

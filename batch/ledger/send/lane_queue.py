"""The queue of one lane: claims that grow too old, and beats that keep its session."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from batch.event_log import log
from batch.ledger.read.lanes import first_finding
from batch.ledger.send.claims import Claim
from batch.ledger.send.queue import SendQueue
from batch.ledger.storage.engine import database_of
from batch.ledger.storage.fleet_tables import lanes, submissions
from batch.ledger.storage.locks import Owner
from batch.ledger.storage.writer import Kind
from batch.model.messages import Job
from batch.model.reasons import Finding

LEASE = 5.0
"""Seconds without a statement after which the server ends the session of a lane, and with it its lock."""
STALE = LEASE / 2
"""Seconds after which a claim is given back instead of posted: another may have the lane soon."""
OF_LANE = (lanes.c.run == sa.bindparam("of_run"), lanes.c.sender == sa.bindparam("of_sender"))


class LaneQueue(SendQueue):
    """The queue of one lane, which knows of claims that have become too old to be posted."""

    def __init__(self, *parts: Any, **more: Any) -> None:
        super().__init__(*parts, **more)
        self._begun: dict[str, tuple[float, float]] = {}
        self._beats = Kind(4, partial(_beat, owner=self._owner))

    def claim(self, job: Job, now: datetime) -> Any:
        """Take a message as `SendQueue.claim`. Its age counts from this moment."""
        self._begun[job.key] = clocks()
        return super().claim(job, now)

    def is_stale(self, held: Claim) -> bool:
        """Return whether a claim may not be posted any more: this process stood still, or the machine slept."""
        begun = self._begun.pop(held.key, (0.0, 0.0))
        age = max(now - then for now, then in zip(clocks(), begun, strict=True))
        if age > STALE:
            log.warning("claim_stale", run=held.owner.run, seconds=round(age, 1))
        return age > STALE

    def beat(self, sender: str, rate: float | None, paused_until: datetime | None) -> Any:
        """Keep the session alive, note the pace, and return (cause that stops the run or None, its finding).

        A future as of the other writes. Must be given by the event loop: where that stands still, the lane is lost.
        """
        return self._write(self._beats, (sender, rate, paused_until))


def clocks() -> tuple[float, float]:
    """Return a clock that goes on while the machine sleeps, where there is one, and the wall clock, in seconds."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock), time.time()


def _beat(
    connection: sa.Connection, paces: Sequence[tuple[str, float | None, datetime | None]], *, owner: Owner
) -> list[tuple[str | None, Finding | None]]:
    database_of(connection).guard_claims(connection, [])
    for sender, rate, until in paces:
        mine = sa.update(lanes).where(*OF_LANE, lanes.c.epoch == owner.epoch).values(rate=rate, paused_until=until)
        changed = sa.or_(lanes.c.rate.is_distinct_from(rate), lanes.c.paused_until.is_distinct_from(until))
        connection.execute(mine.where(changed), lane_names(owner.run, sender))
    query = sa.select(submissions.c.cause, submissions.c.findings).where(submissions.c.run == owner.run)
    cause, findings = connection.execute(query).one()
    return [(cause, first_finding(findings))] * len(paces)


def lane_names(run: str, sender: str) -> dict[str, str]:
    """Return the parameters of `OF_LANE`."""
    return {"of_run": run, "of_sender": sender}

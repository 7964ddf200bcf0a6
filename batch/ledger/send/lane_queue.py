"""The queue of one lane: claims that grow too old, and beats that keep its session."""

from __future__ import annotations

import asyncio
import time
from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from math import ceil
from typing import Any

import sqlalchemy as sa

from batch.event_log import log
from batch.ledger.read.lanes import first_finding
from batch.ledger.send.claims import Claim
from batch.ledger.send.queue import JOBS, JobRows, SendQueue, are_pending, planned_rows
from batch.ledger.storage.engine import database_of, pages
from batch.ledger.storage.locks import Owner
from batch.ledger.storage.postgres_locks import ClaimAges
from batch.ledger.storage.schema import messages, rows
from batch.ledger.storage.server_tables import lanes, submissions
from batch.ledger.storage.writer import Kind
from batch.model.lanes import LaneStarts, LaneState
from batch.model.messages import Job
from batch.model.reasons import Finding
from batch.model.verdicts import Verdict

LEASE = 5.0
"""Seconds without a statement after which the server ends the session of a lane, and with it its lock."""
STALE = LEASE / 2
"""Seconds after which a claim is given back instead of posted, however long claims take: another may have the lane
soon."""
BEGINS_WITHIN = 0.5
"""Seconds after its claim within which a post begins, or it does not: the next holder of the lane reckons with them.
Where claims and connections take longer than that, the lane notes how long, up to `STALE`, before it takes so long."""
_NOTED = timedelta(seconds=10)
"""After which a beat notes the starts. Those that a lost holder did not note are counted by its messages."""
_LEFT = (LaneState.WAITING.value, LaneState.DONE.value)
OF_LANE = (lanes.c.run == sa.bindparam("of_run"), lanes.c.sender == sa.bindparam("of_sender"))


class LaneQueue(SendQueue):
    """The queue of one lane, which knows of claims that have become too old to be posted."""

    def __init__(self, engine: sa.Engine, *parts: Any, **more: Any) -> None:
        super().__init__(engine, *parts, **more)
        self._ages: ClaimAges = database_of(engine).claim_ages  # type: ignore[attr-defined] # a server has lanes
        self._begun: dict[str, tuple[float, float]] = {}
        self._within = BEGINS_WITHIN
        """As the lane's row has it."""
        self._beats = Kind(4, partial(_beat, owner=self._owner))
        self._turns = Kind(5, partial(_take_turn, owner=self._owner))
        self._passes = Kind(6, partial(_pass_canary, owner=self._owner))

    def claim(self, job: Job, now: datetime) -> Any:
        """Take a message as `SendQueue.claim`. Its age counts from this moment."""
        self._begun[job.key] = clocks()
        return super().claim(job, now)

    def release(self, held: Claim, finding: Finding | None, *, status: int | None = None) -> Any:
        self._begun.pop(held.key, None)
        return super().release(held, finding, status=status)

    def record(self, held: Claim, verdict: Verdict, *, duration_ms: int, began: datetime | None = None) -> Any:
        self._begun.pop(held.key, None)
        return super().record(held, verdict, duration_ms=duration_ms, began=began)

    def is_stale(self, held: Claim, ahead: float = 0.0) -> bool:
        """Return whether a claim may not be posted `ahead` seconds from now: the next holder would not reckon with it.

        This process stood still, or the machine slept; or there is much to be sent at this moment.
        """
        age = max(now - then for now, then in zip(clocks(), self._begun.get(held.key, (0.0, 0.0)), strict=True))
        self._ages.note(age)
        if age + ahead > self._within:
            log.warning("claim_stale", run=held.owner.run, seconds=round(age, 2), ahead=round(ahead, 2))
        return age + ahead > self._within

    def beat(self, sender: str, rate: float | None, paused_until: datetime | None, starts: LaneStarts) -> Any:
        """Keep the session alive, note pace and starts, and return (cause that stops the run or None, its finding).

        A future as of the other writes. Must be given by the event loop: where that stands still, the lane is lost.
        """
        # In halves, so that it changes seldom; and what is near the next one has that.
        within = min(STALE, max(BEGINS_WITHIN, ceil(2 * self._ages.of_most + 0.2) / 2))
        self._within = min(self._within, within)
        beaten = self._write(self._beats, (sender, rate, paused_until, starts, within))
        beaten.add_done_callback(partial(self._note_within, within))
        return beaten

    def _note_within(self, within: float, beaten: asyncio.Future[Any]) -> None:
        if not beaten.cancelled() and beaten.exception() is None:
            self._within = within

    def judges(self, sender: str) -> Any:
        """Return whether this lane is to judge the first rows of its run, of which it has sent its own.

        The last one that comes is, and stays so until they have passed, also when it is taken anew; the others are kept
        back. A future as of the other writes.
        """
        return self._write(self._turns, sender)

    def pass_canary(self) -> Any:
        """Note that the first rows of the run have passed: all of its lanes may be taken. A future likewise."""
        return self._write(self._passes, None)


def clocks() -> tuple[float, float]:
    """Return a clock that goes on while the machine sleeps, where there is one, and the wall clock, in seconds."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock), time.time()


def _beat(
    connection: sa.Connection,
    paces: Sequence[tuple[str, float | None, datetime | None, LaneStarts, float]],
    *,
    owner: Owner,
) -> list[tuple[str | None, Finding | None]]:
    database_of(connection).guard_claims(connection, [])
    for sender, rate, until, starts, within in paces:
        pace = {"rate": rate, "paused_until": until, "slowed": starts.slowed, "begins_within": within}
        changed = [lanes.c[name].is_distinct_from(value) for name, value in pace.items()]
        if starts.noted is not None:
            changed.append(sa.and_(lanes.c.attempts != starts.count, lanes.c.noted < starts.noted - _NOTED))
        mine = sa.update(lanes).where(*OF_LANE, lanes.c.epoch == owner.epoch, sa.or_(*changed))
        connection.execute(mine.values(pace | starts_values(starts)), lane_names(owner.run, sender))
    query = sa.select(submissions.c.cause, submissions.c.findings).where(submissions.c.run == owner.run)
    cause, findings = connection.execute(query).one()
    return [(cause, first_finding(findings))] * len(paces)


def _take_turn(connection: sa.Connection, senders: Sequence[str], *, owner: Owner) -> list[bool]:
    database_of(connection).guard_claims(connection, [])
    of_run = submissions.c.run == owner.run
    # One after the other: of two that come at once, the second sees what the first has done.
    locked = sa.select(submissions.c.canary, submissions.c.judge).where(of_run).with_for_update()
    canary, judge = connection.execute(locked).one()
    turns = []
    for sender in senders:
        left = [] if canary is None else list(planned_rows(connection, owner.run, None, canary))
        is_mine = canary is not None and (judge == sender or (judge is None and not left))
        if is_mine:
            connection.execute(sa.update(submissions).where(of_run).values(judge=sender))
        mine = sa.update(lanes).where(*OF_LANE, lanes.c.epoch == owner.epoch)
        waits = canary is not None and not is_mine and sender not in left
        connection.execute(mine.values(kept_back=waits), lane_names(owner.run, sender))
        # A claim may have come back since, from a worker that was taken for dead.
        again = (lanes.c.run == owner.run, lanes.c.sender.in_(left), lanes.c.state.in_(_LEFT))
        connection.execute(sa.update(lanes).where(*again).values(kept_back=False, state=LaneState.WAITING.value))
        turns.append(is_mine)
    return turns


def _pass_canary(connection: sa.Connection, asked: Sequence[None], *, owner: Owner) -> list[None]:
    database_of(connection).guard_claims(connection, [])
    passed = sa.update(submissions).where(submissions.c.run == owner.run).values(canary=None, judge=None)
    connection.execute(passed)
    connection.execute(sa.update(lanes).where(lanes.c.run == owner.run).values(kept_back=False))
    return [None for _each in asked]


def rows_of_lane(connection: sa.Connection, lane: Mapping[Any, Any], last: int | None) -> JobRows:
    """Return the jobs of a lane: as its submission has them, or looked up where an earlier version made that.

    `last`: the last row, or None.
    """
    if (found := lane["rows"]) is None:
        return planned_rows(connection, lane["run"], lane["sender"], last)
    found = found if last is None else found[: bisect_right(found, last)]
    return {lane["sender"]: array("I", found)} if found else {}


def has_jobs(connection: sa.Connection, run: str, sender: str) -> bool:
    """Return whether a message of a lane waits to be sent."""
    of_lane = sa.select(lanes).where(*OF_LANE)
    lane = connection.execute(of_lane, lane_names(run, sender)).mappings().one()
    upto = connection.execute(sa.select(submissions.c.upto).where(submissions.c.run == run)).scalar()
    found = chain.from_iterable(rows_of_lane(connection, lane, upto).values())
    query = sa.select(rows.c.row).select_from(JOBS).where(*are_pending(run), messages.c.sender == sender).limit(1)
    return any(connection.execute(query.where(rows.c.row.in_(page))).first() for page in pages(found))


def starts_values(starts: LaneStarts) -> dict[str, Any]:
    """Return the values by which the starts of a lane are kept."""
    names = ("gaps", "seconds", "latest", "slowed", "noted")
    return {"attempts": starts.count, **{name: getattr(starts, name) for name in names}}


def lane_names(run: str, sender: str) -> dict[str, str]:
    """Return the parameters of `OF_LANE`."""
    return {"of_run": run, "of_sender": sender}

"""Lanes of submitted runs on PostgreSQL: taken, kept and left by the workers, one at a time.

Who sends for a sender holds its lock, on the very session that commits the claims, which the server ends once nothing
has come over it for `LEASE`. So a claim is committed by the holder alone; and each carries the epoch of its lane, by
which it differs from those of the holders before and after.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from heapq import nsmallest
from itertools import chain
from typing import Any

import sqlalchemy as sa

from batch.errors import Busy
from batch.event_log import log
from batch.i18n import _
from batch.ledger.read.lanes import (
    IS_OPEN,
    MAY_BE_TAKEN,
    LaneReader,
    count_ended,
    first_finding,
    read_lanes,
    read_starts,
    submission_of,
)
from batch.ledger.send import lane_queue
from batch.ledger.send.claims import settle_claims
from batch.ledger.send.contact_limits import ContactLimiter
from batch.ledger.send.lane_queue import OF_LANE, LaneQueue, has_jobs, lane_names, rows_of_lane, starts_values
from batch.ledger.send.queue import JobRows
from batch.ledger.storage.engine import connect_to_read, database_of
from batch.ledger.storage.failover import seconds_to_prove
from batch.ledger.storage.locks import Owner, campaign_lock, sender_lock, workers_remedy
from batch.ledger.storage.pseudonyms import read_hashes
from batch.ledger.storage.schema import State, messages
from batch.ledger.storage.server_tables import lanes, submissions
from batch.ledger.storage.writer import Writer
from batch.model.lanes import OPEN_STATES, LaneStarts, LaneState, TakenLane
from batch.model.reasons import Finding, Reason, findings_to_json
from batch.model.runs import Run, SenderRun, StopCause

_SECOND = 1.05
"""Seconds after the last post of the holder before that belong to it: a little more than one, since arrivals are not
quite as even as starts."""
_RECENT = timedelta(seconds=10)
LOST_AT_MOST = 5
"""Workers that may be lost one after the other in a lane without an outcome in between: what kills them may lie in it,
and each takes the other lanes of its machine with it."""
_QUEUE_DIGITS = 16


class Lanes(LaneReader):
    """Submitted runs of a ledger, and their lanes."""

    # Submitting

    def queue(self, endpoint: str, token: str) -> str:
        """Return the name of the queue of all who have this token for this endpoint; it shows nothing of the token."""
        with connect_to_read(self._engine) as connection:
            return read_hashes(connection).key(f"queue\n{endpoint}\n{token}")[:_QUEUE_DIGITS]

    def submit(
        self,
        connection: sa.Connection,
        run: Run,
        *,
        queue: str,
        form: int,
        settings: str,
        jobs: JobRows,
        total: int,
        limit: int | None,
        first: int | None = None,
    ) -> None:
        """Note that workers send a run: one lane for each sender, of the first `limit` messages. The caller commits.

        `first`: so many go alone; the lanes wait until they have passed, but those of their senders.
        """
        database = database_of(connection)
        upto = None if limit is None else max(nsmallest(limit, chain(*jobs.values())), default=None)
        begin = nsmallest(first + 1, chain(*jobs.values())) if first and (limit is None or limit > first) else []
        canary = begin[-2] if first is not None and len(begin) > first else None
        values = {
            "run": run.run,
            "queue": queue,
            "lock": campaign_lock(run.campaign, run.endpoint),
            "format": form,
            "settings": settings,
            "upto": upto,
            "canary": canary,
            "total": total,
            "submitted": run.started,
        }
        connection.execute(sa.insert(submissions).values(values))
        of_run = {"run": run.run, "state": LaneState.WAITING.value}
        of_lanes = [
            {
                **of_run,
                "sender": sender,
                "lock": database.key(sender_lock(sender, run.endpoint)).value,  # type: ignore[attr-defined]
                "rows": list(found if upto is None else found[: bisect_right(found, upto)]),
                "kept_back": canary is not None and found[0] > canary,
            }
            for sender, found in jobs.items()
        ]
        if of_lanes:
            connection.execute(sa.insert(lanes), of_lanes)

    def prepare(self, *steps: Callable[[Any], None]) -> None:
        """Let the queue make its tables, given the driver's connection; never two programs at once.

        Raises LedgerUnusable where no claim would be safe.
        """
        with connect_to_read(self._engine) as connection:
            database_of(connection).refuse_unsafe(connection)  # type: ignore[attr-defined]
        with self._engine.begin() as connection:
            key = database_of(connection).key("tables")  # type: ignore[attr-defined]
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
            for step in steps:
                step(self.driver_of(connection))

    @staticmethod
    def driver_of(connection: sa.Connection) -> Any:
        """Return the driver's connection, in whose transaction ours is."""
        return connection.connection.dbapi_connection

    @contextmanager
    def driver(self) -> Iterator[Any]:
        """Give a connection of the driver in a transaction that is committed at the end of the block."""
        with self._engine.begin() as connection:
            yield self.driver_of(connection)

    def conninfo(self, worker: str) -> str:
        """Return what the driver connects by; `worker`: the name under which the server lists its connection."""
        database: Any = database_of(self._engine)
        return str(database.conninfo(database.worker_name(worker)))

    def note_worker(self, worker: str, *, queue: str, endpoint: str) -> None:
        """Note what a worker serves, and forget those that have not been there for a day. Durable on return."""
        with self._engine.begin() as connection:
            database: Any = database_of(connection)
            database.note_worker(connection, worker, queue=queue, endpoint=endpoint)

    @contextmanager
    def hold_besides(self, held: AbstractContextManager[None], names: Iterable[str], owner: Owner) -> Iterator[None]:
        """Hold locks for a block. Raises Busy where an open submission of another run stands for one of `names`."""
        with held:
            others = (submissions.c.lock.in_(list(names)), submissions.c.run != owner.run)
            with connect_to_read(self._engine) as connection:
                query = sa.select(submissions.c.run).where(*others, submissions.c.closed.is_(None))
                run = connection.execute(query.limit(1)).scalar()
                found = read_lanes(connection, lanes.c.run == run) if run else []
            hosts = [each.host for each in found if each.is_held and each.host]
            if run is not None:
                raise Busy(
                    _("Workers send this campaign ({workers}): run {run}.").format(
                        workers=", ".join(dict.fromkeys(hosts)) or _("none of them at the moment"), run=run
                    ),
                    workers_remedy(run, database_of(self._engine).option),
                )
            yield

    # Sending

    def take(self, run: Run, sender: str, owner: Owner) -> TakenLane | None:
        """Take a lane, durable on return; None: there is nothing to do in it. Only for the holder of its sender's lock.

        Open claims of this sender become `unknown`: who made them is dead, or has lost the lock. From now on the
        session lasts as long as it is used. A lane in which `LOST_AT_MOST` workers were lost is stopped instead, and
        its whole run while its first rows have not passed. Until then those rows are its only jobs.
        """
        with self._claiming() as connection:
            connection.exec_driver_sql(f"SET idle_session_timeout = {lane_queue.LEASE * 1000:.0f}")
            connection.exec_driver_sql(f"SET idle_in_transaction_session_timeout = {lane_queue.LEASE * 1000:.0f}")
            before, clock = datetime.now(UTC), sa.func.clock_timestamp(type_=sa.DateTime(timezone=True))
            there: datetime = connection.execute(sa.select(clock)).scalar_one()
            open_lane = sa.select(lanes).where(*OF_LANE, lanes.c.state.in_(OPEN_STATES), *IS_OPEN, MAY_BE_TAKEN)
            of_lane = lane_names(run.run, sender)
            found = connection.execute(open_lane.with_for_update(of=lanes), of_lane).mappings().first()
            submission = submission_of(connection, run.run)
            if found is None or submission is None:
                return None
            of_sender = (messages.c.sender == sender, messages.c.endpoint == run.endpoint)
            last = sa.select(sa.func.max(messages.c.sent_at)).where(*of_sender, messages.c.sent_at > there - _RECENT)
            latest = connection.execute(last).scalar()
            settle_claims(connection, *of_sender, values_kept=True)
            ended, dead = count_ended(connection, run.run, *of_sender)
            pause = max(0.0, _seconds_to(found["paused_until"], there)) if found["paused_until"] else 0.0
            values = _taken_values(found, owner, recorded=sum(ended.values()) - dead, is_paused=pause > 0)
            values |= starts_values(starts := read_starts(connection, found, there))
            connection.execute(sa.update(lanes).where(*OF_LANE).values(**values, since=there), of_lane)
            if values["state"] != LaneState.SENDING.value:
                log.error("lane_given_up", run=run.run, sender=sender, lost=values["lost"], worker=found["host"])
                if submission.canary is not None:
                    _stop(connection, run.run, values["cause"], first_finding(values["findings"]))
                return None
            wait = (
                max(0.0, _seconds_to(latest, there, at_most=0.0) + found["begins_within"] + _SECOND) if latest else 0.0
            )
            return TakenLane(
                epoch=found["epoch"] + 1,
                submission=submission,
                wait=max(wait, seconds_to_prove(connection, there)),
                pause=pause,
                rate=found["rate"],
                starts=starts,
                done=sum(ended.values()),
                errors=ended.get(State.ERROR.value, 0),
                offset=(there - before).total_seconds(),
                rows=rows_of_lane(connection, found, submission.last_row),
            )

    @contextmanager
    def open_queue(self, owner: Owner, limiter: ContactLimiter, rows: JobRows) -> Iterator[LaneQueue]:
        """Open the queue of a lane that was taken, for one block. `rows`: its jobs."""
        with Writer(self._engine) as writer:
            yield LaneQueue(self._engine, writer, owner, limiter, planned=rows)

    def leave(
        self,
        lane: tuple[str, str],
        epoch: int,
        state: LaneState,
        sent: SenderRun,
        starts: LaneStarts,
        *,
        next_at: datetime | None = None,
        finding: Finding | None = None,
        remarks: Sequence[Finding] = (),
        stops: str | None = None,
    ) -> LaneState | None:
        """Note what became of a lane that was taken; None when it is another's by now. Durable on return.

        One that is done waits once more where a row came back: its holder before was lost, and has given back a claim.
        Return the state. `next_at`: when a resting one goes on, or that no hour suits what is left of one that is done.
        `sent`: why it ended. `stops`: the cause that stops all of its run.
        """
        run, sender = lane
        starts = starts if state is LaneState.WAITING else replace(starts, latest=None)
        with self._claiming() as connection:
            if state is LaneState.DONE and next_at is None:
                state = LaneState.WAITING if has_jobs(connection, run, sender) else state
            values = {
                "state": state.value,
                "next_at": next_at,
                **starts_values(starts),
                "cause": sent.cause,
                "findings": findings_to_json([finding]) if finding else None,
                "pending_findings": findings_to_json([sent.pending]) if sent.pending else None,
                **({"remarks": findings_to_json(remarks)} if remarks else {}),
            }
            if stops is not None:
                _stop(connection, run, stops, finding)
            mine = sa.update(lanes).where(*OF_LANE, lanes.c.epoch == epoch).values(values)
            is_ours = connection.execute(mine, lane_names(run, sender)).rowcount == 1
            return state if is_ours else None

    @contextmanager
    def _claiming(self) -> Iterator[sa.Connection]:
        """Give the session that holds the locks, in a transaction. Raises LedgerFailed when it was lost."""
        database = database_of(self._engine)
        connection = database.connect_to_claim(self._engine)
        try:
            with connection.begin():
                database.guard_claims(connection, [])
                yield connection
            database.confirm_commit(connection)
        finally:
            database.give_back(connection)

    # Looking after runs

    def stop(self, run: str, cause: str) -> bool:
        """Let a run claim nothing more, from its lanes' next beat on; False when it is closed. Durable on return."""
        with self._engine.begin() as connection:
            return _stop(connection, run, cause, None)

    def reopen(self, run: str) -> bool:
        """Let lanes that are done wait once more where a row came back since; False: none did. Durable on return.

        A worker that was taken for dead may give a claim back at any time.
        """
        done = (lanes.c.run == run, lanes.c.state == LaneState.DONE.value, lanes.c.next_at.is_(None))
        with self._engine.begin() as connection:
            senders = connection.execute(sa.select(lanes.c.sender).where(*done)).scalars().all()
            again = [sender for sender in senders if has_jobs(connection, run, sender)]
            mine = sa.update(lanes).where(*done, lanes.c.sender.in_(again))
            connection.execute(mine.values(state=LaneState.WAITING.value))
        return bool(again)

    def close(self, run: str) -> None:
        """Note that the end of a run is noted: its campaign is free. Durable on return."""
        with self._engine.begin() as connection:
            now = sa.func.clock_timestamp(type_=sa.DateTime(timezone=True))
            closed: datetime = connection.execute(sa.select(now)).scalar_one()
            which = (submissions.c.run == run, submissions.c.closed.is_(None))
            connection.execute(sa.update(submissions).where(*which).values(closed=closed))
            kept = (messages.c.run == run, messages.c.state == State.UNKNOWN.value, messages.c.payload.is_not(None))
            connection.execute(sa.update(messages).where(*kept).values(payload=None))


def _seconds_to(at: datetime, now: datetime, *, at_most: float = 1e9) -> float:
    return min(at_most, (at - now).total_seconds())


def _taken_values(found: Mapping[Any, Any], owner: Owner, *, recorded: int, is_paused: bool) -> dict[str, Any]:
    """Return the values of a lane that is taken, or is given up. `recorded`: outcomes of the run that it has now."""
    was_lost = found["state"] == LaneState.SENDING.value
    # A pause that the API asked for says nothing of who is in it.
    lost = 0 if recorded > found["recorded"] else found["lost"] + (was_lost and not is_paused)
    values = {
        "epoch": found["epoch"] + 1,
        "state": LaneState.SENDING.value,
        "taken_over": found["taken_over"] + was_lost,
        "lost": lost,
        "recorded": recorded,
        "next_at": None,
        "host": owner.host,
        "pid": owner.pid,
    }
    if lost < LOST_AT_MOST:
        return values
    finding = Finding(Reason.WORKERS_LOST, {"workers": lost, "host": found["host"] or ""})
    stopped = {"state": LaneState.STOPPED.value, "cause": StopCause.WORKERS_LOST.value}
    return {**values, **stopped, "findings": findings_to_json([finding]), "host": found["host"], "pid": found["pid"]}


def _stop(connection: sa.Connection, run: str, cause: str, finding: Finding | None) -> bool:
    which = (submissions.c.run == run, submissions.c.closed.is_(None), submissions.c.cause.is_(None))
    values = {"cause": cause, "findings": findings_to_json([finding]) if finding else None}
    connection.execute(sa.update(submissions).where(*which).values(values))
    query = sa.select(submissions.c.run).where(submissions.c.run == run, submissions.c.closed.is_(None))
    return connection.execute(query).scalar() is not None

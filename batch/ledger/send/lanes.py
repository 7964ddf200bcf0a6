"""Lanes of submitted runs on PostgreSQL: taken, kept and left by the workers, one at a time.

Who sends for a sender holds its lock, on the very session that commits the claims, which the server ends once nothing
has come over it for `LEASE`. So a claim is committed by the holder alone; and each carries the epoch of its lane, by
which it differs from those of the holders before and after.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from batch.errors import Busy
from batch.i18n import _
from batch.ledger.send import lane_queue
from batch.ledger.send.claims import settle_claims
from batch.ledger.send.contact_limits import ContactLimiter
from batch.ledger.send.lane_queue import OF_LANE, LaneQueue, first_finding, lane_names
from batch.ledger.send.queue import JobRows, has_jobs, nth_job, rows_of_sender
from batch.ledger.storage.engine import LedgerPart, connect_to_read, database_of
from batch.ledger.storage.fleet_tables import lanes, submissions
from batch.ledger.storage.locks import Owner, campaign_lock, sender_lock
from batch.ledger.storage.pseudonyms import read_hashes
from batch.ledger.storage.schema import State, messages
from batch.ledger.storage.writer import Writer
from batch.model.lanes import OPEN_STATES, Lane, LaneState, Submission, TakenLane
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, findings_to_json
from batch.model.runs import Run, SenderRun

LATE = timedelta(seconds=0.5)
"""How long after its claim an attempt may have begun of which nothing more is known."""
_SECOND = 1.05
"""Of a sender's rate; a little more, since arrivals are not quite as even as starts."""
_RECENT = timedelta(seconds=10)
_QUEUE_DIGITS = 16
_HOLDERS = sa.text(
    "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND"
    " granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_IS_OPEN = (submissions.c.run == lanes.c.run, submissions.c.closed.is_(None))


class Lanes(LedgerPart):
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
        senders: Collection[str],
        total: int,
        limit: int | None,
    ) -> None:
        """Note that workers send a run: one lane for each sender, of the first `limit` messages. The caller commits."""
        database = database_of(connection)
        values = {
            "run": run.run,
            "queue": queue,
            "lock": campaign_lock(run.campaign, run.endpoint),
            "format": form,
            "settings": settings,
            "upto": None if limit is None else nth_job(connection, run.run, limit),
            "total": total,
            "submitted": run.started,
        }
        connection.execute(sa.insert(submissions).values(values))
        of_run = {"run": run.run, "state": LaneState.WAITING.value}
        if senders:
            locks = {sender: database.key(sender_lock(sender, run.endpoint)).value for sender in senders}  # type: ignore[attr-defined]
            of_lanes = [{**of_run, "sender": sender, "lock": lock} for sender, lock in locks.items()]
            connection.execute(sa.insert(lanes), of_lanes)

    def prepare(self, *steps: Callable[[Any], None]) -> None:
        """Let the queue make its tables, given the driver's connection; never two programs at once."""
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
        return str(database_of(self._engine).conninfo(f"{WORKER}{worker}"))  # type: ignore[attr-defined]

    @contextmanager
    def hold_besides(self, held: AbstractContextManager[None], names: Iterable[str], owner: Owner) -> Iterator[None]:
        """Hold locks for a block. Raises Busy where an open submission of another run stands for one of `names`."""
        with held:
            others = (submissions.c.lock.in_(list(names)), submissions.c.run != owner.run)
            with connect_to_read(self._engine) as connection:
                query = sa.select(submissions.c.run).where(*others, submissions.c.closed.is_(None))
                run = connection.execute(query.limit(1)).scalar()
                found = _read_lanes(connection, lanes.c.run == run) if run else []
            hosts = [each.host for each in found if each.is_held and each.host]
            if run is not None:
                raise Busy(
                    _("Workers send this campaign ({workers}): run {run}.").format(
                        workers=", ".join(dict.fromkeys(hosts)) or _("none of them at the moment"), run=run
                    ),
                    _(
                        "See how far it is with `wegly-batch status {run}`. When it has ended, run the same command "
                        "again; or end it with `wegly-batch cancel {run}`."
                    ).format(run=run),
                )
            yield

    # Sending

    def take(self, run: Run, sender: str, owner: Owner) -> TakenLane | None:
        """Take a lane, durable on return; None: there is nothing to do in it. Only for the holder of its sender's lock.

        Open claims of this sender become `unknown`: who made them is dead, or has lost the lock. From now on the
        session lasts as long as it is used.
        """
        with self._claiming() as connection:
            connection.exec_driver_sql(f"SET idle_session_timeout = {lane_queue.LEASE * 1000:.0f}")
            connection.exec_driver_sql(f"SET idle_in_transaction_session_timeout = {lane_queue.LEASE * 1000:.0f}")
            before, clock = datetime.now(UTC), sa.func.clock_timestamp(type_=sa.DateTime(timezone=True))
            there: datetime = connection.execute(sa.select(clock)).scalar_one()
            here = before + (datetime.now(UTC) - before) / 2
            values = {
                "epoch": lanes.c.epoch + 1,
                "state": LaneState.SENDING.value,
                "taken_over": lanes.c.taken_over + sa.cast(lanes.c.state == LaneState.SENDING.value, sa.Integer),
                "next_at": None,
                "host": owner.host,
                "pid": owner.pid,
                "since": there,
            }
            mine = sa.update(lanes).where(*OF_LANE, lanes.c.state.in_(OPEN_STATES), *_IS_OPEN).values(values)
            found = connection.execute(mine.returning(lanes), lane_names(run.run, sender)).mappings().first()
            submission = _submission_of(connection, run.run)
            if found is None or submission is None:
                return None
            of_sender = (messages.c.sender == sender, messages.c.endpoint == run.endpoint)
            last = sa.select(sa.func.max(messages.c.sent_at)).where(*of_sender, messages.c.sent_at > there - _RECENT)
            latest = connection.execute(last).scalar()
            settle_claims(connection, *of_sender, values_kept=True)
            of_run = (messages.c.run == run.run, *of_sender)
            by_state = sa.select(messages.c.state, sa.func.count()).where(*of_run).group_by(messages.c.state)
            ended: dict[str, int] = dict(map(tuple, connection.execute(by_state)))
            paused = found["paused_until"]
            return TakenLane(
                epoch=found["epoch"],
                submission=submission,
                wait=max(0.0, _seconds_to(latest + LATE, there, at_most=0.0) + _SECOND) if latest else 0.0,
                pause=max(0.0, _seconds_to(paused, there)) if paused else 0.0,
                rate=found["rate"],
                done=sum(count for state, count in ended.items() if state != State.PENDING.value),
                errors=ended.get(State.ERROR.value, 0),
                offset=(there - here).total_seconds(),
                rows=rows_of_sender(connection, run.run, sender, submission.upto),
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
        *,
        next_at: datetime | None = None,
        finding: Finding | None = None,
        stops: str | None = None,
    ) -> LaneState | None:
        """Note what became of a lane that was taken; None when it is another's by now. Durable on return.

        One that is done waits once more where a row came back: its holder before was lost, and has given back a claim.
        Return the state. `sent`: what was done since it was taken. `stops`: the cause that stops all of its run.
        """
        run, sender = lane
        with self._claiming() as connection:
            if state is LaneState.DONE:
                upto = connection.execute(sa.select(submissions.c.upto).where(submissions.c.run == run)).scalar()
                state = LaneState.WAITING if has_jobs(connection, run, sender, upto) else state
            values = {
                "state": state.value,
                "next_at": next_at,
                "attempts": lanes.c.attempts + sent.attempts,
                "slowed": lanes.c.slowed + sent.slowed,
                "achieved_rate": sa.func.coalesce(sent.achieved_rate, lanes.c.achieved_rate),
                "cause": sent.cause,
                "findings": findings_to_json([finding]) if finding else None,
                "pending_findings": findings_to_json([sent.pending]) if sent.pending else None,
            }
            mine = sa.update(lanes).where(*OF_LANE, lanes.c.epoch == epoch).values(values)
            is_ours = connection.execute(mine, lane_names(run, sender)).rowcount == 1
            if stops is not None:
                _stop(connection, run, stops, finding)
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

    def close(self, run: str) -> None:
        """Note that the end of a run is noted: its campaign is free. Durable on return."""
        with self._engine.begin() as connection:
            now = sa.func.clock_timestamp(type_=sa.DateTime(timezone=True))
            closed: datetime = connection.execute(sa.select(now)).scalar_one()
            which = (submissions.c.run == run, submissions.c.closed.is_(None))
            connection.execute(sa.update(submissions).where(*which).values(closed=closed))
            kept = (messages.c.run == run, messages.c.state == State.UNKNOWN.value, messages.c.payload.is_not(None))
            connection.execute(sa.update(messages).where(*kept).values(payload=None))

    def submission(self, run: str) -> Submission | None:
        """Return the submission of a run; None where the run sent by itself."""
        with connect_to_read(self._engine) as connection:
            return _submission_of(connection, run)

    def lanes(self, run: str) -> list[Lane]:
        """Return the lanes of a run, by the sender's id."""
        with connect_to_read(self._engine) as connection:
            return _read_lanes(connection, lanes.c.run == run)

    def open_runs(self, queue: str | None = None) -> list[str]:
        """Return the names of submitted runs whose end is not noted, of one queue or of all, the oldest first."""
        which = [submissions.c.closed.is_(None), *([submissions.c.queue == queue] if queue else [])]
        with connect_to_read(self._engine) as connection:
            query = sa.select(submissions.c.run).where(*which).order_by(submissions.c.submitted)
            return list(connection.execute(query).scalars())

    def free_lanes(self, queue: str) -> list[Lane]:
        """Return the open lanes of a queue's open runs whose sender no process holds."""
        which = (lanes.c.state.in_(OPEN_STATES), *_IS_OPEN, submissions.c.queue == queue)
        with connect_to_read(self._engine) as connection:
            return [lane for lane in _read_lanes(connection, *which) if not lane.is_held]

    def outcomes(self, run: str) -> Mapping[Outcome, int]:
        """Count the messages that a run has brought to an end so far."""
        query = sa.select(messages.c.state, sa.func.count()).where(messages.c.run == run).group_by(messages.c.state)
        left = (State.PENDING.value, State.CLAIMED.value)
        with connect_to_read(self._engine) as connection:
            return {Outcome(state): count for state, count in connection.execute(query) if state not in left}

    def attempts(self, run: str) -> Counter[str]:
        """Count the attempts of each sender at messages that a run has brought to an end."""
        attempts = sa.select(messages.c.sender, sa.func.sum(messages.c.attempts)).where(messages.c.run == run)
        with connect_to_read(self._engine) as connection:
            return Counter({sender: int(n) for sender, n in connection.execute(attempts.group_by(messages.c.sender))})

    def workers(self) -> list[tuple[str, datetime]]:
        """Return the name of each worker that is connected, with the time since when."""
        query = sa.text(
            "SELECT application_name, min(backend_start) AS since FROM pg_stat_activity WHERE application_name LIKE"
            " :name AND datname = current_database() GROUP BY application_name ORDER BY since"
        )
        with connect_to_read(self._engine) as connection:
            found = connection.execute(query, {"name": f"{WORKER}%"}).all()
            return [(name.removeprefix(WORKER), since) for name, since in found]


WORKER = "wegly-batch worker "
"""Beginning of the name under which a worker's connection is listed by the server."""


def _seconds_to(at: datetime, now: datetime, *, at_most: float = 1e9) -> float:
    return min(at_most, (at - now).total_seconds())


def _stop(connection: sa.Connection, run: str, cause: str, finding: Finding | None) -> bool:
    which = (submissions.c.run == run, submissions.c.closed.is_(None), submissions.c.cause.is_(None))
    values = {"cause": cause, "findings": findings_to_json([finding]) if finding else None}
    connection.execute(sa.update(submissions).where(*which).values(values))
    query = sa.select(submissions.c.run).where(submissions.c.run == run, submissions.c.closed.is_(None))
    return connection.execute(query).scalar() is not None


def _submission_of(connection: sa.Connection, run: str) -> Submission | None:
    found = connection.execute(sa.select(submissions).where(submissions.c.run == run)).mappings().first()
    if found is None:
        return None
    values = {name: found[name] for name in Submission.__dataclass_fields__ if name in found}
    return Submission(**values, finding=first_finding(found["findings"]))


def _read_lanes(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> list[Lane]:
    query = sa.select(lanes).select_from(lanes.join(submissions, submissions.c.run == lanes.c.run)).where(*which)
    found = connection.execute(query.order_by(lanes.c.run, lanes.c.sender)).mappings().all()
    held = set(connection.execute(_HOLDERS).scalars()) if found else set()
    return [_lane_of(each, is_held=each["lock"] in held) for each in found]


def _lane_of(found: Mapping[Any, Any], *, is_held: bool) -> Lane:
    sent = SenderRun(
        sender=found["sender"],
        attempts=found["attempts"],
        achieved_rate=found["achieved_rate"],
        slowed=found["slowed"],
        cause=found["cause"],
        pending=first_finding(found["pending_findings"]),
    )
    names = ("run", "sender", "next_at", "host", "pid", "since", "taken_over", "rate")
    values = {name: found[name] for name in names}
    state, finding = LaneState(found["state"]), first_finding(found["findings"])
    return Lane(**values, state=state, is_held=is_held, sent=sent, finding=finding)

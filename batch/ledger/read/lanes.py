"""Submitted runs and their lanes, read; of a ledger on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from batch.ledger.read.outcome_counts import OutcomeCounts
from batch.ledger.storage.engine import LedgerPart, connect_to_read, database_of
from batch.ledger.storage.schema import State, messages, runs
from batch.ledger.storage.server_tables import lanes, submissions, workers
from batch.model.lanes import OPEN_STATES, ConnectedWorker, Lane, LaneStarts, LaneState, Submission
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason, findings_from_json
from batch.model.runs import Run, SenderRun

_HOLDERS = sa.text(
    "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND"
    " granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
MAY_BE_TAKEN = sa.or_(~lanes.c.kept_back, submissions.c.cause.is_not(None))
"""A lane waits for no others: the first rows of its run are its own, have passed, or have stopped it."""
IS_OPEN = (submissions.c.run == lanes.c.run, submissions.c.closed.is_(None))
_AWAY = timedelta(minutes=1)
"""More than it takes to start a worker in the place of another."""
_SHOWN = [column for column in lanes.c if column is not lanes.c.rows]
"""All but the jobs, which may be hundreds of thousands."""


class LaneReader(LedgerPart):
    """Submitted runs of a ledger, and their lanes, at the moment."""

    def submission(self, run: str) -> Submission | None:
        """Return the submission of a run; None where the run sent by itself."""
        with connect_to_read(self._engine) as connection:
            return submission_of(connection, run)

    def submitted(self) -> frozenset[str]:
        """Return the names of all runs that were given to workers."""
        with connect_to_read(self._engine) as connection:
            return frozenset(connection.execute(sa.select(submissions.c.run)).scalars())

    def lanes(self, run: str) -> list[Lane]:
        """Return the lanes of a run, by the sender's id."""
        with connect_to_read(self._engine) as connection:
            return read_lanes(connection, lanes.c.run == run)

    def open_runs(self, queue: str | None = None) -> list[str]:
        """Return the names of submitted runs whose end is not noted, of one queue or of all, the oldest first."""
        which = [submissions.c.closed.is_(None), *([submissions.c.queue == queue] if queue else [])]
        with connect_to_read(self._engine) as connection:
            query = sa.select(submissions.c.run).where(*which).order_by(submissions.c.submitted)
            return list(connection.execute(query).scalars())

    def free_lanes(self, queue: str) -> list[Lane]:
        """Return the open lanes of a queue's open runs that may be taken, and whose sender no process holds."""
        which = (lanes.c.state.in_(OPEN_STATES), *IS_OPEN, MAY_BE_TAKEN, submissions.c.queue == queue)
        with connect_to_read(self._engine) as connection:
            return [lane for lane in read_lanes(connection, *which) if not lane.is_held]

    def outcomes(self, run: str) -> Mapping[Outcome, int]:
        """Count the messages that a run has brought to an end so far."""
        query = sa.select(messages.c.state, sa.func.count()).where(messages.c.run == run).group_by(messages.c.state)
        left = (State.PENDING.value, State.CLAIMED.value)
        with connect_to_read(self._engine) as connection:
            return {Outcome(state): count for state, count in connection.execute(query) if state not in left}

    def outcome_counts(self, run: Run) -> OutcomeCounts:
        """Return what counts the same of a run, for one who looks again and again."""
        return OutcomeCounts(self._engine, run)

    def unserved_runs(self, queue: str) -> dict[str, str]:
        """Return the open runs of other queues that no connected worker may send, with the address of each."""
        served = {queue, *(each.queue for each in self.workers() if each.queue)}
        query = sa.select(runs.c.run, runs.c.endpoint).join(submissions, submissions.c.run == runs.c.run)
        with connect_to_read(self._engine) as connection:
            found = connection.execute(query.where(submissions.c.closed.is_(None), submissions.c.queue.not_in(served)))
            return {each.run: each.endpoint for each in found}

    def workers(self) -> list[ConnectedWorker]:
        """Return the workers that are connected.

        The server shows since when to the worker's own user and to members of pg_read_all_stats alone.
        """
        query = sa.text(
            "SELECT application_name, min(backend_start) AS since FROM pg_stat_activity WHERE"
            " starts_with(application_name, :begin) AND datname = current_database()"
            " GROUP BY application_name ORDER BY since"
        )
        begin = database_of(self._engine).worker_name("")  # type: ignore[attr-defined]
        with connect_to_read(self._engine) as connection:
            serves = {each.name: each for each in connection.execute(sa.select(workers))}
            return [
                ConnectedWorker(
                    name=name.removeprefix(begin),
                    since=since,
                    endpoint=serves[name].endpoint if name in serves else None,
                    queue=serves[name].queue if name in serves else None,
                )
                for name, since in connection.execute(query, {"begin": begin})
            ]


def submission_of(connection: sa.Connection, run: str) -> Submission | None:
    found = connection.execute(sa.select(submissions).where(submissions.c.run == run)).mappings().first()
    if found is None:
        return None
    values = {name: found[name] for name in Submission.__dataclass_fields__ if name in found}
    return Submission(**values, finding=first_finding(found["findings"]))


def read_lanes(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> list[Lane]:
    query = sa.select(*_SHOWN).select_from(lanes.join(submissions, submissions.c.run == lanes.c.run)).where(*which)
    found = connection.execute(query.order_by(lanes.c.run, lanes.c.sender)).mappings().all()
    held = set(connection.execute(_HOLDERS).scalars()) if found else set()
    return [_lane_of(each, is_held=each["lock"] in held) for each in found]


def _lane_of(found: Mapping[Any, Any], *, is_held: bool) -> Lane:
    starts = _starts_of(found)
    sent = SenderRun(
        sender=found["sender"],
        attempts=starts.count,
        achieved_rate=starts.rate,
        slowed=starts.slowed,
        cause=found["cause"],
        pending=first_finding(found["pending_findings"]),
    )
    names = ("run", "sender", "next_at", "host", "pid", "since", "taken_over", "rate", "kept_back")
    values = {name: found[name] for name in names}
    state, finding = LaneState(found["state"]), first_finding(found["findings"])
    remarks = findings_from_json(found["remarks"]) if found["remarks"] else ()
    return Lane(**values, state=state, is_held=is_held, sent=sent, finding=finding, remarks=tuple(remarks))


def _starts_of(found: Mapping[Any, Any]) -> LaneStarts:
    names = ("gaps", "seconds", "latest", "slowed", "noted")
    return LaneStarts(count=found["attempts"], **{name: found[name] for name in names})


def read_starts(connection: sa.Connection, found: Mapping[Any, Any], now: datetime) -> LaneStarts:
    """Return the starts of a lane that is being taken, with those that a lost holder did not note.

    Of a message that this one posted again in the meantime, the last counts. Where no worker had the lane for a while,
    as in a night, that is no time of sending.
    """
    starts, known = replace(_starts_of(found), noted=now), found["noted"] or found["since"]
    if found["state"] == LaneState.SENDING.value:
        at = messages.c.sent_at
        of_lane = (messages.c.run == found["run"], messages.c.sender == found["sender"], messages.c.attempts > 0)
        query = sa.select(sa.func.count(), sa.func.min(at), sa.func.max(at))
        count, *times = connection.execute(query.where(*of_lane, at > known)).one()
        starts = starts.add(count, *times) if count else starts
    is_new_pass = starts.latest is not None and now - max(known, starts.latest) > _AWAY
    return replace(starts, latest=None) if is_new_pass else starts


def count_ended(connection: sa.Connection, *which: Any) -> tuple[dict[str, int], int]:
    """Count the messages of a run that have ended, by state; and those of which a lost worker left no outcome."""
    run, *of_sender = which
    is_dead = sa.func.coalesce(messages.c.findings.contains(Reason.RUN_DIED.value), sa.false())
    columns = (messages.c.state, sa.func.count(), sa.func.count().filter(is_dead))
    query = sa.select(*columns).where(messages.c.run == run, *of_sender).group_by(messages.c.state)
    found = [each for each in connection.execute(query) if each[0] != State.PENDING.value]
    return {state: count for state, count, _dead in found}, sum(dead for _state, _count, dead in found)


def first_finding(text: str | None) -> Finding | None:
    """Return the finding that a column has; None where it is null."""
    return findings_from_json(text)[0] if text else None

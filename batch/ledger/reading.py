"""What the ledger knows of a run, read back as results: rows joined with their messages."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, func, select

from batch.ledger.engine import READ
from batch.ledger.hashes import in_clear
from batch.ledger.schema import State, messages, rows, run_senders, runs
from batch.model.outcome import Evidence, Outcome
from batch.model.reason import Finding, Reason, findings_from_json, findings_to_json
from batch.model.run import Result, Run, SenderRun, Tally, ThisRun

__all__ = [
    "RESULT_COLUMNS",
    "ROW_COLUMNS",
    "read_results",
    "read_run",
    "read_runs",
    "read_senders",
    "read_tally",
    "result_of",
    "sender_values",
]

RESULT_COLUMNS = (
    messages.c.state,
    messages.c.findings.label("message_findings"),
    messages.c.again_state,
    messages.c.again_findings,
    messages.c.attempts,
    messages.c.run.label("message_run"),
    messages.c.chat_id,
    messages.c.chat_status,
    messages.c.evidence,
    messages.c.http_status,
    messages.c.sent_at,
    messages.c.duration_ms,
)
"""The columns of a message that a result shows, named as `result_of` reads them."""

ROW_COLUMNS = (
    rows.c.row,
    rows.c.key,
    rows.c.person,
    rows.c.outcome,
    rows.c.findings,
    rows.c.notes,
    rows.c.duplicate_of,
)


def result_of(found: Mapping[Any, Any], *, waiting: tuple[Finding, ...] = (Finding(Reason.WAITING),)) -> Result:
    """One row's result from its own columns and its message's. `waiting` says why a pending row was not attempted."""
    notes = findings_from_json(found["notes"]) if found["notes"] else ()
    if found["duplicate_of"] is not None:
        findings: tuple[Finding, ...] = (Finding(Reason.DUPLICATE, {"row": str(found["duplicate_of"])}),)
        return Result(row=found["row"], outcome=Outcome.SKIPPED, findings=findings, notes=notes, person=found["person"])
    own = findings_from_json(found["findings"]) if found["findings"] else ()
    if found["outcome"] is not None:
        findings = own
        outcome = Outcome(found["outcome"])
        left = Result(row=found["row"], outcome=outcome, findings=findings, notes=notes, person=found["person"])
        # Left out by a rule now, it may have been tried before: the API said no, and then the person opted out.
        return _with_attempt(left, found) if outcome is Outcome.SKIPPED and _was_refused(found) else left
    return _message_result(found, notes, own, waiting)


def _was_refused(found: Mapping[Any, Any]) -> bool:
    return bool(found["attempts"]) and found["state"] in (State.ERROR.value, State.PENDING.value)


def _with_attempt(result: Result, found: Mapping[Any, Any]) -> Result:
    return replace(
        result,
        http_status=found["http_status"],
        attempts=found["attempts"],
        sent_at=found["sent_at"],
        duration_ms=found["duration_ms"],
        run=found["message_run"],
    )


def _message_result(
    found: Mapping[Any, Any], notes: tuple[Finding, ...], own: tuple[Finding, ...], waiting: tuple[Finding, ...]
) -> Result:
    """`own`: why the row was not for this run at all; it says more of a pending message than an earlier try."""
    state, said = State(found["state"]), found["message_findings"]
    if state is State.PENDING and found["again_state"]:  # chosen to be tried again, and not sent yet
        state, said = State(found["again_state"]), found["again_findings"]
    kept = findings_from_json(said) if said else ()
    if state is State.CLAIMED:
        outcome = Outcome.UNKNOWN
        findings: tuple[Finding, ...] = (Finding(Reason.IN_FLIGHT),)
    else:
        outcome = Outcome(state.value)
        findings = (own if state is State.PENDING else ()) or kept or waiting
    return Result(
        row=found["row"],
        outcome=outcome,
        findings=findings,
        notes=notes,
        person=found["person"],
        chat_id=in_clear(found["chat_id"]),
        chat_status=found["chat_status"],
        evidence=Evidence(found["evidence"]) if found["evidence"] else None,
        http_status=found["http_status"],
        attempts=found["attempts"],
        sent_at=found["sent_at"] if found["attempts"] else None,
        duration_ms=found["duration_ms"],
        run=found["message_run"],
    )


def read_results(connection: Connection, run: str) -> Iterator[Result]:
    """Every row of a run's sheet as it stands now, in the sheet's order. Streams."""
    joined = rows.outerjoin(messages, messages.c.key == rows.c.key)
    columns = (*ROW_COLUMNS, *RESULT_COLUMNS, messages.c.sender)
    query = select(*columns).select_from(joined).where(rows.c.run == run).order_by(rows.c.row)
    kept = connection.execute(select(runs.c.pending_findings).where(runs.c.run == run)).scalar()
    general = findings_from_json(kept) if kept else (Finding(Reason.WAITING),)
    of_sender = {each.sender: (each.pending,) for each in read_senders(connection, run) if each.pending}
    for found in connection.execute(query.execution_options(yield_per=1000)).mappings():
        yield result_of(found, waiting=of_sender.get(found["sender"], general))


def read_senders(connection: Connection, run: str) -> tuple[SenderRun, ...]:
    """What each sender of a run did, by its id."""
    query = select(run_senders).where(run_senders.c.run == run).order_by(run_senders.c.sender)
    return tuple(
        SenderRun(
            sender=found["sender"],
            attempts=found["attempts"],
            achieved_rate=found["achieved_rate"],
            slowed=found["slowed"],
            cause=found["cause"],
            pending=findings_from_json(found["pending_findings"])[0] if found["pending_findings"] else None,
        )
        for found in connection.execute(query).mappings()
    )


def sender_values(run: str, sender: SenderRun) -> dict[str, Any]:
    """A sender's part of a run as its table keeps it."""
    return {
        "run": run,
        "sender": sender.sender,
        "attempts": sender.attempts,
        "achieved_rate": sender.achieved_rate,
        "slowed": sender.slowed,
        "cause": sender.cause,
        "pending_findings": findings_to_json([sender.pending]) if sender.pending else None,
    }


def read_run(engine: Engine, run: str) -> Run | None:
    """The run of that name, or None."""
    with engine.connect().execution_options(**READ) as connection:
        found = connection.execute(select(runs).where(runs.c.run == run)).mappings().first()
    return _run_of(found) if found else None


def read_runs(engine: Engine, *which: ColumnElement[bool]) -> list[Run]:
    """All runs, or those for which all of `which` holds, newest first."""
    with engine.connect().execution_options(**READ) as connection:
        found = (
            connection.execute(select(runs).where(*which).order_by(runs.c.started.desc(), runs.c.run.desc()))
            .mappings()
            .all()
        )
    return [_run_of(each) for each in found]


def read_tally(connection: Connection, run: str) -> Tally:
    """The counts of a run's rows as they stand now, and what the run itself did."""
    counts: Counter[Outcome] = Counter()
    reasons: Counter[tuple[Outcome, str]] = Counter()
    for result in read_results(connection, run):
        counts[result.outcome] += 1
        reasons[result.outcome, result.reason] += 1
    return Tally(
        counts={outcome: counts[outcome] for outcome in Outcome}, reasons=reasons, this_run=_this_run(connection, run)
    )


def _this_run(connection: Connection, run: str) -> ThisRun:
    kept = connection.execute(
        select(runs.c.attempts, runs.c.wanted_rate, runs.c.achieved_rate, runs.c.finished).where(runs.c.run == run)
    ).one()
    by_state = (
        select(messages.c.state, func.count().label("rows")).where(messages.c.run == run).group_by(messages.c.state)
    )
    found: dict[str, int] = {each.state: each.rows for each in connection.execute(by_state)}
    attempts = select(func.coalesce(func.sum(messages.c.attempts), 0)).where(messages.c.run == run)
    # A run that died could not note its own count.
    made = kept.attempts if kept.finished else int(connection.execute(attempts).scalar_one())
    found[State.UNKNOWN] = found.get(State.UNKNOWN, 0) + found.pop(State.CLAIMED, 0)
    outcomes = {outcome: found[outcome.value] for outcome in Outcome if found.get(outcome.value)}
    return ThisRun(
        attempts=made,
        outcomes=outcomes,
        wanted_rate=kept.wanted_rate,
        achieved_rate=kept.achieved_rate,
        senders=read_senders(connection, run),
    )


def _run_of(found: Mapping[Any, Any]) -> Run:
    names = ("run", "campaign", "endpoint", "sheet_path", "sheet_sha256", "version", "started", "finished", "exit_code")
    more = ("timezone", "language", "wanted_rate", "report_dir", "trial", "purged")
    return Run(
        **{name: found[name] for name in (*names, *more)},
        sheet_options=json.loads(found["sheet_options"]),
    )

"""What the ledger knows of a run, read back as results: rows joined with their messages and their corrections."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, func, select

from batch.ledger.corrected import with_corrections
from batch.ledger.corrections import correction_of, corrections_of_run, heirs_of_run, origins_of
from batch.ledger.engine import READ
from batch.ledger.heirs import Heirs
from batch.ledger.results import JOINED_COLUMNS, plain_result, result_of
from batch.ledger.schema import State, corrections, messages, rows, run_senders, runs
from batch.model.masking import mask_result
from batch.model.outcome import Outcome
from batch.model.reason import Finding, Reason, findings_from_json, findings_to_json
from batch.model.run import Result, Run, SenderRun, Tally, ThisRun

__all__ = [
    "last_sent",
    "read_results",
    "read_run",
    "read_runs",
    "read_senders",
    "read_tally",
    "runs_where",
    "sender_values",
    "sheet_of",
]


def read_results(connection: Connection, run: str) -> Iterator[Result]:
    """Every row of a run's sheet as it stands now, in the sheet's order; what was wrong as its correction stands.

    Streams.
    """
    sheet = sheet_of(connection, run)
    heirs = heirs_of_run(connection, run, sheet)
    found = corrections_of_run(connection, run, sheet, heirs)
    results = with_corrections(_own_results(connection, run, heirs), map(correction_of, found))
    purged = connection.execute(select(runs.c.purged).where(runs.c.run == run)).scalar() is not None
    yield from map(_of_nobody, results) if purged else results


def _of_nobody(result: Result) -> Result:
    """A row of a purged run: a younger correction of it may name somebody, the row does not."""
    return replace(mask_result(result), person=None)


def _own_results(connection: Connection, run: str, heirs: Heirs) -> Iterator[Result]:
    """Every row of a run's sheet by itself, in the sheet's order."""
    joined = rows.outerjoin(messages, messages.c.key == rows.c.key)
    query = select(*JOINED_COLUMNS).select_from(joined).where(rows.c.run == run).order_by(rows.c.row)
    kept = connection.execute(select(runs.c.pending_findings).where(runs.c.run == run)).scalar()
    general = findings_from_json(kept) if kept else (Finding(Reason.WAITING),)
    of_sender = {each.sender: (each.pending,) for each in read_senders(connection, run) if each.pending}
    origins = origins_of(connection, run)
    for found in connection.execute(query.execution_options(yield_per=1000)):
        result = None if heirs.first else plain_result(found)
        if result is None:
            result = result_of(heirs.as_shown(found._mapping), waiting=of_sender.get(found.sender, general))
        origin = origins(result.row)
        yield replace(result, origin=origin) if origin else result


def sheet_of(connection: Connection, run: str) -> str:
    """The key of the run's sheet; empty when there is no such run."""
    found = connection.execute(select(runs).where(runs.c.run == run)).mappings().first()
    return _run_of(found).sheet_key if found else ""


def last_sent(connection: Connection, run: str) -> datetime | None:
    """When the last accepted message of a run's rows was sent, as they stand or as corrected; None for none."""
    sent = messages.c.state.in_([State.SUCCESS.value, State.REUSED.value])
    of_rows = select(rows.c.key).where(rows.c.run == run)
    of_corrections = select(corrections.c.key).where(corrections.c.origin_sheet == sheet_of(connection, run))
    latest = (
        select(func.max(messages.c.sent_at)).where(sent, messages.c.key.in_(keys)) for keys in (of_rows, of_corrections)
    )
    times: list[datetime | None] = [connection.execute(query).scalar() for query in latest]
    return max((each for each in times if each is not None), default=None)


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
        return runs_where(connection, *which)


def runs_where(connection: Connection, *which: ColumnElement[bool]) -> list[Run]:
    """The same, by a connection that is there."""
    query = select(runs).where(*which).order_by(runs.c.started.desc(), runs.c.run.desc())
    return [_run_of(each) for each in connection.execute(query).mappings().all()]


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

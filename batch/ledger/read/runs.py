"""What the ledger knows of a run, read back as results: rows joined with their messages and their corrections."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, select

from batch.ledger.read.corrected import with_corrections
from batch.ledger.read.corrections import correction_of, corrections_of_run, heirs_of_run, origins_of
from batch.ledger.read.heirs import Heirs
from batch.ledger.storage.engine import READ
from batch.ledger.storage.results import JOINED_COLUMNS, plain_result, result_of
from batch.ledger.storage.schema import messages, rows, run_senders, runs
from batch.model.reasons import Finding, Reason, findings_from_json, findings_to_json
from batch.model.redaction import mask_result
from batch.model.runs import Result, Run, SenderRun

__all__ = [
    "ROWS_WITH_MESSAGES",
    "read_results",
    "read_run",
    "read_runs",
    "read_senders",
    "runs_where",
    "sender_values",
    "sheet_of",
    "waiting_of",
]


ROWS_WITH_MESSAGES = rows.outerjoin(messages, messages.c.key == rows.c.key)


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
    query = select(*JOINED_COLUMNS).select_from(ROWS_WITH_MESSAGES).where(rows.c.run == run).order_by(rows.c.row)
    waiting = waiting_of(connection, run)
    origins = origins_of(connection, run)
    for found in connection.execute(query.execution_options(yield_per=1000)):
        result = None if heirs.first else plain_result(found)
        if result is None:
            result = result_of(heirs.as_shown(found._mapping), waiting=waiting(found.sender))
        origin = origins(result.row)
        yield replace(result, origin=origin) if origin else result


def sheet_of(connection: Connection, run: str) -> str:
    """The key of the run's sheet; empty when there is no such run."""
    found = connection.execute(select(runs).where(runs.c.run == run)).mappings().first()
    return _run_of(found).sheet_key if found else ""


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


def waiting_of(connection: Connection, run: str) -> Callable[[str | None], tuple[Finding, ...]]:
    """Why a sender's rows that were not attempted were not."""
    kept = connection.execute(select(runs.c.pending_findings).where(runs.c.run == run)).scalar()
    general = findings_from_json(kept) if kept else (Finding(Reason.WAITING),)
    of_sender = {each.sender: (each.pending,) for each in read_senders(connection, run) if each.pending}
    return lambda sender: general if sender is None else of_sender.get(sender, general)


def _run_of(found: Mapping[Any, Any]) -> Run:
    names = ("run", "campaign", "endpoint", "sheet_path", "sheet_sha256", "version", "started", "finished", "exit_code")
    more = ("timezone", "language", "wanted_rate", "report_dir", "trial", "purged")
    return Run(
        **{name: found[name] for name in (*names, *more)},
        sheet_options=json.loads(found["sheet_options"]),
    )

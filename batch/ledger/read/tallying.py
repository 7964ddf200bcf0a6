"""The counts of a run's rows, as they stand now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from batch.ledger.read.corrections import any_corrections
from batch.ledger.read.runs import ROWS_WITH_MESSAGES, read_results, read_senders, sheet_of, waiting_of
from batch.ledger.storage.results import TELLING_COLUMNS, count_alike, result_of
from batch.ledger.storage.schema import State, corrections, messages, rows, runs
from batch.model.outcomes import Outcome
from batch.model.runs import Tally, ThisRun

__all__ = ["read_tally"]

_MESSAGED = (State.SUCCESS.value, State.REUSED.value)


def read_tally(connection: Connection, run: str) -> Tally:
    """The counts of a run's rows as they stand now, and what the run itself did."""
    sheet = sheet_of(connection, run)
    if any_corrections(connection, run, sheet):
        reasons = Counter((result.outcome, result.reason) for result in read_results(connection, run))
        last_sent = _last_sent(connection, run, sheet)
    else:
        reasons, last_sent = _counted(connection, run)
    counts: Counter[Outcome] = Counter()
    for (outcome, _reason), number in reasons.items():
        counts[outcome] += number
    return Tally(
        counts={outcome: counts[outcome] for outcome in Outcome},
        reasons=reasons,
        this_run=_this_run(connection, run),
        last_sent=last_sent,
    )


def _counted(connection: Connection, run: str) -> tuple[Counter[tuple[Outcome, str]], datetime | None]:
    """(outcome, reason code) to rows of a run whose sheet has no corrections, and when the last of them was sent,
    without going through all of them."""
    waiting = waiting_of(connection, run)
    first = rows.c.duplicate_of.is_(None).label("first")
    alike = (rows.c.outcome, rows.c.findings, first, *TELLING_COLUMNS, messages.c.sender)
    row, count = func.min(rows.c.row).label("row"), func.count().label("rows")
    query = select(*alike, row, count, func.max(messages.c.sent_at).label("latest")).select_from(ROWS_WITH_MESSAGES)
    groups = query.where(rows.c.run == run).group_by(*alike).order_by(row).execution_options(yield_per=1000)
    times: set[datetime] = set()

    def noted() -> Iterator[Any]:
        for found in connection.execute(groups):
            if found.state in _MESSAGED and found.latest is not None:
                times.add(found.latest)
            yield found

    tally = count_alike(noted(), lambda found: result_of(found, waiting=waiting(found["sender"])))
    return tally, max(times, default=None)


def _last_sent(connection: Connection, run: str, sheet: str) -> datetime | None:
    """When the last accepted message of a run's rows was sent, as they stand or as corrected; None for none."""
    latest = select(func.max(messages.c.sent_at)).where(messages.c.state.in_(_MESSAGED))
    of_rows = latest.join(rows, rows.c.key == messages.c.key).where(rows.c.run == run)
    of_corrections = latest.join(corrections, corrections.c.key == messages.c.key)
    found = [of_rows, of_corrections.where(corrections.c.origin_sheet == sheet)]
    times: list[datetime | None] = [connection.execute(query).scalar() for query in found]
    return max((each for each in times if each is not None), default=None)


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

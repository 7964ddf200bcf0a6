"""What the ledger knows of a run, read back as results: rows joined with their messages and their corrections."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, delete, exists, func, insert, select

from batch.ledger.read.corrections import (
    Heirs,
    any_corrections,
    correction_of,
    corrections_of_run,
    heirs_of_run,
    origins_of,
    with_corrections,
)
from batch.ledger.storage.engine import READ
from batch.ledger.storage.pseudonyms import MARK, Hashes, has_purged_data, read_hashes
from batch.ledger.storage.results import JOINED_COLUMNS, TELLING_COLUMNS, count_alike, plain_result, result_of
from batch.ledger.storage.schema import (
    SENT_STATES,
    State,
    campaigns,
    corrections,
    is_one_of,
    messages,
    rows,
    run_senders,
    runs,
)
from batch.model.messages import campaign_scope
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason, findings_from_json, findings_to_json
from batch.model.redaction import mask_result
from batch.model.runs import Result, Run, SenderRun, Tally, ThisRun, Traits

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


def read_traits(connection: Connection, *, endpoint: str, campaign: str) -> Traits | None:
    """The traits of the campaign's last run at this endpoint, or None when there was none."""
    here = (campaigns.c.endpoint == endpoint, campaigns.c.campaign == campaign_scope(campaign))
    found = connection.execute(select(campaigns).where(*here)).mappings().first()
    if found is None:
        return None
    return Traits(
        unique_by=tuple(json.loads(found["unique_by"])),
        region=found["region"],
        phone_rule=found["phone_rule"],
        template=found["template"],
    )


def note_traits(connection: Connection, traits: Traits, *, endpoint: str, campaign: str) -> None:
    """Write the traits of a run's campaign in place of those before."""
    scope = campaign_scope(campaign)
    connection.execute(delete(campaigns).where(campaigns.c.endpoint == endpoint, campaigns.c.campaign == scope))
    connection.execute(
        insert(campaigns).values(
            endpoint=endpoint,
            campaign=scope,
            unique_by=json.dumps(list(traits.unique_by), ensure_ascii=False),
            region=traits.region,
            phone_rule=traits.phone_rule,
            template=traits.template,
        )
    )


def find_endpoints(connection: Connection, campaign: str) -> list[str]:
    """The endpoints at which somebody has, or may have, a message of the campaign. Nobody is counted: it is quick."""
    sent = (messages.c.campaign == campaign_scope(campaign), is_one_of(messages.c.state, SENT_STATES))
    return [
        endpoint
        for endpoint in _endpoints(connection)
        if connection.execute(select(exists().where(messages.c.endpoint == endpoint, *sent))).scalar()
    ]


def _endpoints(connection: Connection) -> Iterator[str]:
    """Every endpoint, from one to the next by the index: to look through all messages for them takes a while."""
    first = select(func.min(messages.c.endpoint))
    endpoint = connection.execute(first).scalar()
    while endpoint is not None:
        yield endpoint
        endpoint = connection.execute(first.where(messages.c.endpoint > endpoint)).scalar()


def count_recipients(connection: Connection, campaign: str) -> dict[str, int]:
    """Endpoint to the number of people who have, or may have, a message of the campaign there."""
    people = func.count(messages.c.person.distinct())
    sent = (messages.c.campaign == campaign_scope(campaign), messages.c.state.in_(SENT_STATES))
    query = select(messages.c.endpoint, people).where(*sent).group_by(messages.c.endpoint)
    found = {endpoint: count for endpoint, count in connection.execute(query)}  # noqa: C416 - rows are no pairs for mypy
    if not has_purged_data(connection):
        return found
    hashes = read_hashes(connection)
    return {
        endpoint: count - _twice(connection, hashes, *sent, messages.c.endpoint == endpoint)
        for endpoint, count in found.items()
    }


def _twice(connection: Connection, hashes: Hashes, *sent: ColumnElement[bool]) -> int:
    """People who count twice: one message of theirs was purged, and another one (`unique_by`) was not."""
    is_purged = messages.c.person.startswith(MARK, autoescape=True)
    purged = set(connection.execute(select(messages.c.person).where(*sent, is_purged)).scalars())
    if not purged:
        return 0
    others = connection.execute(select(messages.c.person).where(*sent, ~is_purged).distinct()).scalars()
    return sum(hashes.person(person) in purged for person in others)

"""Read-only queries over runs: results and counts of a run's rows, a campaign's traits and recipients."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields, replace
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from batch.ledger.read.corrections import read_corrected, read_corrections, select_accepted, show_corrections
from batch.ledger.read.deliveries import count_deliveries
from batch.ledger.storage.damage import check_types
from batch.ledger.storage.engine import LedgerPart, connect_to_read, database_of
from batch.ledger.storage.pseudonyms import MARK, Hashes, has_purged_data, read_hashes
from batch.ledger.storage.results import (
    LOOKED_AT,
    MESSAGE_COLUMNS,
    OF_MESSAGE,
    OUTCOME_COLUMNS,
    WAITING,
    WIDTH,
    StoredRow,
    count_groups,
    file_name,
    result_of,
    row_columns,
    row_ranges,
    select_groups,
)
from batch.ledger.storage.schema import (
    ACCEPTED_STATES,
    LATEST_ATTEMPT,
    SENT_STATES,
    State,
    campaigns,
    corrections,
    decisions,
    deliveries,
    is_one_of,
    messages,
    path_of,
    rows,
    run_senders,
    runs,
)
from batch.model.messages import Origin, campaign_scope
from batch.model.outcomes import DECIDED, Outcome
from batch.model.reasons import Finding, findings_from_json, findings_to_json
from batch.model.redaction import mask_result
from batch.model.runs import Result, Run, SenderRun, Tally, ThisRun, Traits, count_outcomes

_PAGE = 1000
_SENDER_COLUMNS = [field.name for field in fields(SenderRun) if field.name != "pending"]
_ANY_LOOK = sa.select(sa.exists().select_from(deliveries))
_ROWS_WITH_MESSAGES = rows.outerjoin(messages, messages.c.key == rows.c.key)


class RunReader(LedgerPart):
    """Runs of a ledger, their rows and counts, and what its campaigns have sent. Changes nothing."""

    def run(self, run: str) -> Run | None:
        """Return the run of that name, or None."""
        with connect_to_read(self._engine) as connection:
            return next(iter(select_runs(connection, runs.c.run == run)), None)

    def runs(self) -> list[Run]:
        """Return all runs, newest first."""
        with connect_to_read(self._engine) as connection:
            return select_runs(connection)

    def origins(self, run: str) -> list[str]:
        """Return the runs in whose sheets rows of this run's were wrong."""
        query = sa.select(corrections.c.origin_run).where(corrections.c.run == run).distinct()
        with connect_to_read(self._engine) as connection:
            return list(connection.execute(query).scalars())

    def results(self, run: str) -> Iterator[Result]:
        """Yield every row of a run's sheet with its outcome of this moment, in the sheet's order."""
        with self.snapshot(run) as (_tally, results):
            yield from results()

    def tally(self, run: str) -> Tally:
        """Count a run's rows by their outcomes of this moment."""
        with self.snapshot(run) as (tally, _results):
            return tally()

    @contextmanager
    def snapshot(self, run: str) -> Iterator[tuple[Callable[[], Tally], Callable[[], Iterator[Result]]]]:
        """Give functions for the counts and rows of a run at one moment.

        They agree, however often they are called, also while a run is sending.
        """
        with connect_to_read(self._engine) as connection, database_of(connection).small_cache(connection):
            yield partial(_read_tally, connection, run), partial(_read_results, connection, run)

    def traits(self, *, endpoint: str, campaign: str) -> Traits | None:
        """Return the traits of the campaign's last run at this endpoint; None when it has none."""
        here = (campaigns.c.endpoint == endpoint, campaigns.c.campaign == campaign_scope(campaign))
        query = sa.select(*(campaigns.c[field.name] for field in fields(Traits))).where(*here)
        with connect_to_read(self._engine) as connection:
            found = connection.execute(query).mappings().first()
        if found is None:
            return None
        check_types(campaigns, found)
        return Traits(**{**found, "unique_by": tuple(json.loads(found["unique_by"]))})

    def find_endpoints(self, campaign: str) -> list[str]:
        """Return the endpoints where at least one person has, or may have, a message of the campaign.

        Fast: counts none.
        """
        sent = (messages.c.campaign == campaign_scope(campaign), is_one_of(messages.c.state, SENT_STATES))
        with connect_to_read(self._engine) as connection:
            return [
                endpoint
                for endpoint in _endpoints(connection)
                if connection.execute(sa.select(sa.exists().where(messages.c.endpoint == endpoint, *sent))).scalar()
            ]

    def count_recipients(self, campaign: str) -> dict[str, int]:
        """Count the people who have, or may have, a message of the campaign, by endpoint."""
        people = sa.func.count(messages.c.person.distinct())
        sent = (messages.c.campaign == campaign_scope(campaign), messages.c.state.in_(SENT_STATES))
        query = sa.select(messages.c.endpoint, people).where(*sent).group_by(messages.c.endpoint)
        with connect_to_read(self._engine) as connection:
            found = {where: count for where, count in connection.execute(query)}  # noqa: C416 - rows are no pairs
            if has_purged_data(connection):
                hashes = read_hashes(connection)
                for where in found:
                    found[where] -= _count_twice(connection, hashes, *sent, messages.c.endpoint == where)
        return found

    def latest_time(self) -> datetime | None:
        """Return the latest time that the ledger notes; None for an empty one."""
        with connect_to_read(self._engine) as connection:
            times = [connection.scalar(query) for query in (sa.select(sa.func.max(runs.c.started)), LATEST_ATTEMPT)]
        return max((time for time in times if time is not None), default=None)


def _read_results(connection: sa.Connection, run: str) -> Iterator[Result]:
    """Yield every row of a run's sheet as it is shown now, in the sheet's order; corrected rows as corrected. Streams.

    Rows of a purged run name no person, also where a younger correction of them does.
    """
    is_purged = connection.execute(sa.select(runs.c.purged).where(runs.c.run == run)).scalar() is not None
    found = read_corrections(connection, run, sheet_of(connection, run))
    shown = show_corrections(_own_results(connection, run), found)
    yield from (replace(mask_result(result), person=None) for result in shown) if is_purged else shown


def _own_results(connection: sa.Connection, run: str, among: Sequence[int] | None = None) -> Iterator[Result]:
    """Yield the results of a run's rows without their corrections, in the sheet's order. `among`: rows; None: all."""
    origin_runs = runs.alias("origin_runs")
    corrected = sa.and_(corrections.c.run == rows.c.run, corrections.c.row == rows.c.row)
    joined = _ROWS_WITH_MESSAGES.outerjoin(corrections, corrected).outerjoin(
        origin_runs, origin_runs.c.run == corrections.c.origin_run
    )
    # The path as the driver gives it: to convert a column takes long, and nearly no row has one.
    origin = (corrections.c.origin_run, corrections.c.origin_row, sa.type_coerce(origin_runs.c.sheet_path, sa.Text))
    looks = LOOKED_AT if connection.scalar(_ANY_LOOK) else ()
    joined = joined.outerjoin(deliveries, OF_MESSAGE) if looks else joined
    query = sa.select(*row_columns(rows), *MESSAGE_COLUMNS, messages.c.sender, *origin, *looks).select_from(joined)
    query = query.where(rows.c.run == run).order_by(rows.c.row)
    if among is not None:
        query = query.where(rows.c.row.in_(among))
    pending = _read_pending(connection, run)
    with closing(connection.execute(query.execution_options(yield_per=_PAGE))) as results:
        for found in results:
            stored, sender, origin_run = StoredRow._make(found[:WIDTH]), found[WIDTH], found[WIDTH + 1]
            from_row = None
            if origin_run is not None:
                from_row = Origin(run=origin_run, row=found[WIDTH + 2], file=file_name(path_of(found[WIDTH + 3])))
            look = found._mapping if looks else None
            yield result_of(stored, pending=pending(sender), origin=from_row, look=look)


def sheet_of(connection: sa.Connection, run: str) -> str:
    """Return the key of the run's sheet; empty when there is no such run."""
    found = select_runs(connection, runs.c.run == run)
    return found[0].sheet_key if found else ""


def _read_senders(connection: sa.Connection, run: str) -> tuple[SenderRun, ...]:
    """Return the part of each sender in a run, by the sender's id."""
    query = sa.select(run_senders).where(run_senders.c.run == run).order_by(run_senders.c.sender)
    return tuple(map(_sender_of, connection.execute(query).mappings()))


def _sender_of(found: Mapping[Any, Any]) -> SenderRun:
    check_types(run_senders, found)
    pending = findings_from_json(found["pending_findings"])[0] if found["pending_findings"] else None
    return SenderRun(**{name: found[name] for name in _SENDER_COLUMNS}, pending=pending)


def sender_values(run: str, sender: SenderRun) -> dict[str, Any]:
    """Return a sender's part in a run as a row of `run_senders`."""
    findings = findings_to_json([sender.pending]) if sender.pending else None
    return {name: getattr(sender, name) for name in _SENDER_COLUMNS} | {"run": run, "pending_findings": findings}


def select_runs(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> list[Run]:
    """Return the runs for which all of `which` holds, newest first."""
    query = sa.select(runs).where(*which).order_by(runs.c.started.desc(), runs.c.run.desc())
    return [_run_of(each) for each in connection.execute(query).mappings().all()]


def _run_of(found: Mapping[Any, Any]) -> Run:
    check_types(runs, found)
    values = {field.name: found[field.name] for field in fields(Run) if field.name in found}
    opt_outs = found["reply_opt_outs"]
    texts = {"sheet_options": found["sheet_options"], "reply_opt_outs": "{}" if opt_outs is None else opt_outs}
    return Run(**values | {name: json.loads(text) for name, text in texts.items()})


def _read_pending(connection: sa.Connection, run: str) -> Callable[[str | None], tuple[Finding, ...]]:
    """Return a function from a sender to why its pending rows were not attempted."""
    kept = connection.execute(sa.select(runs.c.pending_findings).where(runs.c.run == run)).scalar()
    general = findings_from_json(kept) if kept else WAITING
    of_sender = {each.sender: (each.pending,) for each in _read_senders(connection, run) if each.pending}
    return lambda sender: general if sender is None else of_sender.get(sender, general)


def _read_tally(connection: sa.Connection, run: str) -> Tally:
    """Count a run's rows as they are shown now, and read what the run itself did."""
    reasons, times = _count_own(connection, run)
    later, since, settled = _count_since(connection, run)
    sheet = sheet_of(connection, run)
    found = read_corrections(connection, run, sheet)
    for own, shown in read_corrected(found, partial(_own_results, connection, run)):
        reasons[own.outcome, own.reason] -= 1
        reasons[shown.outcome, shown.reason] += 1
        if shown.outcome.is_accepted and shown.sent_at is not None:
            times.append(shown.sent_at)
        since += shown.outcome.is_accepted and not own.outcome.is_accepted and shown.run in later
    return Tally(
        counts=count_outcomes(reasons),
        reasons=+reasons,
        this_run=_this_run(connection, run),
        since=since,
        settled=settled,
        last_sent=max(times, default=None),
        delivery=count_deliveries(connection, shown_by(connection, run, sheet))
        if connection.scalar(_ANY_LOOK)
        else None,
    )


def shown_by(connection: sa.Connection, run: str, sheet: str) -> sa.ColumnElement[bool]:
    """Return the condition for accepted messages that rows of a run show: their own, or those of their corrections.

    Of a failed message that is replaced the row shows the later one; its duplicates have the key of the first still.
    """
    shown = sa.select(rows.c.key).where(rows.c.run == run, rows.c.duplicate_of.is_(None))
    own = messages.c.key.in_(shown)
    corrected = select_accepted(connection, run, sheet)
    return own if corrected is None else sa.or_(own, messages.c.key.in_(corrected))


def _count_own(connection: sa.Connection, run: str) -> tuple[Counter[tuple[Outcome, str]], list[datetime]]:
    """Count a run's rows without their corrections, and return when messages of them were accepted, the last too."""
    pending = _read_pending(connection, run)
    latest = sa.func.max(messages.c.sent_at).label("latest")
    query = select_groups(rows, *OUTCOME_COLUMNS, messages.c.sender).add_columns(latest)
    query = query.select_from(_ROWS_WITH_MESSAGES).execution_options(yield_per=_PAGE)
    parts = row_ranges(connection, rows, rows.c.run == run)
    times: list[datetime] = []

    def result(stored: StoredRow, group: Any) -> Result:
        if group.state in ACCEPTED_STATES and group.latest is not None:
            times.append(group.latest)
        return result_of(stored, pending=pending(group.sender))

    return count_groups((group for part in parts for group in connection.execute(query.where(part))), result), times


def _count_since(connection: sa.Connection, run: str) -> tuple[frozenset[str], int, int]:
    """Return the later runs, and as of `Tally` the rows without corrections: `since`, and of these `settled`."""
    started = sa.select(runs.c.started).where(runs.c.run == run).scalar_subquery()
    later = frozenset(connection.execute(sa.select(runs.c.run).where(runs.c.started > started)).scalars())
    decided = sa.select(decisions.c.key).where(decisions.c.decided_at > started)
    if not later and connection.execute(decided.limit(1)).first() is None:
        return later, 0, 0
    by_hand = sa.and_(messages.c.evidence.in_([each.value for each in DECIDED]), messages.c.key.in_(decided))
    of_later = messages.c.run.in_(sa.select(runs.c.run).where(runs.c.started > started))
    own = sa.case((sa.and_(by_hand, messages.c.run == run), rows.c.key))
    query = sa.select(sa.func.count(rows.c.key.distinct()), sa.func.count(own.distinct()))
    query = query.select_from(_ROWS_WITH_MESSAGES).where(rows.c.run == run, rows.c.outcome.is_(None))
    accepted = is_one_of(messages.c.state, ACCEPTED_STATES)
    since, settled = connection.execute(query.where(accepted, sa.or_(of_later, by_hand))).one()
    return later, since, settled


def _this_run(connection: sa.Connection, run: str) -> ThisRun:
    kept = connection.execute(
        sa.select(runs.c.attempts, runs.c.wanted_rate, runs.c.achieved_rate, runs.c.finished).where(runs.c.run == run)
    ).one()
    by_state = (
        sa.select(messages.c.state, sa.func.count().label("rows"))
        .where(messages.c.run == run)
        .group_by(messages.c.state)
    )
    found: dict[str, int] = {each.state: each.rows for each in connection.execute(by_state)}
    made = kept.attempts if kept.finished else _count_attempts(connection, run)
    found[State.UNKNOWN] = found.get(State.UNKNOWN, 0) + found.pop(State.CLAIMED, 0)
    return ThisRun(
        attempts=made,
        outcomes={outcome: found[outcome.value] for outcome in Outcome if found.get(outcome.value)},
        wanted_rate=kept.wanted_rate,
        achieved_rate=kept.achieved_rate,
        senders=_read_senders(connection, run),
    )


def _count_attempts(connection: sa.Connection, run: str) -> int:
    """Count the attempts that a run without an end has made at least: its messages that were tried, or its lanes' own.

    What a message has counts those of earlier runs too.
    """
    tried = (messages.c.run == run, messages.c.attempts > 0, messages.c.state != State.PENDING.value)
    made = int(connection.execute(sa.select(sa.func.count()).where(*tried)).scalar_one())
    if database_of(connection).file is not None:  # a ledger that no worker can have
        return made
    from batch.ledger.storage.server_tables import lanes  # noqa: PLC0415 - of a ledger on a server alone

    of_lanes = sa.select(sa.func.coalesce(sa.func.sum(lanes.c.attempts), 0)).where(lanes.c.run == run)
    return max(made, int(connection.execute(of_lanes).scalar_one()))


def _endpoints(connection: sa.Connection) -> Iterator[str]:
    """Yield every endpoint, each found by the index after the one before: to read all messages for them is slow."""
    first = sa.select(sa.func.min(messages.c.endpoint))
    endpoint = connection.execute(first).scalar()
    while endpoint is not None:
        yield endpoint
        endpoint = connection.execute(first.where(messages.c.endpoint > endpoint)).scalar()


def _count_twice(connection: sa.Connection, hashes: Hashes, *sent: sa.ColumnElement[bool]) -> int:
    """Count people who have both a purged message and another one (`unique_by`): they were counted twice."""
    is_purged = messages.c.person.startswith(MARK, autoescape=True)
    purged = set(connection.execute(sa.select(messages.c.person).where(*sent, is_purged)).scalars())
    if not purged:
        return 0
    others = connection.execute(sa.select(messages.c.person).where(*sent, ~is_purged).distinct()).scalars()
    return sum(hashes.person(person) in purged for person in others)

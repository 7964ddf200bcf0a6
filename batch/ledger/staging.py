"""The plan: a sheet's rows are staged aside, judged against each other and the ledger, and enter it in one transaction.

Staging writes only temporary tables, so a run that is sending is never kept waiting by another sheet's check, and
`check` and `run` share every rule: `check` reads the same judgement and throws it away.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from types import TracebackType
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Integer,
    String,
    and_,
    bindparam,
    cast,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from batch.errors import LedgerFailed
from batch.ledger.campaigns import note_traits
from batch.ledger.engine import READ, translate
from batch.ledger.outreach import recent, recently, recently_messaged
from batch.ledger.owner import Owner
from batch.ledger.reading import RESULT_COLUMNS, result_of
from batch.ledger.schema import (
    SENT_STATES,
    State,
    listed,
    messages,
    meta,
    rows,
    runs,
    staged,
    staging_metadata,
    suppressed,
    winners,
)
from batch.model.campaign_traits import Traits
from batch.model.message import campaign_scope
from batch.model.outcome import Outcome
from batch.model.outreach import OutreachRules
from batch.model.reason import Finding, Reason, findings_to_json
from batch.model.run import Result, Run

__all__ = ["Chosen", "History", "Judging", "StagedRow", "Staging"]

_KEPT = ("row", "key", "person", "outcome", "findings", "notes", "duplicate_of")
_AT_ONCE = 1000
_SUPPRESS, _ONLY, _PLANNED = "suppress", "only", "planned"

_STAGED_JOIN = staged.outerjoin(messages, messages.c.key == staged.c.key)
_SENT_BEFORE = exists().where(messages.c.key == staged.c.key, messages.c.state.in_(SENT_STATES))
_GOOD = (staged.c.outcome.is_(None), staged.c.person.is_not(None), ~_SENT_BEFORE)
"""Rows that are neither wrong nor left out, and show nothing that was sent before."""
_SKIP = (
    update(staged)
    .where(staged.c.row == bindparam("at"))
    .values(outcome=Outcome.SKIPPED.value, findings=bindparam("said"))
)


@dataclass(frozen=True, kw_only=True, slots=True)
class StagedRow:
    """A checked row on its way into the ledger. `outcome` is None for a row that may be sent."""

    row: int
    key: str | None = None
    person: str | None = None
    sender: str | None = None
    outcome: Outcome | None = None
    """ERROR or SKIPPED when the row itself decides it."""
    findings: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()
    request_hash: str | None = None
    payload: str | None = None
    stands: bool = False
    """The row stands for its key though it is not sent: another ledger has sent it."""
    opted_out: bool = False
    """The sheet says that the person wants no messages: none of the person's rows is sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judging:
    """What of earlier outcomes a run may try again."""

    retry_errors: bool = False
    """Rows in error, though their request did not change."""
    resend_unknown: bool = False
    """Unknown rows, though they may have been sent: somebody may get a second message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """Which of the rows that may be sent this run is for; the others stay pending."""

    ranges: tuple[tuple[int, int], ...] | None = None
    """First and last rows of the sheet (`--rows`); None: all."""
    planned: Mapping[int, str] | None = None
    """Row to the request's hash (`--plan`); None: no plan."""


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """What the messages of other campaigns mean for a sheet."""

    rules: OutreachRules
    endpoint: str
    campaign: str
    """The sheet's own campaign: its earlier messages are not history."""
    now: datetime


class Staging:
    """One sheet on its way into the ledger. Use as a context manager; leaving it forgets what was not planned.

    `add` as often as needed, then `judge` once, then read (`counts`, `to_send`, `results`) or `plan`.
    """

    def __init__(self, engine: Engine, judging: Judging) -> None:
        self._engine = engine
        self._judging = judging
        self._only: str | None = None

    def __enter__(self) -> Staging:
        self._connection = self._engine.connect().execution_options(**READ)
        staging_metadata.create_all(self._connection, checkfirst=False)
        self._connection.commit()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.rollback()
        staging_metadata.drop_all(self._connection, checkfirst=False)
        self._connection.commit()
        self._connection.close()

    def add(self, batch: Iterable[StagedRow]) -> None:
        """Stage rows. Row numbers must be new."""
        taken = list(batch)
        if taken:
            self._connection.execute(insert(staged), [_staged_values(row) for row in taken])
        out = [(row.person, f"row {row.row} of the sheet") for row in taken if row.opted_out and row.person]
        if out:
            self.suppress(out)

    def suppress(self, people: Iterable[tuple[str, str]]) -> None:
        """For this sheet, suppress people besides the list: (person, where it says so). Before `judge`."""
        self._list(_SUPPRESS, people)

    def allow_only(self, people: Iterable[tuple[str, str]], where: str) -> None:
        """For this sheet, leave out everybody but these people. `where`: the list, as a person calls it."""
        self._only = where
        self._list(_ONLY, people)

    def judge(self, history: History | None = None) -> None:
        """Decide for each key which row stands for it, and by the rules of outreach which rows are left out.

        Suppression comes first: a row of somebody on the list stands for nothing, unless it shows what was sent before.
        Then the first row of each key that is left wins, and the others become `skipped` as its duplicates. History is
        for what would be sent then.
        """
        self._leave_out_listed()
        run = self._connection.execute
        first = select(staged.c.key, func.min(staged.c.row)).where(staged.c.key.is_not(None)).group_by(staged.c.key)
        run(insert(winners).from_select(["key", "row"], first.where(staged.c.stands)))
        has_winner = exists().where(winners.c.key == staged.c.key)
        run(insert(winners).from_select(["key", "row"], first.where(staged.c.outcome.is_(None), ~has_winner)))
        # A row that could not be sent today still shows what an earlier run sent to this key.
        run(insert(winners).from_select(["key", "row"], first.where(_SENT_BEFORE, ~has_winner)))
        stands = select(winners.c.row).where(winners.c.key == staged.c.key).scalar_subquery()
        shows = (_SENT_BEFORE, staged.c.row == stands)
        run(update(staged).where(*shows).values(outcome=None, findings=None))
        twin = and_(staged.c.outcome.is_(None), staged.c.key.is_not(None), staged.c.row != stands)
        run(update(staged).where(twin).values(outcome=Outcome.SKIPPED.value, duplicate_of=stands))
        self._keep_unknown_back()
        if history is not None:
            self._leave_out_recent(history)
        self._connection.commit()

    def choose(self, chosen: Chosen) -> None:
        """Keep this run to some of the rows that may be sent; the others stay pending and say why. After `judge`."""
        if chosen.ranges is not None:
            inside = or_(*(staged.c.row.between(first, last) for first, last in chosen.ranges))
            self._hold_back(~inside, Finding(Reason.NOT_CHOSEN))
        if chosen.planned is not None:
            self._list(_PLANNED, ((str(row), digest) for row, digest in chosen.planned.items()))
            same = and_(listed.c.list == _PLANNED, listed.c.person == cast(staged.c.row, String))
            self._hold_back(~exists().where(same, listed.c.where == staged.c.request_hash), Finding(Reason.NOT_PLANNED))
        self._connection.commit()

    def waiting(self) -> Generator[tuple[str, str]]:
        """(sender, person) of each message that a run would send, in the sheet's order. Close it if it is left early."""
        query = _joined(staged.c.sender, staged.c.person).where(self._sendable()).order_by(staged.c.row)
        yield from self._stream(query)

    def requests(self) -> Generator[tuple[int, str, str, str]]:
        """(row, person, request's hash, payload) of each message that a run would send, in the sheet's order."""
        columns = (staged.c.row, staged.c.person, staged.c.request_hash, staged.c.payload)
        query = _joined(*columns).where(self._sendable()).order_by(staged.c.row)
        yield from self._stream(query)

    def _stream(self, query: Any) -> Iterator[Any]:
        """Rows of a query; a cursor that is left open would keep the plan from being written."""
        found = self._connection.execute(query.execution_options(yield_per=_AT_ONCE))
        try:
            yield from found
        finally:
            found.close()

    def _list(self, name: str, people: Iterable[tuple[str, str]]) -> None:
        everyone = iter(people)
        statement = insert(listed).prefix_with("OR IGNORE", dialect="sqlite")
        while some := [
            {"list": name, "person": person, "where": where} for person, where in islice(everyone, _AT_ONCE)
        ]:
            self._connection.execute(statement, some)

    def _leave_out_listed(self) -> None:
        """Rows of people on the suppression list, or not on the list of the only ones, become `skipped`."""
        here = select(listed.c.where).where(listed.c.list == _SUPPRESS, listed.c.person == staged.c.person)
        noted = select(suppressed.c.source).where(suppressed.c.person == staged.c.person)
        where = func.coalesce(noted.scalar_subquery(), here.scalar_subquery())
        query = select(staged.c.row, where).where(*_GOOD, or_(noted.exists(), here.exists()))
        self._leave_out(query, lambda where: Finding(Reason.SUPPRESSED, {"where": where}))
        if self._only is not None:
            allowed = exists().where(listed.c.list == _ONLY, listed.c.person == staged.c.person)
            query = select(staged.c.row, literal(self._only)).where(*_GOOD, ~allowed)
            self._leave_out(query, lambda where: Finding(Reason.NOT_ALLOWED, {"where": where}))

    def _keep_unknown_back(self) -> None:
        """What may have been sent stays `unknown`, and is not sent again to people whom the rules leave out."""
        out = or_(
            exists().where(suppressed.c.person == staged.c.person),
            exists().where(listed.c.list == _SUPPRESS, listed.c.person == staged.c.person),
            *(
                [~exists().where(listed.c.list == _ONLY, listed.c.person == staged.c.person)]
                if self._only is not None
                else []
            ),
        )
        unknown = exists().where(messages.c.key == staged.c.key, messages.c.state == State.UNKNOWN.value)
        self._connection.execute(update(staged).where(unknown, out).values(payload=None))

    def _leave_out_recent(self, history: History) -> None:
        rules = history.rules
        if rules.not_within is None:
            return
        latest = func.max(recently.c.sent_at, type_=messages.c.sent_at.type)
        query = (
            select(staged.c.row, recently.c.campaign, latest, messages.c.state)
            .select_from(staged.outerjoin(messages, messages.c.key == staged.c.key).join(recently, true()))
            .where(
                self._sendable(),
                *recent(staged),
                recently.c.endpoint == history.endpoint,
                recently.c.campaign != campaign_scope(history.campaign),
            )
            .group_by(staged.c.row)
        )
        found = self._connection.execute(query, {"recent_since": history.now - rules.not_within}).all()
        left_out = [
            {"at": row, "said": findings_to_json([recently_messaged(rules, campaign, last)])}
            for row, campaign, last, state in found
            if state != State.UNKNOWN.value
        ]
        stays = [{"at": row} for row, _, _, state in found if state == State.UNKNOWN.value]
        if left_out:
            self._connection.execute(_SKIP, left_out)
        if stays:
            self._connection.execute(update(staged).where(staged.c.row == bindparam("at")).values(payload=None), stays)

    def _leave_out(self, query: Any, finding: Callable[[str], Finding]) -> None:
        after = 0
        while found := self._connection.execute(
            query.where(staged.c.row > after).order_by(staged.c.row).limit(_AT_ONCE)
        ).all():
            self._connection.execute(
                _SKIP, [{"at": row, "said": findings_to_json([finding(where)])} for row, where in found]
            )
            after = found[-1].row

    def _hold_back(self, which: ColumnElement[bool], finding: Finding) -> None:
        held = select(staged.c.row).select_from(_STAGED_JOIN).where(self._sendable(), which)
        said = findings_to_json([finding])
        self._connection.execute(update(staged).where(staged.c.row.in_(held)).values(findings=said))

    def counts(self) -> Mapping[Outcome, int]:
        """All six outcomes as they would stand if the run began now."""
        tally = Counter(result.outcome for result in self.results())
        return {outcome: tally[outcome] for outcome in Outcome}

    def to_send(self, limit: int | None = None) -> list[tuple[int, str]]:
        """(row, payload) of what a run would send, in the sheet's order, at most `limit`."""
        query = _joined(staged.c.row, staged.c.payload).where(self._sendable()).order_by(staged.c.row).limit(limit)
        return [(row, payload) for row, payload in self._connection.execute(query)]

    def count_to_send(self) -> int:
        """How many messages a run would send."""
        return int(self._connection.execute(_joined(func.count()).where(self._sendable())).scalar_one())

    def senders(self) -> tuple[str, ...]:
        """The senders of what a run would send, sorted."""
        query = _joined(staged.c.sender).where(self._sendable()).distinct().order_by(staged.c.sender)
        return tuple(self._connection.execute(query).scalars())

    def results(self) -> Iterator[Result]:
        """Every row as a report would show it if the run began now, in the sheet's order."""
        sendable = cast(self._sendable(), Integer).label("sendable")
        query = _joined(*(staged.c[name] for name in _KEPT), *RESULT_COLUMNS, sendable).order_by(staged.c.row)
        for found in self._connection.execute(query).mappings():
            fresh = {**found, "state": State.PENDING.value, "message_findings": None, "again_state": None}
            yield result_of(fresh if found["sendable"] else found)

    def plan(self, run: Run, owner: Owner, traits: Traits) -> int:
        """Write the run, its rows and its messages into the ledger in one transaction; return the ledger's counter.

        Durable when it returns. Raises LedgerFailed when it could not be written; then nothing of it was.
        """
        self._connection.rollback()
        connection = self._connection.execution_options(wegly_read=False)
        try:
            with connection.begin():
                connection.execute(insert(runs).values(_run_values(run, owner)))
                note_traits(connection, traits, endpoint=run.endpoint, campaign=run.campaign)
                self._write_messages(connection, run)
                kept = select(staged.c.row, *(staged.c[name] for name in _KEPT[1:]))
                with_run = kept.add_columns(literal(run.run))
                connection.execute(insert(rows).from_select([*_KEPT, "run"], with_run))
                return _count_up(connection)
        except SQLAlchemyError as error:
            raise LedgerFailed(
                translate(error, "planning the run"), "Nothing was sent. Check the disk, then run again."
            ) from error
        finally:
            self._connection.execution_options(**READ)

    def _sendable(self) -> ColumnElement[bool]:
        """The one rule of what a run sends: good rows whose message is new, waiting, or an error worth another try."""
        changed = messages.c.request_hash != staged.c.request_hash
        again = messages.c.state == State.ERROR.value
        if not self._judging.retry_errors:
            again = and_(again, changed)
        waiting = or_(messages.c.key.is_(None), messages.c.state == State.PENDING.value, again)
        if self._judging.resend_unknown:
            waiting = or_(waiting, messages.c.state == State.UNKNOWN.value)
        chosen = staged.c.findings.is_(None)
        return and_(staged.c.outcome.is_(None), staged.c.payload.is_not(None), chosen, waiting)

    def _write_messages(self, connection: Connection, run: Run) -> None:
        fresh = {
            "sender": staged.c.sender,
            "request_hash": staged.c.request_hash,
            "payload": staged.c.payload,
        }
        same_key = messages.c.key == staged.c.key
        again = update(messages).where(same_key, self._sendable())
        unchanged = messages.c.request_hash == staged.c.request_hash
        chosen = or_(messages.c.state == State.UNKNOWN.value, and_(messages.c.state == State.ERROR.value, unchanged))
        before = {"again_state": messages.c.state, "again_findings": messages.c.findings}
        waiting = {**fresh, "state": State.PENDING.value, "findings": None}
        connection.execute(again.where(~chosen).values(waiting))
        connection.execute(again.where(chosen).values(before | waiting))
        known = exists().where(same_key)
        new = select(
            staged.c.key,
            staged.c.person,
            *fresh.values(),
            literal(run.endpoint),
            literal(campaign_scope(run.campaign)),
            literal(State.PENDING.value),
            literal(0),
            literal(run.trial),
        ).where(staged.c.outcome.is_(None), staged.c.payload.is_not(None), ~known)
        columns = ["key", "person", *fresh, "endpoint", "campaign", "state", "attempts", "trial"]
        connection.execute(insert(messages).from_select(columns, new))


def _joined(*columns: Any) -> Any:
    return select(*columns).select_from(_STAGED_JOIN)


def _staged_values(row: StagedRow) -> dict[str, Any]:
    return {
        "row": row.row,
        "key": row.key,
        "person": row.person,
        "sender": row.sender,
        "outcome": row.outcome,
        "findings": findings_to_json(row.findings) if row.findings else None,
        "notes": findings_to_json(row.notes) if row.notes else None,
        "stands": row.stands,
        "duplicate_of": None,
        "request_hash": row.request_hash,
        "payload": row.payload,
    }


def _run_values(run: Run, owner: Owner) -> dict[str, Any]:
    return {
        "run": run.run,
        "campaign": run.campaign,
        "endpoint": run.endpoint,
        "sheet_path": run.sheet_path,
        "sheet_sha256": run.sheet_sha256,
        "sheet_options": json.dumps(dict(run.sheet_options), ensure_ascii=False),
        "version": run.version,
        "timezone": run.timezone,
        "language": run.language,
        "report_dir": run.report_dir,
        "host": owner.host,
        "pid": owner.pid,
        "started": run.started,
        "wanted_rate": run.wanted_rate,
        "trial": run.trial,
    }


def _count_up(connection: Connection) -> int:
    counter = int(connection.execute(select(meta.c.value).where(meta.c.name == "counter")).scalar_one()) + 1
    connection.execute(update(meta).where(meta.c.name == "counter").values(value=str(counter)))
    return counter

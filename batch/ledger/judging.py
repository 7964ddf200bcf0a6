"""The rules of the plan, on the staged rows of one sheet: who is left out, which row stands for its key, what is sent.

All of them are statements on temporary tables of one connection: nothing here is written into the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
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

from batch.ledger.hashes import MARK, Hashes
from batch.ledger.originals import keep_known_origins, sent_as_corrected, sent_in_original
from batch.ledger.outreach import recent, recently, recently_messaged
from batch.ledger.schema import SENT_STATES, STAGED_WITH_MESSAGES, State, listed, messages, staged, suppressed, winners
from batch.model.message import campaign_scope
from batch.model.outcome import Outcome
from batch.model.outreach import OutreachRules
from batch.model.reason import Finding, Reason, findings_to_json

__all__ = [
    "ONLY",
    "STAGED_WITH_MESSAGES",
    "SUPPRESS",
    "Chosen",
    "History",
    "Judging",
    "choose",
    "judge",
    "put_on_list",
    "recognise_requests",
    "sendable",
]

SUPPRESS, ONLY = "suppress", "only"
"""The lists of people that hold for one sheet."""
_PLANNED = "planned"
_AT_ONCE = 1000

_SENT_BEFORE = exists().where(messages.c.key == staged.c.key, messages.c.state.in_(SENT_STATES))
_GOOD = (staged.c.outcome.is_(None), staged.c.person.is_not(None), ~_SENT_BEFORE)
"""Rows that are neither wrong nor left out, and show nothing that was sent before."""
_SKIP = (
    update(staged)
    .where(staged.c.row == bindparam("at"))
    .values(outcome=Outcome.SKIPPED.value, findings=bindparam("said"))
)


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


def judge(
    connection: Connection, judging: Judging, *, only: str | None, history: History | None, sheet: str = ""
) -> None:
    """Decide for each key which row stands for it, and by the rules of outreach which rows are left out.

    Suppression comes first: a row of somebody on the list stands for nothing, unless it shows what was sent before; nor
    does a row that was sent in another sheet, as corrected or as it stood. Then the first row of each key that is left
    wins, and the others become `skipped` as its duplicates. History is for what would be sent then. `only`: what a
    person calls the list of the only people; None: there is none. `sheet`: the sheet's key.
    """
    keep_known_origins(connection)
    _leave_out_listed(connection, only)
    _hold_corrected(connection, judging, sheet)
    _hold_sent_in_original(connection, judging)
    _find_winners(connection)
    _keep_unknown_back(connection, only)
    if history is not None and history.rules.not_within is not None:
        _leave_out_recent(connection, judging, history, history.rules.not_within)


def _find_winners(connection: Connection) -> None:
    run = connection.execute
    first = select(staged.c.key, func.min(staged.c.row)).where(staged.c.key.is_not(None)).group_by(staged.c.key)
    run(insert(winners).from_select(["key", "row"], first.where(staged.c.stands)))
    has_winner = exists().where(winners.c.key == staged.c.key)
    run(insert(winners).from_select(["key", "row"], first.where(staged.c.outcome.is_(None), ~has_winner)))
    # A row that could not be sent today still shows what an earlier run sent to this key.
    run(insert(winners).from_select(["key", "row"], first.where(_SENT_BEFORE, ~has_winner)))
    stands = select(winners.c.row).where(winners.c.key == staged.c.key).scalar_subquery()
    marked = or_(staged.c.outcome.is_not(None), staged.c.findings.is_not(None))
    shows = (marked, _SENT_BEFORE, staged.c.row == stands)
    run(update(staged).where(*shows).values(outcome=None, findings=None))
    # By now every key of a row without an outcome has its winner.
    twin = and_(staged.c.outcome.is_(None), staged.c.key.is_not(None), staged.c.row.not_in(select(winners.c.row)))
    run(update(staged).where(twin).values(outcome=Outcome.SKIPPED.value, duplicate_of=stands))


def choose(connection: Connection, judging: Judging, chosen: Chosen) -> None:
    """Keep this run to some of the rows that may be sent; the others stay pending and say why."""
    if chosen.ranges is not None:
        inside = or_(*(staged.c.row.between(first, last) for first, last in chosen.ranges))
        _hold_back(connection, judging, ~inside, Finding(Reason.NOT_CHOSEN))
    if chosen.planned is not None:
        put_on_list(connection, _PLANNED, ((str(row), digest) for row, digest in chosen.planned.items()))
        same = and_(listed.c.list == _PLANNED, listed.c.person == cast(staged.c.row, String))
        _hold_back(
            connection,
            judging,
            ~exists().where(same, listed.c.where == staged.c.request_hash),
            Finding(Reason.NOT_PLANNED),
        )


def put_on_list(connection: Connection, name: str, people: Iterable[tuple[str, str]]) -> None:
    """Put people (E.164, and where it says so) on a list of this sheet; who is on it already stays as first noted."""
    everyone = iter(people)
    statement = insert(listed).prefix_with("OR IGNORE", dialect="sqlite")
    while some := [{"list": name, "person": person, "where": where} for person, where in islice(everyone, _AT_ONCE)]:
        connection.execute(statement, some)


def sendable(judging: Judging) -> ColumnElement[bool]:
    """The one rule of what a run sends: good rows whose message is new, waiting, or an error worth another try."""
    changed = messages.c.request_hash != staged.c.request_hash
    again = messages.c.state == State.ERROR.value
    if not judging.retry_errors:
        again = and_(again, changed)
    waiting = or_(messages.c.key.is_(None), messages.c.state == State.PENDING.value, again)
    if judging.resend_unknown:
        waiting = or_(waiting, messages.c.state == State.UNKNOWN.value)
    chosen = staged.c.findings.is_(None)
    return and_(staged.c.outcome.is_(None), staged.c.payload.is_not(None), chosen, waiting)


def recognise_requests(connection: Connection, hashes: Hashes) -> None:
    """Give rows the purged form of their request's hash where the message of their key has that: it did not change.

    Only for errors, of which alone it is asked.
    """
    purged = and_(messages.c.state == State.ERROR.value, messages.c.request_hash.startswith(MARK, autoescape=True))
    query = select(staged.c.row, staged.c.request_hash, messages.c.request_hash.label("kept"))
    found = connection.execute(
        query.select_from(STAGED_WITH_MESSAGES).where(purged, staged.c.request_hash.is_not(None))
    )
    same = [{"at": each.row, "kept": each.kept} for each in found if hashes.request(each.request_hash) == each.kept]
    if same:
        by_row = update(staged).where(staged.c.row == bindparam("at"))
        connection.execute(by_row.values(request_hash=bindparam("kept")), same)


def _leave_out_listed(connection: Connection, only: str | None) -> None:
    """Rows of people on the suppression list, or not on the list of the only ones, become `skipped`."""
    here = select(listed.c.where).where(listed.c.list == SUPPRESS, listed.c.person == staged.c.person)
    noted = select(suppressed.c.source).where(suppressed.c.person == staged.c.person)
    where = func.coalesce(noted.scalar_subquery(), here.scalar_subquery())
    query = select(staged.c.row, where).where(*_GOOD, or_(noted.exists(), here.exists()))
    _leave_out(connection, query, lambda where: Finding(Reason.SUPPRESSED, {"where": where}))
    if only is not None:
        allowed = exists().where(listed.c.list == ONLY, listed.c.person == staged.c.person)
        query = select(staged.c.row, literal(only)).where(*_GOOD, ~allowed)
        _leave_out(connection, query, lambda where: Finding(Reason.NOT_ALLOWED, {"where": where}))


def _keep_unknown_back(connection: Connection, only: str | None) -> None:
    """What may have been sent stays `unknown`, and is not sent again to people whom the rules leave out."""
    out = or_(
        exists().where(suppressed.c.person == staged.c.person),
        exists().where(listed.c.list == SUPPRESS, listed.c.person == staged.c.person),
        *([~exists().where(listed.c.list == ONLY, listed.c.person == staged.c.person)] if only is not None else []),
    )
    unknown = exists().where(messages.c.key == staged.c.key, messages.c.state == State.UNKNOWN.value)
    connection.execute(update(staged).where(unknown, out).values(payload=None))


def _leave_out_recent(connection: Connection, judging: Judging, history: History, within: timedelta) -> None:
    """What would be sent to somebody who has a message of another campaign since becomes `skipped`."""
    query = (
        select(staged.c.row, recently.c.campaign, recently.c.sent_at, messages.c.state)
        .select_from(STAGED_WITH_MESSAGES.join(recently, true()))
        .where(
            sendable(judging),
            *recent(staged, staged.c.hashed),
            recently.c.endpoint == history.endpoint,
            recently.c.campaign != campaign_scope(history.campaign),
        )
        .order_by(staged.c.row, recently.c.sent_at)
    )
    latest = {each.row: each for each in connection.execute(query, {"recent_since": history.now - within})}
    # An unknown that somebody chose to send again stays unknown.
    skipped = [each for each in latest.values() if each.state != State.UNKNOWN.value]
    stays = [{"at": each.row} for each in latest.values() if each.state == State.UNKNOWN.value]
    if skipped:
        said = [(each.row, recently_messaged(history.rules, each.campaign, each.sent_at)) for each in skipped]
        connection.execute(_SKIP, [{"at": row, "said": findings_to_json([finding])} for row, finding in said])
    if stays:
        connection.execute(update(staged).where(staged.c.row == bindparam("at")).values(payload=None), stays)


def _hold_corrected(connection: Connection, judging: Judging, sheet: str) -> None:
    """What was sent as corrected elsewhere is not sent as it stands here: a row has one message.

    The first of its duplicates stands for that message then: it is another row, and nobody corrected it.
    """
    found = sent_as_corrected(connection, sendable(judging), sheet)
    _skip(connection, [(row, finding) for row, finding, held in found if held])
    # Where no other row shows what may have been sent as it stands, this one does.
    unsent = [{"at": row} for row, _finding, _held in found]
    if unsent:
        connection.execute(update(staged).where(staged.c.row == bindparam("at")).values(payload=None), unsent)


def _hold_sent_in_original(connection: Connection, judging: Judging) -> None:
    """What was sent as it stood in the original after all is not sent as corrected here.

    What may have been sent as corrected stays `unknown`, and may be sent again by choice.
    """
    waiting = sendable(replace(judging, resend_unknown=False))
    _skip(connection, list(sent_in_original(connection, waiting)))


def _skip(connection: Connection, found: Sequence[tuple[int, Finding]]) -> None:
    if found:
        connection.execute(_SKIP, [{"at": row, "said": findings_to_json([finding])} for row, finding in found])


def _leave_out(connection: Connection, query: Any, finding: Callable[[str], Finding]) -> None:
    after = 0
    while found := connection.execute(query.where(staged.c.row > after).order_by(staged.c.row).limit(_AT_ONCE)).all():
        connection.execute(_SKIP, [{"at": row, "said": findings_to_json([finding(where)])} for row, where in found])
        after = found[-1].row


def _hold_back(connection: Connection, judging: Judging, which: ColumnElement[bool], finding: Finding) -> None:
    held = select(staged.c.row).select_from(STAGED_WITH_MESSAGES).where(sendable(judging), which)
    said = findings_to_json([finding])
    connection.execute(update(staged).where(staged.c.row.in_(held)).values(findings=said))

"""The rules of the plan, on the staged rows of one sheet: who is left out, which row stands for its key, what is sent.

All of them are statements on temporary tables of one connection: nothing here is written into the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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

from batch.ledger.plan.corrections import NO_ORIGIN, keep_known_origins, sent_as_corrected, sent_in_original
from batch.ledger.send.contact_limits import recent, recently, recently_messaged
from batch.ledger.storage.pseudonyms import MARK, Hashes
from batch.ledger.storage.schema import SENT_STATES, State, suppressed
from batch.ledger.storage.staged_tables import STAGED_WITH_KNOWN, known, listed, several, staged, winners
from batch.model.contact_limits import ContactLimits
from batch.model.messages import campaign_scope
from batch.model.outcomes import Outcome
from batch.model.phrases import Value, value_from_text, value_to_text
from batch.model.reasons import Finding, Reason, findings_to_json

SENT_BEFORE = exists().where(known.c.row == staged.c.row, known.c.state.in_(SENT_STATES))
"""The message of a staged row's key was sent, or may have been."""


def find_winners(connection: Connection) -> None:
    """Make the first of the rows of each key stand for it, and the others `skipped` as its duplicates.

    A key that one row has needs no search: in a sheet without duplicates nothing is written.
    """
    run = connection.execute
    marked = or_(staged.c.outcome.is_not(None), staged.c.findings.is_not(None))
    # A row that could not be sent today still shows what an earlier run sent to this key.
    shows = update(staged).where(marked, SENT_BEFORE).values(outcome=None, findings=None)
    keys = select(staged.c.key).where(staged.c.key.is_not(None)).group_by(staged.c.key).having(func.count() > 1)
    run(insert(several).from_select(["key"], keys))
    if run(select(several.c.key).limit(1)).first() is None:
        run(shows)
        return
    of_several = staged.c.key.in_(select(several.c.key))
    first = select(staged.c.key, func.min(staged.c.row)).where(of_several).group_by(staged.c.key)
    has_winner = exists().where(winners.c.key == staged.c.key)
    run(insert(winners).from_select(["key", "row"], first.where(staged.c.stands)))
    run(insert(winners).from_select(["key", "row"], first.where(staged.c.outcome.is_(None), ~has_winner)))
    run(insert(winners).from_select(["key", "row"], first.where(SENT_BEFORE, ~has_winner)))
    wins = staged.c.row.in_(select(winners.c.row))
    run(shows.where(or_(~of_several, wins)))
    # By now every key of a row without an outcome has its winner.
    stands = select(winners.c.row).where(winners.c.key == staged.c.key).scalar_subquery()
    twin = and_(staged.c.outcome.is_(None), of_several, ~wins)
    run(update(staged).where(twin).values(outcome=Outcome.SKIPPED.value, duplicate_of=stands))


SUPPRESS, ONLY = "suppress", "only"
"""The lists of people that hold for one sheet."""
_AT_ONCE = 1000

AT_ROW = update(staged).where(staged.c.row == bindparam("at"))
_SKIP = AT_ROW.values(outcome=Outcome.SKIPPED.value, findings=bindparam("said"))
_NOTED = exists().where(suppressed.c.person == staged.c.person)
_HERE = exists().where(listed.c.list == SUPPRESS, listed.c.person == staged.c.person)
_ALLOWED = exists().where(listed.c.list == ONLY, listed.c.person == staged.c.person)
_GOOD = (staged.c.outcome.is_(None), staged.c.person.is_not(None), ~SENT_BEFORE)
"""Rows that are neither wrong nor left out, and show nothing that was sent before."""


def put_on_list(connection: Connection, name: str, people: Iterable[tuple[str, Value]]) -> None:
    """Put people (E.164, and where it says so) on a list of this sheet; who is on it already stays as first noted."""
    everyone = iter(people)
    statement = insert(listed).prefix_with("OR IGNORE", dialect="sqlite")
    while some := [
        {"list": name, "person": person, "where": value_to_text(where)} for person, where in islice(everyone, _AT_ONCE)
    ]:
        connection.execute(statement, some)


def leave_out_listed(connection: Connection, only: str | None) -> None:
    """Rows of people on the suppression list, or not on the list of the only ones, become `skipped`."""
    here = select(listed.c.where).where(listed.c.list == SUPPRESS, listed.c.person == staged.c.person)
    noted = select(suppressed.c.source).where(suppressed.c.person == staged.c.person)
    where = func.coalesce(noted.scalar_subquery(), here.scalar_subquery())
    _leave_out(connection, or_(_NOTED, _HERE), where, Reason.SUPPRESSED)
    if only is not None:
        _leave_out(connection, ~_ALLOWED, literal(value_to_text(only)), Reason.NOT_ALLOWED)


def keep_unknown_back(connection: Connection, only: str | None) -> None:
    """What may have been sent stays `unknown`, and is not sent again to people whom the rules leave out."""
    out = or_(_NOTED, _HERE, *([~_ALLOWED] if only is not None else []))
    unknown = staged.c.row.in_(select(known.c.row).where(known.c.state == State.UNKNOWN.value))
    connection.execute(update(staged).where(unknown, out).values(payload=None))


def skip(connection: Connection, found: Sequence[tuple[int, Finding]]) -> None:
    """Rows become `skipped`, each with why."""
    if found:
        connection.execute(_SKIP, [{"at": row, "said": findings_to_json([finding])} for row, finding in found])


def _leave_out(connection: Connection, which: ColumnElement[bool], where: ColumnElement[Any], reason: Reason) -> None:
    """`which` stands first in the condition: it is true of few, and SQLite asks in this order."""
    query = select(staged.c.row, where).where(which, *_GOOD).order_by(staged.c.row).limit(_AT_ONCE)
    after = 0
    while found := connection.execute(query.where(staged.c.row > after)).all():
        skip(connection, [(row, Finding(reason, {"where": value_from_text(where)})) for row, where in found])
        after = found[-1].row


_PLANNED = "planned"


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryOptions:
    """What of earlier outcomes a run may try again."""

    retry_errors: bool = False
    """Rows in error, though their request did not change."""
    resend_unknown: bool = False
    """Unknown rows, though they may have been sent: somebody may get a second message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowSelection:
    """Which of the rows that may be sent this run is for; the others stay pending."""

    ranges: tuple[tuple[int, int], ...] | None = None
    """First and last rows of the sheet (`--rows`); None: all."""
    planned: Mapping[int, str] | None = None
    """Row to the request's hash (`--plan`); None: no plan."""


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """What the messages of other campaigns mean for a sheet."""

    rules: ContactLimits
    endpoint: str
    campaign: str
    """The sheet's own campaign: its earlier messages are not history."""
    now: datetime


def judge(
    connection: Connection, judging: RetryOptions, *, only: str | None, history: History | None, sheet: str = ""
) -> None:
    """Decide for each key which row stands for it, and by the rules of outreach which rows are left out.

    Suppression comes first: a row of somebody on the list stands for nothing, unless it shows what was sent before; nor
    does a row that was sent in another sheet, as corrected or as it stood. Then the first row of each key that is left
    wins, and the others become `skipped` as its duplicates. History is for what would be sent then. `only`: what a
    person calls the list of the only people; None: there is none. `sheet`: the sheet's key.
    """
    keep_known_origins(connection)
    leave_out_listed(connection, only)
    _hold_corrected(connection, judging, sheet)
    _hold_sent_in_original(connection, judging)
    find_winners(connection)
    keep_unknown_back(connection, only)
    if history is not None and history.rules.not_within is not None:
        _leave_out_recent(connection, judging, history, history.rules.not_within)


def choose(connection: Connection, judging: RetryOptions, chosen: RowSelection) -> None:
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


def sendable(judging: RetryOptions) -> ColumnElement[bool]:
    """The one rule of what a run sends: good rows whose message is new, waiting, or an error worth another try."""
    changed = known.c.request_hash != staged.c.request_hash
    again = known.c.state == State.ERROR.value
    if not judging.retry_errors:
        again = and_(again, changed)
    waiting = or_(known.c.row.is_(None), known.c.state == State.PENDING.value, again)
    if judging.resend_unknown:
        waiting = or_(waiting, known.c.state == State.UNKNOWN.value)
    chosen = staged.c.findings.is_(None)
    return and_(staged.c.outcome.is_(None), staged.c.payload.is_not(None), chosen, waiting)


def recognise_requests(connection: Connection, hashes: Hashes) -> None:
    """Give rows the purged form of their request's hash where the message of their key has that: it did not change.

    Only for errors, of which alone it is asked.
    """
    purged = and_(known.c.state == State.ERROR.value, known.c.request_hash.startswith(MARK, autoescape=True))
    query = select(staged.c.row, staged.c.request_hash, known.c.request_hash.label("kept"))
    found = connection.execute(query.select_from(STAGED_WITH_KNOWN).where(purged, staged.c.request_hash.is_not(None)))
    same = [{"at": each.row, "kept": each.kept} for each in found if hashes.request(each.request_hash) == each.kept]
    if same:
        connection.execute(AT_ROW.values(request_hash=bindparam("kept")), same)


def _leave_out_recent(connection: Connection, judging: RetryOptions, history: History, within: timedelta) -> None:
    """What would be sent to somebody who has a message of another campaign since becomes `skipped`."""
    query = (
        select(staged.c.row, recently.c.campaign, recently.c.sent_at, known.c.state)
        .select_from(STAGED_WITH_KNOWN.join(recently, true()))
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
    said = [(each.row, recently_messaged(history.rules, each.campaign, each.sent_at)) for each in skipped]
    skip(connection, said)
    if stays:
        connection.execute(AT_ROW.values(payload=None), stays)


def _hold_corrected(connection: Connection, judging: RetryOptions, sheet: str) -> None:
    """What was sent as corrected elsewhere is not sent as it stands here: a row has one message.

    The first of its duplicates stands for that message then: it is another row, and nobody corrected it.
    """
    found = sent_as_corrected(connection, sendable(judging), sheet)
    skip(connection, [(row, finding) for row, finding, held in found if held])
    # Where no other row shows what may have been sent as it stands, this one does.
    unsent = [{"at": row} for row, _finding, _held in found]
    if unsent:
        connection.execute(AT_ROW.values(payload=None), unsent)


def _hold_sent_in_original(connection: Connection, judging: RetryOptions) -> None:
    """What was sent as it stood in the original after all is not sent as corrected here.

    What may have been sent as corrected stays `unknown`, and may be sent again by choice.
    """
    waiting = sendable(replace(judging, resend_unknown=False))
    found = list(sent_in_original(connection, waiting))
    skip(connection, found)
    if found:  # what became of its message is another row's then, and no correction
        connection.execute(AT_ROW.values(NO_ORIGIN), [{"at": row} for row, _finding in found])


def _hold_back(connection: Connection, judging: RetryOptions, which: ColumnElement[bool], finding: Finding) -> None:
    held = select(staged.c.row).select_from(STAGED_WITH_KNOWN).where(sendable(judging), which)
    said = findings_to_json([finding])
    connection.execute(update(staged).where(staged.c.row.in_(held)).values(findings=said))

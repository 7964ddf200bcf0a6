"""The rules of the plan, on the staged rows of one sheet: who is left out, which row stands for its key, what is sent.

All of them are statements on temporary tables of one connection: nothing here is written into the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    and_,
    bindparam,
    cast,
    exists,
    or_,
    select,
    true,
    update,
)

from batch.ledger.plan.corrections import NO_ORIGIN, keep_known_origins, sent_as_corrected, sent_in_original
from batch.ledger.plan.listing import AT_ROW, keep_unknown_back, leave_out_listed, put_on_list, skip
from batch.ledger.plan.winning import find_winners
from batch.ledger.send.contact_limits import recent, recently, recently_messaged
from batch.ledger.storage.pseudonyms import MARK, Hashes
from batch.ledger.storage.schema import State
from batch.ledger.storage.staged_tables import STAGED_WITH_KNOWN, known, listed, staged
from batch.model.contact_limits import OutreachRules
from batch.model.messages import campaign_scope
from batch.model.reasons import Finding, Reason, findings_to_json

__all__ = [
    "Chosen",
    "History",
    "Judging",
    "choose",
    "judge",
    "recognise_requests",
    "sendable",
]

_PLANNED = "planned"


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
    leave_out_listed(connection, only)
    _hold_corrected(connection, judging, sheet)
    _hold_sent_in_original(connection, judging)
    find_winners(connection)
    keep_unknown_back(connection, only)
    if history is not None and history.rules.not_within is not None:
        _leave_out_recent(connection, judging, history, history.rules.not_within)


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


def sendable(judging: Judging) -> ColumnElement[bool]:
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


def _leave_out_recent(connection: Connection, judging: Judging, history: History, within: timedelta) -> None:
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


def _hold_corrected(connection: Connection, judging: Judging, sheet: str) -> None:
    """What was sent as corrected elsewhere is not sent as it stands here: a row has one message.

    The first of its duplicates stands for that message then: it is another row, and nobody corrected it.
    """
    found = sent_as_corrected(connection, sendable(judging), sheet)
    skip(connection, [(row, finding) for row, finding, held in found if held])
    # Where no other row shows what may have been sent as it stands, this one does.
    unsent = [{"at": row} for row, _finding, _held in found]
    if unsent:
        connection.execute(AT_ROW.values(payload=None), unsent)


def _hold_sent_in_original(connection: Connection, judging: Judging) -> None:
    """What was sent as it stood in the original after all is not sent as corrected here.

    What may have been sent as corrected stays `unknown`, and may be sent again by choice.
    """
    waiting = sendable(replace(judging, resend_unknown=False))
    found = list(sent_in_original(connection, waiting))
    skip(connection, found)
    if found:  # what became of its message is another row's then, and no correction
        connection.execute(AT_ROW.values(NO_ORIGIN), [{"at": row} for row, _finding in found])


def _hold_back(connection: Connection, judging: Judging, which: ColumnElement[bool], finding: Finding) -> None:
    held = select(staged.c.row).select_from(STAGED_WITH_KNOWN).where(sendable(judging), which)
    said = findings_to_json([finding])
    connection.execute(update(staged).where(staged.c.row.in_(held)).values(findings=said))

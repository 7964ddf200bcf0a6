"""The rules of a plan: which staged rows are sent, and why each of the others is not.

The loader's own errors and skips come first. Then `judge` applies these rules, in this order, each to the rows that
are left; every row that one of them leaves out gets its reason:

1. `suppressed`, `not_allowed`: the person is on the suppression list, or not on the allow list.
2. `sent_in_original`: the row is a correction, and its original was sent as it stood meanwhile.
3. `duplicate`: another row of the sheet stands for the same key.
4. `corrected`: the row was corrected in another sheet, and sent from there.
5. `recently_messaged`: the person has a message of another campaign within `[history] not_within`.
6. `unreachable`: WhatsApp could not reach the person within `[history] skip_unreachable`.

`choose` keeps a run to some rows (`not_chosen`, `not_planned`: they stay pending). Of the rest `sendable` is the one
condition for what a run sends: new messages, pending ones, errors whose request changed, and what `RetryOptions` adds.
A row whose message was sent, or may have been, is never sent again but by those options; it shows that message.

Everything here reads and changes temporary tables of one connection: nothing is written into the ledger. Suppression,
history, caps and spacing are judged again at each claim (`ledger/send/contact_limits.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from batch.ledger.plan.corrections import NO_ORIGIN, drop_unknown_origins, find_sent_corrections, find_sent_originals
from batch.ledger.plan.undelivered import find_undelivered
from batch.ledger.send.contact_limits import (
    EARLIER,
    recent_contact,
    recent_message_finding,
    unreachable_finding,
    unreached,
)
from batch.ledger.storage.engine import database_of
from batch.ledger.storage.pseudonyms import MARK, Hashes
from batch.ledger.storage.schema import SENT_STATES, State, is_suppressed, messages, suppressed
from batch.ledger.storage.staged_tables import (
    ALLOWED,
    PLANNED,
    STAGED_WITH_KNOWN,
    known,
    listed,
    put_on_list,
    several,
    staged,
    undelivered,
    winners,
)
from batch.model.contact_limits import ContactLimits
from batch.model.messages import campaign_scope
from batch.model.outcomes import Outcome
from batch.model.phrases import value_from_text, value_to_text
from batch.model.reasons import LEFT_OUT_BY_COLUMN, Finding, Reason, findings_to_json

_PAGE = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryOptions:
    """Earlier outcomes that a run tries again."""

    retry_errors: bool = False
    """Rows in error, though their request did not change."""
    resend_unknown: bool = False
    """Unknown rows, though they may have been sent: some people may get a second message."""
    retry_undelivered: bool = False
    """Rows whose message was accepted and failed, once, where a look right before shows the failure still."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowSelection:
    """The sendable rows that a run is for; the others stay pending."""

    ranges: tuple[tuple[int, int], ...] | None = None
    """First and last rows of the sheet (`--rows`); None: all."""
    planned: Mapping[int, str] | None = None
    """Row to its request's hash (`--plan`); None: no plan."""


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """Messages of other campaigns, as far as they keep people out of a sheet."""

    rules: ContactLimits
    endpoint: str
    campaign: str
    """The sheet's own campaign: its earlier messages are not history."""
    now: datetime
    has_one_template: bool = True
    """False: each row of the campaign may name another template, and the ledger does not know which one a message had.
    """


def judge(
    connection: sa.Connection,
    retries: RetryOptions,
    *,
    endpoint: str,
    only: str | None,
    history: History | None,
    sheet: str = "",
) -> None:
    """Apply the rules to all staged rows, once.

    Args:
        endpoint: Where the run sends; entries of the suppression list for others do not count.
        only: The allow list's name for people; None: there is none.
        history: None: history keeps no row out.
        sheet: The sheet's key, by which corrections of its rows are found.
    """
    drop_unknown_origins(connection)
    if retries.retry_undelivered and history is not None:
        find_undelivered(connection, history.now, has_one_template=history.has_one_template)
    _skip_listed(connection, endpoint, only)
    _skip_sent_originals(connection, retries)
    _skip_duplicates(connection)
    _skip_corrected(connection, retries, sheet)
    _withhold_sent(connection, endpoint, only)
    if history is not None and history.rules.not_within is not None:
        _skip_recently_messaged(connection, retries, history, history.rules.not_within)
    if history is not None and history.rules.skip_unreachable is not None:
        _skip_unreachable(connection, retries, history, history.rules.skip_unreachable)


def choose(connection: sa.Connection, retries: RetryOptions, selection: RowSelection) -> None:
    """Keep the run to the selected rows; the other sendable ones stay pending, with their reason."""
    if selection.ranges is not None:
        inside = sa.or_(*(staged.c.row.between(first, last) for first, last in selection.ranges))
        _hold_back(connection, retries, ~inside, Reason.NOT_CHOSEN)
    if selection.planned is not None:
        put_on_list(connection, PLANNED, ((str(row), digest) for row, digest in selection.planned.items()))
        same = sa.and_(listed.c.list == PLANNED, listed.c.person == sa.cast(staged.c.row, sa.String))
        as_planned = sa.exists().where(same, listed.c.where == staged.c.request_hash)
        _hold_back(connection, retries, ~as_planned, Reason.NOT_PLANNED)


def sendable(retries: RetryOptions) -> sa.ColumnElement[bool]:
    """Return the one condition for what a run sends, on `STAGED_WITH_KNOWN`."""
    again = known.c.state == State.ERROR.value
    if not retries.retry_errors:
        again = sa.and_(again, known.c.request_hash != staged.c.request_hash)
    waits = sa.or_(known.c.row.is_(None), known.c.state == State.PENDING.value, again)
    if retries.resend_unknown:
        waits = sa.or_(waits, known.c.state == State.UNKNOWN.value)
    if retries.retry_undelivered:
        waits = sa.or_(waits, staged.c.row.in_(sa.select(undelivered.c.row)))
    is_chosen = staged.c.findings.is_(None)
    return sa.and_(staged.c.outcome.is_(None), staged.c.payload.is_not(None), is_chosen, waits)


# Each rule, in the order of `judge`

_SENT_BEFORE = sa.exists().where(known.c.row == staged.c.row, known.c.state.in_(SENT_STATES))
"""The message of the row's key was sent, or may have been."""
_OPEN_ROW = (staged.c.outcome.is_(None), staged.c.person.is_not(None), ~_SENT_BEFORE)
"""Neither wrong nor left out, and nothing was sent before that the row has to show."""

_ON_SHEETS_LIST = sa.exists().where(listed.c.list.in_(LEFT_OUT_BY_COLUMN), listed.c.person == staged.c.person)
_ON_ALLOW_LIST = sa.exists().where(listed.c.list == ALLOWED, listed.c.person == staged.c.person)


def _skip_listed(connection: sa.Connection, endpoint: str, only: str | None) -> None:
    """Skip people on the suppression list, or not on the allow list (`only`, where there is one)."""
    on_list = is_suppressed(staged.c.person, sa.literal(endpoint))
    in_ledger = sa.select(suppressed.c.source).where(on_list).order_by(suppressed.c.endpoint).limit(1)
    lists = set(connection.execute(sa.select(listed.c.list).distinct()).scalars())
    if connection.execute(sa.select(suppressed.c.person).limit(1)).first() is not None:
        lists.add(Reason.SUPPRESSED.value)
    # The sheet's own place comes first: what is written there can be corrected there.
    for reason in [each for each in map(Reason, LEFT_OUT_BY_COLUMN) if each.value in lists]:
        of_sheet = (listed.c.list == reason.value, listed.c.person == staged.c.person)
        where: sa.ColumnElement[Any] = sa.select(listed.c.where).where(*of_sheet).scalar_subquery()
        left_out: sa.ColumnElement[bool] = sa.exists().where(*of_sheet)
        if reason is Reason.SUPPRESSED:
            where, left_out = (
                sa.func.coalesce(where, in_ledger.scalar_subquery()),
                sa.or_(left_out, sa.exists().where(on_list)),
            )
        _skip_where(connection, left_out, where, reason)
    if only is not None:
        _skip_where(connection, ~_ON_ALLOW_LIST, sa.literal(value_to_text(only)), Reason.NOT_ALLOWED)


def _skip_where(
    connection: sa.Connection, which: sa.ColumnElement[bool], where: sa.ColumnElement[Any], reason: Reason
) -> None:
    # `which` stands first: it is true of few rows, and SQLite evaluates in this order.
    query = sa.select(staged.c.row, where).where(which, *_OPEN_ROW).order_by(staged.c.row).limit(_PAGE)
    after = 0
    while found := connection.execute(query.where(staged.c.row > after)).all():
        _skip(connection, [(row, Finding(reason, {"where": value_from_text(where)})) for row, where in found])
        after = found[-1].row


def _skip_sent_originals(connection: sa.Connection, retries: RetryOptions) -> None:
    """Skip corrections of rows that were sent as they stood in the original after all.

    What may have been sent as corrected stays `unknown`, and may be sent again by choice.
    """
    by_default = replace(retries, resend_unknown=False, retry_undelivered=False)
    found = list(find_sent_originals(connection, sendable(by_default)))
    _skip(connection, found)
    # The message of its key belongs to another row then, and corrects nothing.
    _set(connection, ({"at": row, **NO_ORIGIN} for row, _finding in found))


def _skip_duplicates(connection: sa.Connection) -> None:
    """Let one row stand for each key, and skip the others as its duplicates.

    The first row that stands for its key though it is not sent; else the first that is neither wrong nor left out; else
    the first, where the key's message was sent before. In a sheet without duplicates nothing is written.
    """
    run = connection.execute
    is_marked = sa.or_(staged.c.outcome.is_not(None), staged.c.findings.is_not(None))
    # A row that could not be sent today still shows what an earlier run sent to this key.
    show_sent = sa.update(staged).where(is_marked, _SENT_BEFORE).values(outcome=None, findings=None)
    keys = sa.select(staged.c.key).where(staged.c.key.is_not(None)).group_by(staged.c.key).having(sa.func.count() > 1)
    with database_of(connection).small_cache(connection):  # it sorts all keys
        run(sa.insert(several).from_select(["key"], keys))
    if run(sa.select(several.c.key).limit(1)).first() is None:
        run(show_sent)
        return
    of_several = staged.c.key.in_(sa.select(several.c.key))
    first = sa.select(staged.c.key, sa.func.min(staged.c.row)).where(of_several).group_by(staged.c.key)
    has_winner = sa.exists().where(winners.c.key == staged.c.key)
    for which in (staged.c.stands, staged.c.outcome.is_(None), _SENT_BEFORE):
        run(sa.insert(winners).from_select(["key", "row"], first.where(which, ~has_winner)))
    wins = staged.c.row.in_(sa.select(winners.c.row))
    run(show_sent.where(sa.or_(~of_several, wins)))
    # By now every key of a row without an outcome has its winner.
    winner = sa.select(winners.c.row).where(winners.c.key == staged.c.key).scalar_subquery()
    is_duplicate = sa.and_(staged.c.outcome.is_(None), of_several, ~wins)
    run(sa.update(staged).where(is_duplicate).values(outcome=Outcome.SKIPPED.value, duplicate_of=winner))


def _skip_corrected(connection: sa.Connection, retries: RetryOptions, sheet: str) -> None:
    """Skip rows that were sent as corrected elsewhere: a row has one message. Their duplicates stay duplicates."""
    found = find_sent_corrections(connection, sendable(replace(retries, retry_undelivered=False)), sheet)
    _skip(connection, [(row, finding) for row, finding, would_go in found if would_go])
    _set(connection, ({"at": row, "payload": None} for row, _finding, _would_go in found))


def _withhold_sent(connection: sa.Connection, endpoint: str, only: str | None) -> None:
    """Keep unknown and failed messages to people whom the lists leave out as they are: they are not sent again."""
    on_list = sa.exists().where(is_suppressed(staged.c.person, sa.literal(endpoint)))
    left_out = sa.or_(on_list, _ON_SHEETS_LIST, *([~_ON_ALLOW_LIST] if only is not None else []))
    unknown = sa.select(known.c.row).where(known.c.state == State.UNKNOWN.value)
    again = sa.or_(staged.c.row.in_(unknown), staged.c.row.in_(sa.select(undelivered.c.row)))
    connection.execute(sa.update(staged).where(again, left_out).values(payload=None))


def _skip_recently_messaged(
    connection: sa.Connection, retries: RetryOptions, history: History, within: timedelta
) -> None:
    """Skip what would be sent to people who have a message of another campaign since `within` ago."""
    query = _select_contacts(retries, history, staged.c.row, EARLIER.c.campaign, EARLIER.c.sent_at, known.c.state)
    query = query.where(EARLIER.c.campaign != campaign_scope(history.campaign))
    query = query.order_by(staged.c.row, EARLIER.c.sent_at)
    latest = {each.row: each for each in connection.execute(query, {"recent_since": history.now - within})}
    rules = history.rules
    _leave_out(
        connection, [(e.row, e.state, recent_message_finding(rules, e.campaign, e.sent_at)) for e in latest.values()]
    )


def _skip_unreachable(connection: sa.Connection, retries: RetryOptions, history: History, within: timedelta) -> None:
    """Skip what would be sent to people whom WhatsApp could not reach since `within` ago."""
    failed = unreached(staged, staged.c.hashed, staged.c.hashed_twin)
    query = _select_earlier(retries, history, failed, staged.c.row, EARLIER.c.sent_at, known.c.state)
    query = query.order_by(staged.c.row, EARLIER.c.sent_at)
    latest = {each.row: each for each in connection.execute(query, {"unreached_since": history.now - within})}
    rules = history.rules
    _leave_out(connection, [(e.row, e.state, unreachable_finding(rules, e.sent_at)) for e in latest.values()])


def _leave_out(connection: sa.Connection, found: Sequence[tuple[int, str | None, Finding]]) -> None:
    """Skip rows. `found`: (row, state of its message, reason). One that was to be sent again stays what it is."""
    _skip(connection, [(row, finding) for row, state, finding in found if state not in SENT_STATES])
    _set(connection, ({"at": row, "payload": None} for row, state, _finding in found if state in SENT_STATES))


def count_recent_contacts(
    connection: sa.Connection, retries: RetryOptions, history: History, since: datetime
) -> tuple[str, int] | None:
    """Return the other campaign that messaged most people of the staged sheet since a moment, and how many; or None.

    None also where this campaign has messages of its own: then people know it.
    """
    mine = (messages.c.endpoint == history.endpoint, messages.c.campaign == campaign_scope(history.campaign))
    if connection.execute(sa.select(messages.c.key).where(*mine).limit(1)).first() is not None:
        return None
    people = sa.func.count(staged.c.person.distinct())
    query = _select_contacts(retries, history, EARLIER.c.campaign, people).group_by(EARLIER.c.campaign)
    found = connection.execute(query.order_by(people.desc()).limit(1), {"recent_since": since}).first()
    return None if found is None else (found[0], found[1])


def _select_contacts(retries: RetryOptions, history: History, *columns: Any) -> sa.Select[Any]:
    """Return the query of messages since `recent_since`, of any campaign, to the people of sendable rows."""
    return _select_earlier(retries, history, recent_contact(staged, staged.c.hashed, staged.c.hashed_twin), *columns)


def _select_earlier(
    retries: RetryOptions, history: History, which: Iterable[sa.ColumnElement[bool]], *columns: Any
) -> sa.Select[Any]:
    """Return the query of earlier messages for which all of `which` holds, to the people of sendable rows."""
    query = sa.select(*columns).select_from(STAGED_WITH_KNOWN.join(EARLIER, sa.true()))
    return query.where(sendable(retries), *which, EARLIER.c.endpoint == history.endpoint)


def _skip(connection: sa.Connection, found: Sequence[tuple[int, Finding]]) -> None:
    """Make rows `skipped`. `found`: (row, its reason)."""
    skipped = {"outcome": Outcome.SKIPPED.value}
    _set(connection, ({"at": row, "findings": findings_to_json([finding]), **skipped} for row, finding in found))


def _hold_back(connection: sa.Connection, retries: RetryOptions, which: sa.ColumnElement[bool], reason: Reason) -> None:
    """Keep sendable rows pending in this run."""
    held = sa.select(staged.c.row).select_from(STAGED_WITH_KNOWN).where(sendable(retries), which)
    findings = findings_to_json([Finding(reason)])
    connection.execute(sa.update(staged).where(staged.c.row.in_(held)).values(findings=findings))


def _set(connection: sa.Connection, changes: Iterable[Mapping[str, Any]]) -> None:
    """Set columns of staged rows, the same in all `changes`. `at`: the row."""
    if values := list(changes):
        connection.execute(sa.update(staged).where(staged.c.row == sa.bindparam("at")), values)


def recognise_requests(connection: sa.Connection, hashes: Hashes) -> None:
    """Give rows the purged form of their request's hash where the message of their key has that: it did not change.

    Only for errors: of others nothing asks whether their request changed.
    """
    purged = sa.and_(known.c.state == State.ERROR.value, known.c.request_hash.startswith(MARK, autoescape=True))
    query = sa.select(staged.c.row, staged.c.request_hash, known.c.request_hash.label("kept"))
    found = connection.execute(query.select_from(STAGED_WITH_KNOWN).where(purged, staged.c.request_hash.is_not(None)))
    same = (each for each in found if hashes.request(each.request_hash) == each.kept)
    _set(connection, ({"at": each.row, "request_hash": each.kept} for each in same))

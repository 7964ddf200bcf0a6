"""One row's result: the join of a row with its message, and how outcome and reason follow from it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

import sqlalchemy as sa

from batch.ledger.storage.damage import check_types
from batch.ledger.storage.pseudonyms import clear_value
from batch.ledger.storage.schema import State, deliveries, messages, microseconds_of, time_of
from batch.model.delivery import Delivery, DeliveryState
from batch.model.messages import Origin
from batch.model.outcomes import Evidence, Outcome
from batch.model.reasons import Finding, Reason, findings_from_json
from batch.model.replies import Reply
from batch.model.runs import Result


class StoredRow(NamedTuple):
    """A row of a run's or a staged sheet joined with the message of its key, as the database has them.

    The message's fields are None where it has none. Findings are JSON.
    """

    row: int
    person: str | None = None
    outcome: str | None = None
    """None: the message decides."""
    findings: str | None = None
    notes: str | None = None
    duplicate_of: int | None = None
    state: str | None = None
    message_findings: str | None = None
    again_state: str | None = None
    """The outcome of before, of a message that is to be tried again."""
    again_findings: str | None = None
    attempts: int | None = None
    message_run: str | None = None
    chat_id: str | None = None
    chat_status: str | None = None
    evidence: str | None = None
    http_status: int | None = None
    sent_at: int | None = None
    """As the table has it: `microseconds`."""
    duration_ms: int | None = None
    request_hash: str | None = None
    message_id: str | None = None
    message_status: str | None = None


WIDTH = len(StoredRow._fields)
_ROW_FIELDS = 6
_RANGE = 10_000
"""Rows that are grouped at once."""

MESSAGE_COLUMNS = tuple(
    (
        microseconds_of(messages.c.sent_at)
        if name == "sent_at"
        else messages.c[name if name in messages.c else name.removeprefix("message_")]
    ).label(name)
    for name in StoredRow._fields[_ROW_FIELDS:]
)
"""The message's part of a `StoredRow`, in its order. Of types that SQLAlchemy leaves as they come: to convert a single
column makes the reading of a row a fifth slower."""

OUTCOME_COLUMNS = MESSAGE_COLUMNS[:4]
"""Those of them that decide outcome and reason."""

_DECIDING = ("row", "outcome", "findings", *(column.name for column in OUTCOME_COLUMNS))
WAITING = (Finding(Reason.WAITING),)
_EVIDENCE: dict[str | None, Evidence | None] = {None: None, "": None, **{each.value: each for each in Evidence}}
_OUTCOMES = {each.value: each for each in Outcome}


OF_MESSAGE = sa.and_(deliveries.c.key == messages.c.key, deliveries.c.attempts == messages.c.attempts)
"""The condition by which a message is joined with what looks have shown of it."""
LOOKED_AT = tuple(
    deliveries.c[name].label(f"look_{name}")
    for name in (
        *("attempts", "state", "word", "seen_at", "looked_at", "looks", "code", "words"),
        *("replied_at", "reply", "reply_tied", "reply_undecided"),
    )
)
"""The columns of which `delivery_of` makes a record."""


def delivery_of(found: Mapping[Any, Any]) -> Delivery:
    """Return what looks have shown of a message. `found`: a row with the columns `LOOKED_AT`."""
    check_types(deliveries, {column.name.removeprefix("look_"): found[column.name] for column in LOOKED_AT})
    kept = {name: found[f"look_{name}"] for name in ("word", "seen_at", "looked_at", "looks", "code", "words")}
    reply = None
    if found["look_reply"] is not None and found["look_replied_at"] is not None:
        reply = Reply(
            at=found["look_replied_at"],
            kind=found["look_reply"],
            tied=found["look_reply_tied"],
            undecided=found["look_reply_undecided"],
        )
    return Delivery(**kept, state=DeliveryState(found["look_state"]), reply=reply)


def row_columns(table: sa.FromClause) -> tuple[sa.ColumnElement[Any], ...]:
    """Return the row's part of a `StoredRow`, in its order, from the table `rows` or `staged`."""
    return tuple(table.c[name] for name in StoredRow._fields[:_ROW_FIELDS])


def result_of(
    stored: StoredRow,
    *,
    pending: tuple[Finding, ...] = WAITING,
    origin: Origin | None = None,
    look: Mapping[Any, Any] | None = None,
) -> Result:
    """Return a row's result. `pending`: why a pending row was not attempted. `look`: has `LOOKED_AT`, if known."""
    findings: tuple[Finding, ...]
    if stored.duplicate_of is not None:
        outcome, findings = Outcome.SKIPPED, (Finding(Reason.DUPLICATE, {"row": str(stored.duplicate_of)}),)
    elif stored.outcome is not None:
        outcome, findings = _OUTCOMES[stored.outcome], _read_findings(stored.findings)
    else:
        outcome, findings = _message_outcome(stored, pending)
    result = Result(
        row=stored.row,
        outcome=outcome,
        findings=findings,
        notes=_read_findings(stored.notes),
        person=clear_value(stored.person),
        origin=origin,
    )
    if stored.duplicate_of is not None or (stored.outcome is not None and not _was_refused_before(stored)):
        return result
    result.http_status = stored.http_status
    result.attempts = stored.attempts or 0
    result.sent_at = time_of(stored.sent_at) if stored.attempts and stored.sent_at is not None else None
    result.duration_ms = stored.duration_ms
    result.run = stored.message_run
    if stored.outcome is None:
        result.chat_id = clear_value(stored.chat_id)
        result.chat_status = stored.chat_status
        result.evidence = _EVIDENCE[stored.evidence]
        result.request = stored.request_hash if stored.attempts else None
        result.message_id, result.message_status = stored.message_id, stored.message_status
        if look is not None and look["look_state"] is not None and outcome.is_accepted:
            result.delivery = delivery_of(look)
    return result


def _message_outcome(stored: StoredRow, pending: tuple[Finding, ...]) -> tuple[Outcome, tuple[Finding, ...]]:
    state, findings = stored.state, stored.message_findings
    if state == State.CLAIMED:
        return Outcome.UNKNOWN, (Finding(Reason.IN_FLIGHT),)
    if state != State.PENDING:
        return _OUTCOMES[str(state)], _read_findings(findings) or pending
    if stored.again_state:  # to be tried again, and not sent yet
        return _OUTCOMES[stored.again_state], _read_findings(stored.again_findings) or pending
    # Why the row is not for this run says more than an earlier try.
    return Outcome.PENDING, _read_findings(stored.findings) or _read_findings(findings) or pending


def _was_refused_before(stored: StoredRow) -> bool:
    """Return whether a row that a rule leaves out was refused by the API before: then the person opted out."""
    refused = stored.state in (State.ERROR.value, State.PENDING.value)
    return stored.outcome == Outcome.SKIPPED.value and refused and bool(stored.attempts)


def _read_findings(text: str | None) -> tuple[Finding, ...]:
    return findings_from_json(text) if text else ()


def select_groups(table: sa.FromClause, *of_message: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Return the query for `count_groups`, from the table `rows` or `staged`: of rows alike in outcome and reason.

    `of_message`: `OUTCOME_COLUMNS` and whatever else decides. The database groups, since to read each row of a large
    sheet would take most of the time of a list of runs.
    """
    is_first = table.c.duplicate_of.is_(None).label("is_first")
    alike = (table.c.outcome, table.c.findings, is_first, *of_message)
    row = sa.func.min(table.c.row).label("row")
    return sa.select(*alike, row, sa.func.count().label("rows")).group_by(*alike).order_by(row)


def row_ranges(
    connection: sa.Connection, table: sa.FromClause, *which: sa.ColumnElement[bool]
) -> Iterator[sa.ColumnElement[bool]]:
    """Yield conditions that part the rows of `table` for which all of `which` holds, in their order.

    To group by many columns the database sorts: parts that fit in a cache in half the time that it takes for all.
    """
    last = connection.execute(sa.select(sa.func.max(table.c.row)).where(*which)).scalar() or 0
    for first in range(0, last + 1, _RANGE):
        yield sa.and_(table.c.row.between(first, first + _RANGE - 1), *which)


def count_groups(groups: Iterable[Any], result: Callable[[StoredRow, Any], Result]) -> Counter[tuple[Outcome, str]]:
    """Return the rows of each (outcome, reason code), of the groups of `select_groups`, or of those of several ranges.

    `result`: makes a result of a group's row and the group.
    """
    tally: Counter[tuple[Outcome, str]] = Counter()
    for group in groups:
        stored = StoredRow(
            **{name: getattr(group, name) for name in _DECIDING}, duplicate_of=None if group.is_first else group.row
        )
        shown = result(stored, group)
        tally[shown.outcome, shown.reason] += group.rows
    return tally


def file_name(path: str | None) -> str:
    """Return the name of a sheet's file for people. None: its run is not in the ledger any more."""
    return PurePath(path).name if path else "retry.xlsx"

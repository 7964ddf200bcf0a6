"""One row's result from its own columns and its message's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from batch.ledger.storage.pseudonyms import clear_value
from batch.ledger.storage.schema import State, messages, rows
from batch.model.outcomes import Evidence, Outcome
from batch.model.reasons import Finding, Reason, findings_from_json
from batch.model.runs import Result

_UNNAMED = "retry.xlsx"
"""What a sheet is called whose run the ledger does not have any more."""

RESULT_COLUMNS = (
    messages.c.state,
    messages.c.findings.label("message_findings"),
    messages.c.again_state,
    messages.c.again_findings,
    messages.c.attempts,
    messages.c.run.label("message_run"),
    messages.c.chat_id,
    messages.c.chat_status,
    messages.c.evidence,
    messages.c.http_status,
    messages.c.sent_at,
    messages.c.duration_ms,
)
"""The columns of a message that a result shows, named as `result_of` reads them."""

TELLING_COLUMNS = tuple(
    column for column in RESULT_COLUMNS if column.name in ("state", "message_findings", "again_state", "again_findings")
)
"""Those of them by which outcome and reason are told."""

ROW_COLUMNS = (
    rows.c.row,
    rows.c.key,
    rows.c.person,
    rows.c.outcome,
    rows.c.findings,
    rows.c.notes,
    rows.c.duplicate_of,
)
JOINED_COLUMNS = (*(column for column in ROW_COLUMNS if column is not rows.c.key), *RESULT_COLUMNS, messages.c.sender)
"""What a result shows of a row and its message, in the order in which `plain_result` reads them."""

_TOLD_BY_MESSAGE = {
    state.value: Outcome(state.value) for state in (State.SUCCESS, State.REUSED, State.ERROR, State.UNKNOWN)
}
_EVIDENCE: dict[str | None, Evidence | None] = {None: None, "": None, **{each.value: each for each in Evidence}}

_NOTHING = dict.fromkeys(column.name for column in (*ROW_COLUMNS, *RESULT_COLUMNS))


def result_of(found: Mapping[Any, Any], *, waiting: tuple[Finding, ...] = (Finding(Reason.WAITING),)) -> Result:
    """One row's result from its own columns and its message's. `waiting` says why a pending row was not attempted."""
    notes = findings_from_json(found["notes"]) if found["notes"] else ()
    if found["duplicate_of"] is not None:
        findings: tuple[Finding, ...] = (Finding(Reason.DUPLICATE, {"row": str(found["duplicate_of"])}),)
        return Result(
            row=found["row"],
            outcome=Outcome.SKIPPED,
            findings=findings,
            notes=notes,
            person=clear_value(found["person"]),
        )
    own = findings_from_json(found["findings"]) if found["findings"] else ()
    if found["outcome"] is not None:
        findings = own
        outcome = Outcome(found["outcome"])
        left = Result(
            row=found["row"], outcome=outcome, findings=findings, notes=notes, person=clear_value(found["person"])
        )
        # Left out by a rule now, it may have been tried before: the API said no, and then the person opted out.
        return _with_attempt(left, found) if outcome is Outcome.SKIPPED and _was_refused(found) else left
    return _message_result(found, notes, own, waiting)


def count_alike(groups: Iterable[Any], result: Callable[[Mapping[Any, Any]], Result]) -> Counter[tuple[Outcome, str]]:
    """(outcome, reason code) to rows, of rows that the database has counted.

    A group has what tells outcome and reason of its rows (`outcome`, `findings`, the telling columns), `first` (they
    are no duplicates), `row` (one of them) and `rows` (how many).
    """
    tally: Counter[tuple[Outcome, str]] = Counter()
    for found in groups:
        same_as = None if found.first else found.row
        told = result({**_NOTHING, **found._mapping, "duplicate_of": same_as})
        tally[told.outcome, told.reason] += found.rows
    return tally


def plain_result(found: Sequence[Any]) -> Result | None:
    """`result_of` for a row that its own message tells, as most do; None for any other. `found`: `JOINED_COLUMNS`."""
    row, person, left_out, _, notes, duplicate_of, state, said, _, _, attempts, *of_message = found
    outcome = _TOLD_BY_MESSAGE.get(state)
    if outcome is None or left_out is not None or duplicate_of is not None or not said:
        return None
    findings = findings_from_json(said)
    if not findings:
        return None
    run, chat_id, chat_status, evidence, http_status, sent_at, duration_ms, _ = of_message
    return Result(
        row=row,
        outcome=outcome,
        findings=findings,
        notes=findings_from_json(notes) if notes else (),
        person=clear_value(person),
        chat_id=clear_value(chat_id),
        chat_status=chat_status,
        evidence=_EVIDENCE[evidence],
        http_status=http_status,
        attempts=attempts,
        sent_at=sent_at if attempts else None,
        duration_ms=duration_ms,
        run=run,
    )


def file_name(path: str | None) -> str:
    """What a person calls the sheet of that path."""
    return PurePath(path).name if path else _UNNAMED


def _was_refused(found: Mapping[Any, Any]) -> bool:
    return bool(found["attempts"]) and found["state"] in (State.ERROR.value, State.PENDING.value)


def _with_attempt(result: Result, found: Mapping[Any, Any]) -> Result:
    return replace(
        result,
        http_status=found["http_status"],
        attempts=found["attempts"],
        sent_at=found["sent_at"],
        duration_ms=found["duration_ms"],
        run=found["message_run"],
    )


def _message_result(
    found: Mapping[Any, Any], notes: tuple[Finding, ...], own: tuple[Finding, ...], waiting: tuple[Finding, ...]
) -> Result:
    """`own`: why the row was not for this run at all; it says more of a pending message than an earlier try."""
    state, said = State(found["state"]), found["message_findings"]
    if state is State.PENDING and found["again_state"]:  # chosen to be tried again, and not sent yet
        state, said = State(found["again_state"]), found["again_findings"]
    kept = findings_from_json(said) if said else ()
    if state is State.CLAIMED:
        outcome = Outcome.UNKNOWN
        findings: tuple[Finding, ...] = (Finding(Reason.IN_FLIGHT),)
    else:
        outcome = Outcome(state.value)
        findings = (own if state is State.PENDING else ()) or kept or waiting
    return Result(
        row=found["row"],
        outcome=outcome,
        findings=findings,
        notes=notes,
        person=clear_value(found["person"]),
        chat_id=clear_value(found["chat_id"]),
        chat_status=found["chat_status"],
        evidence=Evidence(found["evidence"]) if found["evidence"] else None,
        http_status=found["http_status"],
        attempts=found["attempts"],
        sent_at=found["sent_at"] if found["attempts"] else None,
        duration_ms=found["duration_ms"],
        run=found["message_run"],
    )

"""Decisions about unknown rows: what is read for them, and the one transaction that writes them.

Only for who holds the locks of the campaign and of the senders. A decision changes a message only while it is still as
it was looked at, and is noted in `decisions` in the same transaction. It can be turned round until the message was
sent again: the API's answer then says more than any decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from batch.errors import Busy, LedgerFailed
from batch.i18n import N_, _
from batch.ledger.read.corrections import Heirs, corrected, correction_of, corrections_of_run, heirs_of_run
from batch.ledger.read.runs import sheet_of
from batch.ledger.storage.engine import READ, describe_write_failure
from batch.ledger.storage.pseudonyms import clear_value
from batch.ledger.storage.results import RESULT_COLUMNS, ROW_COLUMNS, result_of
from batch.ledger.storage.schema import State, decisions, messages, rows
from batch.model.outcomes import Evidence, Outcome
from batch.model.reasons import Finding, findings_to_json
from batch.model.runs import Result

_DECIDED = frozenset({Evidence.SETTLED, Evidence.TIMELINE})


@dataclass(frozen=True, kw_only=True, slots=True)
class RowStatus:
    """A row of a run's sheet, with its message as it stands now."""

    run: str
    """Whose sheet the row is in."""
    result: Result
    state: State | None
    """Of the message; None when the row itself decided its outcome: an error, a duplicate, skipped."""
    key: str = ""
    endpoint: str = ""
    campaign: str = ""
    """The campaign's scope. Key, endpoint, campaign and sender are empty where there is no message."""
    sender: str = ""
    decided: State | None = None
    """What the latest decision about the message made of it; None when there was none."""

    @property
    def row(self) -> int:
        return self.result.row


class SettlementCheck(StrEnum):
    """Whether a row may be settled."""

    OPEN = "open"
    """It may."""
    SAME = "same"
    """It is settled so already."""
    REFUSED = "refused"
    """There is nothing to decide: what became of it is known, or it is being sent."""


def check_settlement(row_status: RowStatus, *, sent: bool) -> SettlementCheck:
    """Whether a row may be settled as sent, or as not sent. An open claim must be made `unknown` before."""
    if row_status.state is State.UNKNOWN:
        return SettlementCheck.OPEN
    if row_status.state is State.SUCCESS and row_status.result.evidence in _DECIDED:
        return SettlementCheck.SAME if sent else SettlementCheck.OPEN
    if row_status.state is State.PENDING and row_status.decided is State.PENDING:
        return SettlementCheck.OPEN if sent else SettlementCheck.SAME
    return SettlementCheck.REFUSED


@dataclass(frozen=True, kw_only=True, slots=True)
class Settlement:
    """A decision to be written. `outcome` is SUCCESS, with its evidence, or PENDING: it will be sent again."""

    row_status: RowStatus
    outcome: Outcome
    finding: Finding
    evidence: Evidence | None = None
    chat_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """A decision as it was noted."""

    decided_at: datetime
    run: str
    row: int
    key: str
    attempts: int
    """Those the message had then."""
    from_state: State
    to_state: State
    evidence: Evidence | None
    who: str
    how: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RelatedMessage:
    """A message to a person who has others: what of it helps to find the others' chat and messages."""

    key: str
    person: str
    sender: str
    state: State
    evidence: Evidence | None
    chat_id: str | None
    sent_at: datetime | None
    """When its last attempt began; None when there was none."""
    duration_ms: int | None


_AT_ONCE = 500
"""Values in one IN (...): databases have a limit."""
_DOUBTFUL = (State.UNKNOWN, State.CLAIMED)


class Settlements:
    """What the ledger offers for decisions about unknown rows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def row_statuses(self, run: str, numbers: Sequence[int] | None = None) -> list[RowStatus]:
        """Rows of a run's sheet in its order: those of `numbers` that it has; None: all that are unknown or claimed."""
        with self._engine.connect().execution_options(**READ) as connection:
            return _read_standings(connection, run, numbers)

    def related(self, endpoint: str, people: Iterable[str]) -> list[RelatedMessage]:
        """Every attempted message to these people at the endpoint, of any campaign, the latest first."""
        with self._engine.connect().execution_options(**READ) as connection:
            return _read_related(connection, endpoint, people)

    def decisions(self, run: str | None = None) -> list[Decision]:
        """The decisions about rows of a run's sheet, or all, in the order they were made."""
        with self._engine.connect().execution_options(**READ) as connection:
            return _read_decisions(connection, run)

    def settle(self, settlements: Iterable[Settlement], *, now: datetime, who: str, how: str) -> None:
        """Write and note all of them, or none. Durable on return; only for the holder of the locks.

        Raises Busy when a message is no longer as it was looked at, LedgerFailed when the ledger takes no writes.
        """
        try:
            with self._engine.begin() as connection:
                for each in settlements:
                    _write(connection, each)
                    connection.execute(insert(decisions).values(_noted(each, now=now, who=who, how=how)))
        except SQLAlchemyError as error:
            raise LedgerFailed(
                describe_write_failure(error, N_("settling rows")),
                _("No row was settled. Check the disk, then give the command again."),
            ) from error


def _read_standings(connection: Connection, run: str, numbers: Sequence[int] | None) -> list[RowStatus]:
    sheet = sheet_of(connection, run)
    heirs = heirs_of_run(connection, run, sheet)
    corrections = [found for found in corrections_of_run(connection, run, sheet, heirs) if found["key"]]
    if numbers is not None:
        return _as_corrected(connection, _own_standings(connection, run, heirs, _among(numbers)), corrections)
    doubtful = messages.c.state.in_([each.value for each in _DOUBTFUL]) & rows.c.outcome.is_(None)
    elsewhere = [found["at"] for found in corrections if found["state"] in _DOUBTFUL]
    own = _own_standings(connection, run, heirs, [doubtful, *_among([*elsewhere, *heirs.first.values()])])
    row_statuses = {each.row: each for each in _as_corrected(connection, own, corrections) if each.state in _DOUBTFUL}
    return [row_statuses[row] for row in sorted(row_statuses)]


def _among(numbers: Sequence[int]) -> list[ColumnElement[bool]]:
    wanted = sorted(set(numbers))
    return [rows.c.row.in_(wanted[start : start + _AT_ONCE]) for start in range(0, len(wanted), _AT_ONCE)]


def _own_standings(
    connection: Connection, run: str, heirs: Heirs, parts: Sequence[ColumnElement[bool]]
) -> list[RowStatus]:
    decided = _decided(messages.c.key).scalar_subquery().label("decided")
    more = (messages.c.endpoint, messages.c.campaign, messages.c.sender, decided)
    query = (
        select(*ROW_COLUMNS, *RESULT_COLUMNS, *more)
        .select_from(rows.outerjoin(messages, messages.c.key == rows.c.key))
        .where(rows.c.run == run)
        .order_by(rows.c.row)
    )
    return [
        _standing(run, heirs.as_shown(found))
        for part in parts
        for found in connection.execute(query.where(part)).mappings()
    ]


def _decided(key: Any) -> Select[Any]:
    """What the latest decision about a message made of it."""
    return select(decisions.c.to_state).where(decisions.c.key == key).order_by(decisions.c.number.desc()).limit(1)


def _standing(run: str, found: Mapping[Any, Any]) -> RowStatus:
    result = result_of(found)
    if found["outcome"] is not None:
        return RowStatus(run=run, result=result, state=None)
    return _of_message(run, result, found, found["decided"])


def _of_message(run: str, result: Result, found: Mapping[Any, Any], decided: str | None) -> RowStatus:
    return RowStatus(
        run=run,
        result=result,
        state=State(found["state"]),
        key=found["key"],
        endpoint=found["endpoint"],
        campaign=found["campaign"],
        sender=found["sender"],
        decided=State(decided) if decided else None,
    )


def _as_corrected(
    connection: Connection, row_statuses: Iterable[RowStatus], corrections: Iterable[Mapping[Any, Any]]
) -> list[RowStatus]:
    """The rows as a report shows them: where a row stands as it was corrected, by the message of that."""
    found = {each["at"]: each for each in corrections}
    return [_with_correction(connection, each, found[each.row]) if each.row in found else each for each in row_statuses]


def _with_correction(connection: Connection, own: RowStatus, found: Mapping[Any, Any]) -> RowStatus:
    correction = correction_of(found)
    result = corrected(own.result, correction)
    if result is own.result or result.outcome is Outcome.ERROR:
        return replace(own, result=result)
    if result.outcome is Outcome.SKIPPED:
        return RowStatus(run=own.run, result=result, state=None)
    return _of_message(own.run, result, found, connection.execute(_decided(found["key"])).scalar())


def _write(connection: Connection, settlement: Settlement) -> None:
    row_status = settlement.row_status
    as_it_was = (
        messages.c.key == row_status.key,
        messages.c.state == row_status.state,
        messages.c.attempts == row_status.result.attempts,
    )
    values = {
        "state": settlement.outcome.value,
        "findings": findings_to_json([settlement.finding]),
        "evidence": settlement.evidence.value if settlement.evidence else None,
        "chat_id": settlement.chat_id,
        "chat_status": None,
        "payload": None,
        # Who had claimed it could else still write an outcome over the decision.
        "claim_run": None,
        "claim_host": None,
        "claim_pid": None,
    }
    if connection.execute(update(messages).where(*as_it_was).values(values)).rowcount != 1:
        raise Busy(
            _("Row {row} was changed by another process meanwhile, so no row was settled.").format(row=row_status.row),
            _("Give the same command again."),
        )


def _noted(settlement: Settlement, *, now: datetime, who: str, how: str) -> dict[str, Any]:
    row_status = settlement.row_status
    return {
        "decided_at": now,
        "run": row_status.run,
        "row": row_status.row,
        "key": row_status.key,
        "attempts": row_status.result.attempts,
        "from_state": row_status.state,
        "to_state": settlement.outcome.value,
        "evidence": settlement.evidence.value if settlement.evidence else None,
        "who": who,
        "how": how,
    }


def _read_decisions(connection: Connection, run: str | None) -> list[Decision]:
    query = select(decisions).order_by(decisions.c.number)
    found = connection.execute(query if run is None else query.where(decisions.c.run == run)).mappings()
    return [
        Decision(
            decided_at=each["decided_at"],
            run=each["run"],
            row=each["row"],
            key=each["key"],
            attempts=each["attempts"],
            from_state=State(each["from_state"]),
            to_state=State(each["to_state"]),
            evidence=Evidence(each["evidence"]) if each["evidence"] else None,
            who=each["who"],
            how=each["how"],
        )
        for each in found
    ]


def _read_related(connection: Connection, endpoint: str, people: Iterable[str]) -> list[RelatedMessage]:
    wanted = sorted(set(people))
    found: list[RelatedMessage] = []
    for start in range(0, len(wanted), _AT_ONCE):
        query = select(
            messages.c.key,
            messages.c.person,
            messages.c.sender,
            messages.c.state,
            messages.c.evidence,
            messages.c.chat_id,
            messages.c.sent_at,
            messages.c.duration_ms,
        ).where(
            messages.c.endpoint == endpoint,
            messages.c.attempts > 0,
            messages.c.person.in_(wanted[start : start + _AT_ONCE]),
        )
        found += [_related(each) for each in connection.execute(query.order_by(messages.c.sent_at.desc())).mappings()]
    return found


def _related(found: Mapping[Any, Any]) -> RelatedMessage:
    evidence = Evidence(found["evidence"]) if found["evidence"] else None
    chat_id = clear_value(found["chat_id"])
    return RelatedMessage(**{**found, "state": State(found["state"]), "evidence": evidence, "chat_id": chat_id})

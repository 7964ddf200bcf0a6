"""Settlement of unknown rows: the reads that a decision needs, and the one transaction that writes it.

Only for the holder of the locks of the campaign and of the senders. A decision changes a message only while it is still
as it was read, and is noted in `decisions` in the same transaction. It can be reversed until the message was sent
again: the API's answer then says more than any decision.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from batch.errors import Busy
from batch.i18n import N_, _
from batch.ledger.read.corrections import Correction, apply_correction, read_corrections
from batch.ledger.read.runs import sheet_of
from batch.ledger.storage.engine import LedgerPart, connect_to_read, pages, translate_write_failures
from batch.ledger.storage.pseudonyms import clear_value
from batch.ledger.storage.results import MESSAGE_COLUMNS, WIDTH, StoredRow, result_of, row_columns
from batch.ledger.storage.schema import AGAIN, NO_CLAIM, State, decisions, messages, rows
from batch.model.outcomes import DECIDED, Evidence, Outcome
from batch.model.reasons import Finding, findings_to_json
from batch.model.runs import Result


@dataclass(frozen=True, kw_only=True, slots=True)
class RowStatus:
    """A row of a run's sheet, with the state of its message at this moment."""

    run: str
    """The run in whose sheet the row is."""
    result: Result
    state: State | None
    """State of the message; None when the row itself decided its outcome: an error, a duplicate, skipped."""
    key: str = ""
    endpoint: str = ""
    campaign: str = ""
    """The campaign's scope. Key, endpoint, campaign and sender are empty where there is no message."""
    sender: str = ""
    decided: State | None = None
    """The state that the latest decision about the message gave it; None when there was none."""

    @property
    def row(self) -> int:
        return self.result.row


class SettlementCheck(StrEnum):
    """The answer to whether a row may be settled."""

    OPEN = "open"
    """It may."""
    SAME = "same"
    """It is settled so already."""
    REFUSED = "refused"
    """There is nothing to decide: its outcome is known, or it is being sent."""


def check_settlement(row_status: RowStatus, *, sent: bool) -> SettlementCheck:
    """Return whether a row may be settled as sent, or as not sent. An open claim must be made `unknown` before."""
    if row_status.state is State.UNKNOWN:
        return SettlementCheck.OPEN
    if row_status.state is State.SUCCESS and row_status.result.evidence in DECIDED:
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
class RelatedMessage:
    """A message to a person, for finding the chat of the person's other messages and telling them apart."""

    key: str
    person: str
    sender: str
    state: State
    evidence: Evidence | None
    chat_id: str | None
    sent_at: datetime | None
    """When its last attempt began; None when there was none."""
    duration_ms: int | None


_DOUBTFUL = (State.UNKNOWN, State.CLAIMED)


class Settlements(LedgerPart):
    """Decisions about unknown rows. Made for the holder of the locks of the campaign and of the senders."""

    def row_statuses(self, run: str, numbers: Sequence[int] | None = None) -> list[RowStatus]:
        """Return rows of a run's sheet in its order: those of `numbers` that it has; None: the unknown and claimed."""
        with connect_to_read(self._engine) as connection:
            found = read_corrections(connection, run, sheet_of(connection, run))
            corrections = {each.at: each for each in found if each.message.key is not None}
            if numbers is not None:
                return _read_rows(connection, run, _among(numbers), corrections)
            doubtful = messages.c.state.in_([each.value for each in _DOUBTFUL]) & rows.c.outcome.is_(None)
            elsewhere = [at for at, each in corrections.items() if each.message.state in _DOUBTFUL]
            found_rows = _read_rows(connection, run, [doubtful, *_among(elsewhere)], corrections)
        statuses = {each.row: each for each in found_rows if each.state in _DOUBTFUL}
        return [statuses[row] for row in sorted(statuses)]

    def find_related(self, endpoint: str, people: Iterable[str]) -> list[RelatedMessage]:
        """Return every attempted message to these people at the endpoint, of any campaign, the latest first."""
        columns = [messages.c[field.name] for field in fields(RelatedMessage)]
        query = sa.select(*columns).where(messages.c.endpoint == endpoint, messages.c.attempts > 0)
        query = query.order_by(messages.c.sent_at.desc())
        parts = (query.where(messages.c.person.in_(page)) for page in pages(sorted(set(people))))
        with connect_to_read(self._engine) as connection:
            return [_related(each) for part in parts for each in connection.execute(part).mappings()]

    def settle(self, settlements: Iterable[Settlement], *, now: datetime, who: str, how: str) -> None:
        """Write and note all of them, or none. Durable on return.

        Raises Busy when a message is no longer as it was read, LedgerFailed when the ledger takes no writes.
        """
        remedy = _("No row was settled. Check the disk, then give the command again.")
        with translate_write_failures(N_("settling rows"), remedy), self._engine.begin() as connection:
            for each in settlements:
                _write(connection, each)
                noted = {"decided_at": now, "who": who, "how": how, **_decision_values(each)}
                connection.execute(sa.insert(decisions).values(noted))


def _among(numbers: Sequence[int]) -> list[sa.ColumnElement[bool]]:
    return [rows.c.row.in_(page) for page in pages(sorted(set(numbers)))]


def _read_rows(
    connection: sa.Connection, run: str, parts: Sequence[sa.ColumnElement[bool]], corrections: Mapping[int, Correction]
) -> list[RowStatus]:
    """Return the rows for which any of the conditions holds, each with the message that a report shows for it."""
    decision_of = _latest_decision(messages.c.key).scalar_subquery().label("decision")
    more = (messages.c.key, messages.c.endpoint, messages.c.campaign, messages.c.sender, decision_of)
    query = (
        sa.select(*row_columns(rows), *MESSAGE_COLUMNS, *more)
        .select_from(rows.outerjoin(messages, messages.c.key == rows.c.key))
        .where(rows.c.run == run)
        .order_by(rows.c.row)
    )
    statuses = []
    for found in (each for part in parts for each in connection.execute(query.where(part))):
        stored = StoredRow._make(found[:WIDTH])
        result, decision = result_of(stored), found.decision
        message: Any = found
        if (correction := corrections.get(stored.row)) is not None:
            shown = apply_correction(result, correction)
            if shown is not result and shown.outcome is not Outcome.ERROR:
                message = correction.message
                decision = connection.execute(_latest_decision(message.key)).scalar()
            result = shown
        if result.outcome is Outcome.SKIPPED or (message is found and stored.outcome is not None):
            statuses.append(RowStatus(run=run, result=result, state=None))
        else:
            of_message = {name: getattr(message, name) for name in ("key", "endpoint", "campaign", "sender")}
            state, decided = State(message.state), State(decision) if decision else None
            statuses.append(RowStatus(run=run, result=result, state=state, decided=decided, **of_message))
    return statuses


def _latest_decision(key: Any) -> sa.Select[Any]:
    """The state that the latest decision about a message gave it."""
    return sa.select(decisions.c.to_state).where(decisions.c.key == key).order_by(decisions.c.number.desc()).limit(1)


def _write(connection: sa.Connection, settlement: Settlement) -> None:
    row_status = settlement.row_status
    as_it_was = (
        messages.c.key == row_status.key,
        messages.c.state == row_status.state,
        messages.c.attempts == row_status.result.attempts,
    )
    values = {
        "state": settlement.outcome,
        "findings": findings_to_json([settlement.finding]),
        "evidence": settlement.evidence,
        "chat_id": settlement.chat_id,
        "chat_status": None,
        "message_id": None,
        "message_status": None,
        "payload": None,
        **dict.fromkeys(AGAIN.values()),  # else the end of a run would put an earlier outcome in its place
        **NO_CLAIM,  # whose holder could else still write an outcome over the decision
    }
    if connection.execute(sa.update(messages).where(*as_it_was).values(values)).rowcount != 1:
        raise Busy(
            _("Row {row} was changed by another process meanwhile, so no row was settled.").format(row=row_status.row),
            _("Give the same command again."),
        )


def _decision_values(settlement: Settlement) -> dict[str, Any]:
    status = settlement.row_status
    return {
        **{name: getattr(status, name) for name in ("run", "row", "key")},
        "attempts": status.result.attempts,
        "from_state": status.state,
        "to_state": settlement.outcome,
        "evidence": settlement.evidence,
    }


def _related(found: Mapping[Any, Any]) -> RelatedMessage:
    evidence = Evidence(found["evidence"]) if found["evidence"] else None
    chat_id = clear_value(found["chat_id"])
    return RelatedMessage(**{**found, "state": State(found["state"]), "evidence": evidence, "chat_id": chat_id})

"""The record of a settlement."""

from dataclasses import dataclass

from batch.app.records.people import RowPerson, shown_phone
from batch.app.settle import SettlementReport
from batch.app.settlement import RowDecision
from batch.model.outcomes import ExitCode, Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class SettledRow(RowPerson):
    """An unknown row that a person decided."""

    was: Outcome
    was_reason: str
    becomes: Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class SettleRecord:
    """Rows that were settled."""

    run: str
    campaign: str
    endpoint: str
    ledger: str
    settled: tuple[SettledRow, ...]
    settled_before: tuple[SettledRow, ...]
    """Rows that were settled so before; nothing changed."""
    exit_code: ExitCode


def settle_record(ended: SettlementReport) -> SettleRecord:
    """Return the record of a settlement."""
    run = ended.run
    return SettleRecord(
        run=run.run,
        campaign=run.campaign,
        endpoint=run.endpoint,
        ledger=run.ledger,
        settled=tuple(map(_settled, ended.changes)),
        settled_before=tuple(map(_settled, ended.same)),
        exit_code=ExitCode.DONE,
    )


def _settled(change: RowDecision) -> SettledRow:
    was = change.row.result
    return SettledRow(
        row=was.row, phone=shown_phone(was.person), was=was.outcome, was_reason=was.reason, becomes=change.becomes
    )

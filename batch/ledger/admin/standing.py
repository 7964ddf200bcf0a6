"""How an unknown row stands, and whether there is anything to decide about it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from batch.ledger.storage.schema import State
from batch.model.outcomes import Evidence, Outcome
from batch.model.reasons import Finding
from batch.model.runs import Result

__all__ = ["Decision", "Related", "Ruling", "Settlement", "Standing", "ruling"]

_DECIDED = frozenset({Evidence.SETTLED, Evidence.TIMELINE})


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
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


class Ruling(StrEnum):
    """Whether a row may be settled."""

    OPEN = "open"
    """It may."""
    SAME = "same"
    """It is settled so already."""
    REFUSED = "refused"
    """There is nothing to decide: what became of it is known, or it is being sent."""


def ruling(standing: Standing, *, sent: bool) -> Ruling:
    """Whether a row may be settled as sent, or as not sent. An open claim must be made `unknown` before."""
    if standing.state is State.UNKNOWN:
        return Ruling.OPEN
    if standing.state is State.SUCCESS and standing.result.evidence in _DECIDED:
        return Ruling.SAME if sent else Ruling.OPEN
    if standing.state is State.PENDING and standing.decided is State.PENDING:
        return Ruling.OPEN if sent else Ruling.SAME
    return Ruling.REFUSED


@dataclass(frozen=True, kw_only=True, slots=True)
class Settlement:
    """A decision to be written. `outcome` is SUCCESS, with its evidence, or PENDING: it will be sent again."""

    standing: Standing
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
class Related:
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

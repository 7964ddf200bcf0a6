"""What the duplicates of a row show after the row was corrected into another message. Pure.

The row shows its correction then, and no longer the message that it had by itself: that is another row's now, the first
of its duplicates, and the others are duplicates of that one. What the API said of it would be in no report else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason, findings_to_json

__all__ = ["Heirs"]


@dataclass(frozen=True, slots=True)
class Heirs:
    """The heirs of the rows of one sheet."""

    first: Mapping[int, int] = field(default_factory=dict)
    """A row that was corrected into another message, to the row that shows its own one."""

    def instead_of(self, row: int) -> int:
        """Which row shows the message that stood in that row."""
        return self.first.get(row, row)

    def as_shown(self, found: Mapping[Any, Any]) -> Mapping[Any, Any]:
        """A row as the ledger has it, for `result_of`, as it is shown with its duplicates."""
        row, same_as = found["row"], found["duplicate_of"]
        if row in self.first:
            # In whose words does not matter: its correction takes its place.
            said = findings_to_json([Finding(Reason.CORRECTED)])
            return {**found, "outcome": Outcome.SKIPPED.value, "findings": said}
        heir = self.first.get(same_as)
        if heir is None:
            return found
        if heir == row:
            return {**found, "outcome": None, "findings": None, "duplicate_of": None}
        return {**found, "duplicate_of": heir}

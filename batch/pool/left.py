"""What a sender passed over in this pass: why, and when it may go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from batch.model.reasons import Finding, Reason

__all__ = ["Left", "Leftovers"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """Why jobs of a sender were passed over, and when the first of them may go."""

    finding: Finding
    until: datetime


class Leftovers:
    """The soonest of each reason."""

    def __init__(self) -> None:
        self._left: dict[Reason, Left] = {}

    def clear(self) -> None:
        self._left.clear()

    def leave(self, finding: Finding, until: datetime) -> None:
        known = self._left.get(finding.reason)
        if known is None or until < known.until:
            self._left[finding.reason] = Left(finding=finding, until=until)

    def because_of(self, reason: Reason) -> Left | None:
        """The soonest of that reason; None when nothing was left for it."""
        return self._left.get(reason)

    @property
    def soonest(self) -> Left | None:
        """None when nothing was left."""
        return min(self._left.values(), key=lambda each: each.until, default=None)

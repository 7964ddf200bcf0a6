"""A sheet that is an earlier report: rows that a run of another ledger sent are not sent again."""

from __future__ import annotations

from collections.abc import Callable

from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Run
from batch.model.sheets import SheetInfo, SheetRow

__all__ = ["SentElsewhere"]

_STATUS = "wegly_status"
_RUN = "wegly_run"
_MAYBE_SENT = {Outcome.SUCCESS.value, Outcome.REUSED.value, Outcome.UNKNOWN.value}


class SentElsewhere:
    """Judges the result columns that a fed-back report carries. A sheet without them has no such row."""

    def __init__(self, info: SheetInfo, find_run: Callable[[str], Run | None]) -> None:
        """`find_run`: the ledger's run of that name, if it has one; asked for every row."""
        both = _STATUS in info.columns and _RUN in info.columns
        self._places = (info.columns.index(_STATUS), info.columns.index(_RUN)) if both else None
        self._find = find_run

    def finding(self, row: SheetRow) -> Finding | None:
        """Why the row must not be sent, or None."""
        if self._places is None:
            return None
        status, run = (row.cells[place] for place in self._places)
        if not run or (status or "").strip().lower() not in _MAYBE_SENT or self._find(run):
            return None
        return Finding(Reason.SENT_ELSEWHERE, {"run": run, "status": status or ""})

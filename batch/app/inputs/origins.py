"""A sheet of rows to correct, as a report gives them: each row leads back to the sheet in which it was wrong."""

from __future__ import annotations

import re
from collections.abc import Callable

from batch.ledger import StagedRow
from batch.model.messages import campaign_scope
from batch.model.origin import ORIGIN_COLUMNS, Origin, has_origins
from batch.model.outcomes import Outcome
from batch.model.runs import Run
from batch.model.sheets import SheetInfo, SheetRow

__all__ = ["Origins"]

_ROW_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


class Origins:
    """Reads the origin columns of a sheet. One without them, or of another ledger or campaign, is like any sheet."""

    def __init__(self, info: SheetInfo, find_run: Callable[[str], Run | None], *, endpoint: str, campaign: str) -> None:
        """`find_run`: the ledger's run of that name, if it has one; asked for every row."""
        columns = [name.strip().casefold() for name in info.columns]
        self._places = [columns.index(name) for name in ORIGIN_COLUMNS[1:]] if has_origins(info.columns) else None
        self._find = find_run
        self._scope = endpoint, campaign_scope(campaign)

    def noted(self, staged: StagedRow, row: SheetRow) -> StagedRow:
        """The staged row with its origin, where it has one. A row left out by its sheet corrects nothing."""
        if self._places is None or staged.outcome is Outcome.SKIPPED:
            return staged
        number, name = (row.cells[place] or "" for place in self._places)
        run = self._find(name) if name and _ROW_NUMBER.fullmatch(number) else None
        if run is None or (run.endpoint, campaign_scope(run.campaign)) != self._scope:
            return staged
        return staged._replace(origin=Origin(run=run.run, row=int(number)), origin_sheet=run.sheet_key)

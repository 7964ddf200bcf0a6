"""Redacted reports: counts and reasons without personal data, to be passed on. The inputs are redacted, not the files.

No cell of the sheet is in such a report, not even the header: only its owner knows what a column holds, so no list of
harmless columns could be right. What stays is the row's number, by which the owner finds the person again, and the
result columns, with masked phones and with sentences that quote neither the sheet nor the API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import PurePath

from batch.i18n import _
from batch.model.redaction import mask_result
from batch.model.runs import Result, Run
from batch.reporter.inputs import SourceSheet


def redact_run(run: Run) -> Run:
    """Remove the paths of a run, which name people's folders. The sheet's file name stays."""
    return replace(run, sheet_path=PurePath(run.sheet_path).name, ledger="", report_dir=None)


def redact_sheet(sheet: SourceSheet) -> SourceSheet:
    """Remove the rows and the file of a sheet."""
    return SourceSheet(path=None, info=None, rows=None, name=sheet.name)


def redact_results(results: Callable[[], Iterator[Result]]) -> Callable[[], Iterator[Result]]:
    """Remove from each result who it was. Takes and returns a function that yields the results anew."""
    return lambda: map(mask_result, results())


def redaction_note() -> str:
    """The note at the head of a redacted report."""
    return _(
        "This report is made to be passed on: phones are masked, and of the sheet it has the row numbers only. "
        "The full report is with whoever sent the messages."
    )


def redacted_name(name: str) -> str:
    """`report (masked).xlsx`, so that it is not taken for the full report."""
    path = PurePath(name)
    return f"{path.stem} (masked){path.suffix}"

"""A report to be passed on to who may see figures and reasons, but not people. Done once, before any file is written.

None of the sheet's own cells is in it, its header neither: what a column holds nobody but its owner knows, so that no
list of harmless columns could be right. What stays is the row's number, by which the owner finds the person again, and
the result columns, their phones masked and their sentences without the words of the sheet and of the API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import PurePath

from batch.i18n import _
from batch.model.redaction import mask_result
from batch.model.runs import Result, Run
from batch.reporter.inputs import SourceSheet


def masked_run(run: Run) -> Run:
    """The run without paths: they name people's folders. The sheet's file name stays."""
    return replace(run, sheet_path=PurePath(run.sheet_path).name, ledger="", report_dir=None)


def masked_sheet(sheet: SourceSheet) -> SourceSheet:
    """The sheet without its rows and its file."""
    return SourceSheet(path=None, info=None, rows=None, name=sheet.name)


def masked_results(results: Callable[[], Iterator[Result]]) -> Callable[[], Iterator[Result]]:
    """The same results, each without who it was."""
    return lambda: map(mask_result, results())


def masked_words() -> str:
    """What the report says of itself."""
    return _(
        "This report is made to be passed on: phones are masked, and of the sheet it has the row numbers only. "
        "The full report is with whoever sent the messages."
    )


def masked_name(name: str) -> str:
    """`report (masked).xlsx`: so that neither is taken for the other."""
    path = PurePath(name)
    return f"{path.stem} (masked){path.suffix}"

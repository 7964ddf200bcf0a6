"""Rows that a person can correct in the sheet, each with its result and where it was wrong first."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from zipfile import ZipFile

from batch.model.messages import ORIGIN_COLUMNS, ORIGIN_MAC, Origin
from batch.model.outcomes import Outcome
from batch.model.reasons import Reason
from batch.model.sheets import SheetRow
from batch.ooxml.references import LAST_ROW
from batch.reporter.columns import REASON
from batch.reporter.rows import ReportInputs, ReportRow, join_by_number

ORIGINS = (*ORIGIN_COLUMNS, ORIGIN_MAC)
MOST_TOGETHER = LAST_ROW - 1
"""Rows that a worksheet holds below its header."""
_NOT_TO_CORRECT = frozenset({Reason.OPTED_OUT.value, Reason.NOT_DELIVERED_BY_CHOICE.value})
"""Errors of which no cell is the cause."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowToCorrect:
    """A row as the sheet has it, its result, and where it was wrong first."""

    row: SheetRow
    result: ReportRow
    origin: tuple[str | int, ...]
    """A value for each of the origin columns."""


def is_to_correct(outcome: Outcome, reason: str) -> bool:
    """True for rows that a person can correct in the sheet."""
    return outcome is Outcome.ERROR and reason not in _NOT_TO_CORRECT


def count_rows_to_correct(inputs: ReportInputs) -> int:
    """Return how many rows `rows_to_correct` yields."""
    return sum(each.rows for each in inputs.statistics.reasons if is_to_correct(each.outcome, each.reason))


def rows_to_correct(inputs: ReportInputs) -> Iterator[RowToCorrect]:
    """Yield the rows to correct in the sheet's order."""
    rows = inputs.sheet.rows() if inputs.sheet.rows else iter(())
    file = PurePath(inputs.sheet.name).name
    for at, row, result in join_by_number(rows, inputs.rows()):
        if row and result and is_to_correct(result.outcome, str(result.values[REASON])):
            origin = result.origin or Origin(run=inputs.run.run, row=at, file=file)
            values = origin.file, origin.row, origin.run, inputs.origin_mac(origin)
            yield RowToCorrect(row=row, result=result, origin=values)


def identify_rows(book: ZipFile) -> str:
    """Return what identifies the rows of a workbook's first worksheet: each program that saves it writes others."""
    return f"wegly-batch {book.getinfo('xl/worksheets/sheet1.xml').CRC:08x}"

"""Turns results into the report a person reads.

The way through the package: the ledger's results are asked for once, counted (`figures`), and each becomes the values
of the result columns (`columns`), which are kept for all files (`told`). They and the sheet's rows (given by `app`; the
loader is never imported) are joined by row number (`lines`), and go into the user's own workbook (`own_workbook`), a
clean one (`clean_workbook`), a CSV file (`results_csv`) and a page for the browser (`html_report`). Counts and reasons
go into summary.json (`summary`) and, with charts, onto the first sheet of the workbook (`page` says what,
`summary_sheet` how it looks) and the head of the page. `runs_index` lists the runs of a folder.

The user's workbook is not loaded and saved but spliced: its zip file is copied part by part (`package`), and only the
contact sheet, its tables, the styles and the lists of parts and sheets are changed, each in the few places where it
must be (`elements`). Rows stream through as bytes (`sheet_rows`, `sheet_survey`, `sheet_splice`).

Invariants:

* Every result is on the row of its number, in every file, and the files agree with each other.
* A file is there whole or not at all, and the loss of one does not stop the others.
* No text becomes a formula, in a workbook or in the CSV file as a spreadsheet program opens it.
* A part of the user's workbook that need not change is copied byte for byte; what could not be kept is said, on the
  summary and to the caller. A workbook that is not understood gives a clean one, never a guess.
* Memory does not grow with the rows.
"""

from batch.reporter.columns import COLUMNS
from batch.reporter.html.runs_index import write_index
from batch.reporter.inputs import ReportFiles, SourceSheet
from batch.reporter.report import write_report
from batch.reporter.summary_json import summarize_run, summary_bytes, write_metrics
from batch.reporter.summary_view import headline

__all__ = [
    "COLUMNS",
    "ReportFiles",
    "SourceSheet",
    "headline",
    "summarize_run",
    "summary_bytes",
    "write_index",
    "write_metrics",
    "write_report",
]

"""Results of a run -> the report: workbook, CSV file, page for the browser, retry workbook, summary.json.

Each result is read from the ledger once, counted for the summaries (`statistics`) and rendered as the values of the
result columns (`columns`), which are spooled for all files (`rows`). The sheet's rows come from `app`; the loader is
never imported. Both are joined by row number and go into the user's own workbook (`xlsx.in_place`), a new one
(`xlsx.new_workbook`), a CSV file (`results_csv`) and a page (`html.page`). `summary_view` decides what a summary
shows; the first worksheet and the head of the page decide how. `html.runs_index` lists the runs of a folder.

The user's workbook is not loaded and saved but spliced: its zip file is copied part by part (`batch.ooxml`), and only
the contact sheet, its tables, the styles and the lists of parts and sheets are changed, each in the few places where it
must be. Rows stream through as bytes (`xlsx.sheet_rows`, `xlsx.sheet_scan`, `xlsx.sheet_splice`).

Invariants:

* Every result is on the row of its number, in every file, and the files agree with each other.
* A file is written whole or not at all, and the loss of one does not stop the others.
* No text becomes a formula, in a workbook or in the CSV file as a spreadsheet program opens it.
* A part of the user's workbook that need not change is copied byte for byte; what could not be kept is named on the
  summary and to the caller. A workbook that is not understood gives a new one, never a guess.
* Memory does not grow with the rows.
"""

from batch.reporter.columns import COLUMNS
from batch.reporter.frames import Results, RowResult, collect_results, write_frame
from batch.reporter.html.check_page import CheckPage, NoteSummary, Texts, write_check_page
from batch.reporter.html.figures import command_again
from batch.reporter.html.runs_index import CHECK_MARK, CHECKS, write_index
from batch.reporter.report import list_steps, open_inputs, write_report
from batch.reporter.retry import RetryFiles
from batch.reporter.rows import ReportFiles, ReportInputs, SourceSheet
from batch.reporter.summary_json import (
    DeliverySummary,
    RunSummary,
    summarize_delivery,
    summarize_run,
    summary_bytes,
    write_metrics,
)
from batch.reporter.summary_view import delivery_headline, headline, rehearsal
from batch.reporter.wrong_rows import read_campaign_path, write_wrong_rows

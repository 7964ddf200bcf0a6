"""Sheets: opens a file, finds worksheet and header, and streams checked rows.

A file passes `formats` (its format by content, and readers that make every cell text), `open` or
`worksheet_choice`, `header_detection` and one `scan` to its end; `open_sheet` returns a `Sheet`, whose rows can be read
as often as needed. `mapping` evaluates its rows into contacts, `filters` are the functions of its values.

Invariants:

* A row that holds anything comes out exactly once, under the number Excel shows for it; none is lost or made up.
* A cell is its value as text, or None with an error that says why; nothing is guessed. Where its number format shows
  another text, that travels beside the cells (`RawRow.codes`, `SheetRow.shown`) and is found only when it is asked
  for. Only a bare `{Column}` takes it: all rules, filters and keys take the value.
* Cells are never shifted: a record with too few or too many cells is an error of that row.
* Reading again yields the same rows.
* No file is trusted: sizes are limited before memory is taken (`Limits`), XML entities are refused, nothing outside
  the file is opened, no formula, macro or link is followed; libraries for binary formats run in their own process.
* Memory does not grow with the rows, beyond the shared texts of XLSX and what XLS and XLSB force on their process.
* Every refusal is a `SheetError` that names the file, the trouble, and what to do.
"""

from batch.loader.header_names import fold, is_consent_header, is_optout_header, is_phone_header
from batch.loader.mapping.compile import date_columns, text_columns, wanted_columns
from batch.loader.mapping.contacts import RowEvaluator
from batch.loader.mapping.permissions import count_refusals, holds_answers
from batch.loader.mapping.placeholders import parse_text
from batch.loader.open import SheetCopy, keep_copy, open_sheet
from batch.loader.sheet import Sheet
from batch.loader.suggest import (
    ColumnFacts,
    Suggestion,
    describe_columns,
    differing_column,
    join_phone_columns,
    rank_phone_columns,
    suggest_columns,
)
from batch.loader.template_values import column_source, fit_column, fit_link, suggest_link, suggest_value
from batch.model.sheets import Limits

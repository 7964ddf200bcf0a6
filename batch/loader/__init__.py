"""Opens a sheet, finds its header, and turns its rows into checked contacts.

The way of a sheet: `formats` says what the file is by its content; `text_file` or one of the workbooks (`books`)
gives raw rows, every cell already text (`cells`); `layout` finds the header among the first rows and names the
columns; `opening` looks the whole sheet through once (`survey`) and gives a `Sheet`, which streams rows as often as
asked.

Invariants:

* A row that holds anything comes out exactly once, under the number Excel shows for it; none is lost or made up.
* A cell is the text a person reads, or None with an error that says why; nothing is guessed.
* Cells are never shifted: a record with too few or too many cells is an error of that row.
* Reading again gives the same rows.
* No file is believed: sizes are limited before memory is taken (`Limits`), XML entities are refused, nothing outside
  the file is ever opened, no formula, macro or link is followed.
* Memory does not grow with the rows, beyond what XLSX keeps aside (its shared texts) and what XLS and XLSB force.
* Every refusal is a `SheetError` that names the file, the trouble, and what to do.
"""

from batch.loader.header_names import fold, is_phone_header
from batch.loader.mapping.compile import wanted_columns
from batch.loader.mapping.contacts import ContactMaker
from batch.loader.mapping.placeholders import parse_text
from batch.loader.mapping.plain import PlainContacts
from batch.loader.mapping.template_fields import label
from batch.loader.open import KeptCopy, keep_copy, open_sheet
from batch.loader.sheet import Sheet
from batch.loader.suggest import ColumnFacts, Guess, cell_text, column_facts, guess, phone_columns, value_for
from batch.model.sheet_file import Limits

__all__ = [
    "ColumnFacts",
    "ContactMaker",
    "Guess",
    "KeptCopy",
    "Limits",
    "PlainContacts",
    "Sheet",
    "cell_text",
    "column_facts",
    "fold",
    "guess",
    "is_phone_header",
    "keep_copy",
    "label",
    "open_sheet",
    "parse_text",
    "phone_columns",
    "value_for",
    "wanted_columns",
]

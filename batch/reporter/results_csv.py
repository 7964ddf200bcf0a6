"""results.csv: the report as a CSV file that Brazilian Excel opens by a double click.

UTF-8 with BOM, `;`, CRLF. The header is line 1; row n of the sheet is as many lines below it as in the sheet, so that a
blank row is a blank line. Of a sheet without a header, row n is line n + 1, below a header of our own. Values stand as
they are: Excel makes a number of `000123` or `1E5`, and report.xlsx is the file for it.
A text that Excel would run as a formula is guarded by an apostrophe (`batch.model.csv_injection`); numbers and phones
stay as they are.
"""

import csv
import io
import re
from collections.abc import Iterable
from typing import BinaryIO, TextIO

from batch.model.csv_injection import guard
from batch.reporter.columns import value_text
from batch.reporter.printable_text import printable
from batch.reporter.rows import TableLayout, TableRow

_END = "\r\n"
_MAY_BE_A_FORMULA = re.compile(
    "(?:;(?!(?:[+-]?[0-9]+(?:[.,][0-9]+)*|\\+[0-9]{1,3} [0-9 ()-]+);)|[,|])[ \t'\"]*[=+\\-@\uff1d\uff0b\uff0d\uff20]"
)
"""Signs at a beginning, in printable texts with a `;` before and behind each; numbers and phones are left out."""
_SIGN = re.compile(
    "[=+\\-@\uff1d\uff0b\uff0d\uff20](?<=[;,| \t'\"].)"
    "(?!(?<=;[+-])(?:[0-9]+(?:[.,][0-9]+)*|(?<=\\+)[0-9]{1,3} [0-9 ()-]+);)"
)
"""Every sign of those and a few more. Beginning with the sign it is found in a third of the time."""


def write_csv(file: BinaryIO, layout: TableLayout, rows: Iterable[TableRow]) -> None:
    """Write the header, and each row at its place below. Memory does not grow with the rows."""
    # Not utf-8-sig: that encodes in Python, piece by piece.
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        text.write("\ufeff")
        _write_lines(text, layout, rows)
    finally:
        text.detach()  # flushed, and the file stays open for who gave it


def _write_lines(text: TextIO, layout: TableLayout, rows: Iterable[TableRow]) -> None:
    writer = csv.writer(text, delimiter=";", lineterminator=_END)
    writer.writerow([_cell(name) for name in layout.header])
    at = layout.header_row
    for row in rows:
        here = row.number + layout.shift
        if here > at + 1:
            text.write(_END * (here - at - 1))
        writer.writerow(row.cells if _is_plain(row) else [_cell(value_text(value)) for value in row.cells])
        at = here


def _is_plain(row: TableRow) -> bool:
    """True when no cell needs a guard or a change; False also when it takes more than a look."""
    texts = ";".join(["", *[cell for cell in row.cells if isinstance(cell, str)], ""])
    return texts.isprintable() and (_SIGN.search(texts) is None or _MAY_BE_A_FORMULA.search(texts) is None)


def _cell(text: str) -> str:
    return guard(printable(text))

"""results.csv: the report's lines as the CSV that Brazilian Excel opens by a double click.

UTF-8 with BOM, `;`, CRLF. Line n of the file is row n of the sheet: what the sheet leaves blank is a blank line here.
Of a sheet without a header, row n is line n + 1, below a header of our own.
A text that Excel would run as a formula is guarded by an apostrophe (`batch.model.csv_injection`); numbers and phones
stay as they are.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import BinaryIO, TextIO

from batch.model.csv_injection import guard
from batch.reporter.columns import as_text
from batch.reporter.printable_text import printable
from batch.reporter.rows import TableLayout, TableRow

_END = "\r\n"
_MAY_BEGIN_A_FORMULA = re.compile(
    "\0(?!(?:[+-]?[0-9]+(?:[.,][0-9]+)*|\\+[0-9]{1,3} [0-9 ()-]+)\0)[ \t']*[=+\\-@\uff1d\uff0b\uff0d\uff20]"
)
"""One of several printable texts with a NUL before and behind each; numbers and phones are left out."""


def write_csv(file: BinaryIO, layout: TableLayout, report: Iterable[TableRow]) -> None:
    """Write the header at its row and each line at its number. Streams: memory does not grow with the rows."""
    # Not utf-8-sig: that encodes in Python, piece by piece.
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        text.write("\ufeff")
        _write_lines(text, layout, report)
    finally:
        text.detach()  # flushed, and the file stays open for who gave it


def _write_lines(text: TextIO, layout: TableLayout, report: Iterable[TableRow]) -> None:
    writer = csv.writer(text, delimiter=";", lineterminator=_END)
    text.write(_END * (layout.header_row - 1))
    writer.writerow([_cell(name) for name in layout.header])
    at = layout.header_row
    for line in report:
        here = line.number + layout.shift
        if here > at + 1:
            text.write(_END * (here - at - 1))
        writer.writerow(line.cells if _is_plain(line) else [_cell(as_text(value)) for value in line.cells])
        at = here


def _is_plain(line: TableRow) -> bool:
    """Whether no cell must be guarded or changed. What is not known for certain is not plain."""
    texts = [cell for cell in line.cells if isinstance(cell, str)]
    return "".join(texts).isprintable() and _MAY_BEGIN_A_FORMULA.search("\0".join(["", *texts, ""])) is None


def _cell(text: str) -> str:
    return guard(printable(text))

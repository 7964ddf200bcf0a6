"""results.csv: the report's lines as the CSV that Brazilian Excel opens by a double click.

UTF-8 with BOM, `;`, CRLF. Line n of the file is row n of the sheet: what the sheet leaves blank is a blank line here.
Of a sheet without a header, row n is line n + 1, below a header of our own.
A text that Excel would run as a formula is guarded by an apostrophe (`batch.model.formula`); numbers and phones stay
as they are.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import BinaryIO, TextIO

from batch.model.formula import guarded
from batch.reporter.celltext import printable
from batch.reporter.columns import as_text
from batch.reporter.lines import Frame, Line

__all__ = ["write_csv"]

_END = "\r\n"


def write_csv(file: BinaryIO, framed: Frame, report: Iterable[Line]) -> None:
    """Write the header at its row and each line at its number. Streams: memory does not grow with the rows."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        _write_lines(text, framed, report)
    finally:
        text.detach()  # flushed, and the file stays open for who gave it


def _write_lines(text: TextIO, framed: Frame, report: Iterable[Line]) -> None:
    writer = csv.writer(text, delimiter=";", lineterminator=_END)
    text.write(_END * (framed.heading_row - 1))
    writer.writerow([_cell(name) for name in framed.header])
    at = framed.heading_row
    for line in report:
        here = line.number + framed.shift
        text.write(_END * (here - at - 1))
        writer.writerow([_cell(as_text(value)) for value in line.cells])
        at = here


def _cell(text: str) -> str:
    return guarded(printable(text))

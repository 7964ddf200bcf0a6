"""Workbooks edited as a person does in Excel."""

from __future__ import annotations

from pathlib import Path

import openpyxl


def replace_text(workbook: Path, before: str, after: str) -> None:
    """Write another text into each cell that has this one, and save."""
    book = openpyxl.load_workbook(workbook)
    for sheet in book.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.value == before:
                    cell.value = after
    book.save(workbook)

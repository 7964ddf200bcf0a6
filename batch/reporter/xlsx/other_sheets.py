"""The sheets of the user's workbook that get no results: whether one is a summary of ours, whether it is selected."""

from __future__ import annotations

import re
from collections.abc import Iterator

from batch.ooxml.elements import Unspliceable
from batch.ooxml.package import Package
from batch.ooxml.plain_xml import plain
from batch.reporter.xlsx.sheet_rows import Cell, SheetXml

__all__ = ["deselected", "first_cell", "is_selected"]

_SELECTED = re.compile(rb"""\stabSelected\s*=\s*["'](?:1|true)["']""")
_ROWS = re.compile(rb"<(?:[\w.-]+:)?sheetData[\s/>]")
_MOST_HEAD_BYTES = 16 * 1024 * 1024


def first_cell(package: Package, part: str) -> Cell | None:
    """Cell A1 of a worksheet; None when there is none, or the sheet is of a kind that is not understood here."""
    try:
        sheet = SheetXml(package.chunks(part))
        row = next(sheet.rows(), None)
    except Unspliceable:
        return None
    if row is None or row.number != 1 or row.content is None:
        return None
    cell = sheet.patterns.first_cell(row.content)
    return cell if cell and cell.column == 1 else None


def is_selected(package: Package, part: str) -> bool:
    """Whether a sheet is one of those that are selected together: all of them would be edited together."""
    head, _ = _head(plain(package.chunks(part)))
    return _SELECTED.search(head) is not None


def deselected(package: Package, part: str) -> Iterator[bytes]:
    """The pieces of a sheet that is selected no longer."""
    pieces = plain(package.chunks(part))
    head, rest = _head(pieces)
    yield _SELECTED.sub(b"", head)
    yield rest
    yield from pieces


def _head(pieces: Iterator[bytes]) -> tuple[bytes, bytes]:
    """All before the rows, and what was read beyond; all of a chart sheet."""
    held = b""
    for piece in pieces:
        held += piece
        rows = _ROWS.search(held)
        if rows or len(held) > _MOST_HEAD_BYTES:
            at = rows.start() if rows else len(held)
            return held[:at], held[at:]
    return held, b""

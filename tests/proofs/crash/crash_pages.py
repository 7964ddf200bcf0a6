"""Reads the rows on a page of an SQLite table, as it is written to the ledger's log (sqlite.org/fileformat2.html)."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

__all__ = ["rows_of", "unescaped"]

_LEAF = 0x0D
_FIXED = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8, 8: 0, 9: 0}
"""Bytes of a value by its serial type; from 12 on it is text or a blob whose length the type tells."""


def unescaped(text: str) -> bytes:
    """The bytes that strace shows as the text of a C string."""
    return codecs.escape_decode(text.encode("ascii", "replace"))[0]


def rows_of(page: bytes) -> Iterator[list[int | bytes | None]]:
    """The rows of a leaf of a table, each a list of its columns; nothing for another page or a part of one.

    Only what the page's own directory names: what was deleted leaves its text behind.
    """
    if len(page) < 8 or page[0] != _LEAF:
        return
    for cell in range(int.from_bytes(page[3:5], "big")):
        pointer = 8 + 2 * cell
        start = int.from_bytes(page[pointer : pointer + 2], "big")
        length, start = _varint(page, start)
        _, start = _varint(page, start)
        if start + length <= len(page):
            yield _record(page[start : start + length])


def _record(record: bytes) -> list[int | bytes | None]:
    header, at = _varint(record, 0)
    value = header
    values: list[int | bytes | None] = []
    while at < header:
        kind, at = _varint(record, at)
        size = _FIXED[kind] if kind < 12 else (kind - 12) // 2
        raw = record[value : value + size]
        value += size
        if kind >= 12:
            values.append(raw)
        else:
            values.append({0: None, 8: 0, 9: 1}.get(kind, int.from_bytes(raw, "big", signed=True)))
    return values


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends."""
    value = 0
    for position in range(at, at + 8):
        value = value << 7 | data[position] & 0x7F
        if data[position] < 0x80:
            return value, position + 1
    return value << 8 | data[at + 8], at + 9

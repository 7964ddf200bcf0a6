"""Rows of a worksheet that are read from their file once, however often they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from batch.loader.source import Grid, RawRow
from batch.model.phrases import phrase_from_json, to_json
from batch.spool import ROWS_IN_BLOCK, Spool

_MEMORY_BYTES = 16 * 1024 * 1024
"""Size of the rows that are kept in memory; beyond, all go into a file."""


class CachedGrid:
    """A grid that keeps the rows that were read, and goes on reading where the last reading ended."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._spool = Spool[RawRow, RawRow](memory_bytes=_MEMORY_BYTES, pack=_pack, unpack=_unpack)
        self._unread: Iterator[RawRow] | None = None
        self._is_kept = True
        """False when there is no room, or the file is damaged: then each reading reads the file."""

    def rows(self) -> Iterator[RawRow]:
        """Yield the rows of the grid."""
        count = index = 0
        while self._is_kept:
            block = list(self._spool.block(index)) if index < len(self._spool) else self._read_block()
            if not block:
                return
            yield from block
            count += len(block)
            index += 1
        yield from islice(self._grid.rows(), count, None)

    def close(self) -> None:
        """End the reading of the file; a later one begins anew."""
        self._is_kept = False
        self._unread = None
        self._spool.close()

    def _read_block(self) -> list[RawRow]:
        if self._unread is None:
            self._unread = self._grid.rows()
        try:
            block = list(islice(self._unread, ROWS_IN_BLOCK))
        except BaseException:
            self.close()
            raise
        if block and not self._spool.append(block):
            self.close()
        return block


def _pack(row: RawRow) -> tuple[object, ...]:
    # marshal writes no class of ours; an empty dict means the same as a mapping proxy.
    number, cells, errors, hidden, fault = row
    packed = {column: to_json(error) for column, error in errors.items()} if errors else {}
    return number, cells, packed, hidden, to_json(fault) if fault else None


def _unpack(row: tuple[Any, ...]) -> RawRow:
    number, cells, errors, hidden, fault = row
    if not errors and not fault:
        return RawRow._make(row)
    unpacked = {column: phrase_from_json(error) for column, error in errors.items()}
    return RawRow(number, cells, unpacked, hidden, phrase_from_json(fault) if fault else None)

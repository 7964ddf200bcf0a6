"""Rows that are kept as they were read: unzipping and parsing a worksheet is done once, reading it again is cheap.

What is read again is also what was looked through, even if somebody saves over the file meanwhile. A few MB are held
in memory, the rest in a nameless temporary file that nobody else can open and that is gone with the process; where
that cannot be written, the worksheet is read anew instead.
"""

from __future__ import annotations

import marshal
import tempfile
import weakref
from collections.abc import Iterator
from itertools import islice
from typing import IO

from batch.loader.source import Grid, RawRow

__all__ = ["ReadOnce"]

_ROWS_AT_ONCE = 500
_HELD = 16 * 1024 * 1024
"""Bytes that are kept in memory; beyond, all goes into a file."""


class ReadOnce:
    """A grid that remembers its rows from the first time that they are read to the end."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._kept: _Blocks | None = None

    def rows(self) -> Iterator[RawRow]:
        """The rows of the grid."""
        if self._kept is not None:
            return self._kept.rows()
        return self._first()

    def _first(self) -> Iterator[RawRow]:
        rows, blocks = self._grid.rows(), _Blocks()
        while block := list(islice(rows, _ROWS_AT_ONCE)):
            blocks.add(block)
            yield from block
        if blocks.complete:
            self._kept = blocks


class _Blocks:
    """Rows in blocks, in memory or in a file."""

    def __init__(self) -> None:
        self.complete = True
        self._held: list[bytes] = []
        self._size = 0
        self._file: IO[bytes] | None = None
        self._ends: list[int] = [0]

    def add(self, rows: list[RawRow]) -> None:
        if not self.complete:
            return
        # A mapping proxy cannot be written; an empty dict says the same.
        block = marshal.dumps([(*row[:2], dict(row[2]) if row[2] else {}, *row[3:]) for row in rows])
        try:
            self._add(block)
        except OSError:  # no room for temporary files
            self.complete = False
            self._held.clear()

    def _add(self, block: bytes) -> None:
        self._size += len(block)
        if self._file is None and self._size <= _HELD:
            self._held.append(block)
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="wegly-batch-")  # noqa: SIM115 - open as long as this is
            weakref.finalize(self, self._file.close)
            for held in self._held:
                self._write(self._file, held)
            self._held.clear()
        self._write(self._file, block)

    def _write(self, file: IO[bytes], block: bytes) -> None:
        file.write(block)
        self._ends.append(self._ends[-1] + len(block))

    def rows(self) -> Iterator[RawRow]:
        for block in self._blocks():
            yield from map(RawRow._make, marshal.loads(block))  # noqa: S302 - what we wrote ourselves

    def _blocks(self) -> Iterator[bytes]:
        yield from self._held
        if self._file is None:
            return
        for place in range(len(self._ends) - 1):
            self._file.seek(self._ends[place])
            yield self._file.read(self._ends[place + 1] - self._ends[place])

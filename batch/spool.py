"""Rows that are kept for later readings: in memory up to a size, then in an unnamed temporary file.

The file cannot be opened by anybody else and is gone with the process. Where it cannot be written, nothing is kept: the
rows must then be made anew, which costs time only.
"""

import marshal
import weakref
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import Any, Generic, TypeVar

ROWS_IN_BLOCK = 32
"""Rows that are in memory together; one may have some megabytes."""

Given = TypeVar("Given")
Kept = TypeVar("Kept")


class Spool(Generic[Given, Kept]):
    """Rows as they were recorded, in order and in blocks."""

    def __init__(
        self, *, memory_bytes: int, pack: Callable[[Given], tuple[Any, ...]], unpack: Callable[[tuple[Any, ...]], Kept]
    ) -> None:
        """Keep `memory_bytes` in memory. `pack` makes plain values of a row, of which `unpack` makes the kept row."""
        self.is_complete = False
        """True once `record` has kept all rows."""
        self._pack = pack
        self._unpack = unpack
        self._file = SpooledTemporaryFile[bytes](max_size=memory_bytes, prefix="wegly-batch-")
        self._ends = [0]
        self.close = weakref.finalize(self, self._file.close)
        """Forget the rows; also done when the spool is garbage-collected."""

    def __len__(self) -> int:
        """Number of blocks."""
        return len(self._ends) - 1

    def append(self, rows: Iterable[Given]) -> bool:
        """Keep a block of rows; False when there is no room for it, and nothing is kept any longer."""
        block = marshal.dumps([self._pack(row) for row in rows])
        try:
            self._file.seek(self._ends[-1])
            self._file.write(block)
            self._file.flush()
        except OSError:
            self.close()
            return False
        self._ends.append(self._ends[-1] + len(block))
        return True

    def block(self, index: int) -> Iterator[Kept]:
        """Yield the rows of a block."""
        begin, end = self._ends[index : index + 2]
        self._file.seek(begin)
        return map(self._unpack, marshal.loads(self._file.read(end - begin)))  # noqa: S302 - as `append` wrote it

    def record(self, rows: Iterable[Given]) -> Iterator[Given]:
        """Yield the rows, and keep them on the way. To be called once; complete when the iterator is exhausted."""
        remaining = iter(rows)
        has_room = True
        while block := list(islice(remaining, ROWS_IN_BLOCK)):
            has_room = has_room and self.append(block)
            yield from block
        self.is_complete = has_room

    def rows(self) -> Iterator[Kept]:
        """Yield all kept rows; several readings may go on at a time. Needs `is_complete`."""
        for index in range(len(self)):
            yield from self.block(index)

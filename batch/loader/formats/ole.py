"""Compound files (OLE), the shell around XLS and around workbooks with a password: just enough to find a stream in one.

Every number in such a file may lie, so each chain of sectors is followed only as long as the file could hold it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from batch.i18n import _, number
from batch.model.sheet_file import SheetFile

_FREE = 0xFFFFFFFA
"""Sector numbers from here on are marks, not sectors."""
_HEADER = 512
_ENTRY = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stream:
    first: int
    size: int


class CompoundFile:
    """A compound file whose directory is read."""

    def __init__(self, source: SheetFile, data: bytes) -> None:
        self._source = source
        self._data = data
        shift, mini_shift = struct.unpack_from("<HH", data, 30)
        if shift not in {9, 12} or mini_shift != 6:  # noqa: PLR2004 (the only sizes the format knows)
            raise source.damage(_("its sectors have no known size"))
        self._sector = 1 << shift
        self._mini = 1 << mini_shift
        tables, first_directory, self._cutoff, first_mini, _minis, first_list = struct.unpack_from(
            "<LL4xLLLL", data, 44
        )
        self._next = self._table(self._table_sectors(tables, first_list))
        self._mini_next = self._numbers(self._chain(first_mini))
        self.streams, self._mini_data = self._directory(self._chain(first_directory))

    def read(self, name: str) -> bytes:
        """The content of a stream. Raises SheetError: damaged. KeyError: there is no such stream."""
        stream = self.streams[name]
        if stream.size >= self._cutoff:
            return self._chain(stream.first)[: stream.size]
        pieces: list[bytes] = []
        place = stream.first
        for _step in range(min(stream.size, len(self._mini_data)) // self._mini + 1):
            if place >= _FREE:
                break
            pieces.append(self._mini_data[place * self._mini : (place + 1) * self._mini])
            place = self._mini_next[place] if place < len(self._mini_next) else _FREE
        return b"".join(pieces)[: stream.size]

    def _sector_at(self, number: int) -> bytes:
        start = (number + 1) * self._sector
        if start >= len(self._data):
            raise self._source.damage(_("it is cut off, or points beyond its own end"))
        return self._data[start : start + self._sector]

    def _table_sectors(self, count: int, first_list: int) -> list[int]:
        """Where the table of chains is: 109 places in the header, more in a list of its own."""
        found = list(struct.unpack_from("<109L", self._data, 76))
        most = len(self._data) // self._sector + 1
        place = first_list
        for _step in range(most):
            if place >= _FREE:
                break
            *more, place = self._numbers(self._sector_at(place).ljust(self._sector, b"\xff"))
            found += more
        return [sector for sector in found if sector < _FREE][: min(count, most)]

    def _table(self, sectors: list[int]) -> list[int]:
        return [number for sector in sectors for number in self._numbers(self._sector_at(sector))]

    def _numbers(self, data: bytes) -> list[int]:
        return list(struct.unpack(f"<{len(data) // 4}L", data[: len(data) // 4 * 4]))

    def _chain(self, first: int) -> bytes:
        pieces: list[bytes] = []
        place = first
        for _step in range(len(self._data) // self._sector + 1):
            if place >= _FREE:
                return b"".join(pieces)
            pieces.append(self._sector_at(place))
            if place >= len(self._next):
                raise self._source.damage(_("a chain of its sectors is broken"))
            place = self._next[place]
        raise self._source.damage(_("a chain of its sectors runs in a circle"))

    def _directory(self, data: bytes) -> tuple[dict[str, _Stream], bytes]:
        streams: dict[str, _Stream] = {}
        mini = b""
        for place in range(0, len(data) - _ENTRY + 1, _ENTRY):
            length, kind = struct.unpack_from("<HB", data, place + 64)
            first, size = struct.unpack_from("<LL", data, place + 116)
            name = data[place : place + max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
            if kind == 5 and first < _FREE:  # noqa: PLR2004 (the root, which holds the small streams)
                mini = self._chain(first)
            elif kind == 2:  # noqa: PLR2004 (a stream)
                streams.setdefault(name, _Stream(first=first, size=size))
        return streams, mini


def open_compound(source: SheetFile) -> CompoundFile:
    """Read a compound file.

    Raises:
        SheetError: damaged, or larger than the limit `loaded_bytes`.
    """
    size = source.path.stat().st_size
    if size > source.limits.loaded_bytes:
        raise source.excess(
            _("the file has {size} bytes, {allowed} are allowed (limit loaded_bytes)").format(
                size=number(size), allowed=number(source.limits.loaded_bytes)
            )
        )
    data = source.path.read_bytes()
    if len(data) < _HEADER:
        raise source.damage(_("it is cut off"))
    try:
        return CompoundFile(source, data)
    except struct.error:
        raise source.damage(_("it is cut off")) from None

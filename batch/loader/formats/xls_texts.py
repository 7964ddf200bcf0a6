"""The table of texts of an XLS workbook: whether it is as long as it says."""

from __future__ import annotations

import struct

from batch.i18n import _, number
from batch.loader.source import Source

__all__ = ["check_texts"]


def check_texts(source: Source, pieces: list[bytes]) -> None:
    """Count the entries of the table of texts. Where the count is wrong, cells may point at other people's texts.

    Raises:
        SheetError: there are not as many as the table says.
    """
    (claimed,) = struct.unpack_from("<L", pieces[0], 4)
    reader = _Texts(pieces)
    found = 0
    while reader.more() and found <= claimed:
        reader.skip_text()
        found += 1
    if reader.more() or found > claimed:
        raise source.damaged(
            _("its table of texts has more than the {claimed} entries that it says it has").format(
                claimed=number(claimed)
            )
        )
    if found < claimed:
        raise source.damaged(
            _("its table of texts says that it has {claimed} entries, and has {found}").format(
                claimed=number(claimed), found=number(found)
            )
        )


class _Texts:
    """Walks over a table of texts that is spread over several records.

    A text cut by a record's end goes on in the next one, after a byte that says anew how wide its characters are.
    """

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces
        self._index = 0
        self._place = 8

    def more(self) -> bool:
        while self._index < len(self._pieces) and self._place >= len(self._pieces[self._index]):
            self._index += 1
            self._place = 0
        return self._index < len(self._pieces)

    def skip_text(self) -> None:
        piece, place = self._pieces[self._index], self._place
        length, flags = struct.unpack_from("<HB", piece, place)
        self._place += 3
        runs = extra = 0
        if flags & 8:
            (runs,) = struct.unpack_from("<H", piece, self._place)
            self._place += 2
        if flags & 4:
            (extra,) = struct.unpack_from("<L", piece, self._place)
            self._place += 4
        self._skip_characters(length, flags & 1)
        self._skip_bytes(4 * runs + extra)

    def _skip_characters(self, length: int, wide: int) -> None:
        while length:
            here = (len(self._pieces[self._index]) - self._place) >> wide
            taken = min(length, here)
            self._place += taken << wide
            length -= taken
            if length:
                self._index += 1
                wide = self._pieces[self._index][0] & 1
                self._place = 1

    def _skip_bytes(self, count: int) -> None:
        while count:
            here = len(self._pieces[self._index]) - self._place
            taken = min(count, here)
            self._place += taken
            count -= taken
            if count:
                self._index += 1
                self._place = 0

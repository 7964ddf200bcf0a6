"""The table of texts that an XLSX workbook keeps beside its sheets.

Cells refer to it by number, in any order, so that all of it must be at hand: it is held as one block of UTF-8 and a
list of places, a third to a fifth of what as many Python strings would take.
"""

from __future__ import annotations

from array import array

from batch.language import _, number
from batch.loader.archive import Archive
from batch.loader.cells import unescaped
from batch.loader.markup import Attributes, Local, feed, safe_parser
from batch.loader.source import Source

__all__ = ["SharedStrings", "read_shared_strings"]


class SharedStrings:
    """Texts by number."""

    __slots__ = ("_ends", "_text", "longest")

    def __init__(self) -> None:
        self._text = bytearray()
        self._ends = array("Q", [0])
        self.longest = 0
        """Bytes of the longest text."""

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> str:
        """Raises IndexError for a number the table does not have."""
        if index < 0:
            raise IndexError(index)
        return self._text[self._ends[index] : self._ends[index + 1]].decode()

    def append(self, text: str) -> None:
        encoded = text.encode("utf-8", "replace")
        self._text += encoded
        self.longest = max(self.longest, len(encoded))
        self._ends.append(len(self._text))

    @property
    def size(self) -> int:
        """Bytes of all texts."""
        return len(self._text)


class _Collector:
    """Puts the texts of a table together from its elements: `si` holds `t`, or runs `r` with a `t` each.

    Phonetic readings (`rPh`) are not part of the text.
    """

    __slots__ = ("local", "parts", "phonetic", "pieces", "table")

    def __init__(self, table: SharedStrings) -> None:
        self.table = table
        self.local = Local()
        self.pieces: list[str] = []
        self.parts: list[str] = []
        self.phonetic = False

    def start(self, name: str, _attributes: Attributes) -> None:
        element = self.local[name]
        if element == "t":
            self.pieces.clear()
        elif element == "rPh":
            self.phonetic = True

    def end(self, name: str) -> None:
        element = self.local[name]
        if element == "t":
            if not self.phonetic:
                self.parts.append("".join(self.pieces))
            self.pieces.clear()
        elif element == "rPh":
            self.phonetic = False
        elif element == "si":
            self.table.append(unescaped("".join(self.parts)))
            self.parts.clear()
            self.pieces.clear()


def read_shared_strings(archive: Archive, part: str | None) -> SharedStrings:
    """The table of texts; empty when the workbook has none.

    Raises:
        SheetError: damaged, forbidden XML, or over a limit.
    """
    table = SharedStrings()
    if part is None or part not in archive:
        return table
    source = archive.source
    collector = _Collector(table)
    parser = safe_parser(source, part)
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    parser.CharacterDataHandler = collector.pieces.append
    since = filled = 0
    for piece in archive.chunks(part):
        feed(source, part, parser, piece)
        since = since + len(piece) if len(table) == filled else 0
        filled = len(table)
        _check(source, table, since)
    feed(source, part, parser, b"", last=True)
    return table


def _check(source: Source, table: SharedStrings, since: int) -> None:
    limits = source.limits
    if len(table) > limits.shared_strings:
        raise source.too_large(
            _("it has more than {most} texts (limit shared_strings)").format(most=number(limits.shared_strings))
        )
    if table.size > limits.shared_text_bytes:
        raise source.too_large(
            _("its texts have more than {most} bytes (limit shared_text_bytes)").format(
                most=number(limits.shared_text_bytes)
            )
        )
    if max(table.longest, since) > limits.text_bytes:
        raise source.too_large(
            _("one text has more than {most} bytes (limit text_bytes)").format(most=number(limits.text_bytes))
        )

"""The table of texts that an XLSX workbook keeps beside its sheets.

Cells refer to it by number, in any order, so that all of it must be at hand: it is held as one block of UTF-8 and a
list of places, a third to a fifth of what as many Python strings would take.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, islice
from typing import NamedTuple
from xml.parsers import expat

from batch.i18n import _, number
from batch.model.source import Source
from batch.ooxml.archive import Archive
from batch.ooxml.package import Package
from batch.ooxml.xml import Attributes, Local, Unspliceable, feed, plain_text, safe_parser, starts_plainly, unescaped

_TEXT_START, _TEXT_END = b"<si>", b"</si>"
_BETWEEN = b"</t></si><si><t>"
_MOST_WAITING = 256 * 1024
"""Bytes that may wait for a text to end."""


class Cell(NamedTuple):
    """One cell: its column from 1, its attributes, what is inside (None for `<c/>`), and all of it."""

    column: int
    attributes: bytes
    content: bytes | None
    whole: bytes
    named: bool = True
    """Whether it says where it is, rather than being the next one."""


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
        self.append_encoded(text.encode("utf-8", "replace"))

    def append_encoded(self, encoded: bytes) -> None:
        """Append a text that is UTF-8 already."""
        self._text += encoded
        self.longest = max(self.longest, len(encoded))
        self._ends.append(len(self._text))

    def extend_encoded(self, encoded: list[bytes]) -> None:
        """Append texts that are UTF-8 already."""
        lengths = list(map(len, encoded))
        self._ends.extend(islice(accumulate(lengths, initial=len(self._text)), 1, None))
        self._text += b"".join(encoded)
        self.longest = max(self.longest, *lengths)

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
    reader = _Reader(source, part, table)
    since = filled = 0
    for piece in archive.chunks(part):
        reader.take(piece)
        since = since + len(piece) if len(table) == filled else 0
        filled = len(table)
        _check(source, table, since)
    reader.end()
    return table


class _Reader:
    """Takes texts without anything special as they stand, and gives all else to the XML parser.

    The parser does not get what was taken; since that is whole elements without line ends, what it gets is as
    well-formed as the whole. It takes over for good where a text might not be what it looks like.
    """

    def __init__(self, source: Source, part: str, table: SharedStrings) -> None:
        self._source = source
        self._part = part
        self._table = table
        collector = _Collector(table)
        self._parser = safe_parser(source, part)
        self._parser.StartElementHandler = collector.start
        self._parser.EndElementHandler = collector.end
        self._parser.CharacterDataHandler = collector.pieces.append
        self._plain = True
        self._begun = False
        self._waiting = b""

    def take(self, piece: bytes) -> None:
        """Read the texts that end in this piece."""
        block = self._waiting + piece
        self._waiting = b""
        if not self._plain:
            self._parse(block)
            return
        whole, end, rest = block.rpartition(_TEXT_END)
        if end and not self._begun:
            first, end, whole = whole.partition(_TEXT_END)
            self._take_special(first)
        if end and not self._take_alike(whole):
            dirty = plain_text(whole) is None
            for text in whole.split(_TEXT_END):
                if not (self._plain and self._take_plain(text, dirty=dirty)):
                    self._take_special(text)
        if self._plain and len(rest) <= _MOST_WAITING:
            self._waiting = rest
        else:
            self._plain = False
            self._parse(rest)

    def end(self) -> None:
        """Read what is left, and see that the part is whole."""
        self._parse(self._waiting)
        feed(self._source, self._part, self._parser, b"", last=True)

    def _take_alike(self, texts: bytes) -> bool:
        """Whether the texts were taken, without the last one's end: all at once, where each of them is plain."""
        if not self._plain or texts[:7] != b"<si><t>" or texts[-4:] != b"</t>" or b"_x" in texts:
            return False
        contents = texts[7:-4].split(_BETWEEN)
        # With no other mark than those cut away, all that is left between them is text.
        marks = 4 * len(contents) - 1
        if texts.count(b"<") != marks or texts.count(b">") != marks or plain_text(texts) is None:
            return False
        self._table.extend_encoded(contents)
        return True

    def _take_plain(self, text: bytes, *, dirty: bool) -> bool:
        """Whether the text, without its end, was taken."""
        if text[:7] != b"<si><t>" or text[-4:] != b"</t>" or (dirty and plain_text(text) is None):
            return False
        content = text[7:-4]
        if b"<" in content or b">" in content or b"_x" in content:
            return False
        self._table.append_encoded(content)
        return True

    def _take_special(self, text: bytes) -> None:
        head, start, rest = text.partition(_TEXT_START)
        before = len(self._table)
        self._parse(text + _TEXT_END)
        marked = not starts_plainly(head) if not self._begun else b"<!" in head or b"<?" in head
        one_more = len(self._table) == before + 1
        self._begun = True
        self._plain = (
            self._plain and bool(start) and one_more and not marked and b"<!" not in rest and b"<?" not in rest
        )

    def _parse(self, block: bytes) -> None:
        feed(self._source, self._part, self._parser, block)


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


_KIND = re.compile(rb"""(?:^|\s)t\s*=\s*["'](\w+)["']""")


def cell_texts(package: Package, shared: str | None, cells: Sequence[Cell]) -> list[str | None]:
    """What these cells say; None for nothing. `shared`: the part with the table of shared texts.

    Raises:
        Unspliceable: a text is not well-formed.
    """
    said = [_text_within(cell.whole) for cell in cells]
    refers = [_kind(cell) == b"s" for cell in cells]
    numbers = [int(text) for text, refer in zip(said, refers, strict=True) if refer and text.isdecimal()]
    table = _table(package.chunks(shared), numbers) if shared and numbers else {}
    found = [
        (table.get(int(text), "") if text.isdecimal() else "") if refer else text
        for text, refer in zip(said, refers, strict=True)
    ]
    return [text or None for text in found]


def _kind(cell: Cell) -> bytes:
    found = _KIND.search(cell.attributes)
    return found[1] if found else b"n"


def _table(chunks: Iterable[bytes], numbers: Iterable[int]) -> Mapping[int, str]:
    """The texts of these numbers, read no further than the last of them."""
    left = set(numbers)
    texts: dict[int, str] = {}
    collector = _Texts({"si"})
    before = 0
    for piece in chunks:
        collector.feed(piece)
        now = before + len(collector.found)
        texts |= {number: collector.found[number - before] for number in left if before <= number < now}
        before = now
        collector.found.clear()
        if before > max(left):
            break
    return texts


def _text_within(cell: bytes) -> str:
    collector = _Texts({"is", "v"})
    collector.feed(cell)
    return "".join(collector.found)


class _Texts:
    """Collects the text of each holder element (`si`, `is`, `v`), without its phonetic hints."""

    def __init__(self, holders: set[str]) -> None:
        self.found: list[str] = []
        self._holders = holders
        self._pieces: list[str] | None = None
        self._hints = 0
        self._open = ""
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._refuse

    def feed(self, piece: bytes) -> None:
        try:
            self._parser.Parse(piece)
        except expat.ExpatError as error:
            raise Unspliceable(expat.ErrorString(error.code)) from None

    def _start(self, name: str, _: dict[str, str]) -> None:
        self._open = name.rpartition(":")[2]
        self._hints += self._open == "rPh"
        if self._open in self._holders:
            self._pieces = []

    def _end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        self._open = ""
        self._hints -= local == "rPh"
        if local in self._holders and self._pieces is not None:
            self.found.append("".join(self._pieces))
            self._pieces = None

    def _text(self, text: str) -> None:
        if self._pieces is not None and self._open in {"t", "v"} and not self._hints:
            self._pieces.append(text)

    def _refuse(self, *_: object) -> None:
        raise Unspliceable("a document type")

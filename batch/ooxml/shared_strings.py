"""The table of texts that an XLSX workbook keeps beside its sheets; cells refer to a text by its number.

References come in any order, so the whole table must be at hand while rows are read: it is held as one block of UTF-8
and a list of offsets, a third to a fifth of the memory of as many Python strings.
"""

import re
from array import array
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import accumulate, islice

from batch.i18n import N_
from batch.model.sheets import SheetFile
from batch.ooxml.archive import Archive, PartParser
from batch.ooxml.xml import Attributes, LocalNames, SafeParser, decode_plain, has_plain_head, holds_section, unescape

_START, _END = b"<si>", b"</si>"
_PLAIN_TEXT = re.compile(rb"<si><t>([^<>&\x00-\x1f]*)</t></si>")
"""A text in which each byte stands for itself: no runs, entities, line ends."""
_MOST_WAITING = 256 * 1024
"""Bytes that may wait for a text to end."""


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
        """Return a text. Raises IndexError for a number the table does not have."""
        if index < 0:
            raise IndexError(index)
        return self._text[self._ends[index] : self._ends[index + 1]].decode()

    def append(self, text: str) -> None:
        """Append one text."""
        self.extend([text.encode("utf-8", "replace")])

    def extend(self, texts: list[bytes]) -> None:
        """Append texts in UTF-8."""
        lengths = list(map(len, texts))
        self._ends.extend(islice(accumulate(lengths, initial=len(self._text)), 1, None))
        self._text += b"".join(texts)
        self.longest = max(self.longest, *lengths)

    @property
    def size(self) -> int:
        """Bytes of all texts."""
        return len(self._text)


class TextCollector:
    """Handlers of a parser that collect the text of each holder element, without its phonetic readings."""

    def __init__(self, holders: Collection[str], take: Callable[[str], None]) -> None:
        """Call `take` with the text of each holder, such as `si`: that of its elements `t` and `v`."""
        self._holders = holders
        self._take = take
        self._names = LocalNames()
        self._parts: list[str] = []
        self._pieces: list[str] = []
        self._phonetic = False
        self.text = self._pieces.append

    def start(self, name: str, _attributes: Attributes) -> None:
        """Handle a start tag."""
        element = self._names[name]
        if element in {"t", "v"}:
            self._pieces.clear()
        elif element == "rPh":
            self._phonetic = True

    def end(self, name: str) -> None:
        """Handle an end tag."""
        element = self._names[name]
        if element in {"t", "v"}:
            if not self._phonetic:
                self._parts.append("".join(self._pieces))
            self._pieces.clear()
        elif element == "rPh":
            self._phonetic = False
        elif element in self._holders:
            self._take(unescape("".join(self._parts)))
            self._parts.clear()
            self._pieces.clear()


def read_shared_strings(archive: Archive, part: str | None) -> SharedStrings:
    """Read the table of texts; empty when the workbook has none.

    Raises:
        SheetError: damaged, forbidden XML, or over a limit.
    """
    table = SharedStrings()
    if part is None or part not in archive:
        return table
    source = archive.source
    reader = _TableReader(source, part, table)
    since = 0
    for piece in archive.chunks(part):
        count = len(table)
        reader.feed(piece)
        since = 0 if len(table) > count else since + len(piece)
        source.check("shared_strings", len(table), N_("it has more than {most} texts (limit shared_strings)"))
        source.check(
            "shared_text_bytes", table.size, N_("its texts have more than {most} bytes (limit shared_text_bytes)")
        )
        source.check(
            "text_bytes", max(table.longest, since), N_("one text has more than {most} bytes (limit text_bytes)")
        )
    reader.close()
    return table


class _TableReader:
    """Takes plain texts as they are, and gives everything between them to the XML parser.

    Texts that the parser does not get are whole elements without line ends, so what it gets is as well-formed as the
    part, and its line numbers are true.
    """

    def __init__(self, source: SheetFile, part: str, table: SharedStrings) -> None:
        self._table = table
        collector = TextCollector({"si"}, table.append)
        self._parser = PartParser(source, part, start=collector.start, end=collector.end, text=collector.text)
        self._in_head = self._plain = True
        self._waiting = b""

    def feed(self, piece: bytes) -> None:
        """Read the texts that end in this piece."""
        block = self._waiting + piece
        self._waiting = b""
        if self._in_head:
            head, start, _rest = block.partition(_START)
            self._in_head = not start
            self._plain = has_plain_head(head)
            block = block[len(head) :] if start else block
            if start:
                self._parser.feed(head)
        whole, end, rest = block.rpartition(_END)
        # Inside a comment, a CDATA section or an instruction a text might not be what it looks like.
        self._plain = self._plain and not holds_section(whole) and len(rest) <= _MOST_WAITING
        if not self._plain:
            self._in_head = False
            self._parser.feed(block)
            return
        self._waiting = rest
        if end:
            self._take(whole + end)

    def close(self) -> None:
        """Read the rest, and check that the part is whole."""
        self._parser.feed(self._waiting, last=True)

    def _take(self, block: bytes) -> None:
        if decode_plain(block) is None:
            self._parser.feed(block)
            return
        parts = _PLAIN_TEXT.split(block)
        between, texts = parts[::2], parts[1::2]
        if texts and b"_x" not in block and not any(between):
            self._table.extend(texts)
            return
        for markup, text in zip(between, [*texts, None], strict=True):
            if markup:
                self._parser.feed(markup)
            if text is not None:
                self._table.append(unescape(text.decode()))


def find_texts(chunks: Iterable[bytes], numbers: Collection[int]) -> Mapping[int, str]:
    """Return the texts of these numbers from the pieces of a table, read no further than the last of them.

    Raises:
        XmlError: the table is not well-formed.
    """
    found: dict[int, str] = {}
    last = max(numbers, default=-1)
    texts: list[str] = []
    collector = TextCollector({"si"}, texts.append)
    parser = SafeParser(start=collector.start, end=collector.end, text=collector.text)
    before = 0
    for piece in chunks:
        if before > last:
            break
        parser.feed(piece)
        found |= {index: texts[index - before] for index in numbers if before <= index < before + len(texts)}
        before += len(texts)
        texts.clear()
    return found


def cell_text(cell: bytes) -> str:
    """Return the value that the markup of one cell holds: a number, the number of a shared text, or a text.

    Raises:
        XmlError: the markup is not well-formed.
    """
    texts: list[str] = []
    collector = TextCollector({"c"}, texts.append)
    SafeParser(start=collector.start, end=collector.end, text=collector.text).feed(cell)
    return "".join(texts)

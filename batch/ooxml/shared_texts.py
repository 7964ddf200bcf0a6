"""The texts of a few cells of the user's workbook, wherever they are kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from xml.parsers import expat

from batch.ooxml.elements import Unspliceable
from batch.ooxml.package import Package
from batch.reporter.xlsx.sheet_rows import Cell

__all__ = ["cell_texts"]

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

"""Small parts as trees of elements with byte offsets, and changes at these offsets: all else stays byte for byte."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from batch.ooxml.xml import ATTRIBUTES, Attributes, SafeParser, UnsupportedMarkup, format_attributes

_TAG = re.compile(rb"<[^\s<>/]++" + ATTRIBUTES + rb">")


@dataclass(slots=True, eq=False)
class Element:
    """An element of a tree: name, attributes, and the byte offsets of its tags in the part."""

    name: str
    """With its prefix, as it is written."""
    attributes: Attributes
    start: int
    """Offset of the start tag."""
    opened: int
    """Offset behind the start tag."""
    closed: int = 0
    """Offset of the end tag; equals `opened` for `<a/>`."""
    end: int = 0
    """Offset behind the end tag."""
    children: list[Element] = field(default_factory=list)

    @property
    def local(self) -> str:
        """Name without its prefix."""
        return self.name.rpartition(":")[2]

    @property
    def prefix(self) -> str:
        """Prefix with its colon; empty for none."""
        head, colon, _ = self.name.rpartition(":")
        return head + colon

    def find(self, local: str) -> Element | None:
        """Return the first child of that local name; None when there is none."""
        return next((each for each in self.children if each.local == local), None)

    def all(self, local: str) -> list[Element]:
        """Return the children of that local name."""
        return [each for each in self.children if each.local == local]

    def walk(self) -> Iterator[Element]:
        """Yield this element and its descendants, in document order."""
        yield self
        for each in self.children:
            yield from each.walk()


def parse_tree(content: bytes) -> Element:
    """Parse a small part in UTF-8 into a tree, and return its root. Memory is many times the part's size.

    Raises:
        XmlError: the part is not well-formed, or declares a document type.
        UnsupportedMarkup: a tag that `Document` could not write back.
    """
    above: list[Element] = []
    roots: list[Element] = []

    def start(name: str, attributes: Attributes) -> None:
        tag = _TAG.match(content, parser.offset)
        if tag is None:
            raise UnsupportedMarkup(f"the tag {name}")
        element = Element(name, attributes, tag.start(), tag.end())
        (above[-1].children if above else roots).append(element)
        above.append(element)

    def end(_name: str) -> None:
        element = above.pop()
        if content[element.opened - 2 : element.opened] == b"/>":
            element.closed = element.end = element.opened
        else:
            element.closed = parser.offset
            element.end = content.index(b">", element.closed) + 1

    parser = SafeParser(start=start, end=end)
    parser.feed(content, last=True)
    return roots[0]


@dataclass(slots=True)
class _Change:
    attributes: dict[str, str | None] = field(default_factory=dict)
    first: list[bytes] = field(default_factory=list)
    last: list[bytes] = field(default_factory=list)


class Document:
    """A small part in UTF-8 as a tree, and changes to it, which are collected, then applied at once.

    Elements inside a replaced one must not be changed. Errors as of `parse_tree`.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.root = parse_tree(content)
        self._changes: dict[Element, _Change] = {}
        self._spans: list[tuple[int, int, bytes]] = []

    def children(self, holder: str) -> list[Element]:
        """Return the elements in a child of the root; none when there is no such child."""
        found = self.root.find(holder)
        return found.children if found else []

    def markup(self, element: Element) -> bytes:
        """Return an element as it was written."""
        return self.content[element.start : element.end]

    def tag(self, name: str, attributes: Mapping[str, str], content: bytes | None = None) -> bytes:
        """Return the markup of a new element, with the root's prefix; `<a/>` for no content."""
        start = f"<{self.root.prefix}{name}{format_attributes(attributes)}"
        return (
            f"{start}/>".encode()
            if content is None
            else f"{start}>".encode() + content + f"</{self.root.prefix}{name}>".encode()
        )

    def set(self, element: Element, **attributes: str | None) -> None:
        """Set attributes; None removes one."""
        self._change(element).attributes.update(attributes)

    def prepend(self, element: Element, markup: bytes) -> None:
        """Insert markup as the first child."""
        self._change(element).first.append(markup)

    def append(self, element: Element, markup: bytes) -> None:
        """Insert markup as the last child."""
        self._change(element).last.append(markup)

    def replace(self, element: Element, markup: bytes) -> None:
        """Put markup in the element's place."""
        self._spans.append((element.start, element.end, markup))

    def remove(self, element: Element) -> None:
        """Take an element away."""
        self.replace(element, b"")

    def rewrite(self, element: Element, markup: bytes) -> None:
        """Replace the element's content."""
        self._spans.append((element.opened, element.closed, markup))

    def insert(self, at: int, markup: bytes) -> None:
        """Insert markup at a byte offset between two elements."""
        self._spans.append((at, at, markup))

    def apply(self, start: int = 0, end: int | None = None) -> bytes:
        """Return the part with all changes, or what stood between two offsets with the changes there."""
        pieces: list[bytes] = []
        at, stop = start, len(self.content) if end is None else end
        for first, last, markup in sorted(self._all(), key=lambda span: span[:2]):
            if start <= first and last <= stop:
                pieces += (self.content[at:first], markup)
                at = last
        return b"".join([*pieces, self.content[at:stop]])

    def _change(self, element: Element) -> _Change:
        return self._changes.setdefault(element, _Change())

    def _all(self) -> Iterator[tuple[int, int, bytes]]:
        yield from self._spans
        for element, change in self._changes.items():
            first, last = b"".join(change.first), b"".join(change.last)
            if element.end == element.opened:
                tag = _start_tag(element, change, closes=not (first or last))
                end = f"</{element.name}>".encode() if first or last else b""
                yield element.start, element.end, tag + first + last + end
                continue
            if change.attributes:
                yield element.start, element.opened, _start_tag(element, change) + first
            elif first:
                yield element.opened, element.opened, first
            if last:
                yield element.closed, element.closed, last


def _start_tag(element: Element, change: _Change, *, closes: bool = False) -> bytes:
    merged = {**element.attributes, **change.attributes}
    kept = {name: value for name, value in merged.items() if value is not None}
    return f"<{element.name}{format_attributes(kept)}{'/>' if closes else '>'}".encode()

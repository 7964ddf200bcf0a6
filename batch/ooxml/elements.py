"""The markup of a small part as a tree that knows where everything stands, and edits that leave the rest as it is.

Nothing is written anew but what changes: prefixes, unknown extensions and the order of attributes stay byte for byte.
A document type is refused, and with it every entity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape

__all__ = ["ATTRIBUTES", "Edits", "Element", "Unspliceable", "attribute_text", "in_utf8", "parsed", "quoted"]


class Unspliceable(Exception):
    """The workbook is built in a way that this program does not change; the text says what was met, for the log."""


ATTRIBUTES = rb"[^<>\"']*(?:\"[^\"]*\"[^<>\"']*|'[^']*'[^<>\"']*)*"
"""A pattern for what stands between a tag's name and its end; a slash at the end may be in it."""

_TAG = re.compile(rb"<[^\s/>]+" + ATTRIBUTES + rb">")
_DECLARATION = re.compile(r"^\ufeff?<\?xml[^>]*\?>")
_ENCODING = re.compile(rb"""^(?:\xef\xbb\xbf)?<\?xml[^>]*?\sencoding\s*=\s*["']([\w.:-]+)["']""")
_UTF8 = frozenset({"utf-8", "utf8", "ascii", "us-ascii"})
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")


@dataclass(slots=True, eq=False)
class Element:
    """One element: its names, its attributes, and where its tags stand in the part."""

    name: str
    """As it is written, with its prefix."""
    attributes: dict[str, str]
    start: int
    """Of the start tag."""
    opened: int
    """Just behind the start tag."""
    closed: int = 0
    """Where the end tag begins; `opened` for `<a/>`."""
    end: int = 0
    children: list[Element] = field(default_factory=list)

    @property
    def local(self) -> str:
        return self.name.rpartition(":")[2]

    @property
    def prefix(self) -> str:
        """With its colon; empty for none."""
        head, colon, _ = self.name.rpartition(":")
        return head + colon

    def find(self, local: str) -> Element | None:
        """The first child of that local name."""
        return next((each for each in self.children if each.local == local), None)

    def all(self, local: str) -> list[Element]:
        """The children of that local name."""
        return [each for each in self.children if each.local == local]

    def walk(self) -> Iterator[Element]:
        """This element and all below it, in order."""
        yield self
        for each in self.children:
            yield from each.walk()


def encoding_of(head: bytes) -> str | None:
    """The encoding that the beginning of a part names; None for UTF-8."""
    if head.startswith(_UTF16_MARKS):
        return "utf-16" if head[:2] in _UTF16_MARKS[:2] else "utf-16-le" if head[0] else "utf-16-be"
    found = _ENCODING.match(head)
    name = found[1].decode("ascii").lower() if found else "utf-8"
    return None if name in _UTF8 else name


def in_utf8(content: bytes) -> bytes:
    """The part in UTF-8, without a byte order mark; as it is when it is so already."""
    encoding = encoding_of(content)
    if encoding is None:
        return content.removeprefix(b"\xef\xbb\xbf")
    try:
        return _DECLARATION.sub("", content.decode(encoding)).encode()
    except (LookupError, UnicodeError):
        raise Unspliceable(f"a part in {encoding}") from None


def parsed(content: bytes) -> Element:
    """The root of a part in UTF-8.

    Raises:
        Unspliceable: the part is not well-formed, or declares a document type.
    """
    parser = expat.ParserCreate()
    above: list[Element] = []
    roots: list[Element] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        at = parser.CurrentByteIndex
        tag = _TAG.match(content, at)
        if tag is None:
            raise Unspliceable(f"the tag {name}")
        element = Element(name, attributes, at, tag.end())
        (above[-1].children if above else roots).append(element)
        above.append(element)

    def end(_: str) -> None:
        element = above.pop()
        if content[element.opened - 2 : element.opened] == b"/>":
            element.closed = element.end = element.opened
        else:
            element.closed = parser.CurrentByteIndex
            element.end = content.index(b">", element.closed) + 1

    def refuse(*_: object) -> None:
        raise Unspliceable("a document type")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)  # noqa: FBT003 - a method of C without keywords
    except expat.ExpatError as error:
        raise Unspliceable(expat.ErrorString(error.code)) from None
    return roots[0]


def quoted(text: str) -> str:
    """The text as an attribute's value, with its quotes."""
    return '"' + escape(text, {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}) + '"'


def attribute_text(attributes: Mapping[str, str]) -> str:
    """Attributes as they stand in a tag, each with a blank in front."""
    return "".join(f" {name}={quoted(value)}" for name, value in attributes.items())


@dataclass(slots=True)
class _Change:
    attributes: dict[str, str | None] = field(default_factory=dict)
    first: list[bytes] = field(default_factory=list)
    last: list[bytes] = field(default_factory=list)


class Edits:
    """Changes to one part, collected and then made at once. No element may be changed inside one that is replaced."""

    def __init__(self) -> None:
        self._changes: dict[Element, _Change] = {}
        self._spans: list[tuple[int, int, bytes]] = []

    def set(self, element: Element, **attributes: str | None) -> None:
        """Give attributes new values; None takes one away. A colon in a name is written as two underscores."""
        for name, value in attributes.items():
            self._change(element).attributes[name.replace("__", ":")] = value

    def prepend(self, element: Element, markup: bytes) -> None:
        """Put markup in front of all that is inside."""
        self._change(element).first.append(markup)

    def append(self, element: Element, markup: bytes) -> None:
        """Put markup behind all that is inside."""
        self._change(element).last.append(markup)

    def replace(self, element: Element, markup: bytes) -> None:
        """Put markup in an element's place; nothing takes it away."""
        self._spans.append((element.start, element.end, markup))

    def rewrite(self, element: Element, markup: bytes) -> None:
        """Put markup in the place of all that is inside."""
        self._spans.append((element.opened, element.closed, markup))

    def insert(self, at: int, markup: bytes) -> None:
        """Put markup between two elements, at an offset of the part."""
        self._spans.append((at, at, markup))

    def made(self, content: bytes) -> bytes:
        """The part with all changes."""
        pieces: list[bytes] = []
        at = 0
        for start, end, markup in sorted(self._all(), key=lambda span: span[:2]):
            pieces += (content[at:start], markup)
            at = end
        return b"".join([*pieces, content[at:]])

    def _change(self, element: Element) -> _Change:
        return self._changes.setdefault(element, _Change())

    def _all(self) -> Iterator[tuple[int, int, bytes]]:
        yield from self._spans
        for element, change in self._changes.items():
            first, last = b"".join(change.first), b"".join(change.last)
            if element.end == element.opened:
                tag = _tag(element, change, closes=not (first or last))
                end = f"</{element.name}>".encode() if first or last else b""
                yield element.start, element.end, tag + first + last + end
                continue
            if change.attributes:
                yield element.start, element.opened, _tag(element, change) + first
            elif first:
                yield element.opened, element.opened, first
            if last:
                yield element.closed, element.closed, last


def _tag(element: Element, change: _Change, *, closes: bool = False) -> bytes:
    merged = {**element.attributes, **change.attributes}
    kept = {name: value for name, value in merged.items() if value is not None}
    return f"<{element.name}{attribute_text(kept)}{'/>' if closes else '>'}".encode()

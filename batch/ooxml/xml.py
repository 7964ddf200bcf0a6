"""XML from people's files, as a stream and without its dangers.

A document type is refused, and with it every entity: no bomb can be declared and nothing outside is ever read. Names
come without their prefix, because writers choose prefixes freely.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape

from batch.i18n import _
from batch.model.source import Source

Attributes = dict[str, str]
_MOST_NAMES = 10_000
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


class Local(dict[str, str]):
    """Element names without prefix, remembered: `x:row` -> `row`."""

    def __missing__(self, name: str) -> str:
        local = name.rpartition(":")[2]
        if len(self) < _MOST_NAMES:
            self[name] = local
        return local


def safe_parser(source: Source, part: str) -> expat.XMLParserType:
    """A parser that refuses document types.

    Raises (from its `Parse`):
        SheetError: the part declares a document type or entities.
    """

    def refuse(*_declared: object) -> None:
        raise source.refused(
            _('declares XML entities in {part}, as files made to do harm do ("XML bomb"); it is not read.').format(
                part=part
            ),
            _("Take the sheet from somebody you trust."),
        )

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    return parser


def feed(source: Source, part: str, parser: expat.XMLParserType, piece: bytes, *, last: bool = False) -> None:
    """Give a piece of the part to the parser.

    Raises:
        SheetError: the XML is not well-formed, or forbidden.
    """
    try:
        parser.Parse(piece, last)
    except expat.ExpatError as error:
        raise source.damaged(
            _("part {part} is not well-formed ({error}, line {line})").format(
                part=part, error=expat.ErrorString(error.code), line=error.lineno
            )
        ) from None


def parse_whole(
    source: Source,
    part: str,
    content: bytes,
    *,
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> None:
    """Parse a small part, calling back with element names without prefix; attributes keep theirs.

    Raises:
        SheetError: the XML is not well-formed, or forbidden.
    """
    parser = safe_parser(source, part)
    local = Local()
    parser.StartElementHandler = lambda name, attributes: start(local[name], attributes)
    if end is not None:
        parser.EndElementHandler = lambda name: end(local[name])
    if text is not None:
        parser.CharacterDataHandler = text
    feed(source, part, parser, content, last=True)


class Unspliceable(Exception):
    """The workbook is built in a way that this program does not change; the text says what was met, for the log."""


ATTRIBUTES = rb"[^<>\"']*(?:\"[^\"]*\"[^<>\"']*|'[^']*'[^<>\"']*)*"
"""A pattern for what stands between a tag's name and its end; a slash at the end may be in it."""

_TAG = re.compile(rb"<[^\s/>]+" + ATTRIBUTES + rb">")
_TEXT_DECLARATION = re.compile(r"^\ufeff?<\?xml[^>]*\?>")
_ENCODING_IN_HEAD = re.compile(rb"""^(?:\xef\xbb\xbf)?<\?xml[^>]*?\sencoding\s*=\s*["']([\w.:-]+)["']""")
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
    found = _ENCODING_IN_HEAD.match(head)
    name = found[1].decode("ascii").lower() if found else "utf-8"
    return None if name in _UTF8 else name


def in_utf8(content: bytes) -> bytes:
    """The part in UTF-8, without a byte order mark; as it is when it is so already."""
    encoding = encoding_of(content)
    if encoding is None:
        return content.removeprefix(b"\xef\xbb\xbf")
    try:
        return _TEXT_DECLARATION.sub("", content.decode(encoding)).encode()
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


_NOT_PLAIN = bytes(range(0x20)) + b"&"
"""What a parser changes, counts or refuses."""
_LAST_CHARACTERS = b"\xef\xbf"
"""Begins U+FFC0 to U+FFFF in UTF-8: two of them are forbidden in XML."""
_DECLARATION = re.compile(rb"(?:\xef\xbb\xbf)?\s*<\?xml([^<>?]*)\?>")
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([^"']*)["']""")


def plain_text(text: bytes) -> str | None:
    """The text, if each character stands for itself: UTF-8 without entities, line ends and forbidden characters."""
    if len(text.translate(None, _NOT_PLAIN)) < len(text) or _LAST_CHARACTERS in text:
        return None
    try:
        return text.decode()
    except UnicodeDecodeError:
        return None


def starts_plainly(head: bytes) -> bool:
    """Whether what stands before the rows leaves them to be read as they stand: UTF-8, no comment or the like."""
    declared = _DECLARATION.match(head)
    rest = head[declared.end() :] if declared else head
    encoding = _ENCODING.search(declared[1]) if declared else None
    return b"<!" not in rest and b"<?" not in rest and (encoding is None or encoding[1].lower() == b"utf-8")


_MOST_HELD_BYTES = 64 * 1024 * 1024
_SECTION = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>", re.DOTALL)
_SECTION_BEGINS = re.compile(rb"<[!?]|<\Z")
_CDATA = b"<![CDATA["


def plain(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same XML in UTF-8, without comments and processing instructions, and with CDATA sections as text.

    Raises:
        Unspliceable: an encoding that is not known, or a document type.
    """
    pending = b""
    for chunk in _utf8(chunks):
        pending += chunk
        if not _may_hold_a_section(pending):
            yield pending
            pending = b""
            continue
        pending = _SECTION.sub(_as_text, pending)
        open_at = _SECTION_BEGINS.search(pending)
        keep = open_at.start() if open_at else len(pending)
        if pending.startswith(b"<!DOCTYPE", keep) or len(pending) - keep > _MOST_HELD_BYTES:
            raise Unspliceable("a document type or an endless comment")
        yield pending[:keep]
        pending = pending[keep:]
    if pending:
        raise Unspliceable("an open comment at the end")


def _may_hold_a_section(xml: bytes) -> bool:
    # One byte is found much faster than two of which the first is everywhere.
    begun = (b"!" in xml and b"<!" in xml) or (b"?" in xml and b"<?" in xml)
    return begun or xml.endswith(b"<")


def _as_text(section: re.Match[bytes]) -> bytes:
    whole = section[0]
    return escape(whole[len(_CDATA) : -3].decode()).encode() if whole.startswith(_CDATA) else b""


def _utf8(chunks: Iterable[bytes]) -> Iterator[bytes]:
    remaining = iter(chunks)
    first = next(remaining, b"")
    encoding = encoding_of(first)
    if encoding is None:
        yield first.removeprefix(b"\xef\xbb\xbf")
        yield from remaining
        return
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
        yield decoder.decode(first).removeprefix("\ufeff").encode()
        for chunk in remaining:
            yield decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()
    except (LookupError, UnicodeError):
        raise Unspliceable(f"a worksheet in {encoding}") from None


def unescaped(text: str) -> str:
    """Text of an OOXML file with `_x000D_` and its kin turned into the characters they stand for."""
    if "_x" not in text:
        return text
    return (
        _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
        .encode("utf-16", "surrogatepass")
        .decode("utf-16", "replace")
    )

"""XML of untrusted files: a safe streaming parser, and what a part is before and behind it.

A document type is refused, and with it every entity: no entity bomb can be declared and nothing outside the part is
read. Names keep the prefix that the writer chose; `LocalNames` takes it off.
"""

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from xml.parsers import expat
from xml.sax.saxutils import escape

Attributes = dict[str, str]
StartHandler = Callable[[str, Attributes], None]
TextHandler = Callable[[str], None]

ATTRIBUTES = rb"[^<>\"']*+(?:\"[^<\"]*+\"[^<>\"']*+|'[^<']*+'[^<>\"']*+)*"
"""Pattern of what stands between a tag's name and its end; a slash at the end may be in it. No `<` stands there."""

_MOST_NAMES = 10_000
_MOST_TOKEN_BYTES = 1024 * 1024
"""Of one tag or comment. Expat before 2.6 reads an unfinished one from its start with every piece (CVE-2023-52425)."""
_MOST_READ_AGAIN = 64 * 1024 * 1024
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_DECLARATION = re.compile(rb"(?:\xef\xbb\xbf)?\s*<\?xml([^<>?]*)\?>")
_TEXT_DECLARATION = re.compile(r"^\ufeff?<\?xml[^>]*\?>")
_ENCODING = re.compile(rb"""\sencoding\s*=\s*["']([\w.:-]+)["']""")
_UTF8_NAMES = frozenset({"utf-8", "utf8", "ascii", "us-ascii"})
_UTF16_STARTS = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")
_LAST_CHARACTERS = b"\xef\xbf"
"""Start of U+FFC0 to U+FFFF in UTF-8: the last two are forbidden in XML."""
_SECTION_START = re.compile(rb"<[!?]|<\Z")
_CDATA_END = b"]]>"
_SECTIONS = ((b"<![CDATA[", _CDATA_END), (b"<!--", b"-->"), (b"<?", b"?>"))


class UnsupportedMarkup(Exception):
    """A part that cannot be changed in place, for example a worksheet without rows; the text is for the log."""


class XmlError(UnsupportedMarkup):
    """XML that is not well-formed, or that declares a document type."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.line = line
        """Line of the fault, from 1; None for a document type."""


class LocalNames(dict[str, str]):
    """Element names without prefix, cached: `x:row` -> `row`."""

    def __missing__(self, name: str) -> str:
        local = name.rpartition(":")[2]
        if len(self) < _MOST_NAMES:
            self[name] = local
        return local


class SafeParser:
    """Expat without document types: calls handlers with names as they are written.

    `namespaces`: with names as `<URI> <local name>`, and a prefix that is not declared is a fault.
    """

    def __init__(
        self,
        *,
        start: StartHandler | None = None,
        end: TextHandler | None = None,
        text: TextHandler | None = None,
        namespaces: bool = False,
    ) -> None:
        self._fed = self._read_again = 0
        self._expat = expat.ParserCreate(namespace_separator=" " if namespaces else None)
        self._expat.buffer_text = True
        self._expat.StartElementHandler = start
        self._expat.EndElementHandler = end
        self._expat.CharacterDataHandler = text
        self._expat.StartDoctypeDeclHandler = self._expat.EntityDeclHandler = _refuse

    @property
    def offset(self) -> int:
        """Byte offset of the tag whose handler runs."""
        return self._expat.CurrentByteIndex

    def feed(self, piece: bytes, *, last: bool = False) -> None:
        """Parse the next piece.

        Raises:
            XmlError: the XML is not well-formed, declares a document type or an entity, or has a giant tag.
        """
        try:
            self._expat.Parse(piece, last)
        except expat.ExpatError as error:
            raise XmlError(expat.ErrorString(error.code), error.lineno) from None
        except (LookupError, ValueError) as error:  # as the parser has them; a handler's own are defects
            if "encoding" not in str(error):
                raise
            raise XmlError("unknown encoding", 1) from None
        if last:
            return
        self._fed += len(piece)
        unfinished = self._fed - self._expat.CurrentByteIndex
        self._read_again += unfinished
        # Many tags of nearly a whole megabyte would take as long as one that is much larger.
        if unfinished > _MOST_TOKEN_BYTES or self._read_again > _MOST_READ_AGAIN + 4 * self._fed:
            raise XmlError("tag too large", self._expat.CurrentLineNumber)


def _refuse(*_declared: object) -> None:
    raise XmlError("a document type")


def check_xml(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces of a part while they are parsed, namespaces included.

    Raises:
        XmlError: the part is not well-formed, uses a prefix that is not declared, or declares a document type.
    """
    parser = SafeParser(namespaces=True)
    for piece in pieces:
        parser.feed(piece)
        yield piece
    parser.feed(b"", last=True)


def parse_xml(content: bytes, start: StartHandler) -> None:
    """Parse a whole part, calling `start` for every element with its local name; attributes keep their prefix.

    Raises:
        XmlError: the XML is not well-formed, or declares a document type.
    """
    names = LocalNames()
    SafeParser(start=lambda name, attributes: start(names[name], attributes)).feed(content, last=True)


def quote_attribute(text: str) -> str:
    """Return the text as an attribute value with its quotes."""
    return '"' + escape(text, {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}) + '"'


def format_attributes(attributes: Mapping[str, str]) -> str:
    """Return attributes as a tag has them, each with a space in front."""
    return "".join(f" {name}={quote_attribute(value)}" for name, value in attributes.items())


def has_plain_head(head: bytes) -> bool:
    """True when the markup before the items is UTF-8 without comments and instructions, so that no item is in one."""
    declared = _DECLARATION.match(head)
    rest = head[declared.end() :] if declared else head
    return not holds_section(rest) and _find_encoding(head) == "utf-8"


def is_utf8(head: bytes) -> bool:
    """True when the start of a part names no other encoding."""
    return _find_encoding(head) in _UTF8_NAMES


def decode_plain(block: bytes) -> str | None:
    """Decode markup in UTF-8; None when it is none, or may hold a character that XML forbids."""
    if _LAST_CHARACTERS[:1] in block and _LAST_CHARACTERS in block:  # one byte is found much faster
        return None
    try:
        return block.decode()
    except UnicodeDecodeError:
        return None


def to_utf8(content: bytes) -> bytes:
    """Return the part in UTF-8 without a byte order mark.

    Raises:
        UnsupportedMarkup: an unknown encoding.
    """
    encoding = _find_encoding(content)
    if encoding in _UTF8_NAMES:
        return content.removeprefix(codecs.BOM_UTF8)
    try:
        return _TEXT_DECLARATION.sub("", content.decode(encoding)).encode()
    except (LookupError, UnicodeError):
        raise UnsupportedMarkup(f"a part in {encoding}") from None


def simplify_xml(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same XML in UTF-8, without comments and processing instructions, and with CDATA sections as text.

    Raises:
        UnsupportedMarkup: an unknown encoding, a document type, or a section that does not end.
    """
    pending = end = b""  # `end`: end of the section that is open; empty outside of one
    for chunk in _transcode(chunks):
        pending += chunk
        if not end and not holds_section(pending) and not pending.endswith(b"<"):
            yield pending
            pending = b""
            continue
        plain, at, end = _split_sections(pending, end)
        yield plain
        pending = pending[at:]
    if pending or end:
        raise UnsupportedMarkup("an open comment at the end")


def _split_sections(xml: bytes, end: bytes) -> tuple[bytes, int, bytes]:
    """Return the plain form of `xml`, the offset up to which it goes, and the end of the section open there."""
    pieces: list[bytes] = []
    at = 0
    while True:
        if end:
            closed = xml.find(end, at)
            stop = closed if closed >= 0 else max(at, len(xml) - len(end) + 1)
            if end == _CDATA_END:
                pieces.append(_escape(xml[at:stop]))
            if closed < 0:
                return b"".join(pieces), stop, end
            at = closed + len(end)
        start = _SECTION_START.search(xml, at)
        stop = start.start() if start else len(xml)
        pieces.append(xml[at:stop])
        opened = next((section for section in _SECTIONS if xml.startswith(section[0], stop)), None)
        if opened is None:
            if not any(opening.startswith(xml[stop : stop + len(opening)]) for opening, _end in _SECTIONS):
                raise UnsupportedMarkup("a document type")
            return b"".join(pieces), stop, b""
        at, end = stop + len(opened[0]), opened[1]


def _escape(text: bytes) -> bytes:
    return text.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")


def holds_section(xml: bytes) -> bool:
    """True when a comment, a CDATA section, an instruction or a document type begins in the markup."""
    # A search for one byte is much faster than one for two bytes of which the first is everywhere.
    return (b"!" in xml and b"<!" in xml) or (b"?" in xml and b"<?" in xml)


def _transcode(chunks: Iterable[bytes]) -> Iterator[bytes]:
    remaining = iter(chunks)
    first = next(remaining, b"")
    encoding = _find_encoding(first)
    if encoding in _UTF8_NAMES:
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from remaining
        return
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
        yield decoder.decode(first).removeprefix("\ufeff").encode()
        for chunk in remaining:
            yield decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()
    except (LookupError, UnicodeError):
        raise UnsupportedMarkup(f"a worksheet in {encoding}") from None


def _find_encoding(head: bytes) -> str:
    """Find the encoding that the start of a part names, in lower case; UTF-8 when it names none."""
    if head.startswith(_UTF16_STARTS):
        return "utf-16" if head[:2] in _UTF16_STARTS[:2] else "utf-16-le" if head[0] else "utf-16-be"
    declared = _DECLARATION.match(head)
    named = _ENCODING.search(declared[1]) if declared else None
    return named[1].decode("ascii").lower() if named else "utf-8"


def unescape(text: str) -> str:
    """Replace the escapes of OOXML texts, such as `_x000D_`, by the characters they stand for."""
    if "_x" not in text:
        return text
    return (
        _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
        .encode("utf-16", "surrogatepass")
        .decode("utf-16", "replace")
    )

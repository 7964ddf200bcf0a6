"""XML as a stream in its plainest form: UTF-8, and nothing in it but tags and text."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape

from batch.ooxml.elements import Unspliceable, encoding_of

__all__ = ["plain"]

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

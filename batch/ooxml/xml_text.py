"""When XML may be cut as the text it is written as, without a parser."""

from __future__ import annotations

import re

__all__ = ["plain_text", "starts_plainly"]

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

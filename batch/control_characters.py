"""Characters that steer a terminal or turn the direction of text, written out so that they are seen. Pure.

They come out of cells, names of files and worksheets, campaigns and answers of the API. Shown as they are, they could
draw over what the program says. They are the category Cc but line feed and tab, the marks, embeddings, overrides and
isolates of bidirectional text, and halves of surrogate pairs: Python keeps a byte of a file's name that is no UTF-8 as
such a half, and some terminals would get the byte itself.
"""

import re

_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_REFUSED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def show_controls(text: str) -> str:
    r"""Return the text with `\x1b`, `[U+202E]` or U+FFFD in place of such characters; `\r\n` becomes a line feed."""
    return text if text.isprintable() else _STEERING.sub(_mark, text.replace("\r\n", "\n"))


def escape_controls(document: str) -> str:
    r"""Return a JSON document of the same meaning, with `\u202e` in place of such characters."""
    return document if document.isprintable() else _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def find_control(text: str) -> str | None:
    """Return `U+001B` for the first character that no message may hold; None when there is none.

    Line breaks and tabs do not count, nor marks of direction, which phones of Arabic and Hebrew texts carry.
    """
    found = None if text.isprintable() else _REFUSED.search(text)
    return found and f"U+{ord(found[0]):04X}"


def _mark(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code <= 0xFF:  # noqa: PLR2004 - what `\x` can write
        return f"\\x{code:02x}"
    return "\N{REPLACEMENT CHARACTER}" if "\ud800" <= found[0] <= "\udfff" else f"[U+{code:04X}]"

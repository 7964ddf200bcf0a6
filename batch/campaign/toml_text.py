"""Values as a TOML file writes them, whatever is in them."""

from __future__ import annotations

import re

from batch.campaign.sources import Constant, Source

_ESCAPED = re.compile(r'[\x00-\x1f\x7f"\\]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def quoted(text: str) -> str:
    """A text on one line, in quotation marks. It is safe in a comment too."""
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    return _SHORT.get(char, f"\\u{ord(char):04x}")


def writable(text: str) -> bool:
    """Whether a file can hold the text at all: half a pair of UTF-16 is no character."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def source_text(source: Source) -> str:
    """A source in its table form, which says column or constant without doubt; a constant as a bare text."""
    if isinstance(source, Constant):
        return quoted(source.value)
    default = "" if source.default is None else f", default = {quoted(source.default)}"
    return f"{{ column = {quoted(source.column)}{default} }}"

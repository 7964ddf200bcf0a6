"""Readable text of an API answer: JSON of any shape, HTML, plain text."""

import html
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Final

from batch.i18n import N_
from batch.model.phrases import Phrase, Value

LONGEST: Final = 300
"""Characters that are kept of an answer's text."""

_NO_WORDS: Final = Phrase(N_("it gave no reason"))
_DEPTH: Final = 6
_PHRASES: Final = 12
_WORD_KEYS: Final = ("message", "msg", "detail", "details", "errors", "error", "error_data", "description")
"""Keys searched first, in this order. `error` comes late: beside a message it is often only `Bad Request`."""
_MORE_KEYS: Final = ("error_description", "reason", "title", "mensagem", "erro", "erros", "user_msg", "error_user_msg")
_TEXT_KEYS: Final = frozenset({*_WORD_KEYS, *_MORE_KEYS})
_FIELD_KEYS: Final = frozenset({"message", "detail", "details", "errors", "error", "erros"})
"""Keys whose object may be fields and what is wrong with them: {"errors": {"wa_contact_id": ["invalid"]}}."""
_PLACE_KEYS: Final = ("loc", "path", "field", "property", "campo")
"""Keys that name the field a phrase is about."""

_INVISIBLE = re.compile(r"(?is)<(script|style|head)\b.*?(</\1\s*>|\Z)|<!--.*?(-->|\Z)")
_TITLE = re.compile(r"(?i)<title[^>]{0,200}>([^<]{0,1000})")
_TAG = re.compile(r"(?s)<[!/?a-zA-Z][^>]*(>|\Z)")
_HUGE_ENTITY = re.compile(r"&#[0-9]{8,};?")
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)
_CODECS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "iso-8859-1": "cp1252",  # as browsers read it
        "iso-8859-15": "iso-8859-15",
        "latin-1": "cp1252",
        "latin1": "cp1252",
        "windows-1252": "cp1252",
        "utf-16": "utf-16",
        "utf-16be": "utf-16-be",
        "utf-16le": "utf-16-le",
    }
)
"""Codecs by charset, all of them linear: some that Python knows (punycode) take hours for a megabyte."""
_MOST_MARKUP: Final = 200_000
"""Characters of a page that are searched for its text."""


def decode_body(body: bytes, content_type: str = "") -> str:
    """Decode a body by the charset it names, if that is a usual one, else as UTF-8; a BOM is dropped.

    Bytes that do not fit are replaced.
    """
    named = _CHARSET.search(content_type[:LONGEST])
    codec = _CODECS.get(named[1].lower(), "utf-8") if named else "utf-8"
    return body.decode(codec, "replace").removeprefix("\ufeff")


def parse_json(text: str) -> object:
    """Parse a text as JSON; None when it is no JSON, or only `null`."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def extract_text(text: str, content: object, redact: Callable[[str], str] = str) -> str:
    """Return an answer's message for people: one line of at most LONGEST characters; empty when there is none.

    Args:
        text: the body.
        content: the same as `parse_json` read it.
        redact: takes secrets out of a text. Applied to decoded texts before they are cut, because of a secret that is
            cut it finds nothing.
    """
    if content is None:
        return one_line(redact(_strip_markup(text)))
    words = ""
    for phrase in islice(_phrases(content, _DEPTH), _PHRASES):
        line = one_line(redact(phrase)).rstrip(".")
        if line and line.casefold() not in words.casefold():
            words = f"{words}; {line}" if words else line
    return one_line(words)


def one_line(text: str) -> str:
    """Remove control and formatting characters and line breaks, join blanks, cut at LONGEST characters."""
    start = text[: LONGEST * 20]  # a megabyte need not be cleaned to keep 300 characters of it
    if not start.isprintable():
        start = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in start)
    line = " ".join(start.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "\u2026"


def as_clause(words: str) -> Value:
    """Return an answer's text (a phrase of ours, when it is empty) to stand inside a sentence: without a full stop."""
    return words.rstrip().rstrip(".") or _NO_WORDS


def as_sentence(words: str | Phrase) -> Value:
    """Return an answer's text or a phrase (one of ours, when it is empty) as a sentence: with a full stop."""
    if isinstance(words, Phrase) or not words.strip():
        return Phrase("{words}.", {"words": words or _NO_WORDS})
    text = words.rstrip()
    return text if text.endswith((".", "!", "?", "\u2026")) else f"{text}."


def _strip_markup(text: str) -> str:
    text = text[:_MOST_MARKUP]
    if not re.search(r"(?i)<(!doctype|html|body|head|title|p|div|h1|center|pre|\?xml)\b", text):
        return text
    title = _TITLE.search(text)
    visible = _TAG.sub(" ", _INVISIBLE.sub(" ", text))
    # Python refuses to read a number of thousands of digits; beyond seven it is no character anyway.
    return html.unescape(_HUGE_ENTITY.sub("\ufffd", visible if visible.strip() else title[1] if title else ""))


def _phrases(content: object, depth: int) -> Iterator[str]:
    """Yield the phrases in a JSON value, those of the text keys first."""
    if depth == 0 or content is None or isinstance(content, bool):
        return
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for item in content:
            yield from _phrases(item, depth - 1)
    elif isinstance(content, dict):
        yield from _object_phrases(content, depth)


def _object_phrases(content: Mapping[str, object], depth: int) -> Iterator[str]:
    keys = [key for key in (*_WORD_KEYS, *_MORE_KEYS) if content.get(key)]
    place = _place(content)
    for key in keys:
        for phrase in _member_phrases(key, content[key], depth - 1):
            yield f"{place}: {phrase}" if place else phrase


def _member_phrases(key: str, value: object, depth: int) -> Iterator[str]:
    if key in _FIELD_KEYS and isinstance(value, dict) and not _TEXT_KEYS.intersection(value):
        for field, inner in value.items():
            yield from (f"{field}: {phrase}" for phrase in _phrases(inner, depth - 1))
    else:
        yield from _phrases(value, depth)


def _place(content: Mapping[str, object]) -> str:
    for key in _PLACE_KEYS:
        value = content.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, list) and value and all(isinstance(part, str | int) for part in value):
            return ".".join(str(part) for part in value)
    return ""

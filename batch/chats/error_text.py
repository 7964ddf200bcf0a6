"""Readable words out of whatever an answer holds: JSON of any shape, HTML, plain text."""

from __future__ import annotations

import codecs
import html
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from batch.i18n import N_

LONGEST: Final = 300
"""Characters that are kept of an answer's words."""

_DEPTH: Final = 6
_PHRASES: Final = 12
_WORD_KEYS: Final = ("message", "msg", "detail", "details", "errors", "error", "error_data", "description")
"""Where words are looked for, in this order. `error` comes late: beside a message it is often only `Bad Request`."""
_MORE_KEYS: Final = ("error_description", "reason", "title", "mensagem", "erro", "erros", "user_msg", "error_user_msg")
_TELLING: Final = frozenset({*_WORD_KEYS, *_MORE_KEYS})
_FIELD_KEYS: Final = frozenset({"message", "detail", "details", "errors", "error", "erros"})
"""Keys whose object may be fields and what is wrong with them: {"errors": {"wa_contact_id": ["invalid"]}}."""
_PLACE_KEYS: Final = ("loc", "path", "field", "property", "campo")
"""Keys that say which field a phrase is about."""

_UNSEEN = re.compile(r"(?is)<(script|style|head)\b.*?(</\1\s*>|\Z)|<!--.*?(-->|\Z)")
_TITLE = re.compile(r"(?is)<title[^>]*>(.*?)</title\s*>")
_TAG = re.compile(r"(?s)<[!/?a-zA-Z][^>]*(>|\Z)")
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)


def decoded(body: bytes, content_type: str = "") -> str:
    """The body as text: by the charset it names, else UTF-8; bytes that do not fit are replaced, a BOM is dropped."""
    named = _CHARSET.search(content_type)
    try:
        codec = codecs.lookup(named[1]).name if named else "utf-8"
        return body.decode(codec, "replace").removeprefix("\ufeff")
    except (LookupError, ValueError):  # a charset that does not exist, or is no text encoding
        return body.decode("utf-8", "replace").removeprefix("\ufeff")


def parsed(text: str) -> object:
    """The text as JSON; None when it is none (or only `null`)."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def readable(text: str, content: object) -> str:
    """What the answer says, for people: one line of at most LONGEST characters, or empty when it says nothing.

    `text` is the body, `content` what `parsed` made of it.
    """
    if content is None:
        return one_line(_stripped(text))
    words = ""
    for phrase in islice(_phrases(content, _DEPTH), _PHRASES):
        line = one_line(phrase).rstrip(".")
        if line and line.casefold() not in words.casefold():
            words = f"{words}; {line}" if words else line
    return one_line(words)


def one_line(text: str) -> str:
    """The text without control and formatting characters or line breaks, blanks joined, cut at LONGEST characters."""
    seen = text[: LONGEST * 20]  # a megabyte need not be cleaned to keep 300 characters of it
    if not seen.isprintable():
        seen = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in seen)
    line = " ".join(seen.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "\u2026"


def told(words: str, *, sentence: bool) -> str:
    """Words to stand in a finding, our own in English: with a full stop when they are a sentence, else without."""
    text = (words or N_("it gave no reason")).rstrip()
    if not sentence:
        return text.rstrip(".")
    return text if text.endswith((".", "!", "?", "\u2026")) else f"{text}."


def _stripped(text: str) -> str:
    if not re.search(r"(?i)<(!doctype|html|body|head|title|p|div|h1|center|pre|\?xml)\b", text):
        return text
    title = _TITLE.search(text)
    seen = _TAG.sub(" ", _UNSEEN.sub(" ", text))
    return html.unescape(seen) if seen.strip() else html.unescape(title[1] if title else "")


def _phrases(content: object, depth: int) -> Iterator[str]:
    """Every phrase in `content`, those of the telling keys first; values without a word in them do not count."""
    if depth == 0 or content is None or isinstance(content, bool):
        return
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for item in content:
            yield from _phrases(item, depth - 1)
    elif isinstance(content, dict):
        yield from _of_object(content, depth)


def _of_object(content: Mapping[str, object], depth: int) -> Iterator[str]:
    keys = [key for key in (*_WORD_KEYS, *_MORE_KEYS) if content.get(key)]
    place = _place(content)
    for key in keys:
        for phrase in _of_key(key, content[key], depth - 1):
            yield f"{place}: {phrase}" if place else phrase


def _of_key(key: str, value: object, depth: int) -> Iterator[str]:
    if key in _FIELD_KEYS and isinstance(value, dict) and not _TELLING.intersection(value):
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
